"""The parser of Maya that simulates with FumeFX."""

from __future__ import annotations

import re

from afrender.parsers.base import on, words
from afrender.parsers.maya import maya

__all__ = ["mayafumefx"]


class mayafumefx(maya):
    """``FumeFX: Frame: N`` begins a frame."""

    str_error = words(
        "Error: FumeFX is not authorized",
    )

    @on("FumeFX: Frame: ")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()
