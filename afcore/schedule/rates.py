"""How many starts a second a branch, user or job may make: a token bucket each, in the core's own time.

Rules of this file:
- A bucket holds as many tokens as its rate; it is full at first, each start takes one, and it fills evenly.
- No tick: who had to wait is asked again at ``deadline``, which is when the first of them has a token.
- It is no fact: after a restart every bucket is full.
Source of the arithmetic: the generic cell rate algorithm, one number a bucket (when it would be full again).
"""

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.tree import Branch, Limits, User
from afcore.schedule.limits import holders_of, start_reason

__all__ = ["Rates"]

_SLACK = 1e-5
"""Seconds by which a token may come early: unix time in a float has no finer steps to trust."""
_Key = tuple[type, int]


def _key(holder: Limits) -> _Key:
    assert isinstance(holder, Job | User | Branch)
    return type(holder), holder.id


class Rates:
    """The buckets of every holder that has a rate and made a start."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._full: dict[_Key, float] = {}
        """When each bucket would be full again."""
        self._due: dict[_Key, float] = {}
        """Who had to wait, and until when."""

    def next_token(self, holder: Limits) -> float:
        """Return when a holder may make its next start; a time gone by means at once."""
        rate = holder.max_tasks_per_second
        full = self._full.get(_key(holder), 0.0) if rate > 0 else 0.0
        return full - (rate - 1) / rate if full else 0.0

    def allows(self, holder: Limits, at: float) -> bool:
        """Say whether a holder has a token at ``at``; when not, ``deadline`` knows."""
        if holder.max_tasks_per_second <= 0:
            return holder.max_tasks_per_second < 0
        due = self.waits(holder, at)
        if not due:
            return True
        self._due[_key(holder)] = due
        return False

    def may_start(self, holder: Limits, at: float) -> bool:
        """Say whether a holder may start something at ``at``: by its own state and counts, and its rate."""
        return not start_reason(holder) and self.allows(holder, at)

    def waits(self, holder: Limits, at: float) -> float:
        """Return until when a holder with a rate has to wait for its next start; 0 when it has not."""
        due = self.next_token(holder)
        return due if due > at + _SLACK else 0.0

    def copy(self, farm: Farm) -> "Rates":
        """Return the same buckets for a copy of the farm."""
        made = Rates(farm)
        made._full = dict(self._full)
        return made

    def started(self, job: Job, at: float) -> None:
        """Take a token from everybody above a start, and from the job itself."""
        for holder in holders_of(self._farm, job):
            if holder.max_tasks_per_second > 0:
                key = _key(holder)
                self._full[key] = max(at, self._full.get(key, 0.0)) + 1 / holder.max_tasks_per_second

    def deadline(self) -> float | None:
        """Return when somebody who had to wait has a token, or None."""
        return min(self._due.values(), default=None)

    def wake(self, at: float) -> bool:
        """Forget those whose wait is over; return whether there were any."""
        over = [key for key, due in self._due.items() if due <= at + _SLACK]
        for key in over:
            del self._due[key]
        return bool(over)

    def forget(self, job: int) -> None:
        """Forget a job that is gone."""
        self._full.pop((Job, job), None)
        self._due.pop((Job, job), None)
