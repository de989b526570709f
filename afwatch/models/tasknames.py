"""Names of the tasks of a numeric block, made here as the farm makes them, and which of them hold some words.

Rules of this file:
- Pure.  Names are made for a stretch of tasks at a time; who needs a million asks for many stretches.
- A row of the job holds all that names are made of: nothing is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from afcore.frames import FrameRange, numeric_task_name
from afcore.jobspec import BlockFlag
from afcore.rows import BlockRow

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

    def passing(self, tasks: Sequence[int], names: Sequence[str]) -> list[int]:
        """Return those of some tasks whose names pass; one word alone, which is usual, needs no call for each."""
        if len(self.terms) == 1 and len(self.terms[0][0]) == 1:
            (word,), minus = self.terms[0]
            return [task for task, name in zip(tasks, names) if (word in name.lower()) is not minus]
        holds = self.holds
        return [task for task, name in zip(tasks, names) if holds(name)]


class NumericNames:
    """Names of a numeric block's tasks."""

    def __init__(self, row: BlockRow) -> None:
        self._frames = FrameRange.repaired(row.frame_first, row.frame_last, row.frames_per_task, row.frames_inc)
        self._pattern, self._increment = row.tasks_name, row.frames_inc
        single = _SINGLE.fullmatch(self._pattern)
        self._parts: tuple[str, int, str] | None = None
        """What stands before the start frame, its digits at least, and what stands behind it."""
        if single is not None:
            self._parts = single[1], len(single[2]), single[3]
        elif not self._pattern and self._frames.per_task == 1:
            self._parts = "frame ", 1, ""

    @staticmethod
    def suits(row: BlockRow) -> bool:
        """Say whether a block's names can be made here."""
        return bool(row.flags & BlockFlag.NUMERIC)

    def name(self, task: int) -> str:
        """Return the name of one task."""
        return numeric_task_name(self._pattern, self._frames.task(task), self._increment)

    def names(self, tasks: Sequence[int]) -> list[str]:
        """Return the names of tasks that follow one another.

        Most of a name is the same for its neighbours: a pattern with one number is filled by counting, which takes a
        tenth of what the general way does.
        """
        if self._parts is None:
            return [self.name(task) for task in tasks]
        (before, width, after), first, span = self._parts, self._frames.first, self._frames.span
        return [f"{before}{first + task * span:0{width}d}{after}" for task in tasks]

    def passing(self, tasks: Sequence[int], test: NameTest) -> list[int]:
        """Return those of some tasks whose names pass a test."""
        return test.passing(tasks, self.names(tasks))
