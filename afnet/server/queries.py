"""Operations that read: rows of the farm in pages, logs, finished runs, and how the server is.

Rules of this file:
- Nothing is changed and nothing waits: what must read a disk is done by a thread and answered later.
- A page has at most ``limit`` rows and says where the next begins (``next``, None at the end).
- What is large leaves as columns, never as a row per task.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import islice
from typing import Any

from afcore.errors import NotFound, Rejected
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.states import TaskState
from afcore.store.base import RunQuery, Store
from afcore.systemcommand import SYSTEM_JOB
from afnet.server.aside import do_aside
from afnet.server.audit import Audit
from afnet.server.auditing import check_chain, find_acts, show_act
from afnet.server.coming import ComingLogs
from afnet.server.farmqueries import FarmQueries, as_builtins
from afnet.server.files import FileStore
from afnet.server.runfiles import is_picture
from afnet.server.runner import Answer
from afnet.server.systemlog import failures
from afnet.server.weight import weigh_jobs

__all__ = ["Queries", "as_builtins"]

_KEPT = frozenset({"history.runs", "audit.list", "audit.show", "audit.verify"})
"""Queries that read the database instead of the farm."""

_THUMBNAILS_MOST = 1000
"""Jobs whose thumbnails are told in one answer."""
_TASK_THUMBNAILS_MOST = 100
"""The same of tasks: what is kept of each has to be looked for."""


class Queries(FarmQueries):
    """Answers the registry's queries."""

    def __init__(
        self,
        farm: Farm,
        *,
        files: FileStore,
        store: Store,
        audit: Audit,
        coming: ComingLogs,
        status: Callable[[], dict[str, Any]],
        traffic: Callable[[], list[dict[str, Any]]] = list,
        settings: Callable[[], list[dict[str, Any]]],
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        why: Callable[..., dict[str, Any]],
        resources: Callable[[dict[str, Any]], Callable[[], Any]],
        runs_kept: Callable[[], float] = float,
    ) -> None:
        """``runs_kept``: days that finished runs are kept; 0 is for ever."""
        super().__init__(farm, now=now, why=why)
        self._files = files
        self._coming = coming
        self._store = store
        self._audit = audit
        self._status = status
        self._traffic = traffic
        self._settings = settings
        self._runs_kept = runs_kept
        self._loop = loop
        self._threads: dict[str, Executor | None] = {}
        self._handlers |= {
            "server.status": lambda arguments: self._status(),
            "server.traffic": lambda arguments: {"rows": self._traffic(), "next": None},
            "job.weight": lambda arguments: {"rows": weigh_jobs(self._farm, self._audit.of_job), "next": None},
            "config.show": lambda arguments: {"rows": self._settings(), "next": None},
        }
        self._slow_handlers |= {
            "job.log": self._job_log,
            "task.log": self._task_log,
            "task.files": self._task_files,
            "file.read": self._file_read,
            "job.thumbnails": self._job_thumbnails,
            "task.thumbnails": self._task_thumbnails,
            "history.runs": self._history_runs,
            "history.resources": resources,
            "audit.list": lambda arguments: find_acts(self._store, arguments),
            "audit.show": lambda arguments: show_act(self._store, arguments["seq"]),
            "audit.verify": lambda arguments: check_chain(self._store, arguments["known"]),
        }

    def offer(
        self, name: str, handler: Callable[[dict[str, Any]], Callable[[], Any]], threads: Executor | None = None
    ) -> None:
        """Let a query be answered by what ``handler`` returns, which is called in a thread (of ``threads``)."""
        self._slow_handlers[name] = handler
        self._threads[name] = threads

    @property
    def kept(self) -> frozenset[str]:
        """The queries that read what is committed: asked at once, they would not know what screens already show."""
        return _KEPT

    def answer(self, name: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Answer a query, now or when a thread has read what it needs; Rejected is given to ``answer``."""
        try:
            handler = self._handlers.get(name)
            if handler is not None:
                answer(handler(arguments), None)
                return
            if name == "task.log" and self._waits_for_log(arguments, answer):
                return
            work = self._slow_handlers[name](arguments)
        except Rejected as error:
            answer(None, error)
            return
        do_aside(self._loop, work, answer, what=name, threads=self._threads.get(name))

    # Jobs

    def _job_log(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, limit = arguments["job"], arguments["limit"]
        self._farm.job(job)
        acts = [line._asdict() for line in self._audit.of_job(job, limit)]

        def read() -> dict[str, Any]:
            failed = failures(self._store, self._files, limit) if job == SYSTEM_JOB else []
            rows = sorted([*acts, *failed], key=lambda row: row["at"])
            return {"rows": rows[-limit:], "next": None}

        return read

    # Tasks

    def _task_log(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, block, task = arguments["job"], arguments["block"], arguments["task"]
        self._check_task(job, block, task)
        is_running = self._farm.block(job, block).tasks.state[task] == TaskState.RUNNING

        def read() -> dict[str, Any]:
            try:
                found = self._files.read(
                    job, block, task, run=arguments["run"], offset=arguments["offset"], limit=arguments["limit"]
                )
            except NotFound as error:
                if not is_running:
                    raise
                raise NotFound(
                    f"Task {task} of block {block} of job {job} runs now; its log is kept when it ends.",
                    hint=f"`afcmd task log -f {job} {block} {task}` prints it as it comes.",
                ) from error
            return {
                "run": found.run,
                "size": found.size,
                "offset": found.offset,
                "text": found.data.decode("utf-8", "replace"),
                "length": len(found.data),
                "complete": found.complete,
            }

        return read

    def _task_files(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, block, task, run = arguments["job"], arguments["block"], arguments["task"], arguments["run"]
        self._check_task(job, block, task)

        def read() -> dict[str, Any]:
            rows = [found._asdict() for found in self._files.list_files(job, block, task, run=run)]
            return {"rows": rows, "next": None}

        return read

    def _file_read(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        def read() -> dict[str, Any]:
            found, data = self._files.read_file(arguments["id"])
            return {**found._asdict(), "data": data}

        return read

    def _job_thumbnails(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        jobs = [id for id in arguments["ids"][:_THUMBNAILS_MOST] if id in self._farm.jobs]

        def read() -> dict[str, Any]:
            found = ((job, self._files.thumbnail(job)) for job in jobs)
            return {"rows": [{"job": job, **one._asdict()} for job, one in found if one is not None], "next": None}

        return read

    def _task_thumbnails(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, block, wanted = arguments["job"], arguments["block"], arguments["tasks"]
        size = self._farm.block(job, block).tasks.size
        pairs = ((each, each) if isinstance(each, int) else each for each in wanted)
        every = (task for first, last in pairs for task in range(max(0, first), min(last, size - 1) + 1))
        tasks = list(islice(every, _TASK_THUMBNAILS_MOST))

        def read() -> dict[str, Any]:
            found = []
            for task in tasks:
                pictures = [file for file in self._files.list_files(job, block, task) if is_picture(file.name)]
                if pictures:
                    found.append({"task": task, **pictures[-1]._asdict()})
            return {"rows": found, "next": None}

        return read

    def _waits_for_log(self, arguments: dict[str, Any], answer: Answer) -> bool:
        """Put a question off while the log of a run that has just ended is on its way."""
        job, block, task = arguments["job"], arguments["block"], arguments["task"]
        self._check_task(job, block, task)
        run = arguments["run"] or self._farm.block(job, block).tasks.starts[task]
        return self._coming.wait(RunKey(job, block, task, run), lambda: self._answer_log(arguments, answer))

    def _answer_log(self, arguments: dict[str, Any], answer: Answer) -> None:
        try:
            work = self._task_log(arguments)
        except Rejected as error:
            answer(None, error)
            return
        do_aside(self._loop, work, answer, what="task.log")

    # The rest

    def _history_runs(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        block, task = arguments["block"], arguments["task"]
        query = RunQuery(
            job=arguments["job"] or None,
            block=block if block >= 0 else None,
            task=task if task >= 0 else None,
            user=arguments["user"] or None,
            host=arguments["render"] or None,
            since_ms=int(arguments["since"] * 1000) or None,
            until_ms=int(arguments["until"] * 1000) or None,
        )

        kept = self._runs_kept()

        def read() -> dict[str, Any]:
            history = self._store.history()
            try:
                page = history.runs(query, before=arguments["before"] or None, limit=arguments["limit"])
            finally:
                history.close()
            return {"rows": as_builtins(page.rows), "next": page.next, "keep_days": kept}

        return read
