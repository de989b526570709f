"""The parser of Maya, whatever it renders with: words that mean failure."""

from __future__ import annotations

from afrender.parsers.base import Parser, words

__all__ = ["maya"]


class maya(Parser):
    """No progress."""

    str_error = words(
        "Frame aborted",
        "Frame rendering aborted",
        "Fatal Error",
        "Maya exited with status 210",
        "failed to render",
        "(kFailure)",
    )
