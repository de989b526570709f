"""The parser of scripts that speak with ftrack."""

from __future__ import annotations

from afrender.parsers.base import Parser, words

__all__ = ["ftrack"]


class ftrack(Parser):
    """A line of theirs that says so is an error."""

    str_error = words(
        "FTRACK ERROR",
    )
