"""The parser of REDline: a share of one, in hundredths."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["redline"]


class redline(Parser):
    """``Export Job frame complete. 0.25`` is a quarter; the last number of a line counts."""

    @on(" 0.", r"^.*\s0\.(\d\d)(?!\S)")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))

    @on(" 1.00", r"\s1\.00(?!\S)")
    def _done(self, found: re.Match[str]) -> None:
        self.frame_percent(100)
