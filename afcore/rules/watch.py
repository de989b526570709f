"""What the clocks of a render cause: nimby and free by themselves, sleep, failed sleep and waking, events in time.

Rules of this file:
- A render is looked at when a clock of it may have run out, never otherwise; what is true then decides.
- A person's pause is never touched, and what runs is never disturbed: only renders without tasks change by themselves.
"""

from collections.abc import Iterator

from afcore.events import Event, RenderEdited, RenderInstructed, RenderWolFailed
from afcore.model.clocks import FALL_TIME, WAKE_TIME, busy_start, doubled, idle_start, unused_start
from afcore.model.effective import pool_number
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.rules.happenings import render_happened
from afcore.rules.wol import can_sleep
from afcore.states import RenderState

__all__ = ["look_at", "overloaded"]

_NIMBY = RenderState.NIMBY | RenderState.NIMBY_USER
_SLACK = 0.5
"""Seconds by which an event in time may be late and still be the one that was waited for."""


def look_at(farm: Farm, render: Render, due: float, at: float) -> Iterator[Event]:
    """Yield what the clocks of a render cause at ``at``; it was to be looked at ``due``."""
    yield from _wol_ends(render, at)
    yield from _changes(farm, render, at)
    unused, time = unused_start(render), pool_number(farm, render.pool, "no_task_event_time")
    if _strikes(unused, time, due, at):
        yield from render_happened(farm, render, "RENDER_NO_TASK", at)
    if _strikes(render.overload_since, pool_number(farm, render.pool, "overload_event_time"), due, at):
        yield from render_happened(farm, render, "RENDER_OVERLOAD", at)


def _strikes(start: float, time: int, due: float, at: float) -> bool:
    """Say whether one of ``start`` + ``time`` × 1, 2, 4, … was waited for and has come."""
    return bool(start) and time > 0 and doubled(start, time, due - _SLACK) <= at


def _wol_ends(render: Render, at: float) -> Iterator[Event]:
    """Yield that a render did not fall asleep, or did not wake, in time."""
    state = render.state
    if state & RenderState.WOL_FALLING and state & RenderState.ONLINE and render.wol_operation_time + FALL_TIME <= at:
        yield RenderWolFailed(render.id, "sleep", f"It still answers {FALL_TIME:g} s after it was told to sleep.")
    elif state & RenderState.WOL_WAKING and render.wol_operation_time + WAKE_TIME <= at:
        yield RenderWolFailed(render.id, "wake", f"It did not come within {WAKE_TIME:g} s.")


def _changes(farm: Farm, render: Render, at: float) -> Iterator[Event]:
    """Yield that a render leaves the farm, comes back to it, or goes to sleep, by how much its host does."""
    idle, busy = idle_start(render), busy_start(render)
    nimby_after = pool_number(farm, render.pool, "busy_nimby_time")
    if busy and 0 < nimby_after <= at - busy:
        yield _edited(render, render.state | RenderState.NIMBY)
        return
    sleep_after = pool_number(farm, render.pool, "idle_wolsleep_time")
    if idle and 0 < sleep_after <= at - max(idle, render.wol_operation_time) and not can_sleep(render):
        yield RenderInstructed(render.id, "sleep")
        return
    free_after = pool_number(farm, render.pool, "idle_free_time")
    if idle and 0 < free_after <= at - idle and render.state & _NIMBY:
        yield _edited(render, render.state & ~_NIMBY)


def _edited(render: Render, state: int) -> Event:
    return RenderEdited(render.id, {"state": render.state}, {"state": int(state)})


def overloaded(farm: Farm, render: Render, at: float) -> Iterator[Event]:
    """Yield that a render has just come to have too little of something."""
    if pool_number(farm, render.pool, "overload_event_time") > 0:
        yield from render_happened(farm, render, "RENDER_OVERLOAD", at)
