"""Where a person has been in the window, to go back and forth as a browser does.

Rules of this file:
- No Qt and no rows: a spot is a place with what was opened and chosen there, by ids.
- Whatever is chosen for a moment on the way to something else is no spot of its own.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DWELL_S", "Spot", "Trail"]

DWELL_S = 2.0
"""Seconds for which something must have been chosen to be gone back to."""
_MOST = 100


class Spot(NamedTuple):
    """Somewhere that one can be again."""

    place: str
    """Key of the place in the sidebar."""
    opened: str = ""
    """``job`` or ``render`` where one was opened there."""
    what: int | str = 0
    """The job's id or the render's name."""
    block: int = 0
    chosen: int = -1
    """Id of the row, or index of the task, that was chosen; -1: none."""

    @property
    def view(self) -> tuple[str, str, int | str]:
        """What is seen, whatever is chosen in it."""
        return self.place, self.opened, self.what


class Trail:
    """The spots in the order in which they were visited, and which of them is the present one."""

    def __init__(self) -> None:
        self._spots: list[Spot] = []
        self._at = -1
        self._since = 0.0

    @property
    def here(self) -> Spot | None:
        """The present spot."""
        return self._spots[self._at] if self._spots else None

    @property
    def can_go_back(self) -> bool:
        """Whether there is a spot before this one."""
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        """Whether one went back from somewhere."""
        return self._at + 1 < len(self._spots)

    def visit(self, spot: Spot, now: float) -> None:
        """Somebody is there now (``now`` in seconds); what was ahead is forgotten where that is elsewhere."""
        here = self.here
        if spot == here:
            return
        moment = now - self._since < DWELL_S
        if here is not None and spot.view == here.view and (moment or here.chosen < 0 or spot.chosen < 0):
            # Passed over with the arrow keys, or nothing was chosen there yet.
            if spot.chosen >= 0:
                self._spots[self._at] = spot
                self._since = now
            return
        del self._spots[self._at + 1 :]
        self._spots.append(spot)
        del self._spots[: max(0, len(self._spots) - _MOST)]
        self._at = len(self._spots) - 1
        self._since = now

    def step(self, by: int, now: float) -> Spot | None:
        """Go to the spot before (-1) or after (1); None where there is none."""
        if not 0 <= self._at + by < len(self._spots):
            return None
        self._at += by
        self._since = now
        return self._spots[self._at]
