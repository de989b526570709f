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
    JobDeleted,
    JobEdited,
    RunFinished,
    RunStarted,
    TasksHeld,
    TasksReleased,
)
from afcore.evolve import HANDLERS
from afcore.evolve.tasks import make_run, record_finish, record_start
from afcore.ids import RunKey
from afcore.image import Stored, load_farm
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.outcome import Entry
from afcore.recount import recount
from afcore.states import Role

__all__ = ["Replay", "recover"]

_TaskKey = tuple[int, int, int]


class Replay:
    """A farm that is being brought up to date from its journal."""

    def __init__(self, farm: Farm, *, on_act: Callable[[Entry], None] | None = None) -> None:
        """``on_act`` is shown every entry that is neither a render's nor the server's own."""
        self.farm = farm
        self._on_act = on_act
        self.deleted: list[int] = []
        self._counted = False
        """Whether what is derived was built once; only rare events ask for it on the way."""
        self._live: dict[_TaskKey, tuple[RunStarted, float]] = {}
        """Starts whose run was not made yet: most of them end before anybody asks."""
        self._solved: dict[int, int] = {}
        """Newest start number by job: stamps for ``last_solved``."""
        self._touched: dict[int, float] = {}
        """When something last started or ended, by render."""

    def entries(self, entries: Iterable[Entry]) -> None:
        """Let the facts of some journal entries happen."""
        farm, live, touched, solved = self.farm, self._live, self._touched, self._solved
        jobs, runs = farm.jobs, farm.runs
        for entry in entries:
            at = entry.at
            if entry.role < Role.NODE and self._on_act is not None:
                self._on_act(entry)
            for event in entry.events:
                kind = type(event)
                farm.version += 1
                if kind is RunStarted:
                    job = event.job  # type: ignore[union-attr]
                    block = jobs[job].blocks[event.block]  # type: ignore[union-attr]
                    record_start(farm, block, event, at)  # type: ignore[arg-type]
                    block.version = farm.version
                    live[job, event.block, event.task] = event, at  # type: ignore[union-attr, assignment]
                    farm.starts += 1
                    solved[job] = farm.starts
                    touched[event.render] = at  # type: ignore[union-attr]
                    for held in event.captured:  # type: ignore[union-attr]
                        touched[held.render] = at
                elif kind is RunFinished:
                    job = event.job  # type: ignore[union-attr]
                    block = jobs[job].blocks[event.block]  # type: ignore[union-attr]
                    if live.pop((job, event.block, event.task), None) is None:  # type: ignore[union-attr]
                        runs.pop(RunKey(job, event.block, event.task, event.run), None)  # type: ignore[union-attr]
                    record_finish(farm, block, event, at)  # type: ignore[arg-type]
                    block.version = farm.version
                    touched[event.render] = at  # type: ignore[union-attr]
                else:
                    self._other(event, at)  # type: ignore[arg-type]

    def _other(self, event: Fact, at: float) -> None:
        if not self._counted:
            self._make_runs()
            recount(self.farm)
            self._counted = True
        if not isinstance(event, TasksReleased | TasksHeld):
            self._make_runs()
            if isinstance(event, JobEdited | JobDeleted):
                self._stamp()
            if isinstance(event, JobDeleted):
                self.deleted.append(event.job)
        HANDLERS[type(event)](self.farm, event, at)

    def _make_runs(self) -> None:
        for event, at in self._live.values():
            run = make_run(event, at)
            self.farm.runs[run.key] = run
        self._live.clear()

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
