"""The parser of Blender with its engine of old: parts of the frame."""

from __future__ import annotations

import re

from afrender.parsers.base import on
from afrender.parsers.blender import blender

__all__ = ["blender_render"]


class blender_render(blender):
    """``Part 4-16`` at the end of a line is a quarter of the frame."""

    @on("Part ", r"\bPart (\d{1,9})-(\d{1,9})\s{0,8}$")
    def _parts(self, found: re.Match[str]) -> None:
        self.share(int(found[1]), int(found[2]))
