"""The parser of Amazon's ``aws s3``: parts done of all parts."""

from __future__ import annotations

import re

from afrender.parsers.base import Parser, on

__all__ = ["awscli"]


class awscli(Parser):
    """``Completed 3 of 12 part(s)`` is a quarter."""

    @on(" part", r"(\d{1,9}) of (\d{1,9}) part")
    def _parts(self, found: re.Match[str]) -> None:
        self.share(int(found[1]), int(found[2]))
