"""The parser of LightWave: a percentage that only grows until the frame is finished."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["lightwave"]


class lightwave(Parser):
    """``Beginning frame: N``, ``Render Complete N%``, ``Finished frame: N``."""

    @on("Beginning frame: ", r"Beginning frame: -?\d")
    def _frame_begins(self, found: re.Match[str]) -> None:
        self.frame_percent(0)

    @on("Render Complete ", r"Render Complete (\d{1,3})%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(max(self.percentframe, int(found[1])))

    @on("Finished frame: ", r"Finished frame: -?\d")
    def _finished(self, found: re.Match[str]) -> None:
        self.frame += 1
        self.frame_percent(0)
