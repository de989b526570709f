"""Coming back: a farm from its last image and the journal since, fast.

Rules of this file:
- Replay evolves and nothing else: no rule, no solver, no effect.
- The two events of which there are many (a run started, a run ended) take a short way that writes columns and runs
  and leaves every counter to one ``recount`` at the end; all others go through ``afcore.evolve`` itself.
- What comes out is what went on before: a test compares the digests on random histories.
"""

from collections.abc import Callable, Iterable

from afcore.codec import decode_entries
from afcore.core import Core
from afcore.events import (
    Fact,
    HostForgiven,
    JobDeleted,
    JobEdited,
    RunFinished,
    RunStarted,
    TasksHeld,
    TasksReleased,
)
from afcore.evolve import HANDLERS
from afcore.evolve.ranges import forgive_hosts
from afcore.evolve.tasks import make_run, record_finish, record_start
from afcore.ids import RunKey
from afcore.image import Stored, load_farm
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.outcome import Entry
from afcore.recount import recount
from afcore.states import Role, TaskState

__all__ = ["Replay", "recover"]

_BlockKey = tuple[int, int]

_READY, _RUNNING, _DONE = int(TaskState.READY), int(TaskState.RUNNING), int(TaskState.DONE)
_MOST_STARTS = 0xFFFF
_FEW = 2
"""With more tasks ready or running than this a block cannot be over by one more end."""


class _Short:
    """``record_start`` and ``record_finish`` for many in a row, mostly of one block: the columns stay at hand."""

    __slots__ = (
        *("_block", "_counts", "_epoch", "_errors", "_farm", "_finished", "_flags", "_percent", "_render", "_started"),
        *("_starts", "_state", "block", "job"),
    )

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._epoch = farm.epoch
        self.job = self.block = -1

    def turn_to(self, block: Block) -> None:
        """Go on with another block."""
        self.job, self.block = block.job, block.index
        self._block = block
        table = block.tasks
        self._counts, self._state, self._flags, self._percent = table.counts, table.state, table.flags, table.percent
        self._errors, self._starts, self._render = table.errors, table.starts, table.render
        self._started, self._finished = table.started, table.finished

    def start(self, event: RunStarted, at: float) -> None:
        """Write a start; what is seldom takes the long way."""
        block, task, state = self._block, event.task, self._state
        if self._flags[task] or event.run >= _MOST_STARTS:
            record_start(self._farm, block, event, at)
        else:
            counts = self._counts
            counts[state[task]] -= 1
            counts[_RUNNING] += 1
            state[task] = _RUNNING
            self._percent[task] = 0
            self._starts[task] = event.run
            self._render[task] = event.render
            second = int(at) - self._epoch
            self._started[task] = second if second > 0 else 1
            self._finished[task] = 0
            if not block.time_started:
                block.time_started = at
        block.version = self._farm.version

    def finish(self, event: RunFinished, at: float) -> None:
        """Write an end; what is seldom takes the long way."""
        block, counts = self._block, self._counts
        if event.state != _DONE or event.host_error or counts[_READY] + counts[_RUNNING] < _FEW:
            record_finish(self._farm, block, event, at)
        else:
            task, state = event.task, self._state
            counts[state[task]] -= 1
            counts[_DONE] += 1
            state[task] = _DONE
            self._flags[task] = event.flags
            self._errors[task] = event.errors
            self._percent[task] = 0
            second = int(at) - self._epoch
            self._finished[task] = second if second > 0 else 1
            block.run_time_sum_ms += event.duration_ms
            render = self._farm.renders.get(event.render)
            if render is not None and render.failed_users:
                render.failed_users.clear()
        block.version = self._farm.version


class Replay:
    """A farm that is being brought up to date from its journal."""

    def __init__(self, farm: Farm, *, on_act: Callable[[Entry], None] | None = None) -> None:
        """``on_act`` is shown every entry that is neither a render's nor the server's own."""
        self.farm = farm
        self._on_act = on_act
        self.deleted: list[int] = []
        self._counted = False
        """Whether what is derived was built once; only rare events ask for it on the way."""
        self._live: dict[_BlockKey, dict[int, tuple[RunStarted, float]]] = {}
        """Starts whose run was not made yet, by block and task: most of them end before anybody asks."""
        self._forgiven: dict[_BlockKey, set[int]] = {}
        """Hosts of a block that were forgiven and are not forgotten yet: all at once, before a host fails again."""
        self._solved: dict[int, int] = {}
        """Newest start number by job: stamps for ``last_solved``."""
        self._touched: dict[int, float] = {}
        """When something last started or ended, by render."""

    def entries(self, entries: Iterable[Entry]) -> None:
        """Let the facts of some journal entries happen."""
        farm, live, touched, solved = self.farm, self._live, self._touched, self._solved
        jobs, runs, forgiven = farm.jobs, farm.runs, self._forgiven
        # Names at hand: the loop below is the time that a recovery takes.
        node, on_act = int(Role.NODE), self._on_act
        short = _Short(farm)
        started: dict[int, tuple[RunStarted, float]] = {}
        for entry in entries:
            at = entry.at
            if entry.role < node and on_act is not None:
                on_act(entry)
            for event in entry.events:
                farm.version += 1
                if type(event) is RunStarted:
                    job = event.job
                    if short.job != job or short.block != event.block:
                        short.turn_to(jobs[job].blocks[event.block])
                        started = live.setdefault((job, event.block), {})
                    short.start(event, at)
                    started[event.task] = event, at
                    farm.starts += 1
                    solved[job] = farm.starts
                    touched[event.render] = at
                    for held in event.captured:
                        touched[held.render] = at
                elif type(event) is HostForgiven:
                    forgiven.setdefault((event.job, event.block), set()).add(event.render)
                elif type(event) is RunFinished:
                    job = event.job
                    if short.job != job or short.block != event.block:
                        short.turn_to(jobs[job].blocks[event.block])
                        started = live.setdefault((job, event.block), {})
                    if started.pop(event.task, None) is None:
                        runs.discard(RunKey(job, event.block, event.task, event.run))
                    if forgiven and event.host_error:
                        self._forgive()
                    short.finish(event, at)
                    touched[event.render] = at
                else:
                    self._other(event, at)  # type: ignore[arg-type]
                    short = _Short(farm)

    def _forgive(self) -> None:
        """Forget the hosts that were forgiven since a host last failed: a thousand are forgiven in one look."""
        for (job, block), renders in self._forgiven.items():
            forgive_hosts(self.farm, job, block, renders)
        self._forgiven.clear()

    def _other(self, event: Fact, at: float) -> None:
        if self._forgiven:
            self._forgive()
        if not isinstance(event, TasksReleased | TasksHeld):
            self._make_runs()
            if not self._counted:
                recount(self.farm)
                self._counted = True
            if isinstance(event, JobEdited | JobDeleted):
                self._stamp()
            if isinstance(event, JobDeleted):
                self.deleted.append(event.job)
        HANDLERS[type(event)](self.farm, event, at)

    def _make_runs(self) -> None:
        for started in self._live.values():
            for event, at in started.values():
                run = make_run(event, at)
                self.farm.runs[run.key] = run
        self._live.clear()
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
        self._make_runs()
        self._stamp()
        for id, at in self._touched.items():
            render = self.farm.renders.get(id)
            if render is not None:
                render.task_changed = max(render.task_changed, at)
        for job in self.farm.jobs.values():
            job.version = max(job.version, max((block.version for block in job.blocks), default=0))
        recount(self.farm)


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
