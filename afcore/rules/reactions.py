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
    JobPrepared,
    JobSubmitted,
    RunFinished,
    RunStarted,
    SystemCommandsQueued,
    SystemTaskLeft,
    TasksGivenUp,
)
from afcore.model.farm import Farm
from afcore.rules import sysjob
from afcore.systemcommand import SYSTEM_JOB, SystemBlock

__all__ = ["REACTIONS", "Reaction"]

Reaction = Callable[[Farm, Any, float], Iterator[Event] | None]
"""Given the farm as it is before the event, the event and its time; what it returns is walked after the event."""


def _run_started(farm: Farm, event: RunStarted, at: float) -> Iterator[Event] | None:
    return sysjob.fill(farm, event.block) if event.job == SYSTEM_JOB else None


def _run_finished(farm: Farm, event: RunFinished, at: float) -> Iterator[Event] | None:
    return sysjob.settle_task(farm, event, at) if event.job == SYSTEM_JOB else None


def _tasks_given_up(farm: Farm, event: TasksGivenUp, at: float) -> Iterator[Event] | None:
    return sysjob.leave_over(farm, event.block) if event.job == SYSTEM_JOB else None


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
        commands = sysjob.prepare_commands(farm, farm.jobs[event.job])
        yield from sysjob.queue(farm, at, SystemBlock.POST_COMMANDS, commands)

    return after()


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
    JobDeleted: _job_deleted,
}
"""By event type; an event that is not here makes no work."""
