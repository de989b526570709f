"""What the classic desk has to read: outputs, logs and files of tasks, what ran on a render, pictures of jobs.

Rules of this file:
- Everything comes through the registry's queries, or from finished runs in the store, read by a thread.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from afcore.envelope import Principal
from afcore.errors import AfError, NotFound
from afcore.model.farm import Farm
from afcore.store.base import RunQuery, RunRow, Store
from afnet.classic.json_get import LogLine, Reading
from afnet.server.requests import Requests

__all__ = ["ClassicReader", "moment", "settle"]

_MOST_TEXT = 1 << 20
"""Bytes of an output that are sent: its end, when it is longer."""

_MOST_PICTURES = 1000
"""Jobs that are asked for their picture for one answer, the newest first."""

_KEPT_PICTURES = 50_000


def moment(at: float) -> str:
    """Write a time (unix seconds) as the dialect's logs have it, in the server's own zone."""
    return time.strftime("%a %d %b %H:%M.%S", time.localtime(at))


def settle(future: "asyncio.Future[Any]", reply: Any, error: AfError | None) -> None:
    """Give a future its reply or its error; once is enough."""
    if future.done():
        return
    if error is None:
        future.set_result(reply)
    else:
        future.set_exception(error)


class ClassicReader:
    """Reads for the desk."""

    def __init__(self, farm: Farm, requests: Requests, store: Store) -> None:
        self._farm = farm
        self._requests = requests
        self._store = store
        self._pictures: dict[int, str] = {}

    async def query(self, name: str, arguments: dict[str, Any], principal: Principal) -> Any:
        """Do an operation of the registry and return its answer; raises its error."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._requests.do(name, arguments, principal, lambda reply, error: settle(future, reply, error))
        return await future

    async def output(self, reading: Reading, principal: Principal) -> str:
        """Return the end of the output of a run."""
        arguments = {
            "job": reading.job,
            "block": reading.block,
            "task": reading.task,
            "run": reading.number,
            "offset": -_MOST_TEXT,
            "limit": _MOST_TEXT,
        }
        try:
            return str((await self.query("task.log", arguments, principal))["text"])
        except NotFound:
            # A task that printed nothing has an empty output in this dialect.
            return ""

    async def files(self, reading: Reading, principal: Principal) -> list[tuple[str, str]]:
        """Return id and name of each file that is kept of a task."""
        arguments = {"job": reading.job, "block": reading.block, "task": reading.task}
        rows = (await self.query("task.files", arguments, principal))["rows"]
        return [(row["id"], row["name"]) for row in rows]

    async def sessions(self, reading: Reading) -> str:
        """Return the log of a task: where and how its runs went."""
        query = RunQuery(job=reading.job, block=reading.block, task=reading.task)
        lines = []
        for row in reversed(await self._runs(query)):
            started, done = moment(row.started_ms / 1000), moment(row.done_ms / 1000)
            lines.append(f'{started}: afanasy: SESSION #{row.run}: Starting on "{row.hostname}"')
            lines.append(f"{done}: afanasy: Finished {row.status.replace('_', ' ')}.")
        return "\n".join(lines)

    async def runs_on(self, render: int) -> list[LogLine]:
        """Return two lines for each of the newest finished runs on a render."""
        lines = []
        for row in await self._runs(RunQuery(host=self._farm.renders[render].name)):
            job = self._farm.jobs.get(row.job)
            known = job is not None and job.serial == row.serial and row.id_block < len(job.blocks)
            task = job.blocks[row.id_block].spec.task_name(row.id_task) if known and job is not None else row.id_task
            service = f"[{row.service}({row.parser}):{row.capacity}]"
            what = f"{service} {row.username}: {row.jobname}[{row.blockname}][{task}]"
            lines.append(LogLine(row.started_ms / 1000, "", f"Starting task: {what}"))
            lines.append(LogLine(row.done_ms / 1000, "", f"Finished task: {what}"))
        return lines

    async def _runs(self, query: RunQuery) -> list[RunRow]:
        """Return the newest finished runs of a kind, when what screens already show is committed."""

        def read() -> list[RunRow]:
            history = self._store.history()
            try:
                return history.runs(query, limit=100).rows
            finally:
                history.close()

        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests.after_commit(lambda: committed.set_result(None) if not committed.done() else None)
        await committed
        return await asyncio.get_running_loop().run_in_executor(None, read)

    async def pictures(self, jobs: Iterable[int], principal: Principal) -> dict[int, str]:
        """Return the names of the pictures of jobs that have one, as ``files_of_task`` writes them."""
        unknown = sorted({job for job in jobs if job not in self._pictures and self._may_have(job)})[-_MOST_PICTURES:]
        if unknown:
            if len(self._pictures) > _KEPT_PICTURES:
                self._pictures = {job: name for job, name in self._pictures.items() if job in self._farm.jobs}
            for row in (await self.query("job.thumbnails", {"ids": unknown}, principal))["rows"]:
                self._pictures[row["job"]] = f"/{row['id']}/{row['name']}"
        return self._pictures

    def _may_have(self, id: int) -> bool:
        job = self._farm.jobs.get(id)
        return job is not None and job.time_started > 0
