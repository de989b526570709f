"""Looks for tasks by their names, a slice at a time: the first finds are shown at once, and no key press waits.

Rules of this file:
- Names of numeric blocks are made here; listed ones are asked for in pages.  Either way a slice takes milliseconds, and
  the next one waits until the window has done what it had to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy
from PySide6.QtCore import QObject, QTimer, Signal

from afcore.rows import BlockRow
from afwatch.models.filters import Query
from afwatch.models.tasknames import NameTest, NumericNames
from afwatch.session import Session

__all__ = ["NameSearch", "name_test"]

_SLICE_S = 0.008
_STEP = 500
_TELL_S = 0.1
_PAGE = 1000


def name_test(query: Query) -> NameTest | None:
    """Return what a search line says about names; None when it says nothing."""
    terms = tuple(
        (tuple(value.lower() for value in term.values), term.minus) for term in query.terms if term.field == "name"
    )
    return NameTest(terms) if terms else None


class NameSearch(QObject):
    """One search through the tasks of a block."""

    found = Signal()
    """More tasks, or the end."""

    def __init__(self, session: Session, job: int, row: BlockRow, size: int, test: NameTest) -> None:
        super().__init__()
        self.mask = numpy.zeros(size, dtype=bool)
        """Tasks whose names pass, as far as was looked."""
        self.looked = 0
        """Tasks looked at."""
        self._session, self._job, self._block = session, job, row.index
        self._row, self._test, self._size = row, test, size
        self._names: NumericNames | None = None
        self._told_at = 0.0
        self._over = False
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._slice)

    @property
    def is_done(self) -> bool:
        """Whether every task was looked at."""
        return self.looked >= self._size

    def start(self) -> None:
        """Begin; tells ``found`` as often as a person can see."""
        if NumericNames.suits(self._row):
            pending = self._session.ask("parameters.show", kind="block", things=[f"{self._job}.{self._block}"])
            pending.success(self._begin)
        else:
            self._ask()

    def stop(self) -> None:
        """Look no further."""
        self._over = True
        self._timer.stop()

    def _begin(self, body: dict[str, Any]) -> None:
        pattern = next((str(row["values"][0][0]) for row in body["rows"] if row["name"] == "tasks_name"), "")
        self.look(pattern)

    def look(self, pattern: str) -> None:
        """Look through names that are made by the block's ``tasks_name``."""
        self._names = NumericNames(self._row, pattern)
        if not self._over:
            self._timer.start()
            self._slice()

    def _slice(self) -> None:
        end, names = time.perf_counter() + _SLICE_S, self._names
        assert names is not None
        while self.looked < self._size and time.perf_counter() < end:
            tasks = range(self.looked, min(self._size, self.looked + _STEP))
            self.mask[names.passing(tasks, self._test)] = True
            self.looked = tasks.stop
        if self.is_done:
            self._timer.stop()
        self._tell()

    def _ask(self) -> None:
        pending = self._session.ask(
            "task.list", job=self._job, block=self._block, after=self.looked - 1, limit=_PAGE
        )
        take: Callable[[dict[str, Any]], None] = self._take
        pending.success(take)

    def _take(self, body: dict[str, Any]) -> None:
        if self._over:
            return
        rows = body["rows"]
        for row in rows:
            self.mask[row["task"]] = self._test.holds(row["name"])
        self.looked = rows[-1]["task"] + 1 if rows else self._size
        if not self.is_done:
            self._ask()
        self._tell()

    def _tell(self) -> None:
        now = time.perf_counter()
        if self.is_done or now - self._told_at > _TELL_S:
            self._told_at = now
            self.found.emit()
