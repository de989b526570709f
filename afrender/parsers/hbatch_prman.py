"""The parser of Houdini that renders with RenderMan."""

from __future__ import annotations

from afrender.parsers.hbatch import hbatch
from afrender.parsers.prman import prman

__all__ = ["hbatch_prman"]


class hbatch_prman(prman, hbatch):
    """Frames as Houdini tells them, percentages as RenderMan does."""
