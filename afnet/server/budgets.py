"""How many requests one peer may make: so many a second, and for a moment ten times as many.

Rules of this file:
- A peer is an address, whatever it says it is: who opens more connections gets no more.
- Nothing wakes up for it; an address that was quiet for long enough to have everything back is forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable

from afcore.errors import LimitReached

__all__ = ["RequestBudget"]

_BURST = 10.0
"""Seconds of requests that may come at once."""
_KNOWN_MOST = 10_000


class RequestBudget:
    """Counts requests by address."""

    def __init__(self, rate: float, *, clock: Callable[[], float]) -> None:
        """``rate`` is requests a second; ``clock`` a steady one in seconds."""
        self._rate = float(rate)
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, origin: str) -> None:
        """Count one request of an origin.  Raises LimitReached when its budget is used up."""
        address = origin.rpartition(" ")[2]
        now = self._clock()
        spent, last = self._spent.pop(address, (0.0, now))
        spent = max(0.0, spent - (now - last) * self._rate) + 1.0
        most = self._rate * _BURST
        self._spent[address] = (min(spent, most), now)
        if len(self._spent) > _KNOWN_MOST:
            self._spent.popitem(last=False)
        if spent > most:
            raise LimitReached(
                f"More than {self._rate:g} requests a second come from {address or 'one program'}: "
                "the budget peer_requests_per_second is used up.",
                hint="Ask for more at once, or wait between two requests.", code="too_many",
            )  # fmt: skip
