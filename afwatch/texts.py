"""Texts in the person's language: every text that is shown passes through ``tr``.

Rules of this file:
- No Qt: the program that opens a window says how texts are translated (``use_translator``), before it imports views.
- A text is written in full, with places ``{0}`` for what differs; a translation may put them in another order.  A
  translation that does not fit its places is a mistake of the translation: the text is shown as it was written.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["CONTEXT", "tr", "use_translator"]

CONTEXT = "afwatch"
"""Context of all texts in the files of translations."""


def _as_written(text: str) -> str:
    return text


_translate: Callable[[str], str] = _as_written


def use_translator(translate: Callable[[str], str] | None) -> None:
    """Let texts be translated from now on; None shows them as they are written."""
    global _translate
    _translate = translate or _as_written


def tr(text: str, /, *values: object) -> str:
    """Return a text as the person reads it, its places filled with values."""
    found = _translate(text)
    if not values:
        return found
    try:
        return found.format(*values)
    except (IndexError, KeyError, ValueError):
        return text.format(*values)
