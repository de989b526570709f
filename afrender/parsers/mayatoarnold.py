"""The parser of Maya that writes Arnold's scene files."""

from __future__ import annotations

import re

from afrender.parsers.arnold import arnold
from afrender.parsers.base import on
from afrender.parsers.maya import maya

__all__ = ["mayatoarnold"]


class mayatoarnold(maya):
    """Each file that is begun counts."""

    str_error = arnold.str_error

    @on("writing scene to")
    def _file(self, found: re.Match[str]) -> None:
        self.frame += 1
        self.calculate()
