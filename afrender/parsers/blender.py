"""The parser of Blender: which frame it is at, and which files it saved."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["blender"]


class blender(Parser):
    """``Fra:`` with another number than before begins a frame; engines have parsers of their own for percentages."""

    str_error = words("Warning: Unable to open", "Render error: cannot save", "Error: CUDA error")

    _seen = ""

    @on("Fra:", r"Fra:(\S{1,20})")
    def _frame(self, found: re.Match[str]) -> None:
        if found[1] != self._seen:
            self._seen = found[1]
            self.next_frame()

    @on("Saved: ", r"^\s{0,8}Saved: (.+)")
    def _saved(self, found: re.Match[str]) -> None:
        self.appendFile(found[1].partition(" Time: ")[0].strip(" '\"[](){}<>"))
