"""A minute of the farm as a whole: slots used over its time, slots there are, what started, was done and failed.

Rules of this file:
- It counts what it is told and reads the farm; the queue is counted in slices, because jobs may be many.
"""

from array import array
from collections.abc import Iterator

from afcore.events import Event, RunFinished, RunStarted
from afcore.model.effective import max_tasks_of
from afcore.model.farm import Farm
from afcore.series import FARM
from afcore.states import RenderState, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["FarmMinute", "count_ready", "with_queue"]

_GOOD = frozenset((RunStatus.SUCCESS, RunStatus.PARSER_SUCCESS, RunStatus.SKIPPED))
_NOBODYS = frozenset((RunStatus.STOPPED, RunStatus.RENDER_LEFT, RunStatus.NOT_RECONNECTED))
"""Ends that are neither done nor a failure."""
_STEP = 500
"""Jobs between two yields."""


class FarmMinute:
    """Counts over one minute after the other."""

    def __init__(self, farm: Farm, at: float) -> None:
        self._farm = farm
        self._used = self._low = self._high = len(farm.runs)
        self._area = 0.0
        self._since = self._from = at
        self._started = self._done = self._failed = 0

    def begin(self, at: float) -> None:
        """A minute begins at ``at`` (unix seconds); what was running goes on."""
        self._low = self._high = self._used
        self._area, self._since, self._from = 0.0, at, at
        self._started = self._done = self._failed = 0

    def note(self, event: Event, at: float) -> None:
        """Count a run that started or ended."""
        if isinstance(event, RunStarted):
            self._started += 1
        elif isinstance(event, RunFinished):
            status = RunStatus(event.status)
            self._done += status in _GOOD
            self._failed += status not in _GOOD and status not in _NOBODYS
        self._turn(at)
        self._used = used = len(self._farm.runs)
        self._low, self._high = min(self._low, used), max(self._high, used)

    def _turn(self, at: float) -> None:
        self._area += self._used * max(0.0, at - self._since)
        self._since = max(self._since, at)

    def end(self, at: float) -> array:  # type: ignore[type-arg]
        """Return least, mean and greatest of each series of the farm, with 0 for the queue; see ``with_queue``."""
        self._turn(at)
        span = self._since - self._from
        mean = self._area / span if span > 0 else float(self._used)
        online = (each for each in self._farm.renders.values() if each.state & RenderState.ONLINE)
        slots = sum(max_tasks_of(self._farm, each) for each in online)
        row = {"slots": slots, "started": self._started, "done": self._done, "failed": self._failed, "queue": 0}
        found = array("f")
        for used in (self._low, mean, self._high):
            found.extend(float(used if key == "slots_used" else row[key]) for key in FARM)
        return found


def with_queue(figures: array, ready: int) -> bytes:  # type: ignore[type-arg]
    """Return the figures of a minute as bytes, with the queue in its place."""
    place, size = list(FARM).index("queue"), len(FARM)
    for column in range(3):
        figures[column * size + place] = ready
    return figures.tobytes()


def count_ready(farm: Farm) -> Iterator[int]:
    """Count the tasks of people that could start; yields what was counted so far, every few hundred jobs and last."""
    ready = 0
    for place, id in enumerate(list(farm.jobs), 1):
        job = farm.jobs.get(id)
        if job is not None and id != SYSTEM_JOB and not job.offline:
            ready += sum(block.tasks.counts[TaskState.READY] for block in job.blocks)
        if not place % _STEP:
            yield ready
    yield ready
