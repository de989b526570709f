"""Progress strips: shares are kept, nothing bad is lost among thousands, and every pixel has a state."""

from __future__ import annotations

import numpy
from hypothesis import given
from hypothesis import strategies as st

from afcore.states import STATE_COUNT, TaskState
from afwatch.models.strip import counts_to_pixels, pixel_counts, stack

COUNTS = st.lists(st.integers(0, 5000), min_size=STATE_COUNT, max_size=STATE_COUNT)


def counts_of(**amounts: int) -> list[int]:
    found = [0] * STATE_COUNT
    for name, amount in amounts.items():
        found[TaskState[name]] = amount
    return found


def test_one_error_among_thousands_is_seen() -> None:
    pixels = counts_to_pixels([counts_of(DONE=9999, ERROR=1)], 160)
    assert (pixels == TaskState.ERROR).sum() == 2
    assert (pixels == TaskState.DONE).sum() == 158


def test_blocks_stand_side_by_side_by_their_tasks() -> None:
    pixels = counts_to_pixels([counts_of(DONE=30), counts_of(WAIT_DEP=10)], 80)
    assert list(pixels[:60]) == [TaskState.DONE] * 60
    assert list(pixels[60:]) == [TaskState.WAIT_DEP] * 20


@given(blocks=st.lists(COUNTS, max_size=5), width=st.integers(1, 300))
def test_any_counts_fill_the_strip(blocks: list[list[int]], width: int) -> None:
    pixels = counts_to_pixels(blocks, width)
    assert len(pixels) == width
    there = {state for counts in blocks for state in range(STATE_COUNT) if counts[state]} | {int(TaskState.READY)}
    assert set(pixels.tolist()) <= there


@given(size=st.integers(0, 4000), width=st.integers(1, 500), seed=st.integers(0, 99))
def test_pixels_count_every_task_once(size: int, width: int, seed: int) -> None:
    state = numpy.random.default_rng(seed).integers(0, STATE_COUNT, size).astype(numpy.uint8)
    counts = pixel_counts(state, width)
    assert counts.shape == (STATE_COUNT, width)
    if size > width:
        assert counts.sum() == size
        assert list(counts.sum(axis=1)) == list(numpy.bincount(state, minlength=STATE_COUNT))


def test_a_stack_keeps_shares_and_shows_one_bad_task() -> None:
    state = numpy.full(100_000, TaskState.DONE, dtype=numpy.uint8)
    state[50_000:] = TaskState.READY
    state[25_000] = TaskState.ERROR
    picture = stack(pixel_counts(state, 100), 44)
    assert (picture[:, 0] == TaskState.DONE).all()
    assert (picture[:, 99] == TaskState.READY).all()
    assert (picture[:, 25] == TaskState.ERROR).sum() == 2
    assert picture[0, 25] == TaskState.ERROR
