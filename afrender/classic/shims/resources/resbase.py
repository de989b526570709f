"""The base class of classic resource meters: members tell what is shown, ``update`` sets them."""

from __future__ import annotations

__all__ = ["resbase"]


class resbase:
    """A meter; a constructor must set ``valid``, else it is never asked."""

    def __init__(self) -> None:
        self.value, self.valuemax = 0, 100
        self.width, self.height = 0, 50
        self.graphr, self.graphg, self.graphb = 0, 255, 0
        self.label, self.labelsize = "", 10
        self.labelr, self.labelg, self.labelb = 255, 255, 0
        self.bgcolorr, self.bgcolorg, self.bgcolorb = 10, 20, 5
        self.tooltip = ""
        self.valid = False

    def update(self) -> None:
        """Set the members: override this."""

    def do(self) -> resbase | None:
        """Measure; None when it is not valid. Raises what ``update`` raises."""
        if not self.valid:
            return None
        self.update()
        return self
