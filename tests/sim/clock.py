"""Virtual time: one line of things to do, and event loops that put theirs on it.

Rules of this file:
- Nothing here reads a real clock: what is next is done, and then it is its time.
- A loop that died does nothing any more; one that sleeps does everything late, in its order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

__all__ = ["Handle", "SimClock", "SimLoop"]


class Handle:
    """Something to do at a time; what asyncio calls a timer handle."""

    __slots__ = ("arguments", "cancelled", "function", "loop")

    def __init__(self, loop: SimLoop, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.loop = loop
        self.function = function
        self.arguments = arguments
        self.cancelled = False

    def cancel(self) -> None:
        """Do it not."""
        self.cancelled = True


class SimClock:
    """The time of one world, in unix seconds."""

    def __init__(self, at: float) -> None:
        self.at = at
        self._heap: list[tuple[float, int, Handle]] = []
        self._orders = 0

    def put(self, at: float, loop: SimLoop, function: Callable[..., object], arguments: tuple[Any, ...]) -> Handle:
        """Do something at ``at``, after what was put there before."""
        self._orders += 1
        handle = Handle(loop, function, arguments)
        heapq.heappush(self._heap, (at if at > self.at else self.at, self._orders, handle))
        return handle

    def run(self, until: float) -> None:
        """Do everything up to ``until``, then be there."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            at, order, handle = heapq.heappop(heap)
            loop = handle.loop
            if handle.cancelled or loop.dead:
                continue
            if loop.asleep_until > at:
                heapq.heappush(heap, (loop.asleep_until, order, handle))
                continue
            self.at = at
            handle.function(*handle.arguments)
        self.at = until


class SimLoop:
    """As much of an asyncio event loop as server and agents use, on virtual time."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.dead = False
        self.asleep_until = 0.0
        self.slept = 0.0
        """Seconds in which its machine did not run: its steady clock stood still."""

    def time(self) -> float:
        """The steady clock of its machine."""
        return self._clock.at - self.slept

    def wall(self) -> float:
        """The wall clock."""
        return self._clock.at

    def is_closed(self) -> bool:
        """Whether it is over."""
        return self.dead

    def sleep(self, seconds: float) -> None:
        """Suspend the machine."""
        self.asleep_until = self._clock.at + seconds
        self.slept += seconds

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> Handle:
        """Do something as soon as what is waiting now is done."""
        return self._clock.put(self._clock.at, self, function, arguments)

    def call_later(self, delay: float, function: Callable[..., object], *arguments: Any) -> Handle:
        """Do something after ``delay`` seconds."""
        return self._clock.put(self._clock.at + delay, self, function, arguments)
