"""The parser of V-Ray: the percentage of the whole task, and images that it wrote."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["vray"]


class vray(Parser):
    """``Rendering image...:  45.5%`` and ``Successfully written image file "a.0001.png"``."""

    @on("Rendering image", r"Rendering image[^:]{0,80}:\s{0,20}(\d{1,3})(?:\.\d{1,9})?")
    def _progress(self, found: re.Match[str]) -> None:
        self.percent = min(int(found[1]), 100)

    @on("Successfully written image file ", r'Successfully written image file "([^"]{1,3000})"')
    def _file(self, found: re.Match[str]) -> None:
        self.appendFile(found[1])
