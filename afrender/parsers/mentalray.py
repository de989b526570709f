"""The parser of mental ray: the percentage of the whole task."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["mentalray"]


class mentalray(Parser):
    """``JOB  0.2  progr:   34.5%   rendered on host.2``."""

    @on("rendered on", r"JOB .{0,80}progr:\s{0,20}(\d{1,3})(?:\.\d{1,9})?%\s{1,20}rendered on")
    def _progress(self, found: re.Match[str]) -> None:
        self.percent = min(int(found[1]), 100)
