"""What a person is told when jobs of theirs are done or fail: pure, from the rows as they come.

Rules of this file:
- No Qt and no clock.  A job is told about when it changes while we watch, never for what it was when we came.
- Once per end: a job that fails again after a restart is told again, one that keeps failing is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from afcore.rows import JobRow
from afcore.states import TaskState
from afwatch.texts import tr

__all__ = ["Notice", "Notices"]

_NONE, _FAILED, _DONE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell."""

    job: int
    title: str
    text: str
    bad: bool


def _how(row: JobRow) -> int:
    if row.state == "done":
        return _DONE
    return _FAILED if row.counts[TaskState.ERROR] else _NONE


class Notices:
    """Remembers how jobs were."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._complete = False
        self.unwanted: set[int] = set()
        """Jobs of ours that we do not want to hear about."""
        self.wanted: set[int] = set()
        """Jobs of others that we do want to hear about."""
        self.failed: set[int] = set()
        """Told to have failed and not looked at yet."""
        self.done: set[int] = set()
        """Told to be done and not looked at yet."""

    def is_wanted(self, row: JobRow, user: str) -> bool:
        """Say whether a person hears about a job: their own, unless they said no; others if they said so."""
        return row.id in self.wanted or (row.user == user and row.id not in self.unwanted)

    def choose(self, row: JobRow, user: str, wanted: bool) -> None:
        """Hear about a job, or not."""
        (self.unwanted.discard if wanted else self.unwanted.add)(row.id)
        (self.wanted.add if wanted and row.user != user else self.wanted.discard)(row.id)

    def chosen(self) -> dict[str, list[int]]:
        """Return what was chosen, to be kept."""
        return {"wanted": sorted(self.wanted), "unwanted": sorted(self.unwanted)}

    def come_back(self, kept: object) -> None:
        """Take over what was chosen; what is none of it is left."""
        if isinstance(kept, dict):
            for name, group in (("wanted", self.wanted), ("unwanted", self.unwanted)):
                found = kept.get(name)
                if isinstance(found, list):
                    group.update(each for each in found if isinstance(each, int))

    def take(self, rows: Iterable[JobRow], user: str, *, complete: bool) -> list[Notice]:
        """Take in rows that came; ``complete`` says that all jobs have been told once."""
        found: list[Notice] = []
        fresh = not self._complete
        for row in rows:
            before, now = self._known.get(row.id, _NONE), _how(row)
            self._known[row.id] = now
            if fresh or now == before or now == _NONE or not self.is_wanted(row, user):
                continue
            if now == _DONE:
                self.done.add(row.id)
                self.failed.discard(row.id)
                found.append(Notice(row.id, row.name, tr("is done."), False))
            else:
                errors = row.counts[TaskState.ERROR]
                self.failed.add(row.id)
                found.append(Notice(row.id, row.name, tr("{0} task{1} failed.", errors, '' if errors == 1 else 's'),
                                    True))
        self._complete = self._complete or complete
        return found

    def forget(self, ids: Iterable[int]) -> None:
        """Jobs are gone."""
        for id in ids:
            self._known.pop(id, None)
            for group in (self.failed, self.done, self.wanted, self.unwanted):
                group.discard(id)

    def looked(self) -> None:
        """The person looked at the window."""
        self.failed.clear()
        self.done.clear()
