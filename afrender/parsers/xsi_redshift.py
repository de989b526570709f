"""The parser of Softimage that renders with Redshift."""

from __future__ import annotations

import re

from afrender.parsers.base import on
from afrender.parsers.xsi_arnold import xsi_arnold

__all__ = ["xsi_redshift"]


_LESS = 20
"""How much smaller a percentage may be than the one before: several cards tell theirs, the next pass begins anew."""


class xsi_redshift(xsi_arnold):
    """``Block A/B … rendered by GPU`` is a share of the frame; ``N skipped`` is a frame that was there."""

    @on(" rendered by GPU", r"Block (\d{1,9})/(\d{1,9}) .{0,80} rendered by GPU")
    def _block(self, found: re.Match[str]) -> None:
        value = 100 * int(found[1]) // (int(found[2]) or 1)
        if value >= self.percentframe - _LESS:
            self.progress(value)

    @on(" skipped", r"\d{1,9} skipped")
    def _frames_skipped(self, found: re.Match[str]) -> None:
        self.skip()
