"""Which jobs have something to offer, and which task of a block comes next: what the solver remembers between passes.

Rules of this file:
- Nothing here is true by itself: everything is derived from the farm and may be thrown away and built again.
- It is told every event after it was evolved (``Offers.note``) and looks only at what the event names.
"""

import heapq
from collections.abc import Iterable

from afcore.events import (
    BlockEdited,
    BlocksAppended,
    ErrorHostsReset,
    Event,
    HostForgiven,
    JobDeleted,
    JobDeletionRequested,
    JobEdited,
    JobFinished,
    JobPrepared,
    JobReopened,
    JobSubmitted,
    RunFinished,
    RunStarted,
    SystemCommandsQueued,
    SystemServicesSet,
    SystemTaskLeft,
    SystemTaskMade,
    TasksAppended,
    TasksChanged,
    TasksHeld,
    TasksReleased,
    TasksRestored,
    TryNextChanged,
)
from afcore.frames import OrderCursor, SequentialOrder
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.schedule.limits import job_start_reason
from afcore.states import TaskState

__all__ = ["Offers", "order_of", "waits_for_approval"]

_OF_ONE_JOB = (
    JobSubmitted,
    JobEdited,
    BlockEdited,
    JobReopened,
    JobDeletionRequested,
    TasksReleased,
    TasksHeld,
    TasksChanged,
    TasksRestored,
    ErrorHostsReset,
    HostForgiven,
    TryNextChanged,
    BlocksAppended,
    TasksAppended,
    JobPrepared,
    SystemServicesSet,
    SystemTaskMade,
    SystemTaskLeft,
)
_MANY = 64
"""More tasks than this are not woken one by one: the search begins again at the first."""


class Offers:
    """The jobs that could start something, by their own state; and a cursor for each block that was asked.

    ``ready`` holds the jobs that could start something; ``changed`` those that may be offered to renders they were
    not offered to before.
    """

    def __init__(self, farm: Farm, jobs: Iterable[int] | None = None) -> None:
        """Look at all jobs, or only at some: those that could start something."""
        self._farm = farm
        self.ready: dict[int, None] = {}
        self.touched: dict[int, None] = {}
        """Jobs that were looked at since somebody last emptied this."""
        self.changed: dict[int, None] = {}
        self._held: dict[int, None] = {}
        """Jobs that wait for other jobs."""
        self._times: list[tuple[int, int]] = []
        """Heap of (time_wait, job)."""
        self._cursors: dict[tuple[int, int], OrderCursor] = {}
        self._names: dict[tuple[int, int], dict[str, list[int]]] = {}
        """Tasks by name, of blocks of maintenance jobs."""
        for job in farm.jobs if jobs is None else jobs:
            self.refresh(job, 0.0)

    def refresh(self, job: int, at: float) -> None:
        """Look at one job again."""
        self.ready.pop(job, None)
        self.changed.pop(job, None)
        self._held.pop(job, None)
        self.touched[job] = None
        found = self._farm.jobs.get(job)
        if found is None:
            return
        if not job_start_reason(found, at):
            self.ready[job] = None
            self.changed[job] = None
            return
        if found.waits_for:
            self._held[job] = None
        if found.time_wait > at:
            heapq.heappush(self._times, (found.time_wait, job))

    def deadline(self) -> float | None:
        """Return when the next job has waited for its time, or None."""
        return float(self._times[0][0]) if self._times else None

    def wake(self, at: float) -> None:
        """Offer the jobs whose time has come."""
        while self._times and self._times[0][0] <= at:
            self.refresh(heapq.heappop(self._times)[1], at)

    def note(self, event: Event, at: float) -> None:
        """Take in what happened; the farm has it already."""
        kind = type(event)
        if kind is RunStarted:
            self._started(event)  # type: ignore[arg-type]
        elif kind is RunFinished:
            self._finished(event, at)  # type: ignore[arg-type]
        elif isinstance(event, _OF_ONE_JOB):
            self._move_cursors(event)
            self.refresh(event.job, at)
            if isinstance(event, JobSubmitted | JobReopened | JobEdited):
                self._hold(event.job, at)
                if isinstance(event, JobEdited):
                    self._let_go(at)
        elif isinstance(event, SystemCommandsQueued):
            # It names the system job; the jobs that wait for these commands are others.
            for job in {command.holds: None for command in event.commands if command.holds}:
                self.refresh(job, at)
        elif isinstance(event, JobFinished | JobDeleted):
            self.refresh(event.job, at)
            self._let_go(at)
            if kind is JobDeleted:
                for key in [key for key in self._cursors if key[0] == event.job]:
                    del self._cursors[key]
                for key in [key for key in self._names if key[0] == event.job]:
                    del self._names[key]

    def _hold(self, job: int, at: float) -> None:
        """Offer no more the jobs that wait for one that came, came back or was given to another user."""
        for waiter in sorted(self._farm.waiters.get(job, ())):
            if waiter in self.ready:
                self.refresh(waiter, at)

    def _let_go(self, at: float) -> None:
        """Offer the jobs that wait for no other any more."""
        jobs = self._farm.jobs
        for job in [job for job in self._held if job not in jobs or not jobs[job].waits_for]:
            self.refresh(job, at)

    def _started(self, event: RunStarted) -> None:
        job = self._farm.jobs[event.job]
        self.touched[event.job] = None
        if not job.blocks[event.block].tasks.counts[TaskState.READY] and job_start_reason(job, float("inf")):
            self.ready.pop(event.job, None)
            self.changed.pop(event.job, None)

    def _finished(self, event: RunFinished, at: float) -> None:
        self.touched[event.job] = None
        if event.state == TaskState.READY:
            self._wake(event.job, event.block, event.task)
            self.refresh(event.job, at)

    def _move_cursors(self, event: Event) -> None:
        if isinstance(event, TasksReleased):
            if sum(last - first + 1 for first, last in event.ranges) <= _MANY:
                for first, last in event.ranges:
                    for task in range(first, last + 1):
                        self._wake(event.job, event.block, task)
                return
            self._rewind(event.job, event.block)
        elif isinstance(event, TasksChanged | TasksRestored):
            self._rewind(event.job, event.block)
        elif isinstance(event, BlockEdited | TasksAppended | SystemTaskMade | SystemTaskLeft):
            self._cursors.pop((event.job, event.block), None)
            self._names.pop((event.job, event.block), None)

    def _wake(self, job: int, block: int, task: int) -> None:
        cursor = self._cursors.get((job, block))
        if cursor is not None:
            cursor.wake(task)

    def _rewind(self, job: int, block: int) -> None:
        cursor = self._cursors.get((job, block))
        if cursor is not None:
            cursor.rewind()

    def next_task(self, block: Block, after: int = -1) -> tuple[int, int] | None:
        """Return (rank, task) of the first ready task of a block behind rank ``after``, or None.

        In a job that waits for a preview to be approved, what comes behind the steps of the order is not offered.
        """
        key = (block.job, block.index)
        cursor = self._cursors.get(key)
        if cursor is None:
            cursor = self._cursors[key] = OrderCursor(order_of(block))
        rank = cursor.first(block.tasks.state, TaskState.READY, after)
        if rank is None or (rank >= cursor.order.steps and self._farm.jobs[block.job].ppa):
            return None
        return rank, cursor.order.index(rank)

    def named(self, block: Block, name: str) -> int | None:
        """Return the first ready task of a block that has a name, or None."""
        key = (block.job, block.index)
        names = self._names.get(key)
        if names is None:
            names = self._names[key] = {}
            for task in range(block.tasks.size):
                names.setdefault(block.spec.task_name(task), []).append(task)
        ready = (task for task in names.get(name, ()) if block.tasks.state[task] == TaskState.READY)
        return next(ready, None)


def waits_for_approval(job: Job, block: Block) -> bool:
    """Say whether a block has ready tasks that it does not offer until somebody approves what is there."""
    if not job.ppa or block.spec.sequential < 2 or not block.tasks.counts[TaskState.READY]:
        return False
    order = order_of(block)
    rank = order.next_ready(block.tasks.state, TaskState.READY)
    return rank is not None and rank >= order.steps


def order_of(block: Block) -> SequentialOrder:
    """Return the order in which a block offers its tasks."""
    spec = block.spec
    if not spec.numeric:
        return SequentialOrder(spec.sequential, block.tasks.size)
    return SequentialOrder(
        spec.sequential,
        block.tasks.size,
        first=spec.frame_first,
        last=spec.frame_last,
        span=spec.frames_per_task * spec.frames_inc,
    )
