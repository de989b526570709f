"""How many jobs each user has, how many fail, and which comes when; kept as rows come: nobody counts 50,000 jobs anew.

Rules of this file:
- No Qt.  The farm's own job has a place of its own and does not count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from afcore.rows import JobRow
from afcore.states import TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["JobTally"]

_ERROR = int(TaskState.ERROR)

_Rank = tuple[int, int, int]


def _rank(row: JobRow | None) -> _Rank | None:
    """Return by what the jobs of one user are served; None for one that is over."""
    return None if row is None or row.state == "done" else (-row.priority, row.order, row.id)


class JobTally:
    """Counts of jobs by user."""

    def __init__(self) -> None:
        self._jobs: dict[str, int] = {}
        self._failing: dict[str, int] = {}
        self._ranks: dict[str, list[_Rank]] = {}
        """Ranks of the jobs of each user that somebody asked for, in order."""

    def replace(self, before: JobRow | None, after: JobRow | None) -> None:
        """A job came, changed or went."""
        if self._ranks:
            self._follow(before, after)
        for row, step in ((before, -1), (after, 1)):
            if row is not None and row.id != SYSTEM_JOB:
                self._jobs[row.user] = self._jobs.get(row.user, 0) + step
                if row.counts[_ERROR] and row.state != "done":
                    self._failing[row.user] = self._failing.get(row.user, 0) + step

    def _follow(self, before: JobRow | None, after: JobRow | None) -> None:
        old, new = _rank(before), _rank(after)
        if before is not None and after is not None and old == new and before.user == after.user:
            return
        for row, rank in ((before, old), (after, new)):
            known = self._ranks.get(row.user) if row is not None else None
            if known is not None and rank is not None:
                place = bisect_left(known, rank)
                if row is after:
                    known.insert(place, rank)
                elif known[place : place + 1] == [rank]:
                    del known[place]

    def place_of(self, row: JobRow, rows: Iterable[JobRow]) -> int:
        """Return how many jobs of its user are served before a job, and one; 0 for one that is over.

        ``rows``: all jobs, which are looked at for the first job of each user.
        """
        rank = _rank(row)
        if rank is None:
            return 0
        known = self._ranks.get(row.user)
        if known is None:
            mine = (_rank(each) for each in rows if each.user == row.user and each.id != SYSTEM_JOB)
            known = self._ranks[row.user] = sorted(each for each in mine if each is not None)
        return bisect_left(known, rank) + 1

    def of(self, user: str) -> tuple[int, int]:
        """Return how many jobs a user has, and how many of them fail."""
        return self._jobs.get(user, 0), self._failing.get(user, 0)

    def all(self) -> tuple[int, int]:
        """Return how many jobs there are, and how many of them fail."""
        return sum(self._jobs.values()), sum(self._failing.values())

    def clear(self) -> None:
        """Nothing is known any more."""
        self._jobs.clear()
        self._failing.clear()
        self._ranks.clear()
