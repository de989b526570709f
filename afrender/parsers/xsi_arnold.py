"""The parser of Softimage that renders with Arnold."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["xsi_arnold"]


class xsi_arnold(Parser):
    """Frames, percentages, frames that are skipped, and what it does now."""

    rendering = "rendering.."

    @on(": Rendering frame ", r": Rendering frame -?\d")
    def _frame(self, found: re.Match[str]) -> None:
        self.next_frame()
        self.activity = "loading.."

    @on("% done", r"(\d{1,3})% done")
    def _done(self, found: re.Match[str]) -> None:
        self.progress(int(found[1]))

    def progress(self, value: int) -> None:
        """Take the percentage of the frame."""
        self.frame_percent(value)
        self.activity = self.rendering if value < 100 else "finalizing.."

    @on("Skipping Frame ", r"Skipping Frame -?\d")
    def _skipped(self, found: re.Match[str]) -> None:
        self.skip()

    def skip(self) -> None:
        """A frame was not rendered because its files are there."""
        self.frame += 1
        self.calculate()
        self.activity = "skipping frames.."

    @on("Render completed ")
    def _completed(self, found: re.Match[str]) -> None:
        self.frame_percent(100)
