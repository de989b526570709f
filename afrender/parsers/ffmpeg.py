"""The parser of ffmpeg: time written of the longest input, or frames of a number told before."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["ffmpeg"]


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


class ffmpeg(Parser):
    """``Duration:`` and ``time=``, or ``Frames: N`` (a movie script's own line) and ``frame=``."""

    str_warning = words(
        "invalid",
    )
    str_error = words("impossible to open", "no such file or directory")
    str_badresult = words(
        "output file is empty",
    )

    _frames = 0
    _duration = 0.0

    @on("Frames: ", r"^\s{0,8}Frames: (\d{1,9})")
    def _count(self, found: re.Match[str]) -> None:
        self._frames = int(found[1])

    @on("Duration: ", r"Duration: (\d{1,4}):(\d\d):(\d\d(?:\.\d{1,6})?)")
    def _length(self, found: re.Match[str]) -> None:
        self._duration = max(self._duration, _seconds(found[1], found[2], found[3]))

    @on("frame=", r"frame=\s{0,12}(\d{1,9})")
    def _frame(self, found: re.Match[str]) -> None:
        self.share(int(found[1]), self._frames)

    @on("time=", r"time=(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,6})?)")
    def _time(self, found: re.Match[str]) -> None:
        if not self._frames:
            self.share(_seconds(found[1], found[2], found[3]), self._duration)
