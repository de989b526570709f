"""The parser of Cinema 4D: number of the frame and its percentage."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["c4d"]


class c4d(Parser):
    """``Rendering frame N``: how far N is from the first one seen tells the completed frames."""

    str_error = words("Files cannot be written - please check output paths!", "Error rendering project")

    _first: int | None = None

    @on("Rendering frame ", r"Rendering frame (-?\d{1,9})")
    def _frame(self, found: re.Match[str]) -> None:
        number = int(found[1])
        if self._first is None:
            self._first = number
        frame = (number - self._first) // max(1, int(self.taskInfo.get("frame_inc", 1)))
        if frame != self.frame:
            self.percentframe = 0
        self.frame = frame
        self.calculate()

    @on("Progress: ", r"Progress: (\d{1,3})%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
