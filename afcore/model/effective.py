"""What holds for a render once its pools have been asked: a render's own value wins, then the nearest pool's.

Source of the rules: a value of -1 (or an empty text) asks the parent; past the root pool ``Farm.defaults`` hold, which
are 1,000 capacity units for each core of the host; and one task for each core.
"""

from collections.abc import Iterator

from afcore.jobspec import BlockSpec
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.render import Render
from afcore.model.tree import Pool

__all__ = [
    "ENDLESS",
    "NO_LIMIT",
    "block_tickets",
    "capacity_of",
    "cores_of",
    "error_rule",
    "host_end",
    "host_ticket",
    "max_tasks_of",
    "os_of",
    "pool_capacity",
    "pool_chain",
    "pool_number",
    "pool_priority",
    "pool_ticket",
    "power_of",
    "properties_of",
    "reconnect_end",
    "service_allowed",
    "tempo_of",
    "zombie_time_of",
]

NO_LIMIT = -2
"""``capacity_host`` of a render or pool whose capacity is not to be counted (-1 asks the parent)."""

ENDLESS = 1_000_000_000
"""The capacity of such a render: more than all its tasks take, and sums with it stay 32 bit numbers."""


def pool_chain(farm: Farm, pool: int) -> Iterator[Pool]:
    """Yield a pool and its parents up to the root."""
    while pool:
        found = farm.pools[pool]
        yield found
        pool = found.parent


# The walks below are plain: they are made for every render and every reading, where generators cost more.


def pool_number(farm: Farm, pool: int, name: str) -> int:
    """Return the nearest value of a pool setting that is at least 0, or -1 when no pool of the chain sets it."""
    pools = farm.pools
    while pool:
        found = pools[pool]
        value: int = getattr(found, name)
        if value >= 0:
            return value
        pool = found.parent
    return -1


def cores_of(render: Render) -> int:
    """Return the number of cores a render reported, at least 1."""
    return max(1, int(render.resources.get("cpu_num", 1)))


def capacity_of(farm: Farm, render: Render) -> int:
    """Return the capacity units of a render; ``ENDLESS`` without a limit."""
    own = render.capacity_host if render.capacity_host != -1 else pool_capacity(farm, render.pool)
    if own == NO_LIMIT:
        return ENDLESS
    return own if own >= 0 else farm.defaults.capacity_per_core * cores_of(render)


def pool_capacity(farm: Farm, pool: int) -> int:
    """Return the nearest capacity that a pool sets, ``NO_LIMIT`` when that is none, or -1 when nobody set one."""
    pools = farm.pools
    while pool:
        found = pools[pool]
        if found.capacity_host != -1:
            return found.capacity_host
        pool = found.parent
    return -1


def max_tasks_of(farm: Farm, render: Render) -> int:
    """Return how many tasks a render may run at once."""
    own = render.max_tasks_host if render.max_tasks_host >= 0 else pool_number(farm, render.pool, "max_tasks_host")
    return own if own >= 0 else cores_of(render)


def os_of(farm: Farm, render: Render) -> str:
    """Return the system that jobs ask about: what a pool says, else what the host says itself."""
    return next((pool.os_host for pool in pool_chain(farm, render.pool) if pool.os_host), render.os)


def power_of(farm: Farm, render: Render) -> int:
    """Return the power of a render, -1 when nobody set one."""
    return render.power_host if render.power_host >= 0 else pool_number(farm, render.pool, "power_host")


def properties_of(farm: Farm, render: Render) -> str:
    """Return the properties text of a render."""
    if render.properties_host:
        return render.properties_host
    return next((pool.properties_host for pool in pool_chain(farm, render.pool) if pool.properties_host), "")


def zombie_time_of(farm: Farm, render: Render) -> float:
    """Return the seconds of silence after which a render counts as lost (0 in a pool asks the parent)."""
    return _seconds(farm, render.pool, "zombie_time", farm.defaults.zombie_time)


def reconnect_end(farm: Farm, render: int, since: float) -> float:
    """Return until when (unix seconds) the runs of a render are waited for that wait since a start of the server.

    Never shorter than its render's zombie time: until then the render may still run it.
    """
    known = farm.renders.get(render)
    silence = zombie_time_of(farm, known) if known is not None else 0.0
    return since + max(farm.defaults.reconnect_time, silence)


def host_end(farm: Farm, render: Render) -> float:
    """Return until when (unix seconds) a captured render is waited for after a start of the server."""
    return render.lost + max(farm.defaults.reconnect_time, zombie_time_of(farm, render))


def tempo_of(farm: Farm, render: Render) -> dict[str, float]:
    """Return what an agent is told of its pool's settings, in seconds; ``exit_no_task_time`` 0 is never."""
    pool, defaults = render.pool, farm.defaults
    return {
        "heartbeat": _seconds(farm, pool, "heartbeat_sec", defaults.heartbeat),
        "resources_period": _seconds(farm, pool, "resources_update_period", defaults.resources_period),
        "zombie_time": zombie_time_of(farm, render),
        "exit_no_task_time": _seconds(farm, pool, "exit_no_task_time", 0.0),
    }


def _seconds(farm: Farm, pool: int, name: str, default: float) -> float:
    """Return the nearest value above 0 of a pool's times, searched upwards."""
    return next((float(value) for each in pool_chain(farm, pool) if (value := getattr(each, name)) > 0), default)


def pool_priority(farm: Farm, pool: int) -> int:
    """Return the priority of a pool with its parents: each level is the mean of its own and its parent's."""
    found = farm.pools[pool]
    if not found.parent:
        return found.priority
    return (found.priority + pool_priority(farm, found.parent)) // 2


def block_tickets(farm: Farm, spec: BlockSpec) -> dict[str, int]:
    """Return what one task of a block holds: its tickets, and one of its service where that is limited."""
    name = farm.limited.get(spec.service)
    return spec.tickets if name is None or name in spec.tickets else {**spec.tickets, name: 1}


def error_rule(farm: Farm, block: Block, name: str) -> int:
    """Return one of a block's rules about errors (``errors_retries`` and its like): its own, else its user's."""
    own: int = getattr(block.spec, name)
    users: int = getattr(farm.users[farm.jobs[block.job].user], name)
    return own if own >= 0 else users


def host_ticket(farm: Farm, render: Render, name: str) -> int:
    """Return how many tickets of a name a render has, -1 when nobody from it up to the root says so."""
    own = render.tickets_host.get(name, -1)
    if own >= 0:
        return own
    pools, number = farm.pools, render.pool
    while number:
        pool = pools[number]
        if name in pool.tickets_host:
            return pool.tickets_host[name]
        number = pool.parent
    return -1


def pool_ticket(farm: Farm, pool: int, name: str) -> Pool | None:
    """Return the nearest pool from ``pool`` up to the root that defines a pool ticket, or None."""
    pools = farm.pools
    while pool:
        found = pools[pool]
        if name in found.tickets:
            return found
        pool = found.parent
    return None


def service_allowed(farm: Farm, render: Render, service: str) -> bool:
    """Say whether a service may run on a render.

    Asked from the render upwards: disabled at a level means no, listed means yes, otherwise the parent is asked; past
    the root the answer is yes when no level had a list at all.
    """
    listed = False
    levels: list[Render | Pool] = [render, *pool_chain(farm, render.pool)]
    for level in levels:
        if service in level.services_disabled:
            return False
        if service in level.services:
            return True
        listed = listed or bool(level.services)
    return not listed
