"""The parser of RV's converter."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["rvio"]


class rvio(Parser):
    """``Writing frame 12 (34.50% done)``: the percentage is that of the whole task."""

    @on("Writing frame ", r"Writing frame -?\d{1,9} \((\d{1,3})(?:\.\d{1,9})?% done\)")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
