"""Counts since the start of the server: runs that started and ended, how long jobs waited."""

from bisect import bisect_left
from collections import Counter

from afcore.events import Event, JobStarted, RunFinished, RunStarted
from afcore.model.farm import Farm

__all__ = ["WAITS", "Tally"]

WAITS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Upper bounds of the waiting times that are counted together, in seconds; one more holds what is longer."""


class Tally:
    """What happened, as numbers that only grow."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self.started = 0
        self.ended: Counter[int] = Counter()
        """Ends of runs by ``RunStatus``."""
        self.waits = [0] * (len(WAITS) + 1)
        """Jobs by how long they waited from their submission to their first start."""
        self.waited = 0.0
        """Seconds that all of these waited."""

    def note(self, events: list[Event], at: float) -> None:
        """Count what happened at ``at`` (unix seconds)."""
        for event in events:
            kind = type(event)
            if kind is RunStarted:
                self.started += 1
            elif kind is RunFinished:
                self.ended[event.status] += 1  # type: ignore[union-attr]
            elif kind is JobStarted:
                job = self._farm.jobs.get(event.job)  # type: ignore[union-attr]
                if job is not None:
                    waited = max(0.0, at - job.time_creation)
                    self.waits[bisect_left(WAITS, waited)] += 1
                    self.waited += waited
