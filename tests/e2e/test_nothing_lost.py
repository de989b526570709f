"""Nothing lost, nothing doubled: servers and agents are killed or cut off at many moments, and the tasks are counted.

Each task holds a lock while it lives and writes down a second process of itself that finds the lock taken; so two live
processes of one task are seen whoever started them.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import FarmProcess
from tests.e2e.test_farm import assert_history, finished_runs
from tests.store.cluster import Cluster, binaries
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

FRAMES = 40


def guarded(farm: FarmProcess, seconds: float = 0.25) -> str:
    """Return a command that says when it lives twice, and leaves ``end`` when it is through."""
    lock, doubles = farm.folder / "locks", farm.folder / "doubles"
    lock.mkdir(exist_ok=True)
    return (
        f"exec 9>{lock}/@#@; flock -n 9 || echo @#@ >> {doubles}; sleep {seconds}; {farm.mark('end')}; "
        f"echo output of @#@"
    )


def doubles(farm: FarmProcess) -> str:
    """Return the frames of which two processes lived at once."""
    path = farm.folder / "doubles"
    return path.read_text() if path.exists() else ""


def done(farm: FarmProcess, job: int) -> int:
    """Return how many tasks of a job are done."""
    return int(farm.job(job)["counts"][4])


def check_all(farm: FarmProcess, job: int, frames: int) -> None:
    """Every task ran, has exactly one good result, and never lived twice."""
    row = farm.wait_job(job, seconds=120)
    assert row["blocks"][0]["errors"] == 0, "nothing that was killed is an error of a task"
    assert set(farm.counts("end")) == {str(frame) for frame in range(frames)}
    assert_history(farm, job, {(0, task): 1 for task in range(frames)})
    assert doubles(farm) == ""


def storm(farm: FarmProcess, seed: int, *server: str) -> None:
    """Kill server, agents, or several at once, at moments drawn from a seed, until the job is through."""
    draw = random.Random(seed)
    farm.start_server(*server)
    for name in ("r1", "r2"):
        farm.start_agent(name)
    farm.ask("pool.set", paths=["/"], parameters={"max_tasks_host": 3, "capacity_host": 3000})
    job = farm.submit({"frame_first": 0, "frame_last": FRAMES - 1, "command": guarded(farm)})
    reached = 0
    for _ in range(8):
        reached += draw.randint(1, 5)
        wait_for(lambda least=reached: done(farm, job) >= min(least, FRAMES), what=f"{reached} tasks", seconds=60)
        victims = draw.choice([("server",), ("r1",), ("r2",), ("server", "r1"), ("r1", "r2"), ("server", "r1", "r2")])
        # What is asked of the farm may be newer than the disk; what is asked of the database is durable.
        before = set(finished_runs(farm, job))
        for victim in draw.sample(victims, len(victims)):
            farm.kill_server() if victim == "server" else farm.kill_agent(victim)
        for victim in draw.sample(victims, len(victims)):
            farm.start_server(*server) if victim == "server" else farm.start_agent(victim)
        assert set(finished_runs(farm, job)) >= before, "a finished task stays finished"
        assert done(farm, job) >= len(before)
    check_all(farm, job, FRAMES)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_kills(new_farm: object, seed: int) -> None:
    storm(new_farm(), seed)  # type: ignore[operator]


def test_a_storm_of_kills_on_postgresql(new_farm: object) -> None:
    programs = binaries()
    assert programs is not None, "`make test` installs PostgreSQL; by hand: apt-get install postgresql"
    cluster = Cluster(programs)
    try:
        storm(new_farm(), 3, "--database", cluster.url(cluster.new_database()))  # type: ignore[operator]
    finally:
        cluster.remove()


def online(farm: FarmProcess, name: str = "r1") -> bool:
    """Say whether a render is online."""
    return "online" in farm.ask("render.show", name=name)["row"]["words"]


def processes_of(farm: FarmProcess) -> list[psutil.Process]:
    """Return the live task processes of a farm."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            # A child that is about to become another program looks like its parent: leaders of sessions are the tasks.
            if words[:2] == ["/bin/sh", "-c"] and str(farm.marks) in words[2] and os.getsid(process.pid) == process.pid:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def one_waiting_task(farm: FarmProcess) -> tuple[int, Path, Path]:
    """Run a task on r1 until its gate is there; return job, gate, and the file with a line for each of its starts."""
    farm.ask("pool.set", paths=["/"], parameters={"zombie_time": 5, "max_tasks_host": 1})
    gate, runs = farm.folder / "gate", farm.folder / "runs"
    command = f"echo $$ >> {runs}; while [ ! -e {gate} ]; do sleep 0.05; done; {farm.mark('end')}"
    farm.start_agent("r1")
    job = farm.submit({"frame_first": 0, "frame_last": 0, "command": command})
    wait_for(lambda: runs.exists() and len(runs.read_text().split()) == 1, what="the first run")
    return job, gate, runs


def test_an_agent_cut_off_for_too_long_gives_its_task_away_and_ends_its_own_process(farm_process: FarmProcess) -> None:
    farm = farm_process
    job, gate, runs = one_waiting_task(farm)
    (first,) = processes_of(farm)
    agent = farm.agents["r1"]
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        farm.start_agent("r2")
        wait_for(lambda: len(runs.read_text().split()) == 2, what="the second run, elsewhere")
        assert first.is_running(), "a partition is the one case in which a task may live twice"
        assert not online(farm)
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    wait_for(lambda: not first.is_running(), what="the returned agent to end what was given away")
    wait_for(lambda: online(farm), what="the agent to be back")
    assert len(processes_of(farm)) == 1
    gate.touch()
    row = farm.wait_job(job)
    assert row["blocks"][0]["errors"] == 0
    assert_history(farm, job, {(0, 0): 1})
    assert farm.counts("end") == {"0": 1}
    history = farm.ask("history.runs", job=job, limit=10, before=0)["rows"]
    assert sorted((run["run"], run["status"], run["hostname"]) for run in history) == [
        (1, "render_lost", "r1"),
        (2, "success", "r2"),
    ]


def test_a_result_of_a_run_that_was_given_away_is_dropped(farm_process: FarmProcess) -> None:
    farm = farm_process
    job, gate, runs = one_waiting_task(farm)
    agent = farm.agents["r1"]
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: farm.job(job)["running"] == 0, what="the task to be taken from the silent agent")
        gate.touch()
        wait_for(lambda: farm.counts("end") == {"0": 1}, what="its process to end without anybody listening")
        gate.unlink()
        farm.start_agent("r2")
        wait_for(lambda: len(runs.read_text().split()) == 2, what="the second run, elsewhere")
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    wait_for(lambda: online(farm), what="the agent to be back")
    assert farm.job(job)["state"] == "running", "the late result counts for nothing"
    gate.touch()
    farm.wait_job(job)
    assert_history(farm, job, {(0, 0): 1})


def test_a_server_that_stood_still_loses_no_agent(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.set", paths=["/"], parameters={"zombie_time": 3})
    farm.start_agent("r1")
    job = farm.submit({"frame_first": 0, "frame_last": 1, "command": guarded(farm, 6)})
    wait_for(lambda: len(processes_of(farm)) == 2, what="both tasks to run")
    assert farm.server is not None
    farm.forget_client()
    os.kill(farm.server.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: farm.counts("end") == {"0": 1, "1": 1}, what="the tasks to end without the server")
    finally:
        os.kill(farm.server.pid, signal.SIGCONT)
    check_all(farm, job, 2)
    assert {run["run"] for run in farm.ask("history.runs", job=job, limit=10, before=0)["rows"]} == {1}


def test_a_restart_of_the_server_keeps_runs_and_their_numbers(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent("r1")
    gate = farm.folder / "gate"
    command = f"echo PROGRESS: 40%; while [ ! -e {gate} ]; do sleep 0.05; done; {farm.mark('end')}"
    job = farm.submit({"frame_first": 0, "frame_last": 1, "command": command, "parser": "generic"})
    wait_for(lambda: len(processes_of(farm)) == 2, what="both tasks to run")
    wait_for(lambda: farm.job(job)["percent"] == 40, what="their progress")
    before = {process.pid for process in processes_of(farm)}
    for _ in range(3):
        farm.kill_server()
        farm.start_server()
        wait_for(lambda: online(farm), what="the agent to be back")
        # Their processes have nothing new to say: the agent tells again what it told the server before.
        wait_for(lambda: farm.job(job)["percent"] == 40, what="their progress to be there again")
    assert {process.pid for process in processes_of(farm)} == before and len(before) == 2
    gate.touch()
    farm.wait_job(job)
    rows = farm.ask("history.runs", job=job, limit=10, before=0)["rows"]
    assert sorted((row["id_task"], row["run"], row["status"]) for row in rows) == [(0, 1, "success"), (1, 1, "success")]
