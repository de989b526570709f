"""The parser of RenderMan: a percentage at the end of a line, and the files it opened."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["prman"]


class prman(Parser):
    """``R90000  35%``, and ``"a.tif" 1920x1080 mode = rgba``."""

    @on("%", r"(?:^|\s)(\d{1,3})%\s{0,8}$")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))

    @on(" mode = rgba", r'"([^"]{1,3000})".{0,400} mode = rgba')
    def _file(self, found: re.Match[str]) -> None:
        self.appendFile(found[1])
