"""Which renders have room, and in what order one candidate would like them.

Rules of this file:
- ``free`` holds exactly the renders that are online, not sick, with a free slot and some free capacity.
- ``changed`` holds those that came to have room, or to be different, since the last finished pass.
Source of the order: greater pool priority, fewer running tasks, more free capacity, greater priority, longest without
a change, greater capacity, more slots, smaller name.
"""

import heapq
from collections.abc import Iterable, Iterator

from afcore.events import (
    Event,
    FarmRecovered,
    PoolEdited,
    RenderAdded,
    RenderDeleted,
    RenderEdited,
    RenderMeasured,
    RenderWentOffline,
    RenderWentOnline,
    RunAdopted,
    RunFinished,
    RunStarted,
)
from afcore.model.effective import capacity_of, max_tasks_of, pool_chain, pool_priority
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.schedule.fit import pool_offset
from afcore.states import RenderState

__all__ = ["FreeRenders", "Preference", "RenderQueue"]

_ONLINE = int(RenderState.ONLINE)
_AWAKE = int(RenderState.ONLINE | RenderState.SICK | RenderState.WOL_FALLING)
# Plain numbers: an enum's own operators cost a microsecond each, and this is asked at every start and end.

Preference = tuple[int, int, int, int, float, int, int, str]
"""Sorts ascending: the smallest is the render liked best."""


class FreeRenders:
    """The renders with room, with their remembered effective capacity and slots."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._size: dict[int, tuple[int, int, int]] = {}
        """Render to (capacity, most tasks, pool priority)."""
        self.free: dict[int, None] = {}
        self.changed: dict[int, None] = {}
        self.measures_matter = False
        """Whether memory, disk or the like kept a task away, so that a new reading is a change."""
        for render in farm.renders:
            self.look(render)

    def size(self, render: Render) -> tuple[int, int, int]:
        """Return the effective capacity, the most tasks and the pool priority of a render."""
        known = self._size.get(render.id)
        if known is None:
            farm = self._farm
            usable = all(pool.priority > 0 and not pool.paused for pool in pool_chain(farm, render.pool))
            most = max_tasks_of(farm, render) if usable and render.priority > 0 else 0
            known = self._size[render.id] = (capacity_of(farm, render), most, pool_priority(farm, render.pool))
        return known

    def has_room(self, render: Render) -> bool:
        """Say whether a render could take one more task of some size."""
        if render.state & _AWAKE != _ONLINE:
            return False
        capacity, most, _ = self.size(render)
        return len(render.runs) < most and render.used_capacity < capacity

    def look(self, render: int) -> None:
        """Look at one render again."""
        found = self._farm.renders.get(render)
        if found is not None and self.has_room(found):
            self.free[render] = None
            self.changed[render] = None
        else:
            self.free.pop(render, None)
            self.changed.pop(render, None)

    def note(self, event: Event) -> bool:
        """Take in what happened; return whether remembered matches of names and properties are out of date."""
        kind = type(event)
        if kind is RunStarted or kind is RunFinished or kind is RunAdopted:
            self.look(event.render)  # type: ignore[union-attr]
            for held in getattr(event, "captured", ()):
                self.look(held.render)
            return False
        if isinstance(event, RenderMeasured):
            if self.measures_matter and event.render in self.free:
                self.look(event.render)
            return False
        if isinstance(event, RenderAdded | RenderWentOnline | RenderWentOffline | RenderEdited | RenderDeleted):
            self._size.pop(event.render, None)
            self.look(event.render)
            return True
        if isinstance(event, PoolEdited | FarmRecovered):
            self._size.clear()
            for render in self._farm.renders:
                self.look(render)
            return True
        return False

    def preference(self, render: Render, offset: int) -> Preference:
        """Return how much a candidate whose pools map adds ``offset`` likes a render."""
        capacity, most, priority = self.size(render)
        return (
            -(priority + offset),
            len(render.runs),
            render.used_capacity - capacity,
            -render.priority,
            render.task_changed,
            -capacity,
            -most,
            render.name,
        )


class RenderQueue:
    """Some free renders in the order of preference for one pools map, kept right while tasks start."""

    def __init__(self, farm: Farm, renders: FreeRenders, members: Iterable[int], pools: dict[str, int]) -> None:
        self._farm = farm
        self._renders = renders
        self._pools = pools
        self._heap: list[tuple[Preference, int]] = []
        self._offsets: dict[int, int] = {}
        for render in members:
            self._push(render)
        heapq.heapify(self._heap)

    def _push(self, render: int, *, sift: bool = False) -> None:
        found = self._farm.renders[render]
        offset = 0
        if self._pools:
            allowed = pool_offset(self._pools, self._farm.pools[found.pool].path)
            if allowed is None:
                return
            offset = allowed
        item = (self._renders.preference(found, offset), render)
        if sift:
            heapq.heappush(self._heap, item)
        else:
            self._heap.append(item)
        self._offsets[render] = offset

    def __iter__(self) -> Iterator[Render]:
        """Yield the renders that still have room, best first; those seen are put back when the walk ends."""
        seen: list[tuple[Preference, int]] = []
        heap = self._heap
        try:
            while heap:
                kept, id = heapq.heappop(heap)
                if id not in self._renders.free:
                    continue
                render = self._farm.renders[id]
                now = self._renders.preference(render, self._offsets[id])
                if now != kept:
                    heapq.heappush(heap, (now, id))
                    continue
                seen.append((kept, id))
                yield render
        finally:
            for item in seen:
                heapq.heappush(heap, item)
