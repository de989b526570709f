"""The demo's picture of its job: what it makes of pushed rows and columns, and how that looks on a terminal."""

from __future__ import annotations

import zlib
from array import array

import pytest
from rich.console import Console

from afcore.rows import BlockRow, JobRow, RunRow, TaskColumns
from afcore.states import STATE_COUNT, TaskState
from afnet.demo.progress import JobProgress
from afnet.demo.view import WEIGHTS, clock_text, describe_retries, draw, plain_line, strip

FRAMES = 6


def _block(index: int, name: str, tasks: int) -> BlockRow:
    counts = [0] * STATE_COUNT
    counts[TaskState.WAIT_DEP] = tasks
    return BlockRow(
        index, name, "generic", tasks, counts, percent=0, running=0, errors=0, capacity=1000, waiting=False,
        time_started=0, time_done=0, run_time_sum_ms=0, frame_first=1, frame_last=FRAMES,
    )  # fmt: skip


def _job(state: str = "running") -> JobRow:
    return JobRow(
        7, 1, "demo", "me", "/", state, 99, 0, [0] * STATE_COUNT, 0, 0, 0.0, 0.0, 0.0,
        [_block(0, "simulation", 1), _block(1, "frames", FRAMES), _block(2, "movie", 1)],
    )  # fmt: skip


def _columns(block: int, states: list[TaskState], errors: list[int], starts: list[int], first: int = 0) -> TaskColumns:
    columns = {
        "state": zlib.compress(bytes(states)),
        "errors": zlib.compress(bytes(errors)),
        "starts": zlib.compress(array("H", starts).tobytes()),
    }
    return TaskColumns(7, block, first, len(states), len(states), 2, columns)


def _run(block: int, task: int, render: str, percent: int, run: int = 1, job: int = 7) -> RunRow:
    return RunRow(
        job, block, task, run, "x", "demo", "me", render, 0.0, percent, 0, "tracing", "", 1000, stopping=False
    )


@pytest.fixture
def half() -> JobProgress:
    """Simulation done; frames 1, 2 done, 3 failed and runs again, 4 runs, 5 ready, 6 waits; movie waits."""
    progress = JobProgress(started=100.0)
    progress.take_job(_job())
    progress.take_runs([_run(1, 2, "demo-a", 40)], 7)
    progress.take_runs([_run(1, 2, "demo-b", 20, run=2), _run(1, 3, "demo-a", 60), _run(0, 0, "else", 1, job=9)], 7)
    progress.take_columns(_columns(0, [TaskState.DONE], [0], [1]))
    wait, ready, run, done = TaskState.WAIT_DEP, TaskState.READY, TaskState.RUNNING, TaskState.DONE
    progress.take_columns(_columns(1, [done, done, run, run, ready, wait], [0, 0, 1, 0, 0, 0], [1, 1, 2, 1, 0, 0]))
    return progress


def test_figures_come_from_columns_and_runs(half: JobProgress) -> None:
    assert [block.done for block in half.blocks] == [1, 2, 0]
    assert half.percent_of(1, 0) == 100
    assert half.percent_of(1, 3) == 60
    assert half.percent_of(1, 4) == 0
    assert half.renders == {"demo-a", "demo-b"}
    assert half.share((0.0, 1.0, 0.0)) == pytest.approx((2 + 0.2 + 0.6) / FRAMES)
    assert not half.is_done
    assert half.failed == []


def test_remaining_time_follows_the_speed_so_far(half: JobProgress) -> None:
    share = half.share(WEIGHTS)
    assert half.remaining(130.0, WEIGHTS) == pytest.approx(30 * (1 - share) / share)
    assert JobProgress(started=1.0).remaining(9.0, WEIGHTS) is None


def test_a_retried_task_is_told_with_both_renders(half: JobProgress) -> None:
    assert describe_retries(half) == ["frames 3 failed on demo-a and runs again on demo-b."]
    half.take_columns(_columns(1, [TaskState.DONE], [1], [2], first=2))
    half.take_runs([], 7)
    assert describe_retries(half) == ["frames 3 failed on demo-a and was rendered again on demo-b."]


def test_a_part_of_the_columns_leaves_the_rest_alone(half: JobProgress) -> None:
    half.take_columns(_columns(1, [TaskState.DONE, TaskState.RUNNING], [0, 0], [1, 1], first=3))
    assert list(half.blocks[1].state) == [
        TaskState.DONE, TaskState.DONE, TaskState.RUNNING, TaskState.DONE, TaskState.RUNNING, TaskState.WAIT_DEP,
    ]  # fmt: skip
    assert half.blocks[1].starts.tolist() == [1, 1, 2, 1, 1, 0]


def test_done_and_failed_are_noticed(half: JobProgress) -> None:
    for block, size in ((0, 1), (1, FRAMES), (2, 1)):
        half.take_columns(_columns(block, [TaskState.DONE] * size, [0] * size, [1] * size))
    assert half.is_done
    half.take_columns(_columns(1, [TaskState.ERROR], [3], [3], first=4))
    assert not half.is_done
    assert half.failed == [(1, 4)]


@pytest.mark.parametrize("width", [16, 30, 80, 200])
def test_the_strip_has_a_cell_per_frame_and_fits(half: JobProgress, width: int) -> None:
    lines = strip(half, 1, width).plain.splitlines()
    assert all(len(line) <= width for line in lines)
    cells = " ".join(lines).split()
    assert cells == ["1", "2", "20%", "60%", "○", "·"]


def test_the_strip_colours_tell_the_states_apart(half: JobProgress) -> None:
    spans = [str(span.style) for span in strip(half, 1, 80).spans]
    assert len(spans) == FRAMES
    assert spans[0] == spans[1]
    assert len({spans[0], spans[2], spans[3], spans[4], spans[5]}) == 5


@pytest.mark.parametrize("width", [60, 100])
def test_the_display_shows_blocks_renders_and_times(half: JobProgress, width: int) -> None:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(half, 130.0, title="Afwatch demo", width=width))
    text = captured.get()
    for word in ("simulation", "2/6", "movie", "demo-a", "frame 4 60%", "elapsed 0:30", "failed on demo-a"):
        assert word in text
    assert all(len(line) <= width for line in text.splitlines())


def test_the_plain_line_says_it_all_at_once(half: JobProgress) -> None:
    assert plain_line(half, 130.0) == (
        "[0:30] | simulation 1/1, frames 2/6, movie 0% | demo-a: frames 4 60%; demo-b: frames 3 20%"
    )


@pytest.mark.parametrize(("seconds", "text"), [(None, "-:--"), (0.2, "0:00"), (59.6, "1:00"), (754, "12:34")])
def test_clock_text(seconds: float | None, text: str) -> None:
    assert clock_text(seconds) == text
