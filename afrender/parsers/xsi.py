"""The parser of Softimage: number of the frame and percentages of mental ray."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["xsi"]


class xsi(Parser):
    """``Rendering frame N`` begins a frame; the percentage stands until the next one."""

    @on("Rendering frame ", r"Rendering frame -?\d")
    def _frame(self, found: re.Match[str]) -> None:
        kept = self.percentframe
        self.next_frame()
        self.frame_percent(kept)

    @on("progr: ", r"progr:\s{0,20}(\d{1,3})(?:\.\d{1,9})?%\s{1,20}rendered")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
