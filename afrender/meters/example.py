"""The meter ``example``: counts to its maximum and begins again, with everything that a meter can change."""

from __future__ import annotations

from afrender.meters.base import Meter

__all__ = ["example"]


class example(Meter):
    """Grows by 3 each time, and its plot with it."""

    def __init__(self) -> None:
        super().__init__()
        self.valid = True

    def update(self) -> None:
        """Count on."""
        self.value += 3
        if self.value > self.valuemax:
            self.value = 0
        self.height = 15 + self.value
        self.labelsize = 8 + self.value // 20
        self.graphr, self.graphg = 55 + 2 * self.value, 255 - 2 * self.value
        self.bgcolorb = 5 + self.value // 4
        self.label = f"Example: {self.value}"
        self.tooltip = f"An example: {self.value} of {self.valuemax}"
