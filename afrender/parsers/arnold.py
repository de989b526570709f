"""The parser of Arnold's ``kick``: a percentage of the image, and what the memory came to."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, gigabytes, on, words

__all__ = ["arnold"]


class arnold(Parser):
    """``45% done`` is the percentage of the whole task: a scene file holds one frame."""

    str_warning = words(
        "rendering with watermarks because of failed authorization",
    )
    str_error = words(
        "Error reading pixel data from image file",
        "ERROR | [ass] can't open",
        "ERROR | [ass] can't read in",
        "ERROR | [texturesys] unspecified OIIO error ",
        "can't create file",
        "ERROR   | signal caught: SIGABRT -- Abnormal process abort",
        "[rlm] error initializing license system",
        "ERROR | [alembic] invalid archive",
    )

    @on("% done", r"(\d{1,3})% done")
    def _image(self, found: re.Match[str]) -> None:
        self.image_percent(int(found[1]))

    def image_percent(self, value: int) -> None:
        """Take how much of the image is rendered."""
        self.percent = min(value, 100)

    @on("peak CPU memory used", r"peak CPU memory used\s{0,40}(\d{1,9}(?:\.\d{1,9})?)\s?([kKMGT]?B)")
    def _memory(self, found: re.Match[str]) -> None:
        self.resources = "arnold_gb:" + gigabytes(found[1], found[2])
