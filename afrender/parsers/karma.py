"""The parser of Karma: it speaks as Mantra does, under its own name."""

from __future__ import annotations

from afrender.parsers.base import words
from afrender.parsers.mantra import mantra

__all__ = ["karma"]


class karma(mantra):
    """``Image: FILE`` names the image here; it does not say that a frame is completed."""

    str_warning = words("karma: No velocity attribute found for motion blur", "karma: WARNING:")

    image_counts_frame = False
    renderer = "karma"
