"""The parser of Nuke: files that it writes, tenths of the frame, the view."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["nuke"]


class nuke(Parser):
    """``Writing FILE .1.2.3``: another file begins a frame; the digits are drawn into the line while it works."""

    str_error = words("Worker process failed", "Segmentation fault", "Node execution error:")

    _file = ""

    @on("Writing ", r"^.{0,80}?Writing (.{1,3900}\.[A-Za-z]\w{1,5}) ", partial=True)
    def _writing(self, found: re.Match[str]) -> None:
        if found[1] != self._file:
            self._file = found[1]
            self.next_frame()

    @on(".", r"^(?:Writing .{1,3900} )?\s{0,8}(?:\.\d){0,12}\.(\d)\s{0,8}$", partial=True)
    def _tenths(self, found: re.Match[str]) -> None:
        self.frame_percent(10 * int(found[1]))

    @on("EXECUTING VIEW ", r'EXECUTING VIEW "([^"]{1,200})"')
    def _view(self, found: re.Match[str]) -> None:
        self.activity = found[1]

    @on(" license key.", r"Invalid .{0,200} license key\.")
    def _license(self, found: re.Match[str]) -> None:
        self.error = True
