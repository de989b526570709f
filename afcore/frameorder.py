"""In which order the tasks of a block are taken, as arithmetic between rank and task index.

Rules of this file:
 - ``rank`` is the place in the order, from 0; ``index`` is the task's number in its block; nothing is listed per task;
 - an order is a few runs, one after the other; a run is a rising or falling sequence of indexes given by a formula;
 - to look for a ready task is to let ``bytearray.find`` jump; only where ready tasks lie thick between the wanted ones
   a run is walked, once, and ``OrderCursor`` remembers that it was.

The orders (``sequential``): 1 rising, -1 falling; N > 1 the first task, the last task, then the tasks that hold a
frame that is a multiple of N, then the rest; -N the tasks that hold a multiple of N falling, then the rest falling; 0
the middle first: the whole is halved again and again by powers of two, and what remains follows rising.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

__all__ = ["OrderCursor", "SequentialOrder"]

_JUMPS = 48  # searches that may land on tasks of other runs before a run is walked place by place
_MANY_WOKEN = 256  # woken tasks remembered one by one; more are found again by a search from the start


class _Run:
    """A rising sequence of task indexes, given by formula: ``count`` of them."""

    count: int

    def at(self, place: int) -> int:
        """Return the index at ``place``."""
        raise NotImplementedError  # pragma: no cover

    def place(self, index: int) -> int:
        """Return the first place whose index is at least ``index``; ``count`` or more when there is none."""
        raise NotImplementedError  # pragma: no cover


class _Straight(_Run):
    """Every index from ``start`` on."""

    def __init__(self, start: int, count: int) -> None:
        self.start = start
        self.count = count

    def at(self, place: int) -> int:
        return self.start + place

    def place(self, index: int) -> int:
        return max(0, index - self.start)


class _Steps(_Run):
    """``(offset + place * step) // span``: the tasks met when walking over frames in steps longer than a task."""

    def __init__(self, offset: int, step: int, span: int, count: int) -> None:
        self.offset = offset
        self.step = step
        self.span = span
        self.count = count

    def at(self, place: int) -> int:
        return (self.offset + place * self.step) // self.span

    def place(self, index: int) -> int:
        return max(0, -(-(index * self.span - self.offset) // self.step))


class _Part(_Run):
    """``count`` places of another run, from ``start`` on."""

    def __init__(self, whole: _Run, start: int, count: int) -> None:
        self.whole = whole
        self.start = start
        self.count = count

    def at(self, place: int) -> int:
        return self.whole.at(self.start + place)

    def place(self, index: int) -> int:
        return max(0, self.whole.place(index) - self.start)


class _Rest(_Run):
    """The indexes below ``tasks`` that are in none of the ``taken`` runs, which do not overlap."""

    def __init__(self, tasks: int, taken: list[_Run]) -> None:
        self.taken = taken
        self.tasks = tasks
        self.count = tasks - sum(run.count for run in taken)

    def at(self, place: int) -> int:
        low, high = place, self.tasks
        while low < high:
            middle = (low + high) // 2
            if self.place(middle + 1) > place:
                high = middle
            else:
                low = middle + 1
        return low

    def place(self, index: int) -> int:
        return index - sum(min(run.count, run.place(index)) for run in self.taken)


class _Piece(NamedTuple):
    """A run in its place of the order."""

    rank: int
    run: _Run
    falling: bool


class SequentialOrder:
    """The order of the tasks of one block.

    ``sequential`` is the order wanted, ``tasks`` the number of tasks, ``first``, ``last`` the block's frames and
    ``span`` the distance in frames between the starts of neighbouring tasks (frames per task times increment). A block
    of listed tasks leaves frames and span alone: it counts as the single frame 0.

    Multiples are multiples of the frame number on both sides of zero. (The reference loses the steps of a falling order
    when the last frame is negative and no multiple; that is not followed.)

    ``steps`` is how many ranks come before the rest of an order with N > 1, where a job with preview approval stops;
    for every other order it is the number of tasks.
    """

    def __init__(self, sequential: int, tasks: int, *, first: int = 0, last: int = 0, span: int = 1) -> None:
        self.tasks = tasks
        self.steps = tasks
        self._pieces: list[_Piece] = []
        self._length = 0
        if sequential in (1, -1):
            self._add(_Straight(0, tasks), falling=sequential < 0)
        elif sequential == 0:
            self._middle_first()
        else:
            self._multiples_first(sequential, first, last, span)

    def _add(self, run: _Run, *, falling: bool = False) -> None:
        if run.count > 0:
            self._pieces.append(_Piece(self._length, run, falling))
            self._length += run.count

    def _middle_first(self) -> None:
        ends = self._ends()
        taken = list(ends)
        half = 1
        while 2 * half < self.tasks:
            taken.append(_Steps(self.tasks, 2 * self.tasks, 2 * half, half))
            half *= 2
        for run in taken:
            self._add(run)
        self._add(_Rest(self.tasks, taken))

    def _multiples_first(self, sequential: int, first: int, last: int, span: int) -> None:
        step = abs(sequential)
        start = -(-first // step) * step
        multiples: _Run
        if step >= span:
            multiples = _Steps(start - first, step, span, max(0, (last - start) // step + 1))
        else:
            short = (last // step) * step < first + (self.tasks - 1) * span
            multiples = _Straight(0, self.tasks - 1 if short else self.tasks)
        if sequential < 0:
            self._add(multiples, falling=True)
            self._add(_Rest(self.tasks, [multiples]), falling=True)
            return
        ends = self._ends()
        places = 0, multiples.count
        if places[1] and multiples.at(0) == 0:
            places = 1, places[1]
        if places[0] < places[1] and multiples.at(places[1] - 1) == self.tasks - 1:
            places = places[0], places[1] - 1
        taken = [*ends, _Part(multiples, places[0], places[1] - places[0])]
        for run in taken:
            self._add(run)
        self.steps = self._length
        self._add(_Rest(self.tasks, taken))

    def _ends(self) -> list[_Run]:
        """Return the first task and the last one, which may be the same."""
        return [_Straight(index, 1) for index in sorted({0, self.tasks - 1}) if index >= 0]

    def index(self, rank: int) -> int:
        """Return the task at ``rank`` of the order."""
        if not 0 <= rank < self.tasks:
            raise IndexError(rank)
        start, run, falling = next(piece for piece in reversed(self._pieces) if piece.rank <= rank)
        place = rank - start
        return run.at(run.count - 1 - place if falling else place)

    def rank(self, index: int) -> int:
        """Return the place of task ``index`` in the order."""
        if not 0 <= index < self.tasks:
            raise IndexError(index)
        places = ((piece, piece.run.place(index)) for piece in self._pieces)
        (start, run, falling), place = next((p, n) for p, n in places if n < p.run.count and p.run.at(n) == index)
        return start + (run.count - 1 - place if falling else place)

    def next_ready(self, state: bytearray, ready: int, cursor: int = 0) -> int | None:
        """Return the first rank from ``cursor`` on whose task has state ``ready``, or None.

        ``state`` has one byte per task.
        """
        for start, run, falling in self._pieces:
            place = max(0, cursor - start)
            if place < run.count:
                found = _falling(run, state, ready, place) if falling else _rising(run, state, ready, place)
                if found is not None:
                    return start + found
        return None


class OrderCursor:
    """Where the search in an order stands: keeps finding the first ready task cheap while tasks come and go.

    It holds the rank below which nothing is ready, and the few ranks below it that were woken since.
    """

    def __init__(self, order: SequentialOrder) -> None:
        self.order = order
        self._cursor = 0
        self._woken: list[int] = []

    def wake(self, index: int) -> None:
        """Say that task ``index`` is ready now."""
        rank = self.order.rank(index)
        if rank >= self._cursor:
            return
        if len(self._woken) >= _MANY_WOKEN:
            self.rewind()
        else:
            heapq.heappush(self._woken, rank)

    def rewind(self) -> None:
        """Say that many tasks may be ready now: the next search begins at the first rank."""
        self._cursor = 0
        self._woken.clear()

    def first(self, state: bytearray, ready: int, after: int = -1) -> int | None:
        """Return the first rank, greater than ``after``, whose task has state ``ready``, or None.

        Pass the rank of a task that may not be taken now as ``after`` to be offered the one behind it.
        """
        woken = self._woken
        while woken and state[self.order.index(woken[0])] != ready:
            heapq.heappop(woken)
        below = min((rank for rank in woken if rank > after and state[self.order.index(rank)] == ready), default=None)
        if below is not None:
            return below
        found = self.order.next_ready(state, ready, max(self._cursor, after + 1))
        if after < self._cursor:
            self._cursor = self.order.tasks if found is None else found
        return found


def _rising(run: _Run, state: bytearray, ready: int, place: int) -> int | None:
    """Return the first place from ``place`` on whose task is ready, jumping over tasks that are not."""
    for _ in range(_JUMPS):
        if place >= run.count:
            return None
        index = state.find(ready, run.at(place))
        if index < 0:
            return None
        place = run.place(index)
        if place < run.count and run.at(place) == index:
            return place
    at = run.at
    return next((here for here in range(place, run.count) if state[at(here)] == ready), None)


def _falling(run: _Run, state: bytearray, ready: int, place: int) -> int | None:
    """Return the first place, counted from the run's end, whose task is ready."""
    end = run.count - 1
    place = end - place
    for _ in range(_JUMPS):
        if place < 0:
            return None
        index = state.rfind(ready, 0, run.at(place) + 1)
        if index < 0:
            return None
        place = run.place(index)
        if place < run.count and run.at(place) == index:
            return end - place
        place -= 1
    at = run.at
    return next((end - here for here in range(place, -1, -1) if state[at(here)] == ready), None)
