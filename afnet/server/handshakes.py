"""TLS handshakes begin a few in each turn of the loop: a farm of agents that comes back at once holds nobody up.

Rules of this file:
- A handshake is some milliseconds of arithmetic that nothing interrupts; all else has its turn between a few of them.
- First come, first served. Who has gone while it waited costs nothing.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Hashable

__all__ = ["AT_ONCE", "Handshakes", "has_gone"]

AT_ONCE = 2
"""Handshakes that begin in one turn of the loop; with their second halves a few milliseconds."""

_GONE = getattr(select, "POLLRDHUP", 0)


class Handshakes:
    """Callers whose TLS handshake is still to begin, in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.at_once = at_once
        """Handshakes that begin in one turn."""
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._free = at_once
        self._turn: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, caller: Hashable, begin: Callable[[], None]) -> None:
        """Call ``begin`` when it is a caller's turn: at once, where not many call."""
        self._waiting[caller] = begin
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next)
        self._begin()

    def forget(self, caller: Hashable) -> None:
        """A caller waits no more."""
        self._waiting.pop(caller, None)

    def _begin(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            self._waiting.pop(next(iter(self._waiting)))()

    def _next(self) -> None:
        """A new turn of the loop."""
        self._free = self.at_once
        self._turn = asyncio.get_running_loop().call_soon(self._next) if self._waiting else None
        self._begin()


def has_gone(accepted: socket.socket) -> bool:
    """Say whether the other end has closed, whatever it said before; False where the system does not tell."""
    if not _GONE:
        return False
    look = select.poll()
    look.register(accepted, _GONE)
    return bool(look.poll(0))
