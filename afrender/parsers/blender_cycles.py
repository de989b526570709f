"""The parser of Blender with Cycles: samples or tiles of the frame."""

from __future__ import annotations

import re

from afrender.parsers.base import on
from afrender.parsers.blender import blender

__all__ = ["blender_cycles"]


class blender_cycles(blender):
    """``Sample 8/16``, ``Rendered 12/40 Tiles`` and ``Path Tracing Tile 12/40`` are shares of the frame."""

    @on("Sample ", r"\| Sample (\d{1,9})/(\d{1,9})")
    def _samples(self, found: re.Match[str]) -> None:
        self.share(int(found[1]), int(found[2]))

    @on(" Tile", r"\| (?:Rendered (\d{1,9})/(\d{1,9}) Tiles|Path Tracing Tile (\d{1,9})/(\d{1,9}))")
    def _tiles(self, found: re.Match[str]) -> None:
        self.share(int(found[1] or found[3]), int(found[2] or found[4]))
