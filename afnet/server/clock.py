"""The one real clock of the server: wall time anchored to the steady clock, never backwards.

Rules of this file:
- Nothing else in the server reads a clock to stamp a command or a row.
- Forward steps of the wall clock (and a suspend, during which the steady clock stood) are followed at once, backward
  steps by standing still until the wall has caught up.
- ``check`` tells of a suspend: no render was silent for the server's own sleep.
"""

import time
from collections.abc import Callable

__all__ = ["Clock"]

_DRIFT = 1.0
"""Seconds by which wall and steady clock may differ before the anchor is moved."""


class Clock:
    """Unix seconds that never go back; ``wall`` and ``steady`` are the system's clocks, or a test's."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._anchor = wall() - steady()
        self._latest = 0.0

    def now(self) -> float:
        """Return unix seconds; never less than any earlier answer."""
        now = self._steady() + self._anchor
        if now < self._latest:
            return self._latest
        self._latest = now
        return now

    def check(self) -> float:
        """Compare both clocks; re-anchor when they went apart and return by how much the time jumped forward.

        Called when the server has something to do, not by a timer of its own.  A backward step moves the anchor too,
        and ``now`` stands still until the wall has caught up.
        """
        drift = self._wall() - self._steady() - self._anchor
        if -_DRIFT < drift < _DRIFT:
            return 0.0
        self._anchor += drift
        return max(0.0, drift)
