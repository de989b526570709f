"""Numbers for the order of each user's jobs, of which a move changes few: what screens sort by.

Rules of this file:
- The farm's lists are the truth; a number means something only beside those of jobs of the same user and priority.
- A place in a list would be another one for every job behind a new or deleted one; these numbers stay.
"""

from collections.abc import Iterable

from afcore.model.farm import Farm

__all__ = ["JobOrders"]


class JobOrders:
    """The number of each job that somebody asked for."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._numbers: dict[int, int] = {}
        self._last = 0
        self._users: set[int] = set()

    def clear(self) -> None:
        """Nobody knows a number any more."""
        self._numbers.clear()
        self._users.clear()

    def number_of(self, id: int) -> int:
        """Return the number of a job; of two jobs of a user and priority, that with the smaller one comes first."""
        user = self._farm.jobs[id].user
        if user not in self._users:
            self._users.add(user)
            for each in self._farm.users[user].jobs:
                self.give_last(each)
        return self._numbers.get(id) or self.give_last(id)

    def give_last(self, id: int) -> int:
        """A job is new to its priority: it comes behind all who are in it; return its number."""
        self._last += 1
        self._numbers[id] = self._last
        return self._last

    def forget(self, id: int) -> None:
        """A job is gone."""
        self._numbers.pop(id, None)

    def reorder(self, jobs: Iterable[int]) -> list[int]:
        """Let the numbers of a user's jobs follow their new order; return the jobs that have another number now."""
        groups: dict[int, list[int]] = {}
        for id in jobs:
            groups.setdefault(self._farm.jobs[id].priority, []).append(id)
        changed = []
        for ids in groups.values():
            before = [self.number_of(id) for id in ids]
            for id, old, new in zip(ids, before, sorted(before)):
                if old != new:
                    self._numbers[id] = new
                    changed.append(id)
        return changed
