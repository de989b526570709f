"""The parser of After Effects' ``aerender``: one line for each frame, with its time code and number."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["afterfx"]


class afterfx(Parser):
    """``PROGRESS:  0:00:00:01 (2): 1 Seconds`` begins the second frame."""

    str_error = words("aerender Error", "After Effects error", "Unable to Render")

    @on("PROGRESS:", r"PROGRESS: [^(]{0,80}\(\d{1,9}\): [^S]{0,40}Seconds")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()
