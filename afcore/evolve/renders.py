"""What happens to renders, and to everything that ran when the server stopped."""

from bisect import insort
from collections.abc import Callable
from typing import Any

from afcore.events import (
    FarmRecovered,
    RenderAdded,
    RenderDeleted,
    RenderDisconnected,
    RenderEdited,
    RenderInstructed,
    RenderMeasured,
    RenderWakeAsked,
    RenderWentOffline,
    RenderWentOnline,
    RenderWolFailed,
)
from afcore.evolve.tasks import count_in_pools
from afcore.evolve.tickets import limit_services
from afcore.hostreading import joined
from afcore.model.clocks import is_busy, is_idle
from afcore.model.farm import Farm
from afcore.model.hostruns import HostRuns
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.states import RenderState, TaskState

__all__ = ["HANDLERS"]

_RUNNING_WAITS = bytes.maketrans(bytes([TaskState.RUNNING]), bytes([TaskState.WAIT_RECONNECT]))
_NIMBY = RenderState.NIMBY_USER | RenderState.NIMBY
_WOL = RenderState.WOL_FALLING | RenderState.WOL_SLEEPING | RenderState.WOL_WAKING


def _render_added(farm: Farm, event: RenderAdded, at: float) -> None:
    """Add a render to its pool."""
    render = Render(
        id=event.render,
        name=event.name,
        pool=event.pool,
        user_name=event.user_name,
        state=event.state,
        version=farm.version,
        runs=HostRuns(farm.runs),
    )
    farm.renders[render.id] = render
    farm.renders_by_name[render.name] = render.id
    farm.pools[render.pool].renders.append(render.id)
    farm.next_render = max(farm.next_render, render.id + 1)


def _render_went_online(farm: Farm, event: RenderWentOnline, at: float) -> None:
    """Take what a render says of itself, and its connection."""
    render = farm.renders[event.render]
    render.session = event.session
    render.state = int(render.state & ~_WOL | RenderState.ONLINE)
    render.registered = at
    render.seen = at
    render.lost = 0.0
    render.version = farm.version
    for name, value in event.info.items():
        setattr(render, name, value)


def _render_went_offline(farm: Farm, event: RenderWentOffline, at: float) -> None:
    """Take a render off the farm; its runs were finished before."""
    render = farm.renders[event.render]
    render.session = 0
    render.state = int(render.state & ~RenderState.ONLINE)
    if render.state & RenderState.WOL_FALLING:
        render.state = int(render.state & ~RenderState.WOL_FALLING | RenderState.WOL_SLEEPING)
    render.lost = render.idle_since = render.busy_since = render.overload_since = 0.0
    render.version = farm.version


def _render_edited(farm: Farm, event: RenderEdited, at: float) -> None:
    """Change parameters of a render."""
    render = farm.renders[event.render]
    render.version = farm.version
    for name, value in event.new.items():
        if name == "pool":
            _move(farm, render, value)
        else:
            setattr(render, name, value)
    if "tickets_host" in event.new:
        limit_services(farm)
    if "state" in event.new and (event.new["state"] ^ event.old["state"]) & _NIMBY:
        render.state_changed = at
    if "failed_users" in event.new:
        render.failed_users = list(event.new["failed_users"])  # taken back: its own list, which goes on growing
    elif "state" in event.new and not event.new["state"] & RenderState.SICK:
        render.failed_users = []


def _move(farm: Farm, render: Render, pool: int) -> None:
    """Put a render into a pool, with what its runs hold there."""
    # In a replay the list of a render may name runs that have ended; what they held is counted anew at its end.
    runs = [run for key in render.runs if (run := farm.runs.look(key)) is not None]
    for run in runs:
        count_in_pools(farm, run, render.id, -1)
    farm.pools[render.pool].renders.remove(render.id)
    insort(farm.pools[pool].renders, render.id)
    render.pool = pool
    for run in runs:
        count_in_pools(farm, run, render.id, 1)


def _render_deleted(farm: Farm, event: RenderDeleted, at: float) -> None:
    """Forget a render."""
    render = farm.renders.pop(event.render)
    del farm.renders_by_name[render.name]
    farm.pools[render.pool].renders.remove(render.id)
    if render.tickets_host:
        limit_services(farm)


def _render_measured(farm: Farm, event: RenderMeasured, at: float) -> None:
    """Keep the newest readings of a host."""
    render = farm.renders[event.render]
    render.seen = at
    render.version = farm.version
    if event.resources:
        render.resources = joined(render.resources, event.resources)
        _set_clocks(farm, render, at)


def _set_clocks(farm: Farm, render: Render, at: float) -> None:
    """Begin or end the clocks of a render by what its host does now."""
    idle, busy = is_idle(farm, render.pool, render.resources), is_busy(farm, render.pool, render.resources)
    render.idle_since = (render.idle_since or at) if idle else 0.0
    render.busy_since = (render.busy_since or at) if busy else 0.0
    render.overload_since = (render.overload_since or at) if render.resources.get("overload") else 0.0


def _render_instructed(farm: Farm, event: RenderInstructed, at: float) -> None:
    """Note what a render was told; one that is to sleep takes nothing more."""
    render = farm.renders[event.render]
    render.version = farm.version
    render.trouble = ""
    if event.what == "sleep":
        render.state = int(render.state | RenderState.WOL_FALLING)
        render.wol_operation_time = at


def _render_wake_asked(farm: Farm, event: RenderWakeAsked, at: float) -> None:
    """Note that a render is being woken."""
    render = farm.renders[event.render]
    render.version = farm.version
    render.trouble = ""
    render.state = int(render.state | RenderState.WOL_WAKING)
    render.wol_operation_time = at


def _render_wol_failed(farm: Farm, event: RenderWolFailed, at: float) -> None:
    """Note why a render did not do what it was told: it is what it was before."""
    render = farm.renders[event.render]
    render.version = farm.version
    render.trouble = f"{event.what}: {event.sentence}"
    lost = {"sleep": RenderState.WOL_FALLING, "wake": RenderState.WOL_WAKING}.get(event.what, RenderState(0))
    render.state = int(render.state & ~lost)


def _render_disconnected(farm: Farm, event: RenderDisconnected, at: float) -> None:
    """Remember since when a render has no connection."""
    render = farm.renders[event.render]
    render.session = 0
    render.lost = at
    render.version = farm.version


def _farm_recovered(farm: Farm, event: FarmRecovered, at: float) -> None:
    """Let every run wait for its render, and every render be offline until it registers."""
    farm.runs.wait(at)
    for job in farm.jobs.values():
        for block in job.blocks:
            _let_wait(farm, job, block)
    for render in farm.renders.values():
        if render.state & RenderState.ONLINE or render.session:
            render.state = int(render.state & ~RenderState.ONLINE)
            if render.state & RenderState.WOL_FALLING:
                render.state = int(render.state & ~RenderState.WOL_FALLING | RenderState.WOL_SLEEPING)
            render.session = 0
            render.lost = at
            render.version = farm.version


def _let_wait(farm: Farm, job: Job, block: Block) -> None:
    """Let every task that runs wait for its render: the whole column at once."""
    table = block.tasks
    if not table.counts[TaskState.RUNNING] + table.counts[TaskState.WAIT_RECONNECT]:
        return
    table.state[:] = table.state.translate(_RUNNING_WAITS)
    table.percent[:] = bytes(table.size)
    table.counts[TaskState.WAIT_RECONNECT] += table.counts[TaskState.RUNNING]
    table.counts[TaskState.RUNNING] = 0
    block.version = job.version = farm.version


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    RenderAdded: _render_added,
    RenderWentOnline: _render_went_online,
    RenderWentOffline: _render_went_offline,
    RenderEdited: _render_edited,
    RenderInstructed: _render_instructed,
    RenderWakeAsked: _render_wake_asked,
    RenderWolFailed: _render_wol_failed,
    RenderDeleted: _render_deleted,
    RenderMeasured: _render_measured,
    RenderDisconnected: _render_disconnected,
    FarmRecovered: _farm_recovered,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
