"""The parser of Maya that writes V-Ray's scene files, one layer after the other."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["mayatovray"]


class mayatovray(Parser):
    """``Appending FILE`` begins a frame of the layer, ``Render complete`` ends the layer."""

    _layer = 1

    @on("Appending ")
    def _frame(self, found: re.Match[str]) -> None:
        if self._armed:
            self.activity = f"Layer {self._layer}:"
        self.next_frame()

    @on("Render complete")
    def _complete(self, found: re.Match[str]) -> None:
        self._layer += 1
        self._armed = False
        self.frame = 0
