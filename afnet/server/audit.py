"""Who did what, when and from where: the lines of ``job log``, kept in memory from the entries of the journal.

Rules of this file:
- The journal is the record; this is its newest part in words, bounded for each job and for the farm.
- Nothing is noted per task or per run: a line is an act of a person, or a turn in the life of a job.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from afcore import events
from afcore.outcome import Entry
from afcore.states import Role, TaskState

__all__ = ["Audit", "Line", "words_of"]

_LINES_PER_JOB = 200
_LINES_OF_FARM = 5000
_JOBS = 20_000
"""Jobs whose lines are kept; the ones noted longest ago go first."""


class Line(NamedTuple):
    """One line of the story of a job or of the farm."""

    at: float
    who: str
    origin: str
    operation: str
    what: str


class Audit:
    """Turns journal entries into lines."""

    def __init__(self) -> None:
        self.farm: deque[Line] = deque(maxlen=_LINES_OF_FARM)
        """Acts that are about no single job."""
        self._jobs: dict[int, deque[Line]] = {}

    def note(self, entry: Entry) -> None:
        """Note what is worth a line in an entry."""
        for event in entry.events:
            words = _WORDS.get(type(event))
            if words is None:
                continue
            job: int = getattr(event, "job", 0)
            what = words(event)
            if not what:
                continue
            line = Line(entry.at, entry.principal, entry.origin, entry.operation, what)
            if not job:
                if entry.role < Role.NODE:
                    self.farm.append(line)
                continue
            if isinstance(event, events.JobDeleted):
                self._jobs.pop(job, None)
                self.farm.append(line)
                continue
            lines = self._jobs.get(job)
            if lines is None:
                lines = self._jobs[job] = deque(maxlen=_LINES_PER_JOB)
                if len(self._jobs) > _JOBS:
                    self._jobs.pop(next(iter(self._jobs)))
            lines.append(line)

    def of_job(self, job: int, limit: int) -> list[Line]:
        """Return the newest lines of a job, oldest first."""
        lines = list(self._jobs.get(job, ()))
        return lines[-limit:]


def words_of(event: Any) -> str:
    """Return what an event says to a person, with the job it is about; empty where it is no act's."""
    words = _WORDS.get(type(event))
    what = "" if words is None else words(event)
    job: int = getattr(event, "job", 0)
    return f"job {job}: {what}" if what and job and f"job {job}" not in what else what


def _edited(event: Any) -> str:
    # When a job started and ended follows from what was done to it: no line's worth.
    names = [name for name in event.new if name not in ("time_started", "time_done")]
    parts = [f"{name} from {event.old.get(name)!r} to {event.new[name]!r}" for name in names]
    return "changed " + ", ".join(parts) if parts else ""


def _tasks(event: events.TasksChanged) -> str:
    count = sum(last - first + 1 for first, last in event.ranges) or len(event.indices) // 4
    state = TaskState(event.state).name.lower()
    return f"set {count} task{'' if count == 1 else 's'} of block {event.block} {state}"


def _restored(event: events.TasksRestored) -> str:
    count = sum(last - first + 1 for first, last in event.ranges) or len(event.indices) // 4
    return f"took back what was done to {count} task{'' if count == 1 else 's'} of block {event.block}"


def _stops(event: events.RunsStopRequested) -> str:
    return f"asked {len(event.indices) // 4} running tasks of block {event.block} to stop"


_Words = Callable[[Any], str]

_WORDS: dict[type, _Words] = {
    events.JobSubmitted: lambda event: f"submitted job {event.job} {event.spec.name}",
    events.JobEdited: _edited,
    events.BlockEdited: lambda event: f"block {event.block}: {_edited(event)}",
    events.JobStarted: lambda event: "the first task started",
    events.JobFinished: lambda event: "every task is done",
    events.JobReopened: lambda event: "there is something to do again",
    events.JobDeletionRequested: lambda event: "asked to delete the job",
    events.JobDeleted: lambda event: f"deleted job {event.job}",
    events.ErrorHostsReset: lambda event: f"forgot the hosts that failed block {event.block}",
    events.TasksChanged: _tasks,
    events.RunsStopRequested: _stops,
    events.TasksRestored: _restored,
    events.UserAdded: lambda event: f"added user {event.name}",
    events.UserEdited: lambda event: f"user {event.user}: {_edited(event)}",
    events.PoolEdited: lambda event: f"pool {event.pool}: {_edited(event)}",
    events.BranchEdited: lambda event: f"branch {event.branch}: {_edited(event)}",
    events.RenderEdited: lambda event: f"render {event.render}: {_edited(event)}",
    events.RenderDeleted: lambda event: f"deleted render {event.name}",
}
