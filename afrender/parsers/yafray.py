"""The parser of YafaRay: a bar of 13 signs for each pass."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["yafray"]


class yafray(Parser):
    """``Render pass: [`` and the signs ``#`` behind it, or in the lines that follow it."""

    _bar = False
    _signs = 0

    @on("Render pass: [", r"Render pass: \[\s{0,8}(#{0,13})", partial=True)
    def _pass(self, found: re.Match[str]) -> None:
        self._bar = True
        self._signs = len(found[1])
        self.share(self._signs, 13)

    @on("#", r"^(#{1,13})", partial=True)
    def _part(self, found: re.Match[str]) -> None:
        if self._bar:
            self.share(self._signs + len(found[1]), 13)

    @on("#", r"^(#{1,13})")
    def _line_over(self, found: re.Match[str]) -> None:
        self._signs += len(found[1])
