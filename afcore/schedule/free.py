"""Which renders have room, and in what order one candidate would like them.

Rules of this file:
- ``free`` holds exactly the renders that are online, not sick, with a free slot and some free capacity.
- ``changed`` holds those that came to have room, or to be different, since the last finished pass; ``log`` holds the
  same for readers that each go their own way through it.
Source of the order: greater pool priority, fewer running tasks, more free capacity, greater priority, longest without
a change, greater capacity, more slots, smaller name.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from afcore.events import (
    Event,
    FarmRecovered,
    PoolDeleted,
    PoolEdited,
    RenderAdded,
    RenderDeleted,
    RenderEdited,
    RenderInstructed,
    RenderMeasured,
    RenderWentOffline,
    RenderWentOnline,
    RenderWolFailed,
    RunAdopted,
    RunFinished,
    RunStarted,
)
from afcore.model.effective import capacity_of, max_tasks_of, pool_capacity, pool_chain, pool_number, pool_priority
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.schedule.reasons import Reason
from afcore.states import RenderState

__all__ = ["EVERY", "REMARKS", "FreeRenders", "Preference", "barred_by"]

_SICK = int(RenderState.SICK)
_SLEEPING = int(RenderState.WOL_SLEEPING | RenderState.WOL_WAKING)
_ONLINE = int(RenderState.ONLINE)
_AWAKE = int(RenderState.ONLINE | RenderState.SICK | RenderState.WOL_FALLING)
# Plain numbers: an enum's own operators cost a microsecond each, and this is asked at every start and end.

_OF_ONE_RENDER = (
    *(RenderAdded, RenderWentOnline, RenderWentOffline, RenderEdited, RenderDeleted),
    *(RenderInstructed, RenderWolFailed),
)

EVERY = -1
"""Every render, where one is named."""
_LONGEST_LOG = 50_000
REMARKS = frozenset({"annotation", "custom_data", "hidden", "new_nimby", "new_paused"})
"""Parameters of pools that decide nothing about the renders there are."""
_SIZES = frozenset({"priority", "paused", "capacity_host", "max_tasks_host"})
"""Parameters of pools that decide how much room a render has."""

Preference = tuple[int, int, int, int, float, int, int, str]
"""Sorts ascending: the smallest is the render liked best."""


def barred_by(farm: Farm, render: Render) -> Iterator[tuple[Reason, Render | Pool]]:
    """Yield what keeps every task off a render for as long as nobody edits it: its priority, its pools."""
    if render.priority <= 0:
        yield Reason.RENDER_PRIORITY_ZERO, render
    yield from _barred_below(farm, render.pool)


def _barred_below(farm: Farm, pool: int) -> Iterator[tuple[Reason, Pool]]:
    for each in pool_chain(farm, pool):
        if each.paused:
            yield Reason.POOL_PAUSED, each
        if each.priority <= 0:
            yield Reason.POOL_PRIORITY_ZERO, each


class FreeRenders:
    """The renders with room, with their remembered effective capacity and slots."""

    def __init__(self, farm: Farm, renders: Iterable[int] | None = None) -> None:
        """Look at all renders, or only at some: those that could take something."""
        self._farm = farm
        self._size: dict[int, tuple[int, int, int]] = {}
        """Render to (capacity, most tasks, pool priority)."""
        self._of_pool: dict[int, tuple[bool, int, int, int]] = {}
        """What each pool says, for renders that say nothing else."""
        self.free: dict[int, None] = {}
        self.changed: dict[int, None] = {}
        self.log: list[int] = []
        """The renders that changed and have room, in the order in which they did; the oldest are cut off."""
        self.log_base = 0
        """How many were cut off the log."""
        self.log_end = 0
        """How many ever were in it."""
        self.stamps: dict[int, int] = {}
        """When each free render changed last, in counts of the log."""
        self._in_pools: dict[int, list[tuple[Preference, int]]] = {}
        self._listed: dict[int, tuple[int, Preference]] = {}
        """In which pool's list a render is, and with what liking."""
        self._moved: dict[int, None] = {}
        """Free renders whose place in their list may be another one: found when somebody asks, not at each change."""
        self.measures_matter = False
        """Whether memory, disk or the like kept a task away, so that a new reading is a change."""
        for render in farm.renders if renders is None else renders:
            self.look(render)

    def size(self, render: Render) -> tuple[int, int, int]:
        """Return the effective capacity, the most tasks and the pool priority of a render."""
        known = self._size.get(render.id)
        if known is None:
            usable, capacity, most, priority = self._of_pool.get(render.pool) or self._ask(render.pool)
            if render.capacity_host != -1 or capacity < 0:
                capacity = capacity_of(self._farm, render)
            if not usable or render.priority <= 0:
                most = 0
            elif render.max_tasks_host >= 0 or most < 0:
                most = max_tasks_of(self._farm, render)
            known = self._size[render.id] = capacity, most, priority
        return known

    def _ask(self, pool: int) -> tuple[bool, int, int, int]:
        """Return what a pool says of renders without numbers of their own: usable, capacity, most tasks, priority."""
        farm = self._farm
        usable = next(_barred_below(farm, pool), None) is None
        capacity, most = pool_capacity(farm, pool), pool_number(farm, pool, "max_tasks_host")
        found = self._of_pool[pool] = usable, capacity, most, pool_priority(farm, pool)
        return found

    def room_reason(self, render: Render) -> Reason:
        """Return why a render can take no task of whatever size, or ``Reason.NONE``."""
        if render.state & _AWAKE == _ONLINE:
            capacity, most, _ = self.size(render)
            if len(render.runs) < most:
                return Reason.NONE if render.used_capacity < capacity else Reason.FULL
            return self._no_slot(render, most)
        if not render.state & _ONLINE:
            return Reason.ASLEEP if render.state & _SLEEPING else Reason.OFFLINE
        return Reason.SICK if render.state & _SICK else Reason.ASLEEP

    def _no_slot(self, render: Render, most: int) -> Reason:
        """Return why a render has no slot left, or has none at all."""
        standing = next(barred_by(self._farm, render), None) if most <= 0 else None
        return Reason.SLOTS if standing is None else standing[0]

    def look(self, render: int) -> None:
        """Look at one render again."""
        found = self._farm.renders.get(render)
        if found is not None and not self.room_reason(found):
            self.free[render] = None
            self.changed[render] = None
            self.log.append(render)
            self.log_end += 1
            self.stamps[render] = self.log_end
            self._moved[render] = None
            if len(self.log) > _LONGEST_LOG:
                half = len(self.log) // 2
                del self.log[:half]
                self.log_base += half
        else:
            self.free.pop(render, None)
            self.changed.pop(render, None)
            self._moved.pop(render, None)
            self._unlist(render)

    def in_pools(self) -> dict[int, list[tuple[Preference, int]]]:
        """Return the free renders of each pool, the one liked best first."""
        self._list_moved()
        return self._in_pools

    def _list_moved(self) -> None:
        for render in self._moved:
            self._list(self._farm.renders[render])
        self._moved.clear()

    def _list(self, render: Render) -> None:
        liked = self._preference(render)
        if self._listed.get(render.id) == (render.pool, liked):
            return
        self._unlist(render.id)
        self._listed[render.id] = render.pool, liked
        insort(self._in_pools.setdefault(render.pool, []), (liked, render.id))

    def _unlist(self, render: int) -> None:
        listed = self._listed.pop(render, None)
        if listed is not None:
            pool, liked = listed
            order = self._in_pools[pool]
            del order[bisect_left(order, (liked, render))]

    def note(self, event: Event) -> int:
        """Take in what happened; return of which render what is remembered of names and properties is out of date.

        0 is for none, ``EVERY`` for all of them.
        """
        kind = type(event)
        if kind is RunStarted or kind is RunFinished or kind is RunAdopted:
            self.look(event.render)  # type: ignore[union-attr]
            for held in getattr(event, "captured", ()):
                self.look(held.render)
            return 0
        if isinstance(event, RenderMeasured):
            if self.measures_matter and event.render in self.free:
                self.look(event.render)
            return 0
        if isinstance(event, _OF_ONE_RENDER):
            self._size.pop(event.render, None)
            self.look(event.render)
            return event.render
        if isinstance(event, PoolDeleted):
            self._of_pool.pop(event.pool, None)
            # Its renders went to the pool above, and are listed there when somebody asks.
            for _, render in self._in_pools.pop(event.pool, ()):
                self._listed.pop(render, None)
            return 0
        if isinstance(event, PoolEdited) and REMARKS.issuperset(event.new):
            return 0
        if isinstance(event, PoolEdited) and _SIZES.isdisjoint(event.new):
            return EVERY
        if isinstance(event, PoolEdited | FarmRecovered):
            self._size.clear()
            self._of_pool.clear()
            for render in self._farm.renders:
                self.look(render)
            return EVERY
        return 0

    def liking(self, render: int) -> Preference:
        """Return how much a candidate without a pools map likes a free render."""
        if self._moved:
            self._list_moved()
        return self._listed[render][1]

    def _preference(self, render: Render) -> Preference:
        capacity, most, priority = self.size(render)
        return (
            -priority,
            len(render.runs),
            render.used_capacity - capacity,
            -render.priority,
            render.task_changed,
            -capacity,
            -most,
            render.name,
        )
