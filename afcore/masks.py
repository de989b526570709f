"""Patterns over names: which renders, jobs and blocks a mask means.

Two modes. ``regex``: a regular expression that must match the whole text. ``find`` (also written ``list``): parts split
at ``| ; , :`` and space, of which one must begin the text. A *contains* mask looks anywhere in the text instead. An
empty mask matches everything; an excluding mask that is not empty is turned round.

Whoever may submit writes masks, so none may hold up the process that asks them: see ``expressions``.

Hosts masks without a mode are regular expressions here; the classic dialect, whose default is ``find``, says so itself.
Masks of dependence and the patterns of pools are always regular expressions.
"""

from __future__ import annotations

import re
from typing import Optional

from afcore.expressions import Expression, TooHard, compiled

__all__ = ["Mask", "mask_problem"]

_SPLIT = re.compile(r"[|;,:\s]+")
_FIND = ("find", "list")


class Mask:
    """A compiled mask. Raises ``re.error`` when a regular expression is broken: ask ``mask_problem`` before."""

    __slots__ = ("_contains", "_exclude", "_parts", "_regex", "pattern")

    def __init__(
        self,
        pattern: str,
        *,
        mode: str = "regex",
        contains: bool = False,
        exclude: bool = False,
        ignore_case: bool = False,
    ) -> None:
        self.pattern = pattern
        self._contains = contains
        self._exclude = exclude
        self._parts: tuple[str, ...] = ()
        self._regex: Optional[Expression] = None
        if mode in _FIND:
            self._parts = tuple(part for part in _SPLIT.split(pattern) if part)
        elif pattern:
            # It was looked at by ``mask_problem`` when it was given, or before there was such a look.
            self._regex = compiled(pattern, ignore_case, True)

    @property
    def empty(self) -> bool:
        """The mask matches everything."""
        return self._regex is None and not self._parts

    def matches(self, text: str) -> bool:
        """Say whether ``text`` is meant."""
        if self._regex is not None:
            search = self._regex.search if self._contains else self._regex.fullmatch
            return search(text) != self._exclude
        if not self._parts:
            return True
        if self._contains:
            return any(part in text for part in self._parts) != self._exclude
        return text.startswith(self._parts) != self._exclude


def mask_problem(pattern: str, *, mode: str = "regex") -> str:
    """Return why ``pattern`` is no mask, with the position of the fault, or an empty text when it is one."""
    if mode in _FIND:
        return ""
    try:
        compiled(pattern)
    except TooHard as error:
        return f'"{_shown(pattern)}" is no mask that can be used: {error}'
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        return f'"{_shown(pattern)}" is no regular expression: {error.msg}{where}'
    except (OverflowError, RecursionError) as error:
        return f'"{_shown(pattern)}" is no regular expression that can be used: {error}'
    return ""


def _shown(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:57] + "…"
