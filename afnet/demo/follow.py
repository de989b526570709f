"""Follows one job over the native link: what the server pushes goes into a `JobProgress`; nothing is polled."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec

from afcore.errors import AfError, Rejected
from afcore.rows import JobRow, RunRow, TaskColumns
from afnet.client.link import Link
from afnet.client.refusals import error_of
from afnet.client.rows import decode_rows
from afnet.client.servers import parse_servers
from afnet.demo.farm import DemoError
from afnet.demo.progress import JobProgress
from afnet.wire.messages import Hello, Message, Refused, Reply, Request, Rows, Subscribe, Welcome

__all__ = ["Follower"]

JOBS, RUNS, TASKS = 1, 2, 3
"""Ids of the three subscriptions; requests count on from there."""

ANSWER_SECONDS = 20.0


class Follower:
    """One conversation about one job; an async context manager, and the handler of its own link."""

    def __init__(
        self,
        address: str,
        job: int,
        progress: JobProgress,
        *,
        interval: float = 0.1,
        kinds: Sequence[str] = ("jobs", "runs", "tasks"),
    ) -> None:
        self.job = job
        self.progress = progress
        self._interval = interval
        self._kinds = kinds
        self._welcomed = asyncio.Event()
        self._runs: dict[tuple[int, int, int, int], RunRow] = {}
        self._changed = asyncio.Event()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._next = TASKS + 1
        self._refused: AfError | None = None
        hello = Hello([], "demo", "client", host=socket.gethostname())
        self._link = Link(parse_servers(address), hello, self, chance=random.Random(job))

    async def __aenter__(self) -> Follower:
        self._link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._link.close("the demo is over")

    async def ready(self) -> None:
        """Wait until the server has welcomed us.

        Raises:
            DemoError: it did not, in time.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._welcomed.wait()
        except TimeoutError:
            raise DemoError(f"The server did not welcome us within {ANSWER_SECONDS:.0f} s.") from None

    async def changed(self, most: float) -> bool:
        """Wait until something new is known, at most `most` seconds; then whether there is.

        Raises:
            AfError: the server refused what was asked.
        """
        try:
            async with asyncio.timeout(most):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        if self._refused is not None:
            raise self._refused
        return True

    async def ask(self, operation: str, **arguments: object) -> Any:
        """Do an operation of the registry and return the answer's body.

        Raises:
            Rejected: the server said no.
            DemoError: no answer came in time.
        """
        number, self._next = self._next, self._next + 1
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            if not self._link.send(Request(number, operation, arguments)):
                raise DemoError(f"The server is away, so {operation} could not be asked.")
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            raise DemoError(f"The server did not answer {operation} within {ANSWER_SECONDS:.0f} s.") from None
        finally:
            del self._asked[number]

    async def log(self, block: int, task: int, most: int = 2000) -> str:
        """The end of the output of a task's newest run, each line indented; a note when there is none."""
        try:
            body = await self.ask("task.log", job=self.job, block=block, task=task, offset=-most)
        except Rejected as error:
            return f"    (no log: {error})"
        text = body.get("text", "") if isinstance(body, dict) else ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-15:]) or "    (the log is empty)"

    # The link's handler

    def connected(self, welcome: Welcome) -> None:
        """Subscribe anew: a server that came back remembers nobody."""
        self._runs.clear()
        self._welcomed.set()
        for number, kind, wanted in (
            (JOBS, "jobs", {"ids": [self.job]}),
            (RUNS, "runs", {"job": self.job}),
            (TASKS, "tasks", {"job": self.job}),
        ):
            if kind in self._kinds:
                self._link.send(Subscribe(number, kind, wanted, interval=self._interval))

    def received(self, message: Message) -> None:
        """Take what the server says."""
        if isinstance(message, Rows):
            self._take(message)
            self._changed.set()
        elif isinstance(message, Reply):
            answer = self._asked.get(message.id)
            if answer is not None and not answer.done():
                answer.set_result(message.body)
        elif isinstance(message, Refused):
            answer = self._asked.get(message.id)
            if answer is None:
                self._refused = error_of(message)
                self._changed.set()
            elif not answer.done():
                answer.set_exception(error_of(message))

    def lost(self, reason: str) -> None:
        """Nothing to do: the link comes back by itself, and `connected` begins anew."""

    def unreachable(self, error: AfError) -> None:
        """The link goes on trying; a refusal is told."""
        if isinstance(error, Rejected):
            self._refused = error
            self._changed.set()

    def drained(self) -> None:
        """Nothing to do: no files are sent."""

    def _take(self, rows: Rows) -> None:
        try:
            decoded = decode_rows(rows)
        except msgspec.ValidationError as error:
            self._refused = AfError(f"The server sent rows that this program does not understand ({error}).")
            return
        if rows.id == RUNS:
            if rows.whole:
                self._runs.clear()
            # Keys of runs come as four numbers each.
            for at in range(0, len(rows.gone) - 3, 4):
                job, block, task, run = rows.gone[at : at + 4]
                self._runs.pop((job, block, task, run), None)
        for row in decoded:
            if isinstance(row, JobRow) and row.id == self.job:
                self.progress.take_job(row)
            elif isinstance(row, RunRow):
                self._runs[row.job, row.block, row.task, row.run] = row
            elif isinstance(row, TaskColumns) and row.job == self.job:
                self.progress.take_columns(row)
        if rows.id == RUNS:
            self.progress.take_runs(self._runs.values(), self.job)
        elif self.job in rows.gone:
            self.progress.gone = True
