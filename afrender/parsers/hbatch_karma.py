"""The parser of Houdini that renders with Karma."""

from __future__ import annotations

from afrender.parsers.hbatch import hbatch
from afrender.parsers.karma import karma

__all__ = ["hbatch_karma"]


class hbatch_karma(karma, hbatch):
    """Frames as Houdini tells them, percentages as Karma does."""
