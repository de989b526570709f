"""Who holds which tickets: counted on the render and on every pool above it, as runs come and go.

Rules of this file:
- What a run takes is in the run; it gives back exactly that, whatever its block says by then.
- A count that comes to zero is no entry any more.
"""

from collections.abc import Iterable
from typing import TypeVar

from afcore.hostpatterns import SERVICE_TICKET
from afcore.model.farm import Farm

__all__ = ["count_tickets", "find_limited", "limit_services"]

_Key = TypeVar("_Key", str, int)


def count_tickets(farm: Farm, on: int, tickets: Iterable[tuple[str, int]], sign: int) -> None:
    """Count tickets that a run holds (``sign`` 1: taken, -1: given back) on a render and in the pools above."""
    render = farm.renders[on]
    for name, taken in tickets:
        amount = sign * taken
        _add(render.tickets_used, name, amount)
        above = render.pool
        while above:
            pool = farm.pools[above]
            pool.version = farm.version
            _add(pool.tickets_used, name, amount)
            hosts = pool.ticket_hosts.setdefault(name, {})
            _add(hosts, render.id, amount)
            if not hosts:
                del pool.ticket_hosts[name]
            above = pool.parent


def find_limited(farm: Farm) -> dict[str, str]:
    """Return the services that have a ticket of their own anywhere, to that ticket's name."""
    names = {name for pool in farm.pools.values() for table in (pool.tickets, pool.tickets_host) for name in table}
    names.update(name for render in farm.renders.values() if render.tickets_host for name in render.tickets_host)
    return {name.removeprefix(SERVICE_TICKET): name for name in sorted(names) if name.startswith(SERVICE_TICKET)}


def limit_services(farm: Farm) -> None:
    """Take in that tickets were defined or are no more: what runs already holds the ticket of its service too."""
    before, farm.limited = farm.limited, find_limited(farm)
    new = {service: name for service, name in farm.limited.items() if service not in before}
    if not new:
        return
    for block in (block for job in farm.jobs.values() for block in job.blocks):
        name = new.get(block.spec.service)
        if name is None:
            continue
        for key in [run.key for run in farm.runs.of_block(block.job, block.index)]:
            run = farm.runs[key]
            if name not in dict(run.tickets):
                run.tickets = (*run.tickets, (name, 1))
                count_tickets(farm, run.render, ((name, 1),), 1)


def _add(counts: dict[_Key, int], key: _Key, amount: int) -> None:
    left = counts.get(key, 0) + amount
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)
