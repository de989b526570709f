"""On which hosts which tasks of a block failed, packed: 16 bytes for each task and host, no object.

Rules of this file:
- It reads like the mapping it stands for; what it gives out are copies, and changing them changes nothing here.
- A block may have failed tasks by the ten thousand: what looks at all of them looks at the packed bytes.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, Sequence
from struct import Struct

from afcore.model.hosterrors import HostErrors
from afcore.model.packedrows import column_of, native

__all__ = ["FAILED_CHUNK", "TaskErrors"]

FAILED_CHUNK = 1024
"""Tasks whose errors lie together."""
_ROW = Struct("<HIHd")
"""Task in its chunk, render id, how often it failed the task, when last; little-endian on every machine, because
snapshots hold it."""
_NAME = Struct("<HI")
_COUNT = Struct("<Hd")
_RENDER = 2
_MOST = 0xFFFF


class TaskErrors(MutableMapping[int, dict[int, HostErrors]]):
    """By task index, then by render id: how often a host failed a task (at most 65,535 times), and when last."""

    __slots__ = ("_chunks",)

    def __init__(self, rows: Iterable[tuple[int, int, int, float]] = ()) -> None:
        """``rows``: (task, render, count, last), what ``rows()`` gave."""
        self._chunks: dict[int, bytearray] = {}
        """By ``task // FAILED_CHUNK``: rows in the order in which they came."""
        for task, render, count, last in rows:
            self._add(task, render, count, last)

    def __len__(self) -> int:
        return sum(len(_tasks(chunk)) for chunk in self._chunks.values())

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def __iter__(self) -> Iterator[int]:
        for number, chunk in self._chunks.items():
            for task in _tasks(chunk):
                yield number * FAILED_CHUNK + task

    def __contains__(self, task: object) -> bool:
        return isinstance(task, int) and next(self._rows_of(task), None) is not None

    def __getitem__(self, task: int) -> dict[int, HostErrors]:
        found = {render: HostErrors(count, last) for _, render, count, last in self._rows_of(task)}
        if not found:
            raise KeyError(task)
        return found

    def __setitem__(self, task: int, hosts: dict[int, HostErrors]) -> None:
        if task in self:
            self.forget((task,))
        for render, errors in hosts.items():
            self._add(task, render, errors.count, errors.last)

    def __delitem__(self, task: int) -> None:
        if task not in self:
            raise KeyError(task)
        self.forget((task,))

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()

    def forget(self, tasks: Iterable[int]) -> None:
        """Forget many tasks; those that never failed do not matter."""
        chunks: dict[int, set[int]] = {}
        for task in tasks:
            chunks.setdefault(task // FAILED_CHUNK, set()).add(task % FAILED_CHUNK)
        for number, gone in chunks.items():
            chunk = self._chunks.get(number)
            if chunk is None:
                continue
            if gone.issuperset(_tasks(chunk)):
                del self._chunks[number]
            else:
                self._keep(number, lambda task, render, gone=gone: task not in gone)  # type: ignore[misc]

    def forget_ranges(self, ranges: Sequence[tuple[int, int]], state: bytearray, only: Collection[int]) -> None:
        """Forget the tasks inside rising ``ranges``; with ``only``, those of them whose ``state`` is one of these."""
        chosen = bytes(not only or each in only for each in range(256))
        firsts = [first for first, _ in ranges]
        for number, chunk in list(self._chunks.items()):
            base = number * FAILED_CHUNK
            end, gone = base + FAILED_CHUNK, bytearray(FAILED_CHUNK)
            for first, last in ranges[max(0, bisect_right(firsts, base) - 1) : bisect_left(firsts, end)]:
                begin, until = max(first, base), min(last + 1, end)
                if begin < until:
                    gone[begin - base : until - base] = state[begin:until].translate(chosen)
            if all(map(gone.__getitem__, _task_column(chunk))):
                del self._chunks[number]
            else:
                self._keep(number, lambda task, render, gone=gone: not gone[task])  # type: ignore[misc]

    def note(self, task: int, render: int, at: float) -> None:
        """Count one more failure of a task on a render."""
        place = self._find(task, render)
        if place < 0:
            self._add(task, render, 1, at)
        else:
            chunk = self._chunks[task // FAILED_CHUNK]
            (count, _) = _COUNT.unpack_from(chunk, place + _NAME.size)
            _COUNT.pack_into(chunk, place + _NAME.size, min(_MOST, count + 1), at)

    def count(self, task: int, render: int) -> int:
        """Return how often a render failed a task."""
        place = self._find(task, render)
        if place < 0:
            return 0
        count: int = _COUNT.unpack_from(self._chunks[task // FAILED_CHUNK], place + _NAME.size)[0]
        return count

    def forgive(self, renders: Collection[int]) -> None:
        """Forget some renders on every task, in one look over all of them."""
        gone = frozenset(renders)
        for number in [number for number, chunk in self._chunks.items() if not gone.isdisjoint(_renders(chunk))]:
            self._keep(number, lambda task, render: render not in gone)

    def newest(self, render: int) -> float:
        """Return when a render last failed any task; 0 when it did not."""
        # Few chunks have one render: fifty thousand rows are looked through in a millisecond.
        found = [chunk for chunk in self._chunks.values() if render in _renders(chunk)]
        rows = _ROW.iter_unpack(b"".join(found))
        return max((last for _, id, _, last in rows if id == render), default=0.0)

    def newest_of_all(self) -> dict[int, float]:
        """Return of every render when it last failed any task."""
        newest: dict[int, float] = {}
        for _, render, _, last in _ROW.iter_unpack(b"".join(self._chunks.values())):
            if last > newest.get(render, 0.0):
                newest[render] = last
        return newest

    def rows(self) -> Iterator[tuple[int, int, int, float]]:
        """Yield (task, render, count, last), in the order of tasks and renders."""
        for number, chunk in sorted(self._chunks.items()):
            rows = list(_ROW.iter_unpack(chunk))
            for task, render, count, last in sorted(rows):
                yield number * FAILED_CHUNK + task, render, count, last

    def packed(self) -> list[tuple[int, bytes]]:
        """Return everything as it lies here, for a snapshot."""
        return [(number, bytes(chunk)) for number, chunk in self._chunks.items()]

    @classmethod
    def unpacked(cls, pieces: Iterable[tuple[int, bytes]]) -> "TaskErrors":
        """Return what ``packed`` gave.  Raises ValueError when it is damaged."""
        errors = cls()
        for number, piece in pieces:
            if not piece or len(piece) % _ROW.size:
                raise ValueError(f"{len(piece)} bytes of failed hosts are no whole rows")
            errors._chunks[number] = bytearray(piece)
        return errors

    def _rows_of(self, task: int) -> Iterator[tuple[int, int, int, float]]:
        """Yield (place in its chunk, render, count, last) of a task."""
        chunk = self._chunks.get(task // FAILED_CHUNK)
        if chunk is None:
            return
        tasks, own, row = column_of(chunk, _ROW.size, 0, 2), (task % FAILED_CHUNK).to_bytes(2, "little"), -1
        while True:
            row = tasks.find(own, row + 1)
            if row < 0:
                return
            if row % 2 == 0:
                place = row // 2 * _ROW.size
                _, render, count, last = _ROW.unpack_from(chunk, place)
                yield place, render, count, last

    def _find(self, task: int, render: int) -> int:
        """Return the place of a row in its chunk, or -1."""
        chunk = self._chunks.get(task // FAILED_CHUNK)
        if chunk is None:
            return -1
        name = _NAME.pack(task % FAILED_CHUNK, render)
        place = chunk.find(name)
        while place >= 0 and place % _ROW.size:
            place = chunk.find(name, place - place % _ROW.size + _ROW.size)
        return place

    def _add(self, task: int, render: int, count: int, last: float) -> None:
        row = _ROW.pack(task % FAILED_CHUNK, render, min(_MOST, count), last)
        chunk = self._chunks.get(task // FAILED_CHUNK)
        if chunk is None:
            self._chunks[task // FAILED_CHUNK] = bytearray(row)
        else:
            chunk += row

    def _keep(self, number: int, wanted: Callable[[int, int], bool]) -> None:
        """Keep of a chunk only the rows whose (task in the chunk, render) is wanted."""
        chunk = self._chunks.get(number)
        if chunk is None:
            return
        rows = list(_ROW.iter_unpack(chunk))
        kept = [row for row in rows if wanted(row[0], row[1])]
        if not kept:
            del self._chunks[number]
        elif len(kept) < len(rows):
            self._chunks[number] = bytearray(b"".join(_ROW.pack(*row) for row in kept))


def _renders(chunk: bytearray) -> "array[int]":
    return native(array("I", bytes(column_of(chunk, _ROW.size, _RENDER, 4))))


def _task_column(chunk: bytearray) -> "array[int]":
    return native(array("H", bytes(column_of(chunk, _ROW.size, 0, 2))))


def _tasks(chunk: bytearray) -> dict[int, None]:
    """Return the tasks of a chunk, each once, in the order in which they came."""
    return dict.fromkeys(_task_column(chunk))
