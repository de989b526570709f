"""Why things are as they are: the last causes of each job and render, in rings of a hundred.

Rules of this file:
- Nothing here is true by itself or kept over a restart; the journal has everything.
- Rings are bounded in length and in number, and when there are many they share a bounded number of lines: the job
  that was quiet for longest is forgotten first.
- What happens to runs, which is nearly everything, is kept packed: a farm's rings are a megabyte, not eight.
"""

from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterator
from struct import Struct
from typing import Any

import msgspec

from afcore.envelope import Envelope
from afcore.events import (
    Event,
    JobDeleted,
    JobSubmitted,
    Reading,
    RunAdopted,
    RunFinished,
    RunsStopRequested,
    RunStarted,
    RunStopRequested,
)
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


class _RunLine(msgspec.Struct, array_like=True, gc=False):
    """A line about a run, as it is packed."""

    at: float
    event: RunStarted | RunFinished | RunAdopted | RunStopRequested
    command: str
    principal: str
    operation: str = ""


_PACKED = frozenset({RunStarted, RunFinished, RunAdopted, RunStopRequested})
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_RunLine)
_LENGTH = Struct("=H")
_AN_OBJECT = 0xFFFF


class _Ring:
    """Some lines, oldest first: packed ones with their lengths in one row, others as marks there and objects beside."""

    __slots__ = ("_bytes", "_objects", "count")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._objects: deque[StoryLine] = _NO_OBJECTS
        self.count = 0

    def append(self, line: StoryLine, packed: bytes) -> None:
        """Add a line: as its length and itself, or, when ``packed`` is empty, as an object."""
        if packed:
            self._bytes += packed
        else:
            self._bytes += _LENGTH.pack(_AN_OBJECT)
            if self._objects is _NO_OBJECTS:
                self._objects = deque()
            self._objects.append(line)
        self.count += 1

    def drop(self) -> None:
        """Forget the oldest line."""
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length == _AN_OBJECT:
            self._objects.popleft()
            length = 0
        del self._bytes[: _LENGTH.size + length]
        self.count -= 1

    def __iter__(self) -> Iterator[StoryLine]:
        view, at, objects = bytes(self._bytes), 0, iter(self._objects)
        while at < len(view):
            (length,) = _LENGTH.unpack_from(view, at)
            at += _LENGTH.size
            if length == _AN_OBJECT:
                yield next(objects)
            else:
                found = _decoder.decode(view[at : at + length])
                at += length
                yield StoryLine(found.at, found.event, found.command, found.principal, found.operation)


def _packed(line: StoryLine) -> bytes:
    """Return the length of a line about a run with the line; nothing of a line that is kept as an object."""
    if type(line.event) not in _PACKED:
        return b""
    packed = _encoder.encode(line)
    return _LENGTH.pack(len(packed)) + packed if len(packed) < _AN_OBJECT else b""


_NO_OBJECTS: deque[StoryLine] = deque()


class Story:
    """The rings of all jobs and renders that something happened to lately."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[int, _Ring] = OrderedDict()
        self._renders: OrderedDict[int, _Ring] = OrderedDict()

    def note(self, event: Event, envelope: Envelope[Any]) -> None:
        """Remember an event with its cause; readings are not worth it."""
        if isinstance(event, Reading):
            return
        line = StoryLine(
            envelope.at, event, type(envelope.command).__name__, envelope.principal.name, envelope.operation
        )
        packed = _packed(line)
        job = getattr(event, "job", 0)
        if job:
            _append(self._jobs, job, line, packed, _JOBS)
            if isinstance(event, JobDeleted):
                self._let_go_of_spec(job)
        render = getattr(event, "render", 0)
        if render:
            _append(self._renders, render, line, packed, _RENDERS)

    def _let_go_of_spec(self, job: int) -> None:
        """Keep the story of a deleted job, but not its submission: that may be a million texts."""
        kept = _Ring()
        for line in self._jobs[job]:
            if not isinstance(line.event, JobSubmitted):
                kept.append(line, _packed(line))
        self._jobs[job] = kept

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


def _append(rings: OrderedDict[int, _Ring], id: int, line: StoryLine, packed: bytes, most: int) -> None:
    ring = rings.get(id)
    if ring is None:
        ring = rings[id] = _Ring()
        if len(rings) > most:
            rings.popitem(last=False)
    else:
        rings.move_to_end(id)
    share = min(RING, max(_FEW, _LINES // len(rings)))
    while ring.count >= share:
        ring.drop()
    ring.append(line, packed)
