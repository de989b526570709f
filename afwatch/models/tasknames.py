"""Names of the tasks of a numeric block, made here as the farm makes them, and which of them hold some words.

Rules of this file:
- Pure.  Names are made for a stretch of tasks at a time; who needs a million asks for many stretches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from afcore.frames import FrameRange, numeric_task_name
from afcore.jobspec import BlockFlag
from afcore.rows import BlockRow
from afwatch.texts import tr

__all__ = ["NameTest", "NumericNames"]

_SINGLE = re.compile(r"([^@;#]*)@(#+)@([^@;#]*)")
"""A name with one number, the start."""


@dataclass(frozen=True, slots=True)
class NameTest:
    """What a search line says about names: each term holds when one of its words is found, unless it is turned."""

    terms: tuple[tuple[tuple[str, ...], bool], ...]
    """Words in lower case, and whether the term has a minus."""

    def holds(self, name: str) -> bool:
        """Say whether a name passes."""
        lower = name.lower()
        for words, minus in self.terms:
            for word in words:
                if word in lower:
                    if minus:
                        return False
                    break
            else:
                if not minus:
                    return False
        return True


class NumericNames:
    """Names of a numeric block's tasks."""

    def __init__(self, row: BlockRow, pattern: str) -> None:
        """``pattern`` is the block's ``tasks_name``."""
        self._frames = FrameRange.repaired(row.frame_first, row.frame_last, row.frames_per_task, row.frames_inc)
        self._pattern, self._increment = pattern, row.frames_inc

    @staticmethod
    def suits(row: BlockRow) -> bool:
        """Say whether a block's names can be made here."""
        return bool(row.flags & BlockFlag.NUMERIC)

    def names(self, tasks: Sequence[int]) -> list[str]:
        """Return the names of tasks that follow one another.

        Most of a name is the same for its neighbours: a pattern with one number is filled by counting, which takes a
        tenth of what the general way does.
        """
        frames, pattern, increment = self._frames, self._pattern, self._increment
        single = _SINGLE.fullmatch(pattern) if pattern else None
        if single is not None:
            before, width, after = single[1], len(single[2]), single[3]
            first, span = frames.first, frames.span
            return [f"{before}{first + task * span:0{width}d}{after}" for task in tasks]
        if not pattern and frames.per_task == 1:
            first, span = frames.first, frames.span
            return [tr("frame {0}", first + task * span) for task in tasks]
        return [numeric_task_name(pattern, frames.task(task), increment) for task in tasks]

    def passing(self, tasks: Sequence[int], test: NameTest) -> list[int]:
        """Return those of some tasks whose names pass a test."""
        holds = test.holds
        return [task for task, name in zip(tasks, self.names(tasks)) if holds(name)]
