"""The parser of scripts and tools of one's own: they print ``PROGRESS: 50%``, ``FRAME: 12`` and a few marks."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["generic"]


class generic(Parser):
    """``FRAME:`` begins a frame (the first one counts none as completed), ``PROGRESS: N%`` is that of the frame."""

    @on("FRAME: ")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()

    @on("PROGRESS:", r"PROGRESS:\s{0,8}(-?\d{1,9}(?:\.\d{1,9})?)\s{0,8}%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(float(found[1]))
