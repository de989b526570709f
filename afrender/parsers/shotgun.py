"""The parser of scripts that speak with Shotgun."""

from __future__ import annotations

from afrender.parsers.base import Parser, words

__all__ = ["shotgun"]


class shotgun(Parser):
    """A line of theirs that says so is an error."""

    str_error = words(
        "SHOTGUN ERROR",
    )
