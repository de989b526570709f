"""The parser of Houdini that renders with Mantra."""

from __future__ import annotations

from afrender.parsers.hbatch import hbatch
from afrender.parsers.mantra import mantra

__all__ = ["hbatch_mantra"]


class hbatch_mantra(mantra, hbatch):
    """Frames as Houdini tells them, percentages as Mantra does."""
