"""The parser of 3ds Max: frames that it completed, percentages of mental ray."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["max"]


class max(Parser):
    """The first ``Frame N completed`` says that the counting begins; the percentage stands until the next one."""

    str_error = words(
        "Error occured while rendering job.",
    )

    @on(" completed", r"Frame -?\d{1,9} completed")
    def _frame(self, found: re.Match[str]) -> None:
        kept = self.percentframe
        self.next_frame()
        self.frame_percent(kept)

    @on("progr: ", r"progr:\s{0,20}(\d{1,3})(?:\.\d{1,9})?%\s{1,20}rendered")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
