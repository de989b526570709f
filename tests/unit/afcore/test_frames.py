"""Numeric arithmetic: every example of the reference's tables, and the properties that hold for all numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afcore.frames import (
    BlockFrames,
    FrameRange,
    ListedFrames,
    TaskFrames,
    depend_range,
    expand_file,
    fill_command,
    fill_name,
    join_listed,
    numeric_task_name,
    sub_task_ready,
    waiting_range,
)


def spelled(frames: FrameRange) -> list[str]:
    tasks = [frames.task(index) for index in range(frames.tasks)]
    return [f"{t.start}-{t.end}({t.frames_num})" for t in tasks]


@pytest.mark.parametrize(
    ("numbers", "tasks"),
    [
        ((1, 10, 1, 1), [f"{n}-{n}(1)" for n in range(1, 11)]),
        ((1, 10, 3, 1), ["1-3(3)", "4-6(3)", "7-9(3)", "10-10(1)"]),
        ((1, 10, 4, 1), ["1-4(4)", "5-8(4)", "9-10(2)"]),
        ((1, 10, 3, 2), ["1-5(3)", "7-9(2)"]),
        ((1, 10, 1, 3), ["1-1(1)", "4-4(1)", "7-7(1)", "10-10(1)"]),
        ((0, 20, 2, 5), ["0-5(2)", "10-15(2)", "20-20(1)"]),
        ((1, 11, 2, 5), ["1-6(2)", "11-11(1)"]),
        ((-3, 3, 2, 1), ["-3--2(2)", "-1-0(2)", "1-2(2)", "3-3(1)"]),
        ((-5, 5, 4, 1), ["-5--2(4)", "-1-2(4)", "3-5(3)"]),
        ((-5, 5, 1, 3), ["-5--5(1)", "-2--2(1)", "1-1(1)", "4-4(1)"]),
        ((-12, -3, 5, 1), ["-12--8(5)", "-7--3(5)"]),
        ((1, 100, 7, 3), ["1-19(7)", "22-40(7)", "43-61(7)", "64-82(7)", "85-100(6)"]),
        ((1, 1, 5, 1), ["1-1(1)"]),
        ((10, 5, 1, 1), ["10-10(1)"]),
        ((1, 5, 0, 1), [f"{n}-{n}(1)" for n in range(1, 6)]),
        ((1, 5, 2, 0), ["1-2(2)", "3-4(2)", "5-5(1)"]),
        ((1, 10, 2, 3), ["1-4(2)", "7-10(2)"]),
    ],
)
def test_tasks_of_a_range(numbers: tuple[int, int, int, int], tasks: list[str]) -> None:
    frames = FrameRange.repaired(*numbers)
    assert frames.tasks == len(tasks)
    assert spelled(frames) == tasks


ranges = st.builds(
    lambda first, length, per_task, inc: FrameRange(first, first + length, per_task, inc),
    st.integers(-300, 300),
    st.integers(0, 300),
    st.integers(1, 9),
    st.integers(1, 9),
)
listed = st.builds(ListedFrames, st.integers(1, 60), st.one_of(st.integers(-7, -1), st.integers(1, 7)))


@given(ranges)
def test_tasks_hold_every_frame_once(frames: FrameRange) -> None:
    seen = []
    for index in range(frames.tasks):
        start, end, count = frames.task(index)
        inside = list(range(start, end + 1, frames.increment))
        assert len(inside) == count and 1 <= count <= frames.per_task
        seen += inside
        assert all(frames.task_of(frame) == index and frames.holds(frame) for frame in inside)
    assert seen == list(range(frames.first, frames.last + 1, frames.increment))
    assert len(seen) == frames.frames


def test_frame_to_task_clamps_and_says_what_is_inside() -> None:
    frames = FrameRange(1, 10, 3)
    assert [frames.task_of(frame) for frame in (-100, 0, 1, 3, 4, 10, 11, 1000)] == [0, 0, 0, 0, 1, 3, 3, 3]
    assert [frames.holds(frame) for frame in (0, 1, 10, 11)] == [False, True, True, False]
    assert FrameRange(1, 30, 1, 3).task_of(20) == 6


def test_listed_blocks_count_frames_from_zero() -> None:
    assert [ListedFrames(4, 3).task(i) for i in (0, 1)] == [TaskFrames(0, 2, 3), TaskFrames(3, 5, 3)]
    assert [ListedFrames(8, -4).task(i) for i in (3, 4)] == [TaskFrames(0, 0, -4), TaskFrames(1, 1, -4)]
    assert [ListedFrames(8, -4).task_of(f) for f in (-1, 0, 1, 2)] == [0, 0, 4, 7]
    assert [ListedFrames(2, 3).task_of(f) for f in (-4, 0, 2, 3, 9)] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("pattern", "start", "end", "result"),
    [
        ("r -s @#@ -e @#@", 1, 4, "r -s 1 -e 4"),
        ("r @####@ @####@ @####@", 1, 4, "r 0001 0004 0001"),
        ("@###@ @###@", 10000, 10003, "10000 10003"),
        ("@#@ @#@", -5, -3, "-5 -3"),
        ("@####@ @####@", -5, -3, "-005 -003"),
        ("@##@ @##@", -1, 3, "-1 03"),
        ("@####@", 0, 0, "0000"),
        ("a@b @#@ c@#d@ @##@", 5, 8, "a@b 5 c@#d@ 08"),
        ("x@@y @#@", 5, 8, "x@@y 5"),
        ("@#@@#@", 5, 8, "58"),
        ("@#@;@#@;@#@", 5, 8, "5;8;5"),
        ("@#@ @#@", 8, 5, "8 5"),
        ("@###@ @###@", -10000, -9999, "-10000 -9999"),
        ("echo @#@ @###@ [@##@] @#@", 1, 2, "echo 1 002 [01] 2"),
        ("@#@", 100000000000, 3, "100000000000"),
        ("plain", 1, 2, "plain"),
    ],
)
def test_filling_of_commands(pattern: str, start: int, end: int, result: str) -> None:
    assert fill_command(pattern, start, end) == result


@pytest.mark.parametrize(
    ("pattern", "start", "end", "result"),
    [
        ("frames @#@-@#@", 1, 4, "frames 1-4"),
        ("@###@ to @###@;@#@;@#@", -12, -8, "-12 to -08;-12;-12"),
        ("f@####@", -5, -5, "f-005"),
        ("@#@.@##@.@###@", 5, 5, "5.05.005"),
        ("n@###@-@##@ @#@", -3, -2, "n-03--2 -3"),
    ],
)
def test_filling_of_names(pattern: str, start: int, end: int, result: str) -> None:
    assert fill_name(pattern, start, end) == result
    assert numeric_task_name(pattern, TaskFrames(start, end, end - start + 1)) == result


def test_names_without_a_pattern() -> None:
    assert numeric_task_name("", TaskFrames(10, 10, 1), 5) == "frame 10"
    assert numeric_task_name("", TaskFrames(7, 9, 3)) == "frame 7-9"
    assert numeric_task_name("", TaskFrames(7, 9, 2), 2) == "frame 7-9 / 2"


def test_files_are_one_per_frame() -> None:
    assert expand_file("img.@####@.exr", TaskFrames(7, 9, 2), 2) == ["img.0007.exr", "img.0009.exr"]
    assert expand_file("@#@/f.@##@", TaskFrames(-1, 0, 2)) == ["-1/f.-1", "0/f.00"]
    assert expand_file("movie.gif", TaskFrames(1, 9, 9)) == ["movie.gif"]


@pytest.mark.parametrize(
    ("pattern", "text", "result"),
    [
        ("echo [@#@] end", "one", "echo [one] end"),
        ("echo [@#@] end", "", "echo [@#@] end"),
        ("echo pre ", "one", "echo pre one"),
        ("@#@ @#@", "a", "a a"),
        ("", "one", "one"),
        ("only", "", "only"),
    ],
)
def test_texts_of_listed_tasks(pattern: str, text: str, result: str) -> None:
    assert join_listed(pattern, text) == result


@pytest.mark.parametrize(
    ("on", "of", "waits"),
    [
        (FrameRange(1, 8), FrameRange(1, 8, 4), [(0, 3), (4, 7)]),
        (FrameRange(1, 8, 4), FrameRange(1, 8), [(0, 0)] * 4 + [(1, 1)] * 4),
        (FrameRange(1, 8, 3), FrameRange(1, 8, 2), [(0, 0), (0, 1), (1, 1), (2, 2)]),
        (FrameRange(5, 8), FrameRange(1, 8), [(0, 0)] * 5 + [(1, 1), (2, 2), (3, 3)]),
        (ListedFrames(6), FrameRange(11, 16), [(i, i) for i in range(6)]),
        (FrameRange(11, 16), ListedFrames(6), [(i, i) for i in range(6)]),
        (ListedFrames(8, -4), FrameRange(1, 2), [(0, 3), (4, 7)]),
        (FrameRange(1, 2), ListedFrames(8, -4), [(0, 0)] * 4 + [(1, 1)] * 4),
        (ListedFrames(2, 3), ListedFrames(6), [(0, 0)] * 3 + [(1, 1)] * 3),
        (FrameRange(1, 9, 1, 2), FrameRange(1, 9), [(i // 2, i // 2) for i in range(9)]),
    ],
)
def test_task_dependence(on: BlockFrames, of: BlockFrames, waits: list[tuple[int, int]]) -> None:
    assert [depend_range(task, of=of, on=on) for task in range(of.tasks)] == waits


def test_parts_of_a_frame_out_of_range_clamp() -> None:
    parts = ListedFrames(8, -4)
    assert depend_range(4, of=FrameRange(1, 9), on=parts) == (7, 7)
    assert depend_range(0, of=ListedFrames(8, -2), on=parts) == (0, 3)
    assert depend_range(0, of=FrameRange(1, 2, 2), on=parts) == (0, 7)


@given(st.one_of(ranges, listed), st.one_of(ranges, listed))
def test_the_turned_dependence_agrees(of: BlockFrames, on: BlockFrames) -> None:
    forward = {t: depend_range(t, of=of, on=on) for t in range(of.tasks)}
    assert all(0 <= a <= b < on.tasks for a, b in forward.values())
    for task in range(0, on.tasks, max(1, on.tasks // 7)):
        first, last = waiting_range(task, of=of, on=on)
        assert list(range(first, last + 1)) == [t for t, (a, b) in forward.items() if a <= task <= b]


def test_sub_task_dependence_follows_reported_frames() -> None:
    on, of = FrameRange(1, 6, 6), FrameRange(1, 6)
    for finished in range(7):
        started = [t for t in range(6) if sub_task_ready(t, of=of, on=on, on_task=0, finished=finished)]
        assert started == list(range(finished))


def test_sub_task_dependence_between_listed_and_numeric_blocks() -> None:
    assert sub_task_ready(1, of=ListedFrames(4), on=FrameRange(11, 14, 4), on_task=0, finished=2)
    assert not sub_task_ready(2, of=ListedFrames(4), on=FrameRange(11, 14, 4), on_task=0, finished=2)
    assert sub_task_ready(0, of=FrameRange(5, 6), on=ListedFrames(2, 2), on_task=0, finished=1)
    assert not sub_task_ready(0, of=FrameRange(5, 6), on=ListedFrames(4, -2), on_task=0, finished=1)


def test_a_finished_frame_of_a_stepped_task_is_a_whole_step() -> None:
    on, of = FrameRange(1, 11, 6, 2), FrameRange(1, 12)
    ready = [t for t in range(12) if sub_task_ready(t, of=of, on=on, on_task=0, finished=2)]
    assert ready == [0, 1, 2, 3]
