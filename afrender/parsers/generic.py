"""The parser of scripts and tools of one's own: they print ``PROGRESS: 50%``, ``FRAME: 12`` and a few marks."""

from __future__ import annotations

import re
from typing import Any

from afrender.parsers.base import Parser

__all__ = ["generic"]

_LINE = re.compile(r"FRAME: |PROGRESS:\s*(-?\d+(?:\.\d+)?)\s*%")


class generic(Parser):
    """``FRAME:`` begins a frame (the first one counts none as completed), ``PROGRESS: N%`` is that of the frame."""

    str_warning = ("[ PARSER WARNING ]",)
    str_error = ("[ PARSER ERROR ]",)
    str_fatalerror = ("[ PARSER FATAL ERROR ]",)
    str_badresult = ("[ PARSER BAD RESULT ]",)
    str_finishedsuccess = ("[ PARSER FINISHED SUCCESS ]",)

    _begun = False

    def do(self, i_args: dict[str, Any]) -> str | None:
        """Count frames and take the newest percentage."""
        data = i_args["data"]
        if "FRAME: " not in data and "PROGRESS:" not in data:
            return None
        for found in _LINE.finditer(data):
            if found.group(1) is not None:
                self.percentframe = int(float(found.group(1)))
            elif self._begun:
                self.frame += 1
                self.percentframe = 0
            else:
                self._begun = True
        self.calculate()
        return None
