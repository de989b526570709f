"""The parser of Houdini: frames of its output drivers, percentages of Alembic files."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on, words

__all__ = ["hbatch"]


class hbatch(Parser):
    """``RopNode.render: frame N`` begins a frame."""

    str_warning = words("OpenCL Exception", "Failed to create")
    str_error = words(
        "No licenses could be found to run this application",
        "Please check for a valid license server host",
    )

    @on("RopNode.render: frame ")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()

    @on("ABC_PROGRESS ", r"ABC_PROGRESS (\d{1,3})")
    def _progress(self, found: re.Match[str]) -> None:
        self.frame_percent(int(found[1]))
