"""Brings what changed in the farm to the statistics database: soon after a change, and only after one.

Rules of this file:
- The board knows what changed; here is one version. A database that is slow or away gets fewer, newer rows, never a
  queue.
- Rows are made in slices, so that nobody else waits for them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from afcore.model.effective import ENDLESS, capacity_of, max_tasks_of
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.rows import BlockRow, JobRow
from afcore.states import TaskState
from afcore.store.statistics.writing import Now, NowKind
from afcore.systemcommand import SYSTEM_JOB
from afcore.views import render_words
from afnet.server import rowmaking
from afnet.server.board import Board

__all__ = ["DEADLINE", "NowFeed"]

DEADLINE = 1.2
"""Seconds after a change at which it is given to the database; two seconds after it, it is there."""
_SLICE = 0.002
_KINDS = ("jobs", "renders", "users", "pools")


class NowFeed:
    """Gathers changes and gives them to ``put`` while ``ready`` says so."""

    def __init__(
        self,
        farm: Farm,
        board: Board,
        *,
        put: Callable[[Now], None],
        ready: Callable[[], bool],
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._farm = farm
        self._board = board
        self._put = put
        self._ready = ready
        self._now = now
        self._loop = loop
        self._version = 0
        """What the database has; 0 is nothing."""
        self._timer: asyncio.TimerHandle | None = None
        self._sent: dict[str, dict[int, Any]] = {kind: {} for kind in _KINDS}
        """Hashes of the rows that the database has: readings change rows without changing what is kept of them."""

    def start(self) -> None:
        """Watch the farm."""
        self._board.watch(_KINDS)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._board.unwatch(_KINDS)

    def anew(self) -> None:
        """The database has nothing of the farm any more."""
        self._version = 0

    def changed(self) -> None:
        """Something changed, or the database can take more."""
        if self._timer is None and self._board.version != self._version and self._ready():
            self._timer = self._loop.call_later(DEADLINE, self._begin)

    def _begin(self) -> None:
        if not self._ready():
            self._timer = None
            return
        version = self._board.version
        self._go_on(self._gather(self._version), version, {})

    def _go_on(self, steps: Iterator[tuple[str, NowKind] | None], version: int, now: Now) -> None:
        """Make rows for one slice of time; the rest in later turns of the loop."""
        end = time.perf_counter() + _SLICE
        for step in steps:
            if step is not None:
                now[step[0]] = step[1]
            if time.perf_counter() > end:
                self._timer = self._loop.call_later(0.0, self._go_on, steps, version, now)
                return
        self._timer = None
        self._version = version
        now = {kind: change for kind, change in now.items() if change.whole or change.rows or change.gone}
        if now:
            self._put(now)
        # What changed since the first row was made comes with the next.
        self.changed()

    def _gather(self, version: int) -> Iterator[tuple[str, NowKind] | None]:
        for kind in _KINDS:
            found = self._board.since(kind, version)
            whole = found.whole or not version
            if whole:
                self._sent[kind].clear()
            sent = self._sent[kind]
            change, blocks = NowKind(whole=whole), NowKind(whole=whole)
            for id in found.gone:
                change.gone.append(id)
                blocks.gone.append(id)
                sent.pop(id, None)
            for id in list(getattr(self._farm, kind)) if whole else found.changed:
                yield None
                if id not in getattr(self._farm, kind) or (kind == "jobs" and id == SYSTEM_JOB):
                    continue
                below: tuple[tuple[Any, ...], ...] = ()
                if kind == "renders":
                    made = _render(self._farm, self._farm.renders[id])
                else:
                    row = rowmaking.MAKERS[kind](self._farm, id, self._now())
                    made = _ROWS[kind](row)
                    if kind == "jobs":
                        below = tuple(_block(row.id, block) for block in row.blocks)
                mark = hash((made, below))
                if sent.get(id) == mark:
                    continue
                sent[id] = mark
                change.rows.append(made)
                blocks.rows += below
                blocks.gone.append(id)
            yield kind, change
            if kind == "jobs":
                yield "blocks", blocks


def _job(row: JobRow) -> tuple[Any, ...]:
    counts = row.counts
    return (
        row.id, row.serial, row.name, row.user, row.branch, row.state, row.priority, row.percent, sum(counts),
        counts[TaskState.READY], row.running, counts[TaskState.DONE] + counts[TaskState.SKIPPED],
        counts[TaskState.ERROR], row.capacity, len(row.blocks), row.host_name, int(row.time_creation),
        int(row.time_started), int(row.time_done), row.annotation, row.description,
    )  # fmt: skip


def _render(farm: Farm, render: Render) -> tuple[Any, ...]:
    """Return the row of a render, of its columns alone: on a busy farm all renders change all the time."""
    capacity = capacity_of(farm, render)
    return (
        render.id, render.name, farm.pools[render.pool].path, render.user_name, " ".join(render_words(render)),
        render.priority, capacity if capacity < ENDLESS else -1, render.used_capacity, max_tasks_of(farm, render),
        len(render.runs), render.address, render.os, render.annotation, int(render.registered),
    )  # fmt: skip


def _block(job: int, row: BlockRow) -> tuple[Any, ...]:
    counts = row.counts
    return (
        job, row.index, row.name, row.service, row.parser, row.percent, row.tasks, counts[TaskState.READY],
        row.running, counts[TaskState.DONE] + counts[TaskState.SKIPPED], counts[TaskState.ERROR], row.capacity,
        row.run_time_sum_ms // 1000, int(row.time_started), int(row.time_done),
    )  # fmt: skip


_ROWS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "jobs": _job,
    "users": lambda row: (
        row.id, row.name, row.priority, row.jobs, row.running, row.capacity, row.max_running_tasks, row.hosts_mask,
        row.annotation,
    ),
    "pools": lambda row: (
        row.id, row.path, row.priority, row.renders, row.running, row.capacity, row.capacity_host, row.max_tasks_host,
        int(row.paused), row.annotation,
    ),
}  # fmt: skip
