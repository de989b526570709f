"""The parser of Redshift: blocks of the frame, frames done and skipped, triangles."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["redshift"]


class redshift(Parser):
    """``Block A/B … rendered by GPU``: several cards count at once, the greatest number is right."""

    str_error = words(
        "No devices found. Aborting rendering.",
        "Rendering was internally aborted",
        "Bad node type found: Redshift_ROP",
        "Bad node type found: redshift_vopnet",
        "Error an illegal memory access was encountered",
        "License error",
    )

    _blocks = 0
    _all = 0
    _triangles = 0

    def _begin(self) -> None:
        self._blocks = self._all = self.percentframe = 0
        self.calculate()

    @on(" rendered by GPU", r"Block (\d{1,9})/(\d{1,9}) .{0,80} rendered by GPU")
    def _block(self, found: re.Match[str]) -> None:
        self._blocks = max(self._blocks, int(found[1]))
        self._all = max(self._all, int(found[2]))
        if self._all and 100 * self._blocks // self._all > self.percentframe:
            self.share(self._blocks, self._all)

    @on("Rendering ", r"Rendering .{0,200}?frame -?\d{1,9}\.\.\.|Rendering frame -?\d{1,9}\.\.\.")
    def _frame_begins(self, found: re.Match[str]) -> None:
        self._begin()

    @on("Frame", r"Frame .{0,80}done")
    def _frame_done(self, found: re.Match[str]) -> None:
        self.frame += 1
        self._begin()

    @on("Skipping frame")
    def _skipped(self, found: re.Match[str]) -> None:
        self.frame += 1
        self._begin()

    @on("Rendering done")
    def _done(self, found: re.Match[str]) -> None:
        self.frame = self.numframes
        self.percentframe = 100 if self.numframes == 1 else 0
        self.calculate()

    @on("Total triangles:", r"Total triangles:\s{0,80}(\d{1,15})")
    def _count(self, found: re.Match[str]) -> None:
        self._triangles = max(self._triangles, int(found[1]))
        self.resources = f"triangles:{self._triangles}"
