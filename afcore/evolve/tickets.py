"""Who holds which tickets: counted on the render and on every pool above it, as runs come and go.

Rules of this file:
- What a run takes is in the run; it gives back exactly that, whatever its block says by then.
- A count that comes to zero is no entry any more.
"""

from collections.abc import Iterable
from typing import TypeVar

from afcore.model.farm import Farm

__all__ = ["count_tickets"]

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


def _add(counts: dict[_Key, int], key: _Key, amount: int) -> None:
    left = counts.get(key, 0) + amount
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)
