"""The parser of Blender with YafaRay."""

from __future__ import annotations

from afrender.parsers.blender import blender
from afrender.parsers.yafray import yafray

__all__ = ["blender_yafray"]


class blender_yafray(blender, yafray):
    """Frames as Blender tells them, their percentage as YafaRay draws it."""
