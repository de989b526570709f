"""Tickets of all pools as rows: how many there are, how many are out, and which renders hold them."""

from typing import Any

from afcore.model.farm import Farm

__all__ = ["ticket_rows"]


def ticket_rows(farm: Farm) -> list[dict[str, Any]]:
    """Return a row for each ticket of each pool, and of each pool whose renders hold some that are defined above it.

    ``count`` is -1 where the pool does not define it, ``max_hosts`` -1 without limit; ``holders`` are [render, how
    many], the one with most first. ``host`` says that every render has so many of its own.
    """
    rows = []
    for path, id in sorted(farm.pools_by_path.items()):
        pool = farm.pools[id]
        for name in sorted({*pool.tickets, *pool.tickets_used}):
            count, most_hosts = pool.tickets.get(name, (-1, -1))
            holders = sorted(pool.ticket_hosts.get(name, {}).items(), key=lambda each: (-each[1], each[0]))
            rows.append(
                {"pool": path, "ticket": name, "count": count, "used": pool.tickets_used.get(name, 0), "host": False,
                 "max_hosts": most_hosts, "holders": [[farm.renders[render].name, held] for render, held in holders]}
            )  # fmt: skip
        for name, count in sorted(pool.tickets_host.items()):
            rows.append(
                {"pool": path, "ticket": name, "count": count, "used": 0, "host": True, "max_hosts": -1, "holders": []}
            )
    return rows
