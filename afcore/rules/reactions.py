"""What follows from what happened, whoever caused it: the work that an event makes for the farm itself.

Rules of this file:
- One table, ``REACTIONS``, by the event's type.  A reaction is asked before its event is evolved, so that it may look
  at what is about to go, and its events happen right after that one.
- A reaction refuses nothing: it comes from a fact.
"""

from collections.abc import Callable, Iterator
from typing import Any

from afcore.events import (
    Event,
    JobDeleted,
    JobDeletionRequested,
    JobFinished,
    JobPrepared,
    JobSubmitted,
    RenderEdited,
    RenderMeasured,
    RenderWentOffline,
    RunFinished,
    RunStarted,
    SystemCommandsQueued,
    SystemTaskLeft,
    TasksGivenUp,
)
from afcore.model.farm import Farm
from afcore.rules import happenings, sysjob, watch
from afcore.states import RenderState, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB, SystemBlock

__all__ = ["REACTIONS", "Reaction"]

Reaction = Callable[[Farm, Any, float], Iterator[Event] | None]
"""Given the farm as it is before the event, the event and its time; what it returns is walked after the event."""


def _run_started(farm: Farm, event: RunStarted, at: float) -> Iterator[Event] | None:
    return sysjob.fill(farm, event.block) if event.job == SYSTEM_JOB else None


def _run_finished(farm: Farm, event: RunFinished, at: float) -> Iterator[Event] | None:
    if event.job == SYSTEM_JOB:
        return sysjob.settle_task(farm, event, at)
    if event.state != TaskState.ERROR or _has_error(farm, event.job):
        return None
    return happenings.job_happened(farm, farm.jobs[event.job], "JOB_ERROR", at)


def _tasks_given_up(farm: Farm, event: TasksGivenUp, at: float) -> Iterator[Event] | None:
    if event.job == SYSTEM_JOB:
        return sysjob.leave_over(farm, event.block)
    if _has_error(farm, event.job):
        return None
    return happenings.job_happened(farm, farm.jobs[event.job], "JOB_ERROR", at)


def _commands_queued(farm: Farm, event: SystemCommandsQueued, at: float) -> Iterator[Event] | None:
    return sysjob.fill(farm, event.block)


def _task_left(farm: Farm, event: SystemTaskLeft, at: float) -> Iterator[Event] | None:
    holds = farm.system[event.block].tasks[event.task].command.holds

    def after() -> Iterator[Event]:
        if holds in farm.jobs:
            yield JobPrepared(holds, event.succeeded)
        yield from sysjob.fill(farm, event.block)

    return after()


def _job_submitted(farm: Farm, event: JobSubmitted, at: float) -> Iterator[Event] | None:
    def after() -> Iterator[Event]:
        yield from happenings.job_happened(farm, farm.jobs[event.job], "JOB_CREATED", at)
        commands = sysjob.prepare_commands(farm, farm.jobs[event.job])
        yield from sysjob.queue(farm, at, SystemBlock.POST_COMMANDS, commands)

    return after()


def _job_finished(farm: Farm, event: JobFinished, at: float) -> Iterator[Event] | None:
    return happenings.job_happened(farm, farm.jobs[event.job], "JOB_DONE", at)


def _deletion_requested(farm: Farm, event: JobDeletionRequested, at: float) -> Iterator[Event] | None:
    return happenings.job_happened(farm, farm.jobs[event.job], "JOB_DELETED", at)


def _job_prepared(farm: Farm, event: JobPrepared, at: float) -> Iterator[Event] | None:
    return None if event.succeeded else happenings.job_happened(farm, farm.jobs[event.job], "JOB_ERROR", at)


def _has_error(farm: Farm, job: int) -> bool:
    return any(block.tasks.counts[TaskState.ERROR] for block in farm.jobs[job].blocks)


def _render_left(farm: Farm, event: RenderWentOffline, at: float) -> Iterator[Event] | None:
    render = farm.renders[event.render]
    if event.status != RunStatus.RENDER_LOST or render.state & RenderState.WOL_FALLING:
        return None
    return happenings.render_happened(farm, render, "RENDER_ZOMBIE", at)


def _render_edited(farm: Farm, event: RenderEdited, at: float) -> Iterator[Event] | None:
    if not event.new.get("state", 0) & ~event.old.get("state", 0) & RenderState.SICK:
        return None
    return happenings.render_happened(farm, farm.renders[event.render], "RENDER_SICK", at)


def _render_measured(farm: Farm, event: RenderMeasured, at: float) -> Iterator[Event] | None:
    render = farm.renders[event.render]
    if not event.resources.get("overload") or render.overload_since:
        return None
    return watch.overloaded(farm, render, at)


def _job_deleted(farm: Farm, event: JobDeleted, at: float) -> Iterator[Event] | None:
    commands = sysjob.commands_of(farm, farm.jobs[event.job])
    return sysjob.queue(farm, at, SystemBlock.POST_COMMANDS, commands) if commands else None


REACTIONS: dict[type, Reaction] = {
    RunStarted: _run_started,
    RunFinished: _run_finished,
    TasksGivenUp: _tasks_given_up,
    SystemCommandsQueued: _commands_queued,
    SystemTaskLeft: _task_left,
    JobSubmitted: _job_submitted,
    JobFinished: _job_finished,
    JobPrepared: _job_prepared,
    JobDeletionRequested: _deletion_requested,
    JobDeleted: _job_deleted,
    RenderWentOffline: _render_left,
    RenderEdited: _render_edited,
    RenderMeasured: _render_measured,
}
"""By event type; an event that is not here makes no work."""
