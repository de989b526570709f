"""What time alone will cause, and when: one heap for the whole farm, checked lazily.

Rules of this file:
- An entry says "look at this thing then", never "this will happen": who looks compares with what is true by then, and
  pushes a new entry when it is still too early.
- Nothing is taken out before its time; when far more entries than live things have gathered, the heap is built again.
- There is at most one entry per run and limit, per render, per job and per block's bad host; none per task.
"""

import heapq
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from afcore.events import (
    BlockEdited,
    Event,
    FarmRecovered,
    HostReleased,
    JobEdited,
    JobSubmitted,
    PoolEdited,
    RenderDeleted,
    RenderDisconnected,
    RenderEdited,
    RenderInstructed,
    RenderMeasured,
    RenderWakeAsked,
    RenderWentOffline,
    RenderWentOnline,
    RunAdopted,
    RunFinished,
    RunStarted,
    SystemTaskKept,
    UserEdited,
)
from afcore.ids import RunKey
from afcore.model.clocks import next_watch, watched_pools
from afcore.model.effective import reconnect_end, zombie_time_of
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render, Run
from afcore.states import RenderState
from afcore.systemcommand import SYSTEM_JOB

__all__ = [
    "Deadlines",
    "Due",
    "Key",
    "forgive_time",
    "launch_end",
    "life_end",
    "progress_end",
    "run_end",
    "silence_end",
]

_SLACK = 1000
_LEAST = 0.5
"""Seconds before a clock is looked at that has run out already: nothing is looked at over and over."""
_ASLEEP = RenderState.WOL_FALLING | RenderState.WOL_WAKING


class Due(IntEnum):
    """What an entry asks to look at; the key that goes with it."""

    JOB_LIFE = 0
    """A job's age: (job,)."""
    RUN_TIME = 1
    """How long a run has lasted: a RunKey."""
    PROGRESS = 2
    """How long a run has shown no progress: a RunKey."""
    RENDER = 3
    """How long a render was silent: (render,)."""
    RECONNECT = 4
    """Runs that nobody brought back: ()."""
    FORGIVE = 5
    """How long ago a host failed a block: (job, block, render)."""
    SYSTEM_AGE = 6
    """How old a task of the system job is that is tried again: (block, task)."""
    WATCH = 7
    """How long a render was idle, busy, without a task, falling asleep or being woken: (render,)."""
    WAKE = 8
    """Whether a sleeping render is to be woken for work that waits: ()."""
    LAUNCH = 9
    """How long the services of a multihost run have had time to begin: a RunKey."""


Key = tuple[int, ...]


def life_end(farm: Farm, job: Job) -> float | None:
    """Return when a job is deleted by its age, or None for never; the system job stays."""
    if job.id == SYSTEM_JOB:
        return None
    life = job.time_life if job.time_life >= 0 else farm.users[job.user].jobs_life_time
    return job.time_creation + life if life > 0 else None


def run_end(block: Block, run: Run) -> float | None:
    """Return when a run has lasted longer than its block allows, or None for never."""
    limit = block.spec.task_max_run_time
    return run.started + limit if limit > 0 and run.stopping < 0 else None


def progress_end(farm: Farm, block: Block, run: Run) -> float | None:
    """Return when a run has shown no progress for longer than block or farm allow, or None for never."""
    limit = block.spec.task_progress_change_timeout
    if limit < 0:
        limit = farm.defaults.progress_timeout
    return run.progress_changed + limit if limit > 0 and run.stopping < 0 else None


def launch_end(farm: Farm, run: Run) -> float:
    """Return when the master of a run may begin: at once, or when the services had their time."""
    wait = farm.jobs[run.key.job].blocks[run.key.block].spec.launch_wait if run.captured else 0
    return run.started + wait


def silence_end(farm: Farm, render: Render) -> float | None:
    """Return when a render has been silent for too long, or None while it is offline."""
    if not render.state & RenderState.ONLINE:
        return None
    return (render.lost or render.seen) + zombie_time_of(farm, render)


def forgive_time(farm: Farm, job: Job, block: Block) -> int:
    """Return after how many seconds a host's errors are forgotten; 0 or less for never."""
    own = block.spec.errors_forgive_time
    return own if own >= 0 else farm.users[job.user].errors_forgive_time


class Deadlines:
    """The heap of what to look at and when."""

    def __init__(self, farm: Farm, at: float = 0.0) -> None:
        self._farm = farm
        self._at = at
        self._heap: list[tuple[float, int, Key]] = []
        self.watch_due = 0.0
        """When the render of the last WATCH that ``due`` gave was to be looked at."""
        self._looking: tuple[Due, Key] | None = None
        self._built = 0
        self._hosts: set[Key] = set()
        """Hosts whose forgiving is in the heap: a thousand failing tasks are looked at once for each host."""
        self._watches: dict[int, float] = {}
        """When each render is looked at for its clocks: the earliest of its entries."""
        self._watched = False
        """Whether any pool has a setting that makes these clocks matter."""
        self.waking = False
        """Whether a look at sleeping renders is in the heap."""
        self.woken_at = 0.0
        """When a render was last woken because work waited."""
        self.sleepers: dict[int, None] = {}
        """Renders that sleep."""
        self.rebuild()

    def __len__(self) -> int:
        return len(self._heap)

    def next(self) -> float | None:
        """Return when to look next, or None when nothing depends on time."""
        return self._heap[0][0] if self._heap else None

    def push(self, when: float | None, kind: Due, key: Key) -> None:
        """Ask to look at something; None is never."""
        if when is not None:
            heapq.heappush(self._heap, (when, int(kind), key))

    def due(self, at: float) -> Iterator[tuple[Due, Key]]:
        """Take out and yield everything whose time has come, oldest first."""
        self._at = max(self._at, at)
        while self._heap and self._heap[0][0] <= at:
            when, kind, key = heapq.heappop(self._heap)
            if kind == Due.FORGIVE:
                self._hosts.discard(key)
            elif kind == Due.WAKE:
                self.waking = False
            elif kind == Due.WATCH:
                if self._watches.get(key[0]) != when:
                    continue  # an earlier one was looked at, and asked for the next
                del self._watches[key[0]]
                self.watch_due = when
            self._looking = Due(kind), key
            yield self._looking
        self._looking = None

    def looking_at(self) -> tuple[int, int]:
        """Return the job and the render of what ``due`` gave last and was not done with; 0 for none."""
        if self._looking is None:
            return 0, 0
        kind, key = self._looking
        if kind in (Due.RENDER, Due.WATCH):
            return 0, key[0]
        return (key[0], 0) if kind in (Due.JOB_LIFE, Due.RUN_TIME, Due.PROGRESS, Due.FORGIVE) else (0, 0)

    def rebuild(self) -> None:
        """Build the heap from the farm alone."""
        farm = self._farm
        self._heap = []
        self._hosts.clear()
        self._watches.clear()
        self._watched = watched_pools(farm)
        self.waking = False
        self.sleepers.clear()
        for job in farm.jobs.values():
            self.push(life_end(farm, job), Due.JOB_LIFE, (job.id,))
            for block in job.blocks:
                self._push_hosts(job, block)
        self._push_runs()
        back = min((reconnect_end(farm, *wait) for wait in farm.runs.waits()), default=None)
        self.push(back, Due.RECONNECT, ())
        for render in farm.renders.values():
            self.push(silence_end(farm, render), Due.RENDER, (render.id,))
            self.watch(render.id, self._at)
            self._look_asleep(render.id)
        for index, queue in enumerate(farm.system):
            for slot, task in queue.tasks.items():
                if task.since:
                    self.push(task.since + farm.defaults.system_tasklife, Due.SYSTEM_AGE, (index, slot))
        self._built = len(self._heap)

    def _push_runs(self) -> None:
        """Ask to look at the runs of the blocks that limit them."""
        for job in self._farm.jobs.values():
            for block in job.blocks:
                if block.running_tasks and self._limits(block):
                    for run in self._farm.runs.of_block(job.id, block.index):
                        self._push_run(block, run)

    def _limits(self, block: Block) -> bool:
        """Say whether time ends a run of a block."""
        spec, usual = block.spec, self._farm.defaults.progress_timeout
        return max(spec.task_max_run_time, spec.task_progress_change_timeout, usual) > 0

    def _push_run(self, block: Block, run: Run) -> None:
        if run.waiting_since:
            return
        if run.captured and block.spec.launch_wait:
            self.push(launch_end(self._farm, run), Due.LAUNCH, run.key)
        self.push(run_end(block, run), Due.RUN_TIME, run.key)
        self.push(progress_end(self._farm, block, run), Due.PROGRESS, run.key)

    def _push_hosts(self, job: Job, block: Block) -> None:
        forgive = forgive_time(self._farm, job, block)
        if forgive <= 0:
            return
        newest = {render: errors.last for render, errors in block.error_hosts.items()}
        for render, last in block.task_error_hosts.newest_of_all().items():
            newest[render] = max(last, newest.get(render, 0.0))
        for render, last in newest.items():
            self.push_host(last + forgive, (job.id, block.index, render))

    def push_host(self, when: float, key: Key) -> None:
        """Ask to look then whether a bad host may be forgiven: (job, block, render)."""
        self._hosts.add(key)
        self.push(when, Due.FORGIVE, key)

    def watch(self, render: int, after: float) -> None:
        """Ask to look at a render when one of its clocks may run out, later than ``after``."""
        found = self._farm.renders.get(render)
        if found is None or not (self._watched or found.state & _ASLEEP):
            return
        when = next_watch(self._farm, found, after)
        when = None if when is None else max(when, after + _LEAST)
        if when is not None and when < self._watches.get(render, float("inf")):
            self._watches[render] = when
            self.push(when, Due.WATCH, (render,))

    def note(self, event: Event, at: float) -> None:
        """Take in what happened; the farm has it already."""
        handler = _NOTES.get(type(event))
        if handler is not None:
            self._at = at
            handler(self, event)
            if len(self._heap) > 2 * self._built + _SLACK:
                self.rebuild()

    def _run_started(self, event: RunStarted | RunAdopted) -> None:
        block = self._farm.jobs[event.job].blocks[event.block]
        if block.spec.multi_host or self._limits(block):
            run = self._farm.runs[RunKey(event.job, event.block, event.task, event.run)]
            self._push_run(block, run)

    def _run_finished(self, event: RunFinished | HostReleased) -> None:
        if self._watched and event.render not in self._watches:
            self.watch(event.render, self._at)
        if event.host_error:
            job = self._farm.jobs[event.job]
            forgive = forgive_time(self._farm, job, job.blocks[event.block])
            key = (event.job, event.block, event.render)
            if forgive > 0 and key not in self._hosts:
                self.push_host(self._at + forgive, key)

    def _job_changed(self, event: JobSubmitted | JobEdited) -> None:
        self.push(life_end(self._farm, self._farm.jobs[event.job]), Due.JOB_LIFE, (event.job,))

    def _block_edited(self, event: BlockEdited) -> None:
        job = self._farm.jobs[event.job]
        block = job.blocks[event.block]
        for run in self._farm.runs.of_block(event.job, event.block):
            self._push_run(block, run)
        self._push_hosts(job, block)

    def _user_edited(self, event: UserEdited) -> None:
        for id in self._farm.users[event.user].jobs:
            job = self._farm.jobs[id]
            self.push(life_end(self._farm, job), Due.JOB_LIFE, (id,))
            for block in job.blocks:
                self._push_hosts(job, block)

    def _pool_edited(self, event: PoolEdited) -> None:
        self._watched = watched_pools(self._farm)
        for render in self._farm.renders.values():
            self.push(silence_end(self._farm, render), Due.RENDER, (render.id,))
            self.watch(render.id, self._at)

    def _render_changed(self, event: RenderEdited | RenderInstructed | RenderWakeAsked | RenderMeasured) -> None:
        self.watch(event.render, self._at)

    def _render_seen(self, event: RenderWentOnline | RenderDisconnected) -> None:
        self.push(silence_end(self._farm, self._farm.renders[event.render]), Due.RENDER, (event.render,))
        self.watch(event.render, self._at)
        self._look_asleep(event.render)

    def _render_gone(self, event: RenderWentOffline | RenderDeleted) -> None:
        self._look_asleep(event.render)

    def _look_asleep(self, render: int) -> None:
        found = self._farm.renders.get(render)
        if found is not None and found.state & RenderState.WOL_SLEEPING:
            self.sleepers[render] = None
        else:
            self.sleepers.pop(render, None)

    def _system_task_kept(self, event: SystemTaskKept) -> None:
        end = event.since + self._farm.defaults.system_tasklife
        self.push(end, Due.SYSTEM_AGE, (event.block, event.task))

    def _farm_recovered(self, event: FarmRecovered) -> None:
        self.rebuild()


_NOTES: dict[type, Callable[[Deadlines, Any], None]] = {
    RunStarted: Deadlines._run_started,
    RunAdopted: Deadlines._run_started,
    RunFinished: Deadlines._run_finished,
    HostReleased: Deadlines._run_finished,
    JobSubmitted: Deadlines._job_changed,
    JobEdited: Deadlines._job_changed,
    BlockEdited: Deadlines._block_edited,
    UserEdited: Deadlines._user_edited,
    PoolEdited: Deadlines._pool_edited,
    RenderWentOnline: Deadlines._render_seen,
    RenderDisconnected: Deadlines._render_seen,
    RenderEdited: Deadlines._render_changed,
    RenderInstructed: Deadlines._render_changed,
    RenderWakeAsked: Deadlines._render_changed,
    RenderMeasured: Deadlines._render_changed,
    RenderWentOffline: Deadlines._render_gone,
    RenderDeleted: Deadlines._render_gone,
    SystemTaskKept: Deadlines._system_task_kept,
    FarmRecovered: Deadlines._farm_recovered,
}
