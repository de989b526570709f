"""The parser of Maya that renders with mental ray."""

from __future__ import annotations

import re

from afrender.parsers.base import on
from afrender.parsers.maya import maya

__all__ = ["maya_mental"]


class maya_mental(maya):
    """A scene of a greater frame number than before counts a frame, the first one too."""

    _seen: int | None = None

    @on("begin scene preprocessing for frame ", r"SCEN .{0,80}begin scene preprocessing for frame (-?\d{1,9})")
    def _frame(self, found: re.Match[str]) -> None:
        number = int(found[1])
        if self._seen is None or number > self._seen:
            self._seen = number
            self.frame += 1
            self.calculate()

    @on("rendered on", r"JOB .{0,80}progr:\s{0,20}(\d{1,3})(?:\.\d{1,9})?%\s{1,20}rendered on")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
