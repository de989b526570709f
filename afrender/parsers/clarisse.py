"""The parser of Clarisse: percentage of the image, and images that it saved."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["clarisse"]


class clarisse(Parser):
    """``Saving Image:`` completes a frame."""

    @on("Progress for ", r"^.{0,80}?Progress for .*: (\d{1,3})%")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))

    @on("Saving Image:")
    def _saving(self, found: re.Match[str]) -> None:
        self.frame += 1
        self.calculate()

    @on("File '", r"File '([^']{1,4000})'")
    def _file(self, found: re.Match[str]) -> None:
        self.appendFile(found[1])
