"""The parser of Maya that renders with 3Delight."""

from __future__ import annotations

import re

from afrender.parsers.base import on
from afrender.parsers.maya import maya

__all__ = ["maya_delight"]


class maya_delight(maya):
    """``Frame N: caching geometry:`` begins a frame."""

    @on(": caching geometry:", r"Frame -?\d{1,9}: caching geometry:")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()
