"""The order of tasks: the observed orders of the reference, a plain model of it, and a million tasks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afcore.frames import FrameRange, OrderCursor, SequentialOrder

READY, BUSY = 1, 2


def order_of(sequential: int, frames: FrameRange) -> SequentialOrder:
    return SequentialOrder(sequential, frames.tasks, first=frames.first, last=frames.last, span=frames.span)


def listed(order: SequentialOrder) -> list[int]:
    return [order.index(rank) for rank in range(order.tasks)]


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


@pytest.mark.parametrize(
    ("frames", "sequential", "expected"),
    [
        (FrameRange(1, 5), 1, "0 1 2 3 4"),
        (FrameRange(1, 5), -1, "4 3 2 1 0"),
        (FrameRange(1, 20), 5, "0 19 4 9 14 1 2 3 5 6 7 8 10 11 12 13 15 16 17 18"),
        (FrameRange(1, 20), -5, "19 14 9 4 18 17 16 15 13 12 11 10 8 7 6 5 3 2 1 0"),
        (FrameRange(1, 20), 0, "0 19 10 5 15 2 7 12 17 1 3 6 8 11 13 16 18 4 9 14"),
        (FrameRange(1, 23, 2), 5, "0 11 2 4 7 9 1 3 5 6 8 10"),
        (FrameRange(1, 23, 2), -5, "9 7 4 2 11 10 8 6 5 3 1 0"),
        (FrameRange(1, 30, 1, 3), 10, "0 9 3 6 1 2 4 5 7 8"),
        (FrameRange(-10, 10), 5, "0 20 5 10 15 1 2 3 4 6 7 8 9 11 12 13 14 16 17 18 19"),
        (FrameRange(-10, 10), -5, "20 15 10 5 0 19 18 17 16 14 13 12 11 9 8 7 6 4 3 2 1"),
        (FrameRange(1, 10), 0, "0 9 5 2 7 1 3 6 8 4"),
        (FrameRange(1, 9), 0, "0 8 4 2 6 1 3 5 7"),
        (FrameRange(-9, -3), -4, "5 1 6 4 3 2 0"),
        (FrameRange(1, 1), 7, "0"),
        (FrameRange(1, 2), 0, "0 1"),
        (FrameRange(1, 1), 0, "0"),
    ],
)
def test_observed_orders(frames: FrameRange, sequential: int, expected: str) -> None:
    assert listed(order_of(sequential, frames)) == numbers(expected)


@pytest.mark.parametrize(
    ("sequential", "expected"), [(3, "0 7 1 2 3 4 5 6"), (-3, "0 7 6 5 4 3 2 1"), (0, "0 7 4 2 6 1 3 5")]
)
def test_orders_of_listed_tasks(sequential: int, expected: str) -> None:
    assert listed(SequentialOrder(sequential, 8)) == numbers(expected)


def model(sequential: int, frames: FrameRange) -> list[int]:
    """The definition, written as a list."""
    tasks = frames.tasks
    wanted: list[int] = []
    if sequential == 0:
        part = 1
        while part < tasks:
            wanted += [min(i * tasks // part, tasks - 1) for i in range(part + 1)]
            part *= 2
        wanted += range(tasks)
    else:
        step = abs(sequential)
        multiples = [frames.task_of(f) for f in range(frames.first, frames.last + 1) if f % step == 0]
        wanted = [0, tasks - 1, *multiples] if sequential > 0 else multiples[::-1]
        wanted += range(tasks) if sequential > 0 else range(tasks - 1, -1, -1)
    return list(dict.fromkeys(wanted))


frame_ranges = st.builds(
    lambda first, length, per_task, inc: FrameRange(first, first + length, per_task, inc),
    st.integers(-60, 60),
    st.integers(0, 90),
    st.integers(1, 7),
    st.integers(1, 4),
)


@given(frame_ranges, st.one_of(st.just(0), st.integers(2, 30), st.integers(-30, -2)))
def test_arithmetic_agrees_with_the_definition(frames: FrameRange, sequential: int) -> None:
    order = order_of(sequential, frames)
    assert listed(order) == model(sequential, frames)
    assert [order.rank(index) for index in listed(order)] == list(range(frames.tasks))


@given(frame_ranges, st.integers(-12, 12), st.data())
def test_next_ready_is_the_first_ready_rank(frames: FrameRange, sequential: int, data: st.DataObject) -> None:
    order = order_of(sequential, frames)
    ready = data.draw(st.lists(st.booleans(), min_size=order.tasks, max_size=order.tasks))
    cursor = data.draw(st.integers(0, order.tasks))
    state = bytearray(READY if is_ready else BUSY for is_ready in ready)
    expected = next((rank for rank in range(cursor, order.tasks) if state[order.index(rank)] == READY), None)
    assert order.next_ready(state, READY, cursor) == expected


def test_steps_are_what_a_preview_waits_after() -> None:
    assert order_of(5, FrameRange(1, 20)).steps == 5
    assert order_of(-5, FrameRange(1, 20)).steps == 20
    assert order_of(0, FrameRange(1, 20)).steps == 20


def test_ranks_and_indexes_outside_are_refused() -> None:
    order = order_of(5, FrameRange(1, 20))
    for outside in (-1, 20):
        with pytest.raises(IndexError):
            order.index(outside)
        with pytest.raises(IndexError):
            order.rank(outside)
    empty = SequentialOrder(0, 0)
    assert empty.next_ready(bytearray(), READY) is None
    with pytest.raises(IndexError):
        empty.index(0)


class CountingState(bytearray):
    """A state column that counts how often it is searched."""

    searches = 0

    def find(self, *args: object) -> int:
        self.searches += 1
        return super().find(*args)

    def rfind(self, *args: object) -> int:
        self.searches += 1
        return super().rfind(*args)


@pytest.mark.parametrize("sequential", [1, -1, 10, -10, 7, 0])
def test_a_lonely_ready_task_among_a_million_is_found_by_jumps(sequential: int) -> None:
    order = order_of(sequential, FrameRange(1, 2_000_000, 2))
    state = CountingState(bytes([BUSY]) * order.tasks)
    state[723_457] = READY
    rank = order.next_ready(state, READY)
    assert rank is not None and order.index(rank) == 723_457
    assert order.rank(723_457) == rank
    assert state.searches < 60


@pytest.mark.parametrize("sequential", [3, -3, 0])
def test_ready_tasks_thick_between_the_wanted_ones(sequential: int) -> None:
    order = order_of(sequential, FrameRange(1, 3000))
    ranks = order.steps if sequential == 3 else 1000
    state = bytearray([READY]) * order.tasks
    for rank in range(ranks - 1):
        state[order.index(rank)] = BUSY
    assert order.next_ready(state, READY) == ranks - 1


@given(frame_ranges, st.integers(-6, 6), st.randoms(use_true_random=False))
def test_a_cursor_never_misses_the_first_ready_task(frames: FrameRange, sequential: int, chance: random.Random) -> None:
    order = order_of(sequential, frames)
    cursor = OrderCursor(order)
    indexes = [order.index(rank) for rank in range(order.tasks)]
    state = bytearray([BUSY]) * order.tasks
    for _ in range(60):
        act = chance.random()
        index = chance.randrange(order.tasks)
        if act < 0.5:
            state[index] = READY
            cursor.wake(index)
        elif act < 0.6:
            state[:] = bytes(chance.choice((READY, BUSY)) for _ in state)
            cursor.rewind()
        elif act < 0.8:
            state[index] = BUSY
        after = chance.randrange(-1, order.tasks)
        ready = [rank for rank, index in enumerate(indexes) if state[index] == READY]
        assert cursor.first(state, READY, after) == next((rank for rank in ready if rank > after), None)
        assert cursor.first(state, READY) == next(iter(ready), None)


def test_many_woken_tasks_cost_one_search() -> None:
    order = order_of(1, FrameRange(1, 1000))
    cursor = OrderCursor(order)
    state = bytearray([BUSY]) * 1000
    assert cursor.first(state, READY) is None
    for index in range(999, 0, -1):
        state[index] = READY
        cursor.wake(index)
    assert cursor.first(state, READY) == 1
    assert cursor.first(state, READY, 1) == 2
