"""How many jobs each user has and how many of them fail, kept as rows come: nobody counts 50,000 jobs every second.

Rules of this file:
- No Qt.  The farm's own job has a place of its own and does not count.
"""

from __future__ import annotations

from afcore.rows import JobRow
from afcore.states import TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["JobTally"]

_ERROR = int(TaskState.ERROR)



class JobTally:
    """Counts of jobs by user."""

    def __init__(self) -> None:
        self._jobs: dict[str, int] = {}
        self._failing: dict[str, int] = {}

    def replace(self, before: JobRow | None, after: JobRow | None) -> None:
        """A job came, changed or went."""
        for row, step in ((before, -1), (after, 1)):
            if row is not None and row.id != SYSTEM_JOB:
                self._jobs[row.user] = self._jobs.get(row.user, 0) + step
                if row.counts[_ERROR] and row.state != "done":
                    self._failing[row.user] = self._failing.get(row.user, 0) + step

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
