"""The parser of curl's table: its first column is the percentage."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["curl"]


_SIZE = r"\s+[\d.]{1,12}[kMGTP]?"
_TIME = r"\s+(?:[\d:]{4,12}|\d{1,4}d \d\dh|--:--:--)"


class curl(Parser):
    """A row of twelve columns, drawn again and again into one line."""

    @on(":", rf"^\s{{0,8}}(\d{{1,3}}){_SIZE * 7}{_TIME * 3}{_SIZE}")
    def _row(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
