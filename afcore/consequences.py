"""From events to what others must do: the one table of effects."""

from collections.abc import Callable
from typing import Any

from afcore.effects import CutRender, Effect, InstructRender, RemoveJobFiles, StartRun, StopRun, StopRuns
from afcore.events import (
    JobDeleted,
    RenderInstructed,
    RenderWentOffline,
    RunsStopRequested,
    RunStarted,
    RunStopRequested,
)
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.tasks import unpack_indices, unpack_runs

__all__ = ["CONSEQUENCES"]


def _start(farm: Farm, event: RunStarted) -> Effect | None:
    if event.captured and farm.jobs[event.job].blocks[event.block].spec.launch_wait:
        return None  # The services on the captured renders begin first: ``rules.captured``.
    return StartRun(event.render, RunKey(event.job, event.block, event.task, event.run))


def _stop(farm: Farm, event: RunStopRequested) -> Effect:
    key = RunKey(event.job, event.block, event.task, event.run)
    return StopRun(farm.runs[key].render, key)


def _stop_many(farm: Farm, event: RunsStopRequested) -> Effect:
    return StopRuns(event.job, event.block, unpack_indices(event.indices), unpack_runs(event.runs))


def _remove_files(farm: Farm, event: JobDeleted) -> Effect:
    return RemoveJobFiles(event.job)


def _cut(farm: Farm, event: RenderWentOffline) -> Effect:
    return CutRender(event.render)


def _instruct(farm: Farm, event: RenderInstructed) -> Effect:
    return InstructRender(event.render, event.what)


CONSEQUENCES: dict[type, Callable[[Farm, Any], Effect | None]] = {
    RunStarted: _start,
    RunStopRequested: _stop,
    RunsStopRequested: _stop_many,
    JobDeleted: _remove_files,
    RenderWentOffline: _cut,
    RenderInstructed: _instruct,
}
"""By event type; asked right after the event was evolved.  None, and an event that is not here, is no effect."""
