"""What a farm file makes of the farm: pools of its patterns, renders in them, limits of services.

Rules of this file:
- Pools made by hand and the renders in them are left alone; everything is checked before the first event.
- A pool of the file is brought to what the file says, whatever was edited since; running tasks go on.
- A pool that no pattern needs any more is removed when it is empty, else it stays as one made by hand.
"""

from collections.abc import Iterator

from afcore.commands import DescribeFarm
from afcore.errors import BadSpec, Problem
from afcore.events import Event, FarmDescribed, PoolAdded, PoolDeleted, PoolEdited
from afcore.hostpatterns import (
    SERVICE_TICKET,
    UNLIMITED,
    Description,
    HostPattern,
    chain_of,
    chain_path,
    names_of,
    usual_chains,
)
from afcore.model.farm import Farm
from afcore.rules.base import Context, Steps
from afcore.rules.places import different, lists_services, move_render, new_pool, pool_values, steps_of

__all__ = ["describe_farm"]

_ROOT = 1


def describe_farm(context: Context, command: DescribeFarm) -> Steps:
    """Load a farm file.  Raises BadSpec when one of its pools has the path of a pool that was made by hand."""
    farm, new = context.farm, command.description
    wanted, places = _plan(farm, new)
    _refuse_clashes(farm, wanted)
    changed = 0
    for path, chain in wanted.items():
        made = _pool_event(farm, path, chain)
        if made is not None:
            changed += 1
            yield made
    moved = 0
    for id, path in places.items():
        moved += yield from move_render(context, farm.renders[id], farm.pools_by_path[path])
    for event in _unwanted(farm, wanted):
        changed += 1
        yield event
    yield from _limits(farm, new)
    if farm.description != new:
        yield FarmDescribed(farm.description, new)
    return {"patterns": len(new.patterns), "limits": len(new.limits), "pools": changed, "renders": moved}


def _plan(farm: Farm, new: Description) -> tuple[dict[str, list[HostPattern]], dict[int, str]]:
    """Return the chain of each pool that is wanted by path, parents first, and the path of each render to place."""
    names = names_of(new.patterns)
    wanted: dict[str, list[HostPattern]] = {}
    places: dict[int, str] = {}
    for chain in usual_chains(new.patterns):
        wanted.update(steps_of(chain, names))
    for id, render in farm.renders.items():
        if render.pool != _ROOT and not farm.pools[render.pool].patterns:
            continue
        chain = chain_of(new.patterns, render.name)
        if chain or lists_services(new.patterns):
            wanted.update(steps_of(chain, names))
            places[id] = chain_path(chain, names)
        else:
            places[id] = "/"
    return wanted, places


def _refuse_clashes(farm: Farm, wanted: dict[str, list[HostPattern]]) -> None:
    problems = [
        Problem(path, "is a pool that was made by hand", "name the pattern otherwise, or delete that pool")
        for path in wanted
        if path in farm.pools_by_path and not farm.pools[farm.pools_by_path[path]].patterns
    ]
    if problems:
        raise BadSpec(problems)


def _pool_event(farm: Farm, path: str, chain: list[HostPattern]) -> PoolAdded | PoolEdited | None:
    """Return what makes a pool or brings it to what the file says; None when it is so already."""
    id = farm.pools_by_path.get(path)
    if id is None:
        return new_pool(farm, path, chain)
    pool = farm.pools[id]
    new = different(pool, pool_values(chain))
    return PoolEdited(id, {name: getattr(pool, name) for name in new}, new) if new else None


def _unwanted(farm: Farm, wanted: dict[str, list[HostPattern]]) -> Iterator[Event]:
    """Yield the end of the file's pools that nothing needs any more, the deepest first."""
    old = [pool for pool in farm.pools.values() if pool.patterns and pool.path not in wanted]
    for pool in sorted(old, key=lambda pool: (-pool.path.count("/"), pool.id)):
        if pool.renders or pool.children:
            yield PoolEdited(pool.id, {"patterns": pool.patterns}, {"patterns": []})
        else:
            yield PoolDeleted(pool.id, pool.path)


def _limits(farm: Farm, new: Description) -> Iterator[Event]:
    """Yield the change of the root pool's tickets: limits of the old file go, those of the new one come."""
    root = farm.pools[_ROOT]
    tickets = {name: value for name, value in root.tickets.items() if name not in _tickets(farm.description)}
    tickets.update(_tickets(new))
    if tickets != root.tickets:
        yield PoolEdited(_ROOT, {"tickets": root.tickets}, {"tickets": tickets})


def _tickets(description: Description) -> dict[str, list[int]]:
    return {
        SERVICE_TICKET + service: [UNLIMITED if most < 0 else most, hosts]
        for service, (most, hosts) in description.limits.items()
    }
