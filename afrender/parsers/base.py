"""The contract of a parser: it is shown whole lines of a task's output and sets members that tell what they mean.

Rules of this file:
- ``do`` is given whole lines only (each ended by one newline), so results do not depend on how the bytes were cut;
- the member names are those farm people know, custom parsers set them;
- values are clamped here, once, so that a wrong parser cannot send nonsense to the farm.

A custom parser inherits ``Parser`` and overrides ``do``; lists of keywords (``str_error`` and its sisters) often are
enough. Names of members follow the trade's habit, not this project's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

__all__ = ["Parser"]

_MARKS = ("ACTIVITY: ", "REPORT: ", "Image: ", "@IMAGE@", "@IMAGE!@")


class Parser:
    """Reads the output of one run.

    Members that ``do`` may set:
    ``percent``, ``frame``, ``percentframe``: whole numbers; total percent, number of completed frames (from 0), percent
    of the current frame. ``progress_changed``: the task shows life; by default whenever there was output.
    ``warning``: tell people. ``error``, ``fatalerror``: end the task as failed (fatal: without trying again).
    ``badresult``: fail it when it has ended. ``finishedsuccess``: end it as done.
    ``activity``: what it does now. ``report``: shown at the job. ``resources``: what it measured (``triangles:5``).
    ``log``: a line for the task's log of events.
    """

    str_warning: ClassVar[Sequence[str]] = ()
    str_error: ClassVar[Sequence[str]] = ()
    str_fatalerror: ClassVar[Sequence[str]] = ()
    str_badresult: ClassVar[Sequence[str]] = ()
    str_finishedsuccess: ClassVar[Sequence[str]] = ()

    percent: int = 0
    frame: int = 0
    percentframe: int = 0
    numframes: int = 1
    progress_changed: bool = False
    warning: bool = False
    error: bool = False
    fatalerror: bool = False
    badresult: bool = False
    finishedsuccess: bool = False
    activity: str = ""
    report: str = ""
    resources: str = ""
    log: str = ""
    pid: int = 0

    def __init__(self) -> None:
        self.files: list[str] = []
        self.files_onthefly: list[str] = []
        self.files_all: set[str] = set()
        self.taskInfo: Mapping[str, Any] = {}

    def setTaskInfo(self, info: Mapping[str, Any]) -> None:
        """Take what is known of the task; ``frames_num`` gives ``numframes``."""
        self.taskInfo = info
        self.numframes = max(1, int(info.get("frames_num", 1)))

    def do(self, i_args: dict[str, Any]) -> str | None:
        """Read a portion: override this.

        ``mode``: ``RUN``, or ``EXIT_CODE:STOP_TIME`` once the process has ended (stop time 0 when nobody stopped it).
        ``pid``: the process. ``data``: whole lines. ``resources``: the host's resources as JSON text.
        A returned text is stored in place of ``data``.
        """
        return None

    def parse(self, *, mode: str, pid: int, data: str, resources: str = "{}") -> str | None:
        """Read a portion: keywords and common lines first, then ``do``. Raises whatever ``do`` raises."""
        self.pid = pid
        self.progress_changed = bool(data)
        if data:
            self.activity = ""
            self.report = ""
            self._keywords(data)
            if any(mark in data for mark in _MARKS):
                self._common_lines(data)
        result = self.do({"mode": mode, "pid": pid, "data": data, "resources": resources})
        return result if isinstance(result, str) else None

    def calculate(self) -> None:
        """Bring ``frame`` and ``percentframe`` into their ranges and make ``percent`` of them."""
        self.frame = max(0, min(int(self.frame), self.numframes))
        self.percentframe = max(0, min(int(self.percentframe), 100))
        if self.numframes > 1:
            total = (100 * self.frame + self.percentframe) // self.numframes
        else:
            total = self.percentframe
        self.percent = max(0, min(total, 100))

    def appendFile(self, i_file: str, i_onthefly: bool = False) -> None:
        """Note a file the task wrote, for its thumbnail; on the fly: make it now. Ignored when it is not there."""
        name = i_file.strip()
        if not name or name in self.files_all:
            return
        self.files_all.add(name)
        path = os.path.join(str(self.taskInfo.get("wdir", "")), name)
        if os.path.isfile(path):
            (self.files_onthefly if i_onthefly else self.files).append(path)

    def _keywords(self, data: str) -> None:
        lower = ""
        for words, member in (
            (self.str_warning, "warning"),
            (self.str_error, "error"),
            (self.str_fatalerror, "fatalerror"),
            (self.str_badresult, "badresult"),
            (self.str_finishedsuccess, "finishedsuccess"),
        ):
            if words:
                lower = lower or data.lower()
                if any(word.lower() in lower for word in words):
                    setattr(self, member, True)

    def _common_lines(self, data: str) -> None:
        for line in data.splitlines():
            if line.startswith("ACTIVITY: "):
                self.activity = line[10:].strip()
            elif line.startswith("REPORT: "):
                self.report = line[8:].strip()
            elif line.startswith("Image: "):
                self.appendFile(line[7:])
                self.frame += 1
                self.calculate()
            elif "@IMAGE@" in line:
                self.appendFile(line.partition("@IMAGE@")[2])
            elif "@IMAGE!@" in line:
                self.appendFile(line.partition("@IMAGE!@")[2], True)
