"""From events to what others must do: the one table of effects."""

from collections.abc import Callable
from typing import Any

from afcore.effects import CutRender, Effect, RemoveJobFiles, StartRun, StopRun
from afcore.events import JobDeleted, RenderWentOffline, RunStarted, RunStopRequested
from afcore.ids import RunKey
from afcore.model.farm import Farm

__all__ = ["CONSEQUENCES"]


def _start(farm: Farm, event: RunStarted) -> Effect:
    return StartRun(event.render, RunKey(event.job, event.block, event.task, event.run))


def _stop(farm: Farm, event: RunStopRequested) -> Effect:
    key = RunKey(event.job, event.block, event.task, event.run)
    return StopRun(farm.runs[key].render, key)


def _remove_files(farm: Farm, event: JobDeleted) -> Effect:
    return RemoveJobFiles(event.job)


def _cut(farm: Farm, event: RenderWentOffline) -> Effect:
    return CutRender(event.render)


CONSEQUENCES: dict[type, Callable[[Farm, Any], Effect]] = {
    RunStarted: _start,
    RunStopRequested: _stop,
    JobDeleted: _remove_files,
    RenderWentOffline: _cut,
}
"""By event type; asked right after the event was evolved.  An event that is not here has no effect."""
