"""Whether the tickets of a block are there for a render.

Source: a host ticket is defined by the nearest level from the render up and used by the render's own runs; a pool
ticket is defined by the nearest pool up and used by every run below that pool.  A ticket nobody defines binds nobody.
"""

from afcore.model.effective import host_ticket, pool_ticket
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Pool

__all__ = ["host_ticket_missing", "pool_ticket_holder"]


def host_ticket_missing(farm: Farm, render: Render, tickets: dict[str, int]) -> str:
    """Return the first ticket of which a render itself has not enough left, or an empty text."""
    for name, wanted in tickets.items():
        count = host_ticket(farm, render, name)
        if 0 <= count < wanted + render.tickets_used.get(name, 0):
            return name
    return ""


def pool_ticket_holder(farm: Farm, render: Render, tickets: dict[str, int]) -> tuple[str, Pool] | None:
    """Return the first ticket a pool has not enough left of for a render, with that pool, or None."""
    for name, wanted in tickets.items():
        pool = pool_ticket(farm, render.pool, name)
        if pool is None:
            continue
        count, most_hosts = pool.tickets[name]
        if pool.tickets_used.get(name, 0) + wanted > count:
            return name, pool
        hosts = pool.ticket_hosts.get(name, {})
        if most_hosts >= 0 and (len(hosts) > most_hosts or (len(hosts) == most_hosts and render.id not in hosts)):
            return name, pool
    return None
