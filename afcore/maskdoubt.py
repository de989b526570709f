"""Doubts about hosts masks: a list of beginnings of names that looks like a regular expression and begins no name.

Rules of this file:
- Nothing is guessed: a mask means what its mode says; people are told when that looks wrong.
"""

import re
from collections.abc import Collection

from afcore.masks import Mask, mask_problem

__all__ = ["mask_doubt"]

_EXPRESSION = re.compile(r"[.*+?^$()\\[\]{}]")
"""Signs that mean something in a regular expression and stand in few names of hosts."""


def mask_doubt(name: str, pattern: str, renders: Collection[str]) -> str:
    """Return what to say about a mask whose mode is ``find``; empty when nothing looks wrong.

    ``name`` is how the parameter is called, ``renders`` the names of all known renders.
    """
    if not _EXPRESSION.search(pattern) or mask_problem(pattern):
        return ""
    if any(map(Mask(pattern, mode="find").matches, renders)):
        return ""
    meant = sum(map(Mask(pattern).matches, renders))
    known = f"as a regular expression it would match {meant}" if renders else "no render is known yet"
    return (
        f'{name} "{pattern}" is taken as a list of beginnings of names, and no render begins so ({known}): '
        'set hosts_mask_type to "regex" or "find".'
    )
