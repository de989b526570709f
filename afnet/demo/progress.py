"""What the demo knows of its job: columns and rows as the server pushed them, and the figures a person wants of them.

Rules of this file:
- No clock, no terminal, no network: the caller gives rows and `now`, and asks.
- Only `JobProgress.take_*` change anything.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from sys import byteorder

from afcore.rows import JobRow, RunRow, TaskColumns
from afcore.states import TaskState

__all__ = ["BlockProgress", "JobProgress", "Retry", "Running"]


@dataclass(frozen=True)
class Running:
    """One run that goes on: what, where, how far."""

    block: int
    task: int
    run: int
    render: str
    percent: int
    frame: int
    activity: str


@dataclass
class Retry:
    """A task that failed and was started again."""

    block: int
    task: int
    renders: list[str] = field(default_factory=list)
    """Where each of its runs was seen, in order."""


@dataclass
class BlockProgress:
    """Columns of one block; all of the same length."""

    name: str
    first: int
    """Number of the first frame."""
    percent: int = 0
    waiting: bool = False
    """Waits for whole other blocks."""
    state: bytes = b""
    errors: bytes = b""
    starts: array[int] = field(default_factory=lambda: array("H"))

    @property
    def size(self) -> int:
        """Number of tasks."""
        return len(self.state)

    def count(self, *states: TaskState) -> int:
        """Tasks in any of these states."""
        return sum(self.state.count(state) for state in states)

    @property
    def done(self) -> int:
        """Tasks done or skipped."""
        return self.count(TaskState.DONE, TaskState.SKIPPED)


class JobProgress:
    """One job as it is now, as far as it was told."""

    def __init__(self, *, started: float) -> None:
        self.started = started
        self.state = "waiting"
        self.blocks: list[BlockProgress] = []
        self.running: dict[tuple[int, int], Running] = {}
        self.renders: set[str] = set()
        self.gone = False
        """The job is not on the farm any more."""
        self._seen: dict[tuple[int, int], dict[int, str]] = {}

    def take_job(self, row: JobRow) -> None:
        """Take the job's row: its state and its blocks."""
        self.state = row.state
        for block in row.blocks:
            if block.index == len(self.blocks):
                self.blocks.append(BlockProgress(block.name, block.frame_first))
            ours = self.blocks[block.index]
            ours.percent = block.percent
            ours.waiting = block.waiting
            if not ours.state:
                ours.state, ours.errors = bytes([TaskState.WAIT_DEP]) * block.tasks, bytes(block.tasks)
                ours.starts = array("H", bytes(2 * block.tasks))

    def take_columns(self, part: TaskColumns) -> None:
        """Take a range of a block's columns; blocks that no row has told yet are left for later."""
        if part.block >= len(self.blocks):
            return
        block = self.blocks[part.block]
        end = part.first + part.count
        columns = {name: zlib.decompress(data) for name, data in part.columns.items()}
        if "state" in columns:
            block.state = block.state[: part.first] + columns["state"] + block.state[end:]
        if "errors" in columns:
            block.errors = block.errors[: part.first] + columns["errors"] + block.errors[end:]
        if "starts" in columns:
            starts = array("H", columns["starts"])
            if byteorder == "big":
                starts.byteswap()
            block.starts[part.first : end] = starts

    def take_runs(self, rows: Iterable[RunRow], job: int) -> None:
        """Take all runs that go on now; those of other jobs are passed over."""
        self.running = {}
        for row in rows:
            if row.job != job:
                continue
            at = (row.block, row.task)
            self.running[at] = Running(row.block, row.task, row.run, row.render, row.percent, row.frame, row.activity)
            self.renders.add(row.render)
            self._seen.setdefault(at, {})[row.run] = row.render

    @property
    def is_done(self) -> bool:
        """Every task of every block is done or skipped."""
        return bool(self.blocks) and all(block.size and block.done == block.size for block in self.blocks)

    @property
    def failed(self) -> list[tuple[int, int]]:
        """Tasks (block, task) that the farm will not try again by itself."""
        return [
            (number, task)
            for number, block in enumerate(self.blocks)
            for task, state in enumerate(block.state)
            if state == TaskState.ERROR
        ]

    @property
    def retries(self) -> list[Retry]:
        """Tasks that were started more than once, or that failed and wait for their next start."""
        return [
            Retry(number, task, [render for _, render in sorted(self._seen.get((number, task), {}).items())])
            for number, block in enumerate(self.blocks)
            for task, starts in enumerate(block.starts)
            if starts > 1 or block.errors[task]
        ]

    def percent_of(self, block: int, task: int) -> int:
        """0..100 of one task, from its run when it goes on."""
        state = self.blocks[block].state[task]
        if state in (TaskState.DONE, TaskState.SKIPPED):
            return 100
        run = self.running.get((block, task))
        return run.percent if run is not None else 0

    def share(self, weights: Sequence[float]) -> float:
        """Finished share 0..1 of the whole job; `weights` says how dear one task of each block is."""
        whole = sum(weight * block.size for weight, block in zip(weights, self.blocks, strict=False))
        if not whole:
            return 0.0
        have = sum(
            weight * sum(self.percent_of(number, task) for task in range(block.size)) / 100
            for number, (weight, block) in enumerate(zip(weights, self.blocks, strict=False))
        )
        return have / whole

    def remaining(self, now: float, weights: Sequence[float]) -> float | None:
        """Seconds left at the speed so far; nothing while too little is done to tell."""
        share = self.share(weights)
        return None if share < 0.03 else (now - self.started) * (1 - share) / share

    def render_of(self, block: int, task: int) -> str:
        """Where the newest run that was seen of a task ran, or an empty text."""
        seen = self._seen.get((block, task))
        return seen[max(seen)] if seen else ""
