"""Every run that is going on, small: 48 bytes each at rest, an object only while somebody works with it.

Rules of this file:
- What ``runs[key]`` and ``get`` give may be changed by ``afcore.evolve``: the run is awake, a ``Run`` that stays the
  same object until ``settle``.  What ``look``, ``values`` and ``items`` give of a run at rest is a ``RunCopy``, for
  reading alone.
- ``settle`` comes between two commands, when nobody holds a run: most of what is awake goes to rest again.
- At rest a run is one row among those of 1,024 neighbouring tasks; what is seldom (tickets, captured renders, words of
  a parser) is packed beside it.  A run whose numbers do not fit into a row never sleeps.
- Rows are written into snapshots as they are: ``ROW`` is a file format, little-endian on every machine.
"""

import struct
import typing
from array import array
from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence, ValuesView
from copy import copy
from itertools import groupby, islice, repeat
from operator import eq, itemgetter
from typing import Any, TypeVar, overload

import msgspec
from msgspec import structs

from afcore.ids import RunKey
from afcore.model.packedrows import column_of, fill_column, native
from afcore.model.run import Run, RunCopy
from afcore.model.runviews import RunItems, RunValues

__all__ = ["CHUNK", "MOST_AWAKE", "ROW", "Runs"]

CHUNK = 1024
"""Tasks whose runs lie together."""
MOST_AWAKE = 1024
"""Runs that stay objects when a command is over."""
_FEW = 32
"""Tasks of a chunk up to which each is looked for; more are found by a map of the whole chunk."""
_AT_ONCE = 256
"""Runs more than that which are put to rest at once: a command does not wait for thousands of them."""

ROW = struct.Struct("<IIIIdddibBbB")
"""task, run, render, capacity; started, progress_changed, waiting_since; frame, stopping, stop_status, percent_frame,
and 1 when something lies beside the row."""
_HOST, _STARTED, _PROGRESS, _WAITING, _FRAME, _STOPPING, _STATUS, _PERCENT, _MORE = 8, 16, 24, 32, 40, 44, 45, 46, 47
"""Where in a row they begin."""
_NAME = struct.Struct("<II")
_RENDER = struct.Struct("<I")
_STOP = struct.Struct("<bB")
_TIME = struct.Struct("<d")
_WORDS = ROW.size // 4
_IN_ROW = frozenset(
    ("key", "render", "capacity", "started", "progress_changed", "waiting_since", "frame", "stopping", "stop_status")
) | {"percent_frame"}
_BESIDE = tuple((field.name, field.default) for field in structs.fields(Run) if field.name not in _IN_ROW)
_hints = typing.get_type_hints(Run)
_More: Any = msgspec.defstruct(
    "_More", [(name, _hints[name], usual) for name, usual in _BESIDE], omit_defaults=True, gc=False
)
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(_More)

_BlockKey = tuple[int, int]
_Group = tuple[bytearray, dict[tuple[int, int], int] | None, Sequence[int]]
_Other = TypeVar("_Other")


class Runs(MutableMapping[RunKey, Run]):
    """The runs of a farm by their keys: those at rest by block and task, then those that are awake."""

    __slots__ = ("_asleep", "_awake", "_beside", "_rows")

    def __init__(self) -> None:
        self._awake: MutableMapping[RunKey, Run] = {}
        self._rows: dict[_BlockKey, dict[int, bytearray]] = {}
        """By job and block, then by ``task // CHUNK``: rows in no order."""
        self._beside: dict[RunKey, bytes] = {}
        self._asleep = 0

    # The mapping

    def __len__(self) -> int:
        return len(self._awake) + self._asleep

    def __contains__(self, key: object) -> bool:
        return key in self._awake or (self._asleep > 0 and self._find(key)[1] >= 0)

    def __iter__(self) -> Iterator[RunKey]:
        for (job, block), chunks in self._rows.items():
            for rows in chunks.values():
                words = _words(rows)
                for task, run in zip(words[::_WORDS], words[1::_WORDS], strict=True):
                    yield RunKey(job, block, task, run)
        yield from self._awake

    def __getitem__(self, key: RunKey) -> Run:
        run = self.get(key)
        if run is None:
            raise KeyError(key)
        return run

    @overload
    def get(self, key: RunKey, default: None = None) -> Run | None: ...
    @overload
    def get(self, key: RunKey, default: Run | _Other) -> Run | _Other: ...
    def get(self, key: RunKey, default: Any = None) -> Any:
        """Return a run to work with; it stays awake until ``settle``."""
        run = self._awake.get(key)
        if run is None:
            if not self._asleep:
                return default
            rows, at = self._find(key)
            if at < 0:
                return default
            key = RunKey(*key)
            run = self._awake[key] = self._read(key.job, key.block, rows, at, Run)
            self._drop(key, rows, at)
        return run

    def __setitem__(self, key: RunKey, run: Run) -> None:
        if self._asleep and key not in self._awake:
            self._discard(key)
        self._awake[key] = run

    def __delitem__(self, key: RunKey) -> None:
        if self._awake.pop(key, None) is None and not self._discard(key):
            raise KeyError(key)

    def begin(self, run: Run) -> None:
        """Take a run that begins: nobody had its key before, so nothing at rest is looked for."""
        self._awake[run.key] = run

    def discard(self, key: RunKey) -> None:
        """Forget a run, if it is there."""
        if self._awake.pop(key, None) is None:
            self._discard(key)

    def clear(self) -> None:
        """Forget every run."""
        self._awake.clear()
        self._rows.clear()
        self._beside.clear()
        self._asleep = 0

    def values(self) -> ValuesView[Run]:
        """Return the runs for reading."""
        return RunValues(self, self)

    def items(self) -> ItemsView[RunKey, Run]:
        """Return keys and runs for reading."""
        return RunItems(self, self)

    def copied(self, awake: "Callable[[Any], MutableMapping[RunKey, Run]] | None" = None) -> "Runs":
        """Return a copy that may be changed by itself; ``awake`` copies the runs that are awake."""
        made = Runs()
        made._awake = {key: copy(run) for key, run in self._awake.items()} if awake is None else awake(self._awake)
        made._rows = {
            key: {number: bytearray(rows) for number, rows in chunks.items()} for key, chunks in self._rows.items()
        }
        made._beside = dict(self._beside)
        made._asleep = self._asleep
        return made

    # For reading

    def look(self, key: RunKey) -> Run | None:
        """Return a run for reading, or None."""
        run = self._awake.get(key)
        if run is None and self._asleep:
            rows, at = self._find(key)
            if at >= 0:
                return self._read(key[0], key[1], rows, at)
        return run

    def all(self) -> Iterator[Run]:
        """Yield every run for reading."""
        for (job, block), chunks in self._rows.items():
            for rows in chunks.values():
                yield from self._reads(job, block, rows)
        yield from self._awake.values()

    def pairs(self) -> Iterator[tuple[RunKey, Run]]:
        """Yield every key and run for reading."""
        for (job, block), chunks in self._rows.items():
            for rows in chunks.values():
                for run in self._reads(job, block, rows):
                    yield run.key, run
        yield from self._awake.items()

    def of_block(self, job: int, block: int) -> Iterator[Run]:
        """Yield the runs of a block for reading."""
        for rows in self._rows.get((job, block), _NONE).values():
            yield from self._reads(job, block, rows)
        for key, run in self._awake.items():
            if key.job == job and key.block == block:
                yield run

    def tasks_of(self, job: int, block: int) -> "array[int]":
        """Return the tasks of a block that have a run, in no order."""
        tasks = array("I")
        for rows in self._rows.get((job, block), _NONE).values():
            tasks.extend(_words(rows)[::_WORDS])
        tasks.extend(key.task for key in self._awake if key.job == job and key.block == block)
        return tasks

    def extraordinary(self) -> Iterator[Run]:
        """Yield for reading every run that is awake or has something that no row holds."""
        for key in self._beside:
            run = self.look(key)
            if run is not None:
                yield run
        yield from self._awake.values()

    def plain(self) -> Iterator[tuple[int, int, Counter[tuple[int, int]]]]:
        """Yield (job, block, how many by render and capacity) of all runs that are not ``extraordinary``."""
        more: dict[_BlockKey, Counter[tuple[int, int]]] = {}
        for key in self._beside:
            rows, at = self._find(key)
            _, _, render, capacity = struct.unpack_from("<IIII", rows, at)
            more.setdefault((key.job, key.block), Counter())[render, capacity] += 1
        for (job, block), chunks in self._rows.items():
            counts: Counter[tuple[int, int]] = Counter()
            for rows in chunks.values():
                words = _words(rows)
                counts.update(zip(words[2::_WORDS], words[3::_WORDS], strict=True))
            counts -= more.get((job, block), Counter())
            if counts:
                yield job, block, counts

    def hosts(self) -> Iterator[tuple[int, int, "array[int]", "array[int]", "array[int]"]]:
        """Yield (job, block, tasks, runs, master renders) of what is at rest."""
        for (job, block), chunks in self._rows.items():
            for rows in chunks.values():
                words = _words(rows)
                yield job, block, words[::_WORDS], words[1::_WORDS], words[2::_WORDS]

    def waits(self) -> set[tuple[int, float]]:
        """Return (render, since when) of everything that waits for its render."""
        found = {(run.render, run.waiting_since) for run in self._awake.values() if run.waiting_since}
        for chunks in self._rows.values():
            for rows in chunks.values():
                times = native(array("d", bytes(column_of(rows, ROW.size, _WAITING, 8))))
                if any(times):
                    found.update(pair for pair in zip(_words(rows)[2::_WORDS], times, strict=True) if pair[1])
        return found

    def stopping(self, job: int, block: int, tasks: Sequence[int], starts: Sequence[int]) -> Iterator[int]:
        """Yield what each of ``tasks`` becomes when its newest run ended; -1 for those nobody asked to stop."""
        awake = self._awake
        for rows, places, group in self._groups(job, block, tasks, starts):
            if places is None:
                asked = column_of(rows, ROW.size, _STOPPING, 1)
                if asked.count(asked[0]) == len(asked):
                    yield from repeat(_STOP.unpack_from(rows, _STOPPING)[0], len(group))
                    continue
                places = _places(rows)
            for task in group:
                at = places.get((task, starts[task]), -1)
                if at >= 0:
                    yield _STOP.unpack_from(rows, at + _STOPPING)[0]
                else:
                    run = awake.get(RunKey(job, block, task, starts[task]))
                    yield -1 if run is None else run.stopping

    def masters(
        self, job: int, block: int, tasks: Sequence[int], numbers: Sequence[int]
    ) -> Iterator[list[tuple[int, int, int]]]:
        """Yield (task, run, master render) of those runs of a block that still go on, a list for each chunk.

        ``numbers``: the run of each of ``tasks``.  Others may work between two lists: each is true when it is given.
        """
        wanted = dict(zip(tasks, numbers, strict=True))
        for _, chunk in groupby(tasks, _chunk_of):
            found: list[tuple[int, int, int]] = []
            for rows, places, group in self._groups(job, block, chunk, wanted):
                if places is None:
                    words = _words(rows)
                    found += zip(words[::_WORDS], words[1::_WORDS], words[2::_WORDS], strict=True)
                    continue
                for task in group:
                    number = wanted[task]
                    at = places.get((task, number), -1)
                    if at >= 0:
                        found.append((task, number, _RENDER.unpack_from(rows, at + _HOST)[0]))
                    else:
                        run = self._awake.get(RunKey(job, block, task, number))
                        if run is not None:
                            found.append((task, number, run.render))
            yield found

    # For afcore.evolve

    def stop(self, job: int, block: int, tasks: Iterable[int], starts: Sequence[int], then: int, status: int) -> None:
        """Note of the newest runs of many tasks what these become when they ended."""
        asked = _STOP.pack(then, status)
        for rows, places, group in self._groups(job, block, tasks, starts):
            if places is None:
                fill_column(rows, ROW.size, _STOPPING, asked)
                continue
            for task in group:
                at = places.get((task, starts[task]), -1)
                if at >= 0:
                    rows[at + _STOPPING : at + _STOPPING + _STOP.size] = asked
                else:
                    run = self._awake[RunKey(job, block, task, starts[task])]
                    run.stopping, run.stop_status = then, status

    def _groups(
        self, job: int, block: int, tasks: Iterable[int], starts: "Sequence[int] | Mapping[int, int]"
    ) -> Iterator[_Group]:
        """Yield rows, where in them the runs by (task, run) are, and which of ``tasks`` lie there, chunk by chunk.

        There are no places where the runs are all of the rows: who asks can take these as one.
        """
        chunks = self._rows.get((job, block), _NONE)
        for number, together in groupby(tasks, _chunk_of):
            rows, group = chunks.get(number, _EMPTY), list(together)
            if len(group) < _FEW:
                places = {(task, starts[task]): self._find((job, block, task, starts[task]))[1] for task in group}
                yield rows, places, group
            elif len(group) * ROW.size == len(rows) and _are(rows, group, starts):
                yield rows, None, group
            else:
                yield rows, _places(rows), group

    def wait(self, at: float) -> None:
        """Let every run wait for its render."""
        for run in self._awake.values():
            run.waiting_since = at
        when = _TIME.pack(at)
        for chunks in self._rows.values():
            for rows in chunks.values():
                fill_column(rows, ROW.size, _WAITING, when)

    # Rest

    def settle(self, *, most: int = MOST_AWAKE, at_once: int = _AT_ONCE) -> None:
        """Put runs to rest until about ``most`` are awake, the ones that woke first; nobody holds one now."""
        awake = self._awake
        if len(awake) <= most:
            return
        for key in list(islice(awake, min(at_once, len(awake) - most + at_once // 2))):
            run = awake.pop(key)
            if not self._rest(key, run):
                awake[key] = run

    def settle_all(self) -> None:
        """Put everything to rest."""
        self.settle(most=0, at_once=len(self._awake))

    def _rest(self, key: RunKey, run: Run) -> bool:
        more = _beside(run)
        try:
            row = ROW.pack(
                key.task, key.run, run.render, run.capacity, run.started, run.progress_changed, run.waiting_since,
                run.frame, run.stopping, run.stop_status, run.percent_frame, 1 if more else 0,
            )  # fmt: skip
        except struct.error:
            return False
        if run.key != key:
            return False
        chunks = self._rows.get((key.job, key.block))
        if chunks is None:
            chunks = self._rows[key.job, key.block] = {}
        rows = chunks.get(key.task // CHUNK)
        if rows is None:
            chunks[key.task // CHUNK] = bytearray(row)
        else:
            rows += row
        if more:
            self._beside[key] = more
        self._asleep += 1
        return True

    def _find(self, key: Any) -> tuple[bytearray, int]:
        """Return where the row of a run is, or -1 with anything."""
        chunks = self._rows.get(key[:2])
        if chunks is not None:
            rows = chunks.get(key[2] // CHUNK)
            if rows is not None:
                name = _NAME.pack(key[2], key[3])
                at = rows.find(name)
                while at >= 0 and at % ROW.size:
                    at = rows.find(name, at - at % ROW.size + ROW.size)
                return rows, at
        return _EMPTY, -1

    def _read(self, job: int, block: int, rows: bytearray, at: int, kind: type[Run] = RunCopy) -> Run:
        task, number, render, capacity, started, progress, waiting, frame, stopping, status, percent, more = (
            ROW.unpack_from(rows, at)
        )
        key = RunKey(job, block, task, number)
        beside: dict[str, Any] = {}
        if more:
            found = _decoder.decode(self._beside[key])
            beside = {name: getattr(found, name) for name, _ in _BESIDE}
        return kind(
            key=key,
            render=render,
            capacity=capacity,
            started=started,
            progress_changed=progress,
            waiting_since=waiting,
            frame=frame,
            stopping=stopping,
            stop_status=status,
            percent_frame=percent,
            **beside,
        )

    def _reads(self, job: int, block: int, rows: bytearray) -> Iterator[Run]:
        for at in range(0, len(rows), ROW.size):
            yield self._read(job, block, rows, at)

    def _discard(self, key: RunKey) -> bool:
        rows, at = self._find(key)
        if at < 0:
            return False
        self._drop(key, rows, at)
        return True

    def _drop(self, key: RunKey, rows: bytearray, at: int) -> None:
        """Take a row out; the last one comes into its place."""
        if rows[at + _MORE]:
            del self._beside[key]
        last = len(rows) - ROW.size
        if at != last:
            rows[at : at + ROW.size] = rows[last:]
        del rows[last:]
        if not rows:
            chunks = self._rows[key[0], key[1]]
            del chunks[key[2] // CHUNK]
            if not chunks:
                del self._rows[key[0], key[1]]
        self._asleep -= 1

    # Keeping

    def packed(self) -> list[tuple[int, int, list[bytes]]]:
        """Return all rows: (job, block, a chunk each).  What is ``extraordinary`` is to be kept as well."""
        return [(job, block, [bytes(rows) for rows in chunks.values()]) for (job, block), chunks in self._rows.items()]

    def unpack(self, job: int, block: int, pieces: Iterable[bytes]) -> None:
        """Take rows that ``packed`` gave, without their readings.  Raises ValueError when they are no rows."""
        chunks = self._rows.setdefault((job, block), {})
        for piece in pieces:
            if not piece or len(piece) % ROW.size:
                raise ValueError(f"{len(piece)} bytes of runs are no whole rows")
            rows = bytearray(piece)
            for byte in range(8):
                rows[_PROGRESS + byte :: ROW.size] = rows[_STARTED + byte :: ROW.size]
            fill_column(rows, ROW.size, _FRAME, b"\xff\xff\xff\xff")
            fill_column(rows, ROW.size, _PERCENT, b"\xff")
            fill_column(rows, ROW.size, _MORE, b"\0")
            chunks[int.from_bytes(rows[:4], "little") // CHUNK] = rows
            self._asleep += len(rows) // ROW.size


_EMPTY = bytearray()
_chunk_of = CHUNK.__rfloordiv__
"""The chunk of a task; asked so often that a function of Python's own would be a third of the time."""
_NONE: dict[int, bytearray] = {}


def _words(rows: bytearray) -> "array[int]":
    return native(array("I", bytes(rows)))


def _places(rows: bytearray) -> dict[tuple[int, int], int]:
    """Return where in some rows the run of each (task, run) is."""
    words = _words(rows)
    return dict(zip(zip(words[::_WORDS], words[1::_WORDS]), range(0, len(rows), ROW.size)))


def _are(rows: bytearray, tasks: Sequence[int], starts: "Sequence[int] | Mapping[int, int]") -> bool:
    """Say whether rows hold the newest runs of as many tasks, and no others."""
    words = _words(rows)
    runs = dict(zip(words[::_WORDS], words[1::_WORDS], strict=True))
    return len(runs) == len(tasks) and all(map(eq, map(runs.get, tasks), itemgetter(*tasks)(starts)))


def _beside(run: Run) -> bytes:
    """Return what of a run no row holds; empty for most."""
    for name, usual in _BESIDE:
        if getattr(run, name) != usual:
            return _encoder.encode(_More(**{name: getattr(run, name) for name, _ in _BESIDE}))
    return b""
