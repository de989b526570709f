"""Numbers of an edit: first so great that they bound nothing, then as small as a trial showed that they may be."""

from typing import Any

from afcore.model.effective import capacity_of, max_tasks_of
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.render import Render
from afcore.schedule.fit import minimum_capacity
from afcore.schedule.remedies import Scope
from afcore.why.whatif import Trial

__all__ = ["tightened", "wide"]

_MANY_SLOTS = 64
_MANY_TICKETS = 1_000_000


def wide(
    farm: Farm, block: Block, scope: Scope, parameters: dict[str, Any], render: Render, *, small: bool
) -> dict[str, Any] | None:
    """Return the same edit with numbers that bound nothing; None when it has no number to be greater."""
    made, kind = dict(parameters), scope[0]
    for name in parameters:
        if not small and name in ("max_tasks_host", "capacity_host"):
            # Who comes first takes the room: on a great farm one task more is tried, and no other number.
            return None
        if name in ("max_running_tasks", "max_running_tasks_per_host"):
            made[name] = -1
        elif name in ("max_tasks_host", "capacity_host"):
            units = max(1000, minimum_capacity(block))
            made["max_tasks_host"] = max(len(render.runs), max_tasks_of(farm, render)) + _MANY_SLOTS
            made["capacity_host"] = max(render.used_capacity, capacity_of(farm, render)) + _MANY_SLOTS * units
        elif name == "tickets" and kind == "pool":
            made[name] = {ticket: [_MANY_TICKETS, -1] for ticket in made[name]}
        elif name == "tickets_host":
            made[name] = dict.fromkeys(made[name], _MANY_TICKETS)
        elif name == "priority":
            made[name] = 255
    return made if made != parameters else None


def tightened(before: Farm, scope: Scope, parameters: dict[str, Any], trial: Trial) -> dict[str, Any]:
    """Return a wide edit with the numbers that its trial used; ``before`` is the farm without it."""
    assert trial.run is not None
    farm, render = trial.farm, trial.farm.renders[trial.run.render]
    kind, id, index = scope
    table: dict[str, Any] = {"user": farm.users, "branch": farm.branches, "job": farm.jobs, "pool": farm.pools}
    thing = farm.jobs[id].blocks[index] if kind == "block" else table.get(kind, {}).get(id)
    small = dict(parameters)
    for name in parameters:
        if name == "max_running_tasks" and thing is not None:
            small[name] = thing.running_tasks
        elif name == "max_running_tasks_per_host" and thing is not None:
            small[name] = thing.running_per_host.get(render.id, 0)
        elif name == "max_tasks_host":
            small[name] = max(len(render.runs), max_tasks_of(before, before.renders[render.id]))
        elif name == "capacity_host":
            small[name] = max(render.used_capacity, capacity_of(before, before.renders[render.id]))
        elif name == "tickets" and thing is not None and kind == "pool":
            used = farm.pools[id].tickets_used
            small[name] = {ticket: [used.get(ticket, 0), -1] for ticket in parameters[name]}
        elif name == "tickets_host":
            small[name] = {ticket: render.tickets_used.get(ticket, 0) for ticket in parameters[name]}
    if kind == "render":
        real = before.renders[id]
        for name, now in (("max_tasks_host", max_tasks_of), ("capacity_host", capacity_of)):
            if small.get(name) == now(before, real):
                del small[name]
    return small
