"""The parser of Maya that renders with Arnold."""

from __future__ import annotations

import re

from afrender.parsers.base import on, words
from afrender.parsers.maya import maya

__all__ = ["maya_arnold"]


class maya_arnold(maya):
    """``100% done`` of one frame of several completes it."""

    str_error = words(
        "[mtoa] Failed batch render",
    )

    @on("% done", r"(\d{1,3})% done")
    def _progress(self, found: re.Match[str]) -> None:
        value = int(found[1])
        if value == 100 and self.numframes > 1:
            self.frame += 1
            value = 0
        self.frame_percent(value)
