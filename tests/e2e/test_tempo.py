"""How an agent keeps time with its farm: it leaves when its pool says so, and speaks as often as its pool wants."""

from __future__ import annotations

import time

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def test_an_agent_leaves_after_its_last_task_when_its_pool_says_so(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list", limit=9, after=0)["rows"], what="the render")
    gate = farm.folder / "gate"
    job = farm.submit(
        {"command": f"while [ ! -e {gate} ]; do sleep 0.05; done", "frame_first": 1, "frame_last": 1},
        {"command": "true", "frame_first": 1, "frame_last": 3},
    )
    wait_for(lambda: farm.ask("run.list")["rows"], what="the task")
    farm.ask("pool.set", paths=["/"], parameters={"exit_no_task_time": 1})
    told = time.monotonic()
    wait_for(lambda: time.monotonic() - told > 1.5, what="more than that time with a task")
    assert farm.agents["r1"].poll() is None, "a task runs"
    gate.touch()
    farm.wait_job(job)
    agent = farm.agents.pop("r1")
    assert agent.wait(timeout=60) == 0
    assert "Leaving: there was no task for as long as the pool waits" in farm.log("r1.log")
    short = farm.ask("render.show", name="r1")["row"]["short"]
    assert short == ["OFF"], "it said goodbye"


def test_a_pool_says_how_often_its_agents_speak_and_measure(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.ask("pool.set", paths=["/"], parameters={"heartbeat_sec": 30, "resources_update_period": 30, "zombie_time": 0})
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list", limit=9, after=0)["rows"], what="the render")

    def readings() -> int:
        rows = farm.ask("server.traffic")["rows"]
        return sum(row["messages"] for row in rows if row["kind"] == "Readings")

    assert readings() == 0, "the registration brings the first reading"
    farm.ask("pool.set", paths=["/"], parameters={"heartbeat_sec": 1, "resources_update_period": 1})
    wait_for(lambda: readings() >= 3, what="an agent that was told anew")
    row = farm.ask("render.show", name="r1")["row"]["resources"]
    assert row["cpu_num"] >= 1 and row["hw_info"] and row["mem_total_mb"] > 0, "what was told once is kept"
