"""Where a render belongs: in the pool whose pattern takes its name, else where the farm file says."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from afcore.deadlines import Due, silence_end
from afcore.effects import TuneRender
from afcore.events import Event, PoolAdded, RenderEdited
from afcore.hostpatterns import HostPattern, chain_of, chain_path, names_of, parameters_of
from afcore.masks import Mask
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.rules.base import Context

__all__ = [
    "different",
    "lists_services",
    "move_render",
    "new_pool",
    "pool_for",
    "pool_of_host",
    "pool_values",
    "steps_of",
]

_ROOT = 1


def pool_for(farm: Farm, name: str) -> int:
    """Return the pool of a new render: the first whose pattern matches its whole name, searched from the root down.

    Inside a pool that takes it, its children are asked first, in the order in which they were made.
    """

    def accepting(pool: int) -> int:
        for child in farm.pools[pool].children:
            pattern = farm.pools[child].pattern
            if pattern and Mask(pattern, ignore_case=True).matches(name):
                return accepting(child)
        return pool

    return accepting(_ROOT)


def pool_of_host(farm: Farm, name: str) -> Generator[Event, None, int]:
    """Yield the pools that have to be made for a new render; return the id of the one it belongs to.

    A pool made by hand whose pattern takes the name comes before the farm file.
    """
    pool = pool_for(farm, name)
    patterns = farm.description.patterns
    if pool != _ROOT or not patterns:
        return pool
    chain, names = chain_of(patterns, name), names_of(patterns)
    if not chain and not lists_services(patterns):
        return pool
    for path, links in steps_of(chain, names):
        if path not in farm.pools_by_path:
            yield new_pool(farm, path, links)
    return farm.pools_by_path[chain_path(chain, names)]


def move_render(context: Context, render: Render, pool: int) -> Generator[Event | TuneRender, None, int]:
    """Yield what puts a render, with whatever it runs, into a pool; return 1, or 0 when it is there already."""
    if render.pool == pool:
        return 0
    yield RenderEdited(render.id, {"pool": render.pool}, {"pool": pool})
    context.deadlines.push(silence_end(context.farm, render), Due.RENDER, (render.id,))
    if render.session:
        yield TuneRender(render.id)
    return 1


def lists_services(patterns: Sequence[HostPattern]) -> bool:
    """Say whether a host that no pattern takes differs from one that is in a pool: it has no services."""
    return any(each.services for each in patterns)


def steps_of(chain: list[HostPattern], names: dict[str, str]) -> Iterator[tuple[str, list[HostPattern]]]:
    """Yield every pool of a chain from the top, with the part of the chain it stands for."""
    if not chain:
        yield chain_path([], names), []
    for length in range(1, len(chain) + 1):
        yield chain_path(chain[:length], names), chain[:length]


def pool_values(chain: Sequence[HostPattern]) -> dict[str, Any]:
    """Return every parameter of a chain's pool that the farm file decides about, with its mark."""
    return {**parameters_of(chain), "patterns": [each.name for each in chain] or [""]}


def new_pool(farm: Farm, path: str, chain: Sequence[HostPattern]) -> PoolAdded:
    """Return what makes the pool of a chain below one that is there."""
    parent = farm.pools_by_path[path.rpartition("/")[0] or "/"]
    return PoolAdded(farm.next_pool, path, parent, different(Pool(id=0, path=path), pool_values(chain)))


def different(pool: Pool, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a pool does not have."""
    return {name: value for name, value in values.items() if value != getattr(pool, name)}
