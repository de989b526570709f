"""The parser of Natron: it speaks as Nuke does, and numbers its frames."""

from __future__ import annotations

import re

from afrender.parsers.base import on, words
from afrender.parsers.nuke import nuke

__all__ = ["natron"]


class natron(nuke):
    """``Frame rendered: N (33%)`` with another number than before begins a frame."""

    str_error = words(
        "Worker process failed",
    )

    _number = ""

    @on("Frame rendered: ", r"Frame rendered: (-?\d{1,9})(?:\s|$)")
    def _rendered(self, found: re.Match[str]) -> None:
        if found[1] != self._number:
            self._number = found[1]
            self.next_frame()
