"""The version board: which things changed since a version, whoever asks and however seldom.

Rules of this file:
- It holds ids and numbers only; rows are made from the farm when somebody is served.
- Marking costs the same for one subscriber as for a thousand, and nothing while there is none; of a kind that nobody
  subscribes to nothing is held.
- A version means nothing to another start of the server: numbering begins at a number no earlier start has reached.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from afcore import events
from afcore.model.farm import Farm
from afcore.model.tasks import unpack_indices, unpack_runs
from afcore.rows import JobRow
from afcore.schedule.holds import FREE, Holds
from afcore.schedule.solver import Scheduler
from afnet.server.joborders import JobOrders

__all__ = ["CHUNK", "KINDS", "Board", "Changes"]

CHUNK = 1024
"""Tasks of one chunk of columns."""

KINDS = ("jobs", "renders", "users", "pools", "branches", "runs")
"""What may be subscribed to by rows; ``tasks`` are columns and have chunks."""

_MOST_TOMBSTONES = 20_000
"""Tombstones kept of each kind; a subscriber that is older than the oldest gets everything anew."""

_MOST_MARKS = 1000
"""Runs that one event marks one by one; when more changed at once, subscribers get all runs anew."""


_PLACING = frozenset({"priority", "user_name"})
"""What puts a job behind all others of its priority when it changes."""


class Changes(NamedTuple):
    """What a subscriber has to be told of one kind."""

    version: int
    changed: list[Any]
    """Ids, oldest change first; of runs: their keys."""
    gone: list[Any]
    whole: bool
    """Everything there is was not known to the subscriber: ``changed`` is empty, send all."""


class _Kind:
    """Ids of one kind in the order of their last change, and of those that are gone."""

    __slots__ = ("changed", "gone", "known_since", "watched")

    def __init__(self, version: int) -> None:
        self.changed: dict[Any, int] = {}
        self.gone: dict[Any, int] = {}
        self.known_since = version
        """Changes after this version are all here."""
        self.watched = 0

    def begin(self, version: int) -> None:
        self.changed.clear()
        self.gone.clear()
        self.known_since = version

    def mark(self, id: Any, version: int) -> None:
        if not self.watched:
            return
        changed = self.changed
        changed.pop(id, None)
        changed[id] = version

    def bury(self, id: Any, version: int) -> None:
        if not self.watched:
            return
        self.changed.pop(id, None)
        gone = self.gone
        gone.pop(id, None)
        gone[id] = version
        if len(gone) > _MOST_TOMBSTONES:
            oldest = next(iter(gone))
            self.known_since = max(self.known_since, gone.pop(oldest))

    def since(self, version: int) -> tuple[list[Any], list[Any]]:
        return _newer(self.changed, version), _newer(self.gone, version)


def _newer(stamped: dict[Any, int], version: int) -> list[Any]:
    """Return keys stamped later than ``version``, oldest first, without looking at the others."""
    newer = []
    for key in reversed(stamped):
        if stamped[key] <= version:
            break
        newer.append(key)
    newer.reverse()
    return newer


class Board:
    """Marks what events changed and answers what is newer than a version."""

    def __init__(
        self, farm: Farm, *, first_version: int, scheduler: Callable[[], Scheduler] | None = None
    ) -> None:
        """``scheduler`` knows what ready jobs wait for; without it rows do not say."""
        self._farm = farm
        self._holds = None if scheduler is None else Holds(farm, scheduler)
        self._asked_at = 0.0
        """The moment of the last rows that were made while nobody watched."""
        self.version = first_version
        """Grows by one with every batch of events marked."""
        self._kinds = {kind: _Kind(first_version) for kind in KINDS}
        self._watched = 0
        self._initiators: deque[tuple[int, str]] = deque(maxlen=1000)
        self._chunks: dict[int, dict[int, list[int]]] = {}
        """By job, then block: the version of each chunk; only of jobs that somebody opened."""
        self._opened: dict[int, int] = {}
        """By job: how many have it open."""
        self.orders = JobOrders(farm)

    def watch(self, kinds: Iterable[str] = KINDS) -> None:
        """Somebody subscribes: from now on changes of these kinds are marked."""
        self._watched += 1
        if self._watched == 1:
            self.version += 1
            self.orders.clear()
            if self._holds is not None:
                self._holds.clear()
        for kind in map(self._kinds.__getitem__, kinds):
            kind.watched += 1
            if kind.watched == 1:
                self.version += 1
                kind.begin(self.version)

    def unwatch(self, kinds: Iterable[str] = KINDS) -> None:
        """Somebody left who watched these kinds; with the last one marking ends."""
        self._watched -= 1
        for kind in map(self._kinds.__getitem__, kinds):
            kind.watched -= 1
            if not kind.watched:
                kind.begin(self.version + 1)

    @property
    def watched(self) -> bool:
        """Whether anybody subscribes."""
        return self._watched > 0

    def open_job(self, job: int) -> None:
        """Somebody looks at the tasks of a job: keep the versions of its chunks."""
        self._opened[job] = self._opened.get(job, 0) + 1
        if job not in self._chunks and job in self._farm.jobs:
            self._chunks[job] = {
                block.index: [self.version] * _chunks_of(block.tasks.size) for block in self._farm.jobs[job].blocks
            }

    def close_job(self, job: int) -> None:
        """Nobody of one subscription looks any more."""
        left = self._opened.get(job, 0) - 1
        if left > 0:
            self._opened[job] = left
        else:
            self._opened.pop(job, None)
            self._chunks.pop(job, None)

    def mark(self, happened: Iterable[events.Event], initiator: str = "") -> None:
        """Note what events changed; called once for each outcome.  ``initiator`` is the token of who asked for it."""
        if not self._watched:
            return
        self.version += 1
        if initiator:
            self._initiators.append((self.version, initiator))
        for event in happened:
            marker = _MARKERS.get(type(event))
            if marker is not None:
                marker(self, event)
            if self._holds is not None:
                self._holds.note(event)

    def complete(self, row: JobRow, at: float) -> JobRow:
        """Return the row of a job with its place among its user's jobs, and what it waits for when it is ready."""
        hold = FREE
        if self._holds is not None:
            if not self._watched and at != self._asked_at:
                # Nobody told it what happened since; the rows of one page are of one moment.
                self._asked_at = at
                self._holds.clear()
                self.orders.clear()
            hold = self._holds.of(self._farm.jobs[row.id], at)
        return replace(row, order=self.orders.number_of(row.id), held=hold.code, held_by=hold.of)

    @property
    def holds_due(self) -> bool:
        """Whether a ready job may wait for something else than its row says."""
        return self._watched > 0 and self._holds is not None and self._holds.due

    def look_at_holds(self, at: float) -> bool:
        """Mark ready jobs that wait for something else than their rows say; return whether more of it is to be done."""
        if self._holds is None:
            return False
        changed = self._holds.look(at)
        self.version += bool(changed)
        for job in changed:
            self._job(job)
        return self._holds.behind

    def since(self, kind: str, version: int) -> Changes:
        """Return what of ``kind`` changed after ``version``."""
        stamps = self._kinds[kind]
        if version < stamps.known_since or version > self.version:
            return Changes(self.version, [], [], True)
        changed, gone = stamps.since(version)
        return Changes(self.version, changed, gone, False)

    def initiators_since(self, version: int) -> list[str]:
        """Return the tokens of those whose commands changed something after ``version``."""
        found: list[str] = []
        for stamp, token in reversed(self._initiators):
            if stamp <= version:
                break
            if token not in found:
                found.append(token)
        return found

    def chunks_since(self, job: int, version: int) -> list[tuple[int, int, int]]:
        """Return runs of changed chunks of an opened job as (block, first task, count), at most the block's size."""
        found: list[tuple[int, int, int]] = []
        blocks = self._chunks.get(job)
        if blocks is None:
            return found
        whole = version > self.version
        for block, versions in blocks.items():
            size = self._farm.jobs[job].blocks[block].tasks.size
            first = -1
            for number, stamp in enumerate(versions):
                newer = whole or stamp > version
                if newer and first < 0:
                    first = number
                elif not newer and first >= 0:
                    found.append((block, first * CHUNK, (number - first) * CHUNK))
                    first = -1
            if first >= 0:
                found.append((block, first * CHUNK, size - first * CHUNK))
        return found

    # Marking, called by the table below

    def _job(self, job: int) -> None:
        self._kinds["jobs"].mark(job, self.version)

    def _job_and_owner(self, job: int) -> None:
        version = self.version
        self._kinds["jobs"].mark(job, version)
        known = self._farm.jobs.get(job)
        if known is not None:
            self._kinds["users"].mark(known.user, version)
            self._kinds["branches"].mark(known.branch, version)

    def _job_edited(self, event: events.JobEdited) -> None:
        self._job_and_owner(event.job)
        if event.job in self._farm.jobs and not _PLACING.isdisjoint(event.new):
            self.orders.give_last(event.job)

    def _jobs_reordered(self, event: events.JobsReordered) -> None:
        self._kinds["users"].mark(event.user, self.version)
        for job in self.orders.reorder(job for job in event.new if job in self._farm.jobs):
            self._job(job)

    def _render(self, render: int) -> None:
        self._kinds["renders"].mark(render, self.version)
        known = self._farm.renders.get(render)
        if known is not None:
            self._kinds["pools"].mark(known.pool, self.version)

    def _tasks(self, job: int, block: int, first: int, last: int) -> None:
        blocks = self._chunks.get(job)
        if blocks is None:
            return
        versions = blocks[block]
        version = self.version
        for chunk in range(first // CHUNK, min(last // CHUNK + 1, len(versions))):
            versions[chunk] = version

    def _run_started(self, event: events.RunStarted) -> None:
        self._job_and_owner(event.job)
        self._render(event.render)
        for held in getattr(event, "captured", ()):
            self._render(held.render)
        self._kinds["runs"].mark((event.job, event.block, event.task, event.run), self.version)
        self._tasks(event.job, event.block, event.task, event.task)

    def _run_finished(self, event: events.RunFinished) -> None:
        self._job_and_owner(event.job)
        self._render(event.render)
        self._kinds["runs"].bury((event.job, event.block, event.task, event.run), self.version)
        self._tasks(event.job, event.block, event.task, event.task)

    def _run_changed(self, event: Any) -> None:
        self._kinds["jobs"].mark(event.job, self.version)
        self._kinds["runs"].mark((event.job, event.block, event.task, event.run), self.version)
        self._tasks(event.job, event.block, event.task, event.task)

    def _runs_changed(self, event: events.RunsStopRequested) -> None:
        self._kinds["jobs"].mark(event.job, self.version)
        kind, tasks = self._kinds["runs"], unpack_indices(event.indices)
        if len(tasks) > _MOST_MARKS:
            kind.known_since = self.version
        else:
            for task, run in zip(tasks, unpack_runs(event.runs), strict=True):
                kind.mark((event.job, event.block, task, run), self.version)
        if event.job in self._chunks:
            for chunk in {task // CHUNK for task in tasks}:
                self._tasks(event.job, event.block, chunk * CHUNK, chunk * CHUNK)

    def _tasks_changed(self, event: Any) -> None:
        self._job(event.job)
        if event.job not in self._chunks:
            return
        if event.ranges:
            for first, last in event.ranges:
                self._tasks(event.job, event.block, first, last)
        else:
            size = self._farm.jobs[event.job].blocks[event.block].tasks.size
            self._tasks(event.job, event.block, 0, size - 1)

    def _tasks_given_up(self, event: events.TasksGivenUp | events.TryNextChanged) -> None:
        self._job(event.job)
        if event.job in self._chunks:
            for task in event.tasks:
                self._tasks(event.job, event.block, task, task)

    def _job_submitted(self, event: Any) -> None:
        self._job_and_owner(event.job)
        if event.job in self._farm.jobs:
            self.orders.number_of(event.job)
        if event.job in self._opened and event.job in self._farm.jobs:
            self._chunks[event.job] = {
                block.index: [self.version] * _chunks_of(block.tasks.size)
                for block in self._farm.jobs[event.job].blocks
            }

    def _job_deleted(self, event: events.JobDeleted) -> None:
        self._kinds["jobs"].bury(event.job, self.version)
        self.orders.forget(event.job)
        self._chunks.pop(event.job, None)
        for user in self._farm.users:
            self._kinds["users"].mark(user, self.version)

    def _recovered(self, event: events.FarmRecovered) -> None:
        for kind in self._kinds.values():
            kind.known_since = self.version


def _chunks_of(size: int) -> int:
    return (size + CHUNK - 1) // CHUNK


_Marker = Callable[[Board, Any], None]

_MARKERS: dict[type, _Marker] = {
    events.PoolDeleted: lambda board, event: board._kinds["pools"].bury(event.pool, board.version),
    events.BranchDeleted: lambda board, event: board._kinds["branches"].bury(event.branch, board.version),
    events.UserDeleted: lambda board, event: board._kinds["users"].bury(event.user, board.version),
    events.JobsReordered: Board._jobs_reordered,
    events.BlocksAppended: Board._job_submitted,
    events.TasksAppended: Board._job_submitted,
    events.UserAdded: lambda board, event: board._kinds["users"].mark(event.user, board.version),
    events.UserEdited: lambda board, event: board._kinds["users"].mark(event.user, board.version),
    events.BranchAdded: lambda board, event: board._kinds["branches"].mark(event.branch, board.version),
    events.BranchEdited: lambda board, event: board._kinds["branches"].mark(event.branch, board.version),
    events.PoolAdded: lambda board, event: board._kinds["pools"].mark(event.pool, board.version),
    events.PoolEdited: lambda board, event: board._kinds["pools"].mark(event.pool, board.version),
    events.JobSubmitted: Board._job_submitted,
    events.JobEdited: Board._job_edited,
    events.BlockEdited: lambda board, event: board._job(event.job),
    events.JobStarted: lambda board, event: board._job(event.job),
    events.JobFinished: lambda board, event: board._job(event.job),
    events.JobReopened: lambda board, event: board._job(event.job),
    events.JobDeletionRequested: lambda board, event: board._job(event.job),
    events.JobDeleted: Board._job_deleted,
    events.ErrorHostsReset: lambda board, event: board._job(event.job),
    events.HostForgiven: lambda board, event: board._job(event.job),
    events.RunStarted: Board._run_started,
    events.RunFinished: Board._run_finished,
    events.RunStopRequested: Board._run_changed,
    events.RunsStopRequested: Board._runs_changed,
    events.RunAdopted: Board._run_started,
    events.HostReleased: Board._run_started,
    events.TasksReleased: Board._tasks_changed,
    events.TasksHeld: Board._tasks_changed,
    events.TasksChanged: Board._tasks_changed,
    events.TasksRestored: Board._tasks_changed,
    events.TasksGivenUp: Board._tasks_given_up,
    events.TryNextChanged: Board._tasks_given_up,
    events.TaskWarned: Board._run_changed,
    events.RenderAdded: lambda board, event: board._render(event.render),
    events.RenderWentOnline: lambda board, event: board._render(event.render),
    events.RenderWentOffline: lambda board, event: board._render(event.render),
    events.RenderEdited: lambda board, event: board._render(event.render),
    events.RenderInstructed: lambda board, event: board._render(event.render),
    events.RenderWakeAsked: lambda board, event: board._render(event.render),
    events.RenderWolFailed: lambda board, event: board._render(event.render),
    events.RenderDeleted: lambda board, event: board._kinds["renders"].bury(event.render, board.version),
    events.FarmRecovered: Board._recovered,
    events.SystemServicesSet: Board._job_submitted,
    events.SystemCommandsQueued: lambda board, event: board._job(event.job),
    events.SystemTaskMade: Board._job_submitted,
    events.SystemTaskKept: lambda board, event: board._job(event.job),
    events.SystemTaskLeft: Board._job_submitted,
    events.SystemQueueReset: lambda board, event: board._job(event.job),
    events.JobPrepared: lambda board, event: board._job(event.job),
    events.RunProgressed: Board._run_changed,
    events.RenderMeasured: lambda board, event: board._render(event.render),
    events.RenderDisconnected: lambda board, event: board._render(event.render),
}
"""What each event changes on screens: the whole table, so that a new event without an entry fails a test."""
