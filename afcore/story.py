"""Why things are as they are: the last causes of each job and render, in rings of a hundred.

Rules of this file:
- Nothing here is true by itself or kept over a restart; the journal has everything.
- Rings are bounded in length and in number, and when there are many they share a bounded number of lines: the job
  that was quiet for longest is forgotten first.
"""

from bisect import bisect_left
from collections import OrderedDict, deque
from typing import Any

import msgspec

from afcore.envelope import Envelope
from afcore.events import Event, JobDeleted, JobSubmitted, Reading, RunsStopRequested
from afcore.ids import RunKey
from afcore.model.tasks import unpack_indices, unpack_runs

__all__ = ["RING", "Story", "StoryLine"]

RING = 100
"""Lines kept of one thing."""
_FEW = 16
"""Lines that everything may keep, however many things there are."""
_LINES = 20_000
"""Lines that all jobs, or all renders, share when there are more than this has rings."""
_JOBS = 1000
_RENDERS = 2000


class StoryLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened: when, what, on whose command, by whom."""

    at: float
    event: Event
    command: str
    principal: str
    operation: str = ""


class Story:
    """The rings of all jobs and renders that something happened to lately."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[int, deque[StoryLine]] = OrderedDict()
        self._renders: OrderedDict[int, deque[StoryLine]] = OrderedDict()

    def note(self, event: Event, envelope: Envelope[Any]) -> None:
        """Remember an event with its cause; readings are not worth it."""
        if isinstance(event, Reading):
            return
        line = StoryLine(
            envelope.at, event, type(envelope.command).__name__, envelope.principal.name, envelope.operation
        )
        job = getattr(event, "job", 0)
        if job:
            _append(self._jobs, job, line, _JOBS)
            if isinstance(event, JobDeleted):
                self._let_go_of_spec(job)
        render = getattr(event, "render", 0)
        if render:
            _append(self._renders, render, line, _RENDERS)

    def _let_go_of_spec(self, job: int) -> None:
        """Keep the story of a deleted job, but not its submission: that may be a million texts."""
        ring = self._jobs[job]
        kept = [line for line in ring if not isinstance(line.event, JobSubmitted)]
        ring.clear()
        ring.extend(kept)

    def of_job(self, job: int) -> list[StoryLine]:
        """Return what happened to a job lately, oldest first."""
        return list(self._jobs.get(job, ()))

    def of_render(self, render: int) -> list[StoryLine]:
        """Return what happened to a render lately, oldest first."""
        return list(self._renders.get(render, ()))

    def of_run(self, key: RunKey) -> list[StoryLine]:
        """Return what happened to one run lately, oldest first."""
        return [
            line
            for line in self._jobs.get(key.job, ())
            if (getattr(line.event, "block", -1), getattr(line.event, "task", -1), getattr(line.event, "run", -1))
            == key[1:]
            or (isinstance(line.event, RunsStopRequested) and _stops(line.event, key))
        ]


def _stops(event: RunsStopRequested, key: RunKey) -> bool:
    """Return whether a run is among those that were asked to stop together."""
    if event.block != key.block:
        return False
    tasks = unpack_indices(event.indices)
    place = bisect_left(tasks, key.task)
    return place < len(tasks) and tasks[place] == key.task and unpack_runs(event.runs)[place] == key.run


def _append(rings: OrderedDict[int, deque[StoryLine]], id: int, line: StoryLine, most: int) -> None:
    ring = rings.get(id)
    if ring is None:
        ring = rings[id] = deque(maxlen=RING)
        if len(rings) > most:
            rings.popitem(last=False)
    else:
        rings.move_to_end(id)
    share = max(_FEW, _LINES // len(rings))
    while len(ring) >= share:
        ring.popleft()
    ring.append(line)
