"""What would start if somebody made a change: the very rules and the very solver, on a copy that is thrown away.

Rules of this file:
- The farm itself is never written: containers are layers over it that hand out copies, made when first asked for.
- Only what can matter is looked at.  On a farm that is at rest nothing else can start: a job that the change is not
  about has been refused by every render that the change is not about.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from afcore import commands
from afcore.core import Core
from afcore.deadlines import Deadlines, Due, Key
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.errors import Rejected
from afcore.events import Event, RunsStopRequested, RunStarted, RunStopRequested
from afcore.ids import RunKey
from afcore.model.copying import holding_copy, shallow_copy
from afcore.model.farm import Farm
from afcore.model.hosterrors import HostErrors
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.taskerrors import TaskErrors
from afcore.model.tasks import COLUMN_NAMES, TaskTable, unpack_indices, unpack_runs
from afcore.model.tree import Pool
from afcore.outcome import Outcome
from afcore.schedule.solver import Scheduler
from afcore.states import RunStatus
from afcore.why.changes import Change

__all__ = ["Sandbox", "Trial", "try_out"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_MOST_STARTS = 300
"""Starts after which a trial gives up."""


class _Layer(MutableMapping[_K, _V]):
    """A dictionary over another one that stays as it is: what is taken out of it is a copy."""

    def __init__(self, below: "dict[_K, _V]", made: Callable[[_V], _V]) -> None:
        self._below = below
        self._made = made
        self._own: dict[_K, _V] = {}
        self._gone: set[_K] = set()

    def __getitem__(self, key: _K) -> _V:
        found = self._own.get(key)
        if found is None:
            if key in self._gone:
                raise KeyError(key)
            found = self._own[key] = self._made(self._below[key])
        return found

    def __setitem__(self, key: _K, value: _V) -> None:
        self._own[key] = value
        self._gone.discard(key)

    def __delitem__(self, key: _K) -> None:
        if key not in self:
            raise KeyError(key)
        self._own.pop(key, None)
        if key in self._below:
            self._gone.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._own or (key in self._below and key not in self._gone)

    def __iter__(self) -> Iterator[_K]:
        yield from [key for key in self._below if key not in self._gone]
        yield from [key for key in self._own if key not in self._below]

    def __len__(self) -> int:
        return len(self._below) - len(self._gone) + sum(key not in self._below for key in self._own)

    def own(self) -> "list[_V]":
        """Return what was copied, or is new."""
        return list(self._own.values())


def _pool(pool: Pool) -> Pool:
    made = holding_copy(pool)
    made.ticket_hosts = {name: dict(hosts) for name, hosts in pool.ticket_hosts.items()}
    return made


class _LateTable(TaskTable):
    """A copy of a table whose columns are copied when first asked for: most of a million tasks are never looked at."""

    __slots__ = ("_below",)

    def __init__(self, below: TaskTable) -> None:
        self._below = below
        self.size, self.counts = below.size, list(below.counts)

    def __getattr__(self, name: str) -> Any:
        if name not in COLUMN_NAMES:
            raise AttributeError(name)
        column = getattr(self._below, name)[:]
        setattr(self, name, column)
        return column


def _block(block: Block) -> Block:
    made = holding_copy(block)
    made.spec = shallow_copy(block.spec)
    made.tasks = _LateTable(block.tasks)
    if block.error_hosts:
        made.error_hosts = {id: HostErrors(each.count, each.last) for id, each in block.error_hosts.items()}
    made.task_error_hosts = TaskErrors(block.task_error_hosts.rows()) if block.task_error_hosts else TaskErrors()
    return made


def _job(job: Job) -> Job:
    made = holding_copy(job)
    made.spec = shallow_copy(job.spec)
    made.blocks = [_block(block) for block in job.blocks]
    made.spec.blocks = [block.spec for block in made.blocks]
    return made


class _Untimed(Deadlines):
    """No deadlines: a trial is over in the moment it is made."""

    def __init__(self) -> None:
        super().__init__(Farm())

    def note(self, event: Event, at: float) -> None:
        pass

    def push(self, when: float | None, kind: Due, key: Key) -> None:
        pass


def _layered(farm: Farm) -> Farm:
    layer, runs = shallow_copy(farm), farm.runs.copied(lambda awake: _Layer(awake, copy))

    def render(found: Render) -> Render:
        made = holding_copy(found)
        made.runs = found.runs.copied(runs)
        return made

    made: dict[str, Any] = {
        "jobs": _Layer(farm.jobs, _job),
        "users": _Layer(farm.users, holding_copy),
        "branches": _Layer(farm.branches, holding_copy),
        "pools": _Layer(farm.pools, _pool),
        "renders": _Layer(farm.renders, render),
        "runs": runs,
        "waiters": _Layer(farm.waiters, set.copy),
        "masked_jobs": dict(farm.masked_jobs),
    }
    names = ("users_by_name", "branches_by_path", "pools_by_path", "renders_by_name", "jobs_by_name")
    for name in names:
        made[name] = _Layer(getattr(farm, name), int)
    for name, value in made.items():
        setattr(layer, name, value)
    return layer


@dataclass(slots=True)
class Trial:
    """How a change went: whether the task started, what else did before it, and the farm as it is then."""

    started: bool
    before: list[RunStarted]
    farm: Farm
    run: RunStarted | None = None


class Sandbox:
    """A copy of a farm to try changes on, which looks at some jobs and renders only."""

    def __init__(
        self, farm: Farm, scheduler: Scheduler, at: float, *, jobs: Collection[int], renders: Collection[int]
    ) -> None:
        """Copy late: ``jobs`` and ``renders`` are those that may start and take something here."""
        self.farm = _layered(farm)
        self.scheduler = Scheduler(
            self.farm,
            jobs=sorted(jobs),
            renders=sorted(renders),
            rates=scheduler.rates.copy(self.farm),
            original=scheduler,
        )
        copied: Any = self.farm.jobs
        self.scheduler.ranking.begin_beside(scheduler.ranking, copied.own)
        self._core = Core(self.farm, scheduler=self.scheduler, deadlines=_Untimed())
        self._at = at

    def do(self, command: Any) -> Outcome:
        """Apply a command by its own rule; Rejected when the farm refuses it."""
        return self._core.apply(Envelope(command, SYSTEM_PRINCIPAL, self._at))

    def make(self, change: Change) -> bool:
        """Make a change, after which the runs that it stops have ended; False when the farm refuses it."""
        try:
            outcome = self.do(change.command)
        except Rejected:
            return False
        for key in _stopped(outcome):
            self.end(key, RunStatus.STOPPED)
        return True

    def end(self, key: RunKey, status: RunStatus = RunStatus.SUCCESS) -> None:
        """Let a run end, if it is there."""
        run = self.farm.runs.look(key)
        if run is not None:
            self.do(commands.ReportRun(run.render, *key, status, 0, 0.0, 1.0))

    def starts(self, task: tuple[int, int, int]) -> Trial:
        """Let the solver start one thing after the other, until a task has started or nothing more does."""
        before: list[RunStarted] = []
        while len(before) < _MOST_STARTS:
            started = [event for event in self.do(commands.Solve(1)).events if isinstance(event, RunStarted)]
            if not started:
                break
            if (started[0].job, started[0].block, started[0].task) == task:
                return Trial(True, before, self.farm, started[0])
            before.extend(started)
        return Trial(False, before, self.farm)


def try_out(
    farm: Farm,
    scheduler: Scheduler,
    at: float,
    changes: Iterable[Change],
    task: tuple[int, int, int],
    *,
    jobs: Collection[int],
    renders: Collection[int],
    ends: Iterable[RunKey] = (),
) -> Trial | None:
    """Try changes on a copy of a farm; None when the farm refuses one.

    ``jobs`` and ``renders`` are those that may start and take something then.  Runs that a change stops have ended
    before the solver begins; ``ends`` are more that end well.
    """
    copy = Sandbox(farm, scheduler, at, jobs=jobs, renders=renders)
    if not all(copy.make(change) for change in changes):
        return None
    for key in ends:
        copy.end(key)
    return copy.starts(task)


def _stopped(outcome: Outcome) -> Iterator[RunKey]:
    """Yield the runs that were asked to stop."""
    for event in outcome.events:
        if isinstance(event, RunStopRequested):
            yield RunKey(event.job, event.block, event.task, event.run)
        elif isinstance(event, RunsStopRequested):
            for each in zip(unpack_indices(event.indices), unpack_runs(event.runs), strict=True):
                yield RunKey(event.job, event.block, *each)
