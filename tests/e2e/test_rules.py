"""The rules of work on a real farm: who waits for whom, where and in what order tasks run, and how often."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def book(farm_process: FarmProcess) -> Path:
    """A file in which tasks write a line each when they begin and end, in the order of what happened."""
    return farm_process.folder / "book"


def line(book: Path, text: str) -> str:
    """Return a shell command that writes a line into the book."""
    return f"echo {text} >> {book}"


def lines(book: Path) -> list[str]:
    """Return what was written so far."""
    return book.read_text().split() if book.exists() else []


def numeric(name: str, command: str, last: int, **more: object) -> dict[str, object]:
    """Return a block of frames 1 to ``last``."""
    return {"name": name, "command": command, "frame_first": 1, "frame_last": last, **more}


def test_blocks_tasks_and_jobs_wait_for_each_other(farm_process: FarmProcess, book: Path) -> None:
    farm = farm_process
    first = farm.submit(
        numeric("sim", f"{line(book, 'sim@#@')}; sleep 0.1; {line(book, 'simmed@#@')}", 4),
        numeric("render", line(book, "render@#@"), 4, tasks_depend_mask="sim"),
        numeric("movie", line(book, "movie"), 1, depend_mask="render"),
        name="shot", offline=True,
    )  # fmt: skip
    second = farm.submit(numeric("after", line(book, "after"), 1), name="next", depend_mask="shot")
    third = farm.submit(numeric("all", line(book, "global"), 1), name="last", depend_mask_global="shot|next")
    farm.start_agent()
    assert [farm.job(id)["state"] for id in (second, third)] == ["waiting", "waiting"]
    farm.ask("job.start", ids=[first])
    for id in (first, second, third):
        farm.wait_job(id)
    order = lines(book)
    for frame in range(1, 5):
        assert order.index(f"simmed{frame}") < order.index(f"render{frame}")
    assert order[-3:] == ["movie", "after", "global"]


def test_frames_start_while_the_task_they_wait_for_still_runs(farm_process: FarmProcess, book: Path) -> None:
    farm = farm_process
    farm.start_agent()
    gate = farm.folder / "gate"
    command = f"echo FRAME: 1; echo FRAME: 2; while [ ! -e {gate} ]; do sleep 0.05; done; {line(book, 'over')}"
    id = farm.submit(
        numeric("sim", command, 4, frames_per_task=4, depend_sub_task=True, parser="generic"),
        numeric("render", line(book, "render@#@"), 4, tasks_depend_mask="sim"),
    )
    wait_for(lambda: "render1" in lines(book), what="a frame that is told to start")
    assert "over" not in lines(book) and "render4" not in lines(book)
    gate.touch()
    farm.wait_job(id)
    assert lines(book).index("over") < lines(book).index("render4")


def test_frames_run_in_the_order_that_was_asked_for(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.set", paths=["/"], parameters={"max_tasks_host": 1})
    farm.start_agent()
    for sequential, order in (
        (1, ["1", "2", "3", "4", "5", "6", "7"]),
        (-1, ["7", "6", "5", "4", "3", "2", "1"]),
        (3, ["1", "7", "3", "6", "2", "4", "5"]),
    ):
        book = farm.folder / f"book{sequential}"
        farm.wait_job(farm.submit(numeric("b", line(book, "@#@"), 7, sequential=sequential)))
        assert lines(book) == order


def test_no_more_tasks_run_at_once_than_job_block_and_host_allow(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.set", paths=["/"], parameters={"max_tasks_host": 8, "capacity_host": 8000})
    hold = f"while [ ! -e {farm.folder}/gate ]; do sleep 0.05; done"
    by_job = farm.submit(numeric("b", hold, 9), name="job", max_running_tasks=3)
    by_block = farm.submit(numeric("b", hold, 9, max_running_tasks=2), name="block")
    by_host = farm.submit(numeric("b", hold, 9, max_running_tasks_per_host=1), name="host")
    farm.start_agent("r1")
    farm.start_agent("r2")
    for id, most in ((by_job, 3), (by_block, 2), (by_host, 2)):
        wait_for(lambda id=id, most=most: farm.job(id)["running"] == most, what=f"job {id} to run {most} tasks")
    # Every slot that could be used is: nothing more starts, and not by chance.
    assert sum(farm.ask("render.show", name=name)["row"]["running"] for name in ("r1", "r2")) == 7
    (farm.folder / "gate").touch()
    for id in (by_job, by_block, by_host):
        farm.wait_job(id)


def test_tasks_run_where_masks_capacity_and_errors_let_them(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.set", paths=["/"], parameters={"max_tasks_host": 4, "capacity_host": 2000})
    farm.start_agent("green1")
    farm.start_agent("red1")
    # A task that failed wherever it may run is an error at once: both hosts have to be there.
    wait_for(lambda: farm.ask("server.status")["renders_connected"] == 2, what="both agents")
    masked = farm.submit(numeric("b", "true", 6), name="masked", hosts_mask="green.*")
    excluded = farm.submit(numeric("b", "true", 6), name="excluded", hosts_mask_exclude="red.*")
    large = farm.submit(numeric("b", "true", 1, capacity=2001), name="large")
    bad = farm.folder / "bad"
    command = (
        f"mkdir {bad}1 2>/dev/null && echo $PPID > {bad}; while [ ! -s {bad} ]; do sleep 0.02; done; "
        f"[ $(cat {bad}) != $PPID ] && {farm.mark('end')}"
    )
    failing = farm.submit(numeric("b", command, 4, errors_avoid_host=1, errors_retries=3), name="failing")
    for id in (masked, excluded, failing):
        farm.wait_job(id)
    assert farm.counts("end") == {str(frame): 1 for frame in range(1, 5)}
    history = farm.ask("history.runs", job=failing, limit=100, before=0)["rows"]
    good = {row["hostname"] for row in history if row["status"] == "success"}
    assert len(good) == 1, "the host that failed the block once is avoided"
    for id in (masked, excluded):
        rows = farm.ask("history.runs", job=id, limit=100, before=0)["rows"]
        assert {row["hostname"] for row in rows} == {"green1"} and len(rows) == 6
    assert farm.job(large)["state"] == "ready", "no host is large enough"


def test_a_task_that_fails_is_retried_as_often_as_allowed(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    block = numeric("b", f"{farm.mark('try')}; exit 3", 1, errors_retries=2, errors_avoid_host=0)
    id = farm.submit({**block, "errors_task_same_host": 0})
    row = farm.wait_job(id, "error")
    assert farm.counts("try") == {"1": 3} and row["counts"][6] == 1
    assert {run["exit_status"] for run in farm.ask("history.runs", job=id, limit=9, before=0)["rows"]} == {3}
    assert farm.afcmd("job", "restart", str(id), "--only", "error").returncode == 0
    wait_for(lambda: farm.counts("try") == {"1": 6}, what="three more tries")


def test_a_job_waits_for_its_time_and_is_gone_after_its_life(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    now = time.time()
    waits = farm.submit(numeric("b", farm.mark("ran"), 1), time_wait=int(now) + 8)
    assert farm.job(waits)["state"] == "waiting"
    farm.wait_job(waits)
    ended = farm.ask("history.runs", job=waits, limit=1, before=0)["rows"][0]["started_ms"]
    assert ended >= (int(now) + 8) * 1000
    lives = farm.submit(numeric("b", "sleep 1000", 1), time_life=2)
    wait_for(lambda: lives not in [row["id"] for row in farm.ask("job.list")["rows"]], what="the job to be gone")


def test_slots_are_what_cores_are_until_somebody_says_otherwise(farm_process: FarmProcess) -> None:
    farm = farm_process
    host = farm.folder / "host.json"
    host.write_text(json.dumps({"identity": {"name": "big"}, "resources": [{"cpu_num": 12}]}))
    farm.start_agent("big", "--fake-host", str(host))
    wait_for(lambda: farm.ask("render.list")["rows"], what="the agent")
    row = farm.ask("render.show", name="big")["row"]
    assert (row["capacity"], row["max_tasks"]) == (12_000, 12)
    assert farm.afcmd("pool", "set", "/", "--capacity", "5000", "--max-tasks", "3").returncode == 0
    row = farm.ask("render.show", name="big")["row"]
    assert (row["capacity"], row["max_tasks"]) == (5000, 3)
