"""The renders that a run holds beside its master: their services begin, end and are lost.

Rules of this file:
- All renders of a run are taken by one fact, ``RunStarted``, and given back by its end; one of them alone leaves by
  ``HostReleased``.
- With a ``multihost_service`` each captured render runs it under the key of the run; the master begins
  ``multihost_service_wait`` seconds later.  Without one nothing runs there: the render is only held.
- A captured render that is lost, or whose service ends, ends the run, which then begins anew without an error of the
  task; with the block's flag "slave lost ignore" the run goes on while somebody is left to work for it.
- A service that ended by itself, whatever it says, and a render that fell silent count as errors of that render; one
  that was asked to stop, or left in order, does not.
- The services of a run that ended are dropped: their agents end them and report nothing.
"""

from collections.abc import Iterable, Iterator

from afcore.commands import ReportRun
from afcore.effects import DropRun, StartRun
from afcore.errors import Problem
from afcore.events import Event, HostReleased, RunStarted, RunStopRequested, TasksGivenUp
from afcore.ids import RunKey
from afcore.jobspec import BlockFlag
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.render import Render, Run
from afcore.rules.failures import given_up
from afcore.states import RunStatus, TaskState

__all__ = [
    "begin_services",
    "drop_services",
    "eject_service",
    "held_problems",
    "is_held",
    "release_host",
    "service_ended",
    "settle_service",
]

_BLAMELESS = frozenset(
    {RunStatus.STOPPED, RunStatus.RENDER_LEFT, RunStatus.NEVER_STARTED, RunStatus.NOT_RECONNECTED, RunStatus.SKIPPED}
)

_HELD_BY = ("gpus_shared", "multihost_service", "multihost_service_wait")
"""Parameters of a block by which its running tasks hold hosts and GPUs: they stay as they are meanwhile."""


def held_problems(block: Block, names: Iterable[str]) -> list[Problem]:
    """Return what is wrong with changing some parameters of a block now, because its tasks run by them."""
    if not block.running_tasks:
        return []
    return [
        Problem(name, f'tasks of block "{block.spec.name}" run by it', "stop them first, or wait until they are done")
        for name in names
        if name in _HELD_BY
    ]


def is_held(run: Run, render: int) -> bool:
    """Say whether a run holds a render beside its master."""
    return bool(run.captured) and any(held.render == render for held in run.captured)


def _has_service(farm: Farm, run: Run) -> bool:
    return bool(farm.jobs[run.key.job].blocks[run.key.block].spec.multihost_service)


def begin_services(farm: Farm, event: RunStarted) -> Iterator[StartRun]:
    """Yield the starts of the services on the renders that a start captured."""
    if event.captured and farm.jobs[event.job].blocks[event.block].spec.multihost_service:
        key = RunKey(event.job, event.block, event.task, event.run)
        for held in event.captured:
            yield StartRun(held.render, key)


def drop_services(farm: Farm, run: Run) -> Iterator[DropRun]:
    """Yield that the services of a run that has ended are not wanted any more."""
    if run.captured and _has_service(farm, run):
        for held in run.captured:
            yield DropRun(held.render, run.key)


def release_host(farm: Farm, run: Run, render: int, status: RunStatus, text: str = "") -> Iterator[Event]:
    """Yield the loss of a captured render, and the end of the run when it cannot go on without."""
    job = farm.jobs[run.key.job]
    block = job.blocks[run.key.block]
    spec = block.spec
    blame = status not in _BLAMELESS
    yield HostReleased(*run.key, render, int(status), blame, text)
    if blame:
        tasks = given_up(farm, job, block, render)
        if tasks:
            yield TasksGivenUp(job.id, block.index, tasks)
    left = bool(run.captured) or spec.has(BlockFlag.MASTER_ON_SLAVE)
    if run.stopping < 0 and not (spec.has(BlockFlag.SLAVE_LOST_IGNORE) and left):
        yield RunStopRequested(*run.key, int(TaskState.READY), int(RunStatus.STOPPED))


def service_ended(farm: Farm, run: Run, report: ReportRun) -> Iterator[Event | DropRun]:
    """Yield what follows when the agent of a captured render says that the service there ended."""
    yield from release_host(farm, run, report.render, report.status, report.errors_text)
    yield DropRun(report.render, run.key)


def settle_service(
    farm: Farm, run: Run, render: Render, *, listed: bool, same_agent: bool
) -> Iterator[Event | StartRun]:
    """Yield what follows for a run when a captured render registers, with or without its service."""
    if listed or not _has_service(farm, run):
        return
    if same_agent:
        yield StartRun(render.id, run.key)
    else:
        yield from release_host(farm, run, render.id, RunStatus.NEVER_STARTED)


def eject_service(farm: Farm, run: Run, render: int) -> Iterator[Event | DropRun]:
    """Yield the end of the service on a captured render; where none runs, nobody is in a person's way."""
    if _has_service(farm, run):
        yield from release_host(farm, run, render, RunStatus.STOPPED)
        yield DropRun(render, run.key)
