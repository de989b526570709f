"""The parser of Softimage that renders with Arnold without a licence: people shall see that."""

from __future__ import annotations

from afrender.parsers.xsi_arnold import xsi_arnold

__all__ = ["xsi_arnold_watermarked"]


class xsi_arnold_watermarked(xsi_arnold):
    """As ``xsi_arnold``, with another activity."""

    rendering = "rendering WATERMARKED.."
