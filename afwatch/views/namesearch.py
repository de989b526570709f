"""Looks for tasks by their names, a slice at a time: the first finds are shown at once, and no key press waits.

Rules of this file:
- Names of numeric blocks are made here, the first screenful before ``start`` returns; listed ones are asked for in
  pages.  Either way a slice takes milliseconds, and the next one waits until the window has done what it had to do.
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
_SCREENFUL = 200
"""So many finds fill any window: nothing is looked for beyond them before they are shown."""


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
        self._test, self._size = test, size
        self._names = NumericNames(row) if NumericNames.suits(row) else None
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
        """Begin; what is found at once is in the mask already, and ``found`` tells more as often as one can see."""
        if self._names is None:
            self._ask()
            return
        self._look(self._names, _SCREENFUL)
        self._told_at = time.perf_counter()
        if not self.is_done:
            self._timer.start()

    def stop(self) -> None:
        """Look no further."""
        self._over = True
        self._timer.stop()

    def _look(self, names: NumericNames, wanted: int) -> None:
        """Look at names for a slice of time, or until so many more have passed."""
        end = time.perf_counter() + _SLICE_S
        while self.looked < self._size and wanted > 0 and time.perf_counter() < end:
            tasks = range(self.looked, min(self._size, self.looked + _STEP))
            passing = names.passing(tasks, self._test)
            self.mask[passing] = True
            self.looked = tasks.stop
            wanted -= len(passing)

    def _slice(self) -> None:
        assert self._names is not None
        self._look(self._names, self._size)
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
