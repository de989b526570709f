"""The base of every custom meter: a class sets its members in ``update`` and the farm shows them.

The names are those that meters of the trade have; ``docs/meters.md`` is for who writes one.
"""

from __future__ import annotations

import traceback
from typing import Any

__all__ = ["Meter", "described", "failure"]

_NUMBERS = (
    "value", "valuemax", "width", "height", "labelsize",
    "graphr", "graphg", "graphb", "labelr", "labelg", "labelb", "bgcolorr", "bgcolorg", "bgcolorb",
)  # fmt: skip
_COLOURS = {"graph_clr": "graph", "label_clr": "label", "back_clr": "bgcolor"}


class Meter:
    """One reading with its plot. ``valid`` must be set by the constructor, or ``update`` is never called."""

    def __init__(self) -> None:
        self.value = 0
        self.valuemax = 100
        self.width = 0
        self.height = 50
        self.graphr, self.graphg, self.graphb = 0, 255, 0
        self.label = ""
        self.labelsize = 10
        self.labelr, self.labelg, self.labelb = 255, 255, 0
        self.bgcolorr, self.bgcolorg, self.bgcolorb = 10, 20, 5
        self.tooltip = ""
        self.valid = False

    def update(self) -> None:
        """Measure, and set the members; called each time the render measures itself."""

    def do(self) -> Meter | None:
        """Update and return itself; None when it is not valid. What ``update`` raises goes to the caller."""
        if not self.valid:
            return None
        self.update()
        return self


def described(name: str, meter: Any) -> dict[str, Any]:
    """Return a meter as the farm is told of it. Raises TypeError naming a member that is no whole number."""
    for member in _NUMBERS:
        value = getattr(meter, member)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f'"{member}" of the meter must be a whole number, not {value!r}')
    data: dict[str, Any] = {
        "name": name,
        "value": meter.value,
        "value_max": meter.valuemax,
        "width": meter.width,
        "height": meter.height,
        "label": str(meter.label),
        "label_size": meter.labelsize,
        "tooltip": str(meter.tooltip),
        "valid": True,
    }
    for key, prefix in _COLOURS.items():
        data[key] = [max(0, min(255, getattr(meter, f"{prefix}{part}"))) for part in "rgb"]
    return data


def failure(name: str, why: str | None = None) -> dict[str, Any]:
    """Return what is shown of a meter that failed: ``why``, or the exception that is being handled."""
    text = why if why is not None else traceback.format_exc()
    last = text.strip().rpartition("\n")[2]
    meter = Meter()
    meter.label, meter.tooltip = f"{name}: failed", f"{last}\n\n{text}" if last != text else text
    return {**described(name, meter), "valid": False}
