"""The parser of rsync with ``--progress`` or ``--info=progress2``: a percentage, drawn into one line."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["rsync"]


class rsync(Parser):
    """``9,043,968  45%    7.82MB/s``."""

    @on("%", r"(?:^|\s)(\d{1,3})%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
