"""On which hosts which tasks of a block failed, packed: one short text of bytes per failed task, no object.

Rules of this file:
- It reads like the mapping it stands for; what it gives out are copies, and changing them changes nothing here.
- A block may have failed tasks by the ten thousand: what looks at all of them looks at the packed bytes.
"""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, MutableMapping
from itertools import accumulate
from struct import Struct

from afcore.model.hosterrors import HostErrors

__all__ = ["TaskErrors"]

_ENTRY = Struct("=IId")
"""Render id, how often it failed the task, when last; in the order of this machine, because it never leaves it."""
_NUMBER = 4
"""Bytes of a render id."""


class TaskErrors(MutableMapping[int, dict[int, HostErrors]]):
    """By task index, then by render id: how often a host failed a task, and when last."""

    __slots__ = ("_packed",)

    def __init__(self, rows: Iterable[tuple[int, int, int, float]] = ()) -> None:
        """``rows``: (task, render, count, last), what ``rows()`` gave."""
        packed: dict[int, bytes] = {}
        pack = _ENTRY.pack
        for task, render, count, last in rows:
            packed[task] = packed.get(task, b"") + pack(render, count, last)
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __contains__(self, task: object) -> bool:
        return task in self._packed

    def __getitem__(self, task: int) -> dict[int, HostErrors]:
        return {render: HostErrors(count, last) for render, count, last in _ENTRY.iter_unpack(self._packed[task])}

    def __setitem__(self, task: int, hosts: dict[int, HostErrors]) -> None:
        self._packed[task] = b"".join(_ENTRY.pack(id, errors.count, errors.last) for id, errors in hosts.items())

    def __delitem__(self, task: int) -> None:
        del self._packed[task]

    def clear(self) -> None:
        """Forget everything."""
        self._packed.clear()

    def note(self, task: int, render: int, at: float) -> None:
        """Count one more failure of a task on a render."""
        old = self._packed.get(task, b"")
        for place, (id, count, _) in enumerate(_ENTRY.iter_unpack(old)):
            if id == render:
                start = place * _ENTRY.size
                self._packed[task] = old[:start] + _ENTRY.pack(id, count + 1, at) + old[start + _ENTRY.size :]
                return
        self._packed[task] = old + _ENTRY.pack(render, 1, at)

    def count(self, task: int, render: int) -> int:
        """Return how often a render failed a task."""
        packed = self._packed.get(task)
        if packed is not None:
            for id, count, _ in _ENTRY.iter_unpack(packed):
                if id == render:
                    return int(count)
        return 0

    def forgive(self, renders: Collection[int]) -> None:
        """Forget some renders on every task, in one look over all of them."""
        for task in self._tasks_of(renders):
            kept = [each for each in _ENTRY.iter_unpack(self._packed[task]) if each[0] not in renders]
            if kept:
                self._packed[task] = b"".join(_ENTRY.pack(*each) for each in kept)
            else:
                del self._packed[task]

    def newest(self, render: int) -> float:
        """Return when a render last failed any task; 0 when it did not."""
        return max(
            (
                last
                for task in self._tasks_of((render,))
                for id, _, last in _ENTRY.iter_unpack(self._packed[task])
                if id == render
            ),
            default=0.0,
        )

    def _tasks_of(self, renders: Collection[int]) -> list[int]:
        """Return the tasks that failed on any of ``renders``, each once, in the order in which they are kept."""
        if not self._packed:
            return []
        # One column of all render ids: fifty thousand are looked through in two milliseconds.
        ids = array("I", b"".join(self._packed.values()))[:: _ENTRY.size // _NUMBER]
        places = [place for place, id in enumerate(ids) if id in renders]
        if not places:
            return []
        tasks, ends = list(self._packed), list(accumulate(map(len, self._packed.values())))
        return list(dict.fromkeys(tasks[bisect_right(ends, place * _ENTRY.size)] for place in places))

    def rows(self) -> Iterator[tuple[int, int, int, float]]:
        """Yield (task, render, count, last), in the order of tasks and renders."""
        for task in sorted(self._packed):
            for render, count, last in sorted(_ENTRY.iter_unpack(self._packed[task])):
                yield task, render, count, last
