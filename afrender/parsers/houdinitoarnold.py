"""The parser of Houdini that renders with Arnold."""

from __future__ import annotations

from afrender.parsers.arnold import arnold
from afrender.parsers.hbatch import hbatch

__all__ = ["houdinitoarnold"]


class houdinitoarnold(arnold, hbatch):
    """Frames as Houdini tells them; Arnold's percentage is that of a frame here."""

    def image_percent(self, value: int) -> None:
        """Take how much of the frame is rendered."""
        self.frame_percent(value)
