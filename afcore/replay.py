"""Coming back: a farm from its last image and the journal since, fast.

Rules of this file:
- Replay evolves and nothing else: no rule, no solver, no effect.
- The two events of which there are many (a run started, a run ended well) take a short way: a start is written when
  its end is known, both at once, and every counter is left to one ``recount`` at the end; all others go through
  ``afcore.evolve`` itself, after the starts that are not written yet: of their job, or of all.
- What comes out is what went on before: a test compares the digests on random histories.
"""

from array import array
from collections.abc import Callable, Iterable
from typing import NamedTuple

from afcore.codec import decode_entries
from afcore.core import Core
from afcore.events import (
    BlockEdited,
    BlocksAppended,
    ErrorHostsReset,
    Fact,
    HostForgiven,
    HostReleased,
    JobDeleted,
    JobDeletionRequested,
    JobEdited,
    JobFinished,
    JobReopened,
    JobStarted,
    JobSubmitted,
    RenderDeleted,
    RenderEdited,
    RunFinished,
    RunsStopRequested,
    RunStarted,
    RunStopRequested,
    TasksAppended,
    TasksChanged,
    TasksHeld,
    TasksReleased,
    TasksRestored,
    TryNextChanged,
)
from afcore.evolve import HANDLERS
from afcore.evolve.ranges import forgive_hosts
from afcore.evolve.tasks import make_run, record_finish, record_start
from afcore.ids import RunKey
from afcore.image import Stored, load_farm
from afcore.jobspec import BlockSpec
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.tasks import COLUMN_NAMES, TaskTable
from afcore.outcome import Entry
from afcore.recount import recount
from afcore.states import Role, TaskState

__all__ = ["PastFarm", "Replay", "farm_then", "recover"]

_BlockKey = tuple[int, int]
_Begun = dict[int, tuple[RunStarted, float]]
"""By task: a start and when."""

_READY, _RUNNING, _DONE = int(TaskState.READY), int(TaskState.RUNNING), int(TaskState.DONE)
_NARROW_STARTS = 0xFFFF
_FEW = 2
"""With more tasks ready or running than this a block cannot be over by one more end."""


_OF_ONE_JOB = frozenset(
    {
        *(BlockEdited, BlocksAppended, ErrorHostsReset, JobDeleted, JobDeletionRequested, JobEdited, JobFinished),
        *(JobReopened, JobStarted, JobSubmitted, RunsStopRequested, RunStopRequested, TasksAppended, TasksChanged),
        *(TasksHeld, TasksReleased, TasksRestored, TryNextChanged),
    }
)
"""Events that look at tasks and runs of the job they name and of no other: what runs elsewhere need not be there."""


class _Place(NamedTuple):
    """A block with its columns at hand, and the starts in it that are not written yet."""

    block: Block
    begun: _Begun
    counts: list[int]
    state: bytearray
    flags: bytearray
    percent: bytearray
    errors: bytearray
    starts: "array[int]"
    render: "array[int]"
    started: "array[int]"
    finished: "array[int]"


_NO_START = RunStarted(0, 0, 0, _NARROW_STARTS + 1, 0, 0), 0.0
"""What an end finds whose start is not waiting to be written: it goes the long way."""


_NOWHERE = _Place(
    Block(job=-1, index=-1, spec=BlockSpec(), tasks=TaskTable(0), frames=BlockSpec().frames), {}, [],
    *(getattr(TaskTable(0), name) for name in COLUMN_NAMES),
)  # fmt: skip
"""Where replay is before the first event, and after one that may have changed tables."""


def _with_failures(farm: Farm) -> set[int]:
    return {id for id, render in farm.renders.items() if render.failed_users}


class Replay:
    """A farm that is being brought up to date from its journal."""

    def __init__(self, farm: Farm, *, on_act: Callable[[Entry], None] | None = None) -> None:
        """``on_act`` is shown every entry that is neither a render's nor the server's own."""
        self.farm = farm
        self._on_act = on_act
        self.deleted: list[int] = []
        self._counted = False
        """Whether what is derived was built once; only rare events ask for it on the way."""
        self._begun: dict[_BlockKey, _Begun] = {}
        """Starts that nothing was written of yet, by block and task: most of them end before anybody asks."""
        self._written: dict[_BlockKey, _Begun] = {}
        """Starts that are in their columns, and whose run was not made yet."""
        self._places: dict[_BlockKey, _Place] = {}
        self._failed = _with_failures(farm)
        """Renders with failures that a good end would wipe."""
        self._forgiven: dict[_BlockKey, set[int]] = {}
        """Hosts of a block that were forgiven and are not forgotten yet: all at once, before a host fails again."""
        self._solved: dict[int, int] = {}
        """Newest start number by job: stamps for ``last_solved``."""
        self._touched: dict[int, float] = {}
        """When something last started or ended, by render."""

    def entries(self, entries: Iterable[Entry]) -> None:
        """Let the facts of some journal entries happen."""
        # Names at hand: this loop is the time that a recovery takes.
        farm, touched, solved, forgiven = self.farm, self._touched, self._solved, self._forgiven
        node, on_act, epoch, failed = int(Role.NODE), self._on_act, farm.epoch, self._failed
        place = _NOWHERE
        block, begun, counts, state, flags, percent, errors, starts, render, started, finished = place
        for entry in entries:
            at = entry.at
            second = int(at) - epoch
            events = entry.events
            farm.version += len(events)
            if on_act is not None and entry.role < node:
                on_act(entry)
            for event in events:
                if type(event) is RunStarted:
                    if event.job != block.job or event.block != block.index:
                        place = self._place(event.job, event.block)
                        block, begun, counts, state, flags, percent, errors, starts, render, started, finished = place
                    begun[event.task] = event, at
                    farm.starts += 1
                    solved[event.job] = farm.starts
                    if not block.time_started:
                        block.time_started = at
                elif type(event) is RunFinished:
                    if event.job != block.job or event.block != block.index:
                        place = self._place(event.job, event.block)
                        block, begun, counts, state, flags, percent, errors, starts, render, started, finished = place
                    task = event.task
                    touched[event.render] = at
                    start, before = begun.get(task, _NO_START)
                    if (
                        start.run > _NARROW_STARTS
                        or event.state != _DONE
                        or event.host_error
                        or flags[task]
                        or event.render in failed
                        or start.captured
                        or counts[_READY] + counts[_RUNNING] < _FEW
                    ):
                        self._finish(place, event, at)
                        if block.tasks.starts is not starts:  # it has wider numbers now
                            starts = block.tasks.starts
                            del self._places[block.job, block.index]
                            place = self._place(block.job, block.index)
                        continue
                    del begun[task]
                    counts[state[task]] -= 1
                    counts[_DONE] += 1
                    state[task] = _DONE
                    flags[task] = event.flags
                    errors[task] = event.errors
                    starts[task] = start.run
                    render[task] = start.render
                    first = int(before) - epoch
                    started[task] = first if first > 0 else 1
                    finished[task] = second if second > 0 else 1
                    block.run_time_sum_ms += event.duration_ms
                elif isinstance(event, HostForgiven):
                    forgiven.setdefault((event.job, event.block), set()).add(event.render)
                else:
                    self._other(event, at)  # type: ignore[arg-type]
                    # It may have replaced tables, or founded the farm.
                    block, failed, epoch = _NOWHERE.block, self._failed, farm.epoch
                    second = int(at) - epoch
        self._stamp_places()

    def _place(self, job: int, index: int) -> _Place:
        """Return a block with its columns at hand."""
        place = self._places.get((job, index))
        if place is None:
            block = self.farm.jobs[job].blocks[index]
            table = block.tasks
            place = self._places[job, index] = _Place(
                block, self._begun.setdefault((job, index), {}), table.counts,
                *(getattr(table, name) for name in COLUMN_NAMES),
            )  # fmt: skip
        return place

    def _stamp_places(self) -> None:
        """Note that the blocks of these places changed."""
        for place in self._places.values():
            place.block.version = self.farm.version

    def _finish(self, place: _Place, event: RunFinished, at: float) -> None:
        """Write an end the long way."""
        block = place.block
        pair = place.begun.pop(event.task, None)
        if pair is not None:
            self._write(block, *pair)
        elif self._written.get((block.job, block.index), {}).pop(event.task, None) is None:
            self._forget(RunKey(event.job, event.block, event.task, event.run))
        if self._forgiven and event.host_error:
            self._forgive()
        record_finish(self.farm, block, event, at)
        render = self.farm.renders.get(event.render)
        if render is not None and render.failed_users:
            self._failed.add(event.render)
        else:
            self._failed.discard(event.render)

    def _forget(self, key: RunKey) -> None:
        """Forget a run that was made, on its renders too: whoever moves a render looks at what runs there."""
        run = self.farm.runs.look(key)
        if run is not None:
            for id in run.hosts:
                self.farm.renders[id].runs.discard(key)
            self.farm.runs.discard(key)

    def _write(self, block: Block, event: RunStarted, at: float) -> None:
        """Write a start into the columns."""
        record_start(self.farm, block, event, at)
        for id in (event.render, *(held.render for held in event.captured)):
            self._touched[id] = max(at, self._touched.get(id, 0.0))

    def _write_starts(self) -> None:
        """Write every start that was not."""
        for key, begun in self._begun.items():
            if begun:
                block = self.farm.jobs[key[0]].blocks[key[1]]
                for event, at in begun.values():
                    self._write(block, event, at)
                self._written.setdefault(key, {}).update(begun)
        self._begun.clear()
        self._stamp_places()
        self._places.clear()

    def _write_starts_of(self, job: int) -> None:
        """Write the starts of one job that were not; those of all others stay as they are."""
        for key in [key for key in self._begun if key[0] == job]:
            begun = self._begun.pop(key)
            if begun:
                block = self.farm.jobs[job].blocks[key[1]]
                for event, at in begun.values():
                    self._write(block, event, at)
                self._written.setdefault(key, {}).update(begun)
        for key in [key for key in self._places if key[0] == job]:
            self._places.pop(key).block.version = self.farm.version

    def _forgive(self) -> None:
        """Forget the hosts that were forgiven since a host last failed: a thousand are forgiven in one look."""
        for (job, block), renders in self._forgiven.items():
            forgive_hosts(self.farm, job, block, renders)
        self._forgiven.clear()

    def _other(self, event: Fact, at: float) -> None:
        if self._forgiven:
            self._forgive()
        if type(event) in _OF_ONE_JOB:
            self._write_starts_of(event.job)  # type: ignore[attr-defined]
        else:
            self._write_starts()
        if not isinstance(event, TasksReleased | TasksHeld):
            self._make_runs()
            moved = isinstance(event, RenderEdited) and "pool" in event.new
            if moved or not self._counted:  # a render takes with it what really runs there
                recount(self.farm)
                self._counted = True
                self._stamp_places()
                self._places.clear()  # their counts are others now
            if isinstance(event, JobEdited | JobDeleted):
                self._stamp()
            if isinstance(event, JobDeleted):
                self.deleted.append(event.job)
            if isinstance(event, RenderEdited) and "pool" in event.new:
                # What runs there may have ended on the short way; what the pools count is built at the end.
                self.farm.renders[event.render].runs.clear()
        if isinstance(event, HostReleased):
            self._touched[event.render] = at
        HANDLERS[type(event)](self.farm, event, at)
        if isinstance(event, RenderEdited | RenderDeleted):
            self._failed = _with_failures(self.farm)

    def _make_runs(self) -> None:
        for started in self._written.values():
            for event, at in started.values():
                run = make_run(event, at)
                self.farm.runs[run.key] = run
                for id in run.hosts:
                    self.farm.renders[id].runs[run.key] = run
        self._written.clear()
        self.farm.runs.settle_all()

    def _stamp(self) -> None:
        """Write ``last_solved`` on jobs, users and branches."""
        farm = self.farm
        for id, number in self._solved.items():
            job = farm.jobs[id]
            job.last_solved = number
            job.version = farm.version
            user = farm.users[job.user]
            user.last_solved = max(user.last_solved, number)
            above = job.branch
            while above:
                branch = farm.branches[above]
                branch.last_solved = max(branch.last_solved, number)
                above = branch.parent
        self._solved.clear()

    def finish(self) -> None:
        """Build what is derived: afterwards the farm is as it was."""
        self._forgive()
        self._write_starts()
        self._make_runs()
        self._stamp()
        for id, at in self._touched.items():
            render = self.farm.renders.get(id)
            if render is not None:
                render.task_changed = max(render.task_changed, at)
        for job in self.farm.jobs.values():
            job.version = max(job.version, max((block.version for block in job.blocks), default=0))
        recount(self.farm)


class PastFarm(NamedTuple):
    """A farm as it was at an instant: to be read, never given a command."""

    farm: Farm
    changed: float
    """When the last thing happened that is in it, unix seconds; 0 when that is not known."""


def farm_then(
    stored: Stored | None, bodies: Iterable[bytes], open: Iterable[Entry] = (), *, defaults: Defaults | None = None
) -> PastFarm:
    """Return the farm that an image, the bodies of the batches after it and some entries of an open batch made.

    ``defaults``: the studio's settings, which are today's.  Nothing restarts: what ran then runs.
    """
    farm = Farm() if stored is None else load_farm(stored)
    if defaults is not None:
        farm.defaults = defaults
    replay = Replay(farm)
    changed = 0.0
    for body in bodies:
        entries = decode_entries(body)
        replay.entries(entries)
        if entries:
            changed = entries[-1].at
    rest = list(open)
    if rest:
        replay.entries(rest)
        changed = rest[-1].at
    replay.finish()
    return PastFarm(farm, changed)


def recover(
    stored: Stored | None,
    bodies: Iterable[bytes],
    *,
    defaults: Defaults | None = None,
    on_act: Callable[[Entry], None] | None = None,
) -> Core:
    """Return the core that a whole image and the bodies of the journal batches after it make.

    ``AcceptRestart`` is the first command it should be given.  ``defaults``: the studio's settings.
    """
    farm = Farm()
    if stored is not None:
        farm = load_farm(stored)
    if defaults is not None:
        farm.defaults = defaults
    replay = Replay(farm, on_act=on_act)
    for body in bodies:
        replay.entries(decode_entries(body))
    replay.finish()
    core = Core(farm)
    core.mark_saved(0 if stored is not None else -1, replay.deleted)
    return core
