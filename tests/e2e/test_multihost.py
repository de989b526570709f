"""Multihost tasks on three real agents: services and the master start, end together, and survive what happens."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def wide(farm: FarmProcess, **more: Any) -> dict[str, Any]:
    """Return a block of one task on three hosts that tells its hosts and waits for a gate; its services write pids."""
    told, gate = farm.folder / "told", farm.folder / "gate"
    return {
        "command": f"echo run @AF_HOSTS@ >> {told}; while [ ! -e {gate} ]; do sleep 0.05; done",
        "frame_first": 1, "frame_last": 1, "multihost_min": 3, "multihost_max": 3,
        "multihost_service": f"echo $$ >> {farm.folder / 'services'}; exec sleep 600",
        **more,
    }  # fmt: skip


def pids(farm: FarmProcess) -> list[int]:
    path = farm.folder / "services"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def told(farm: FarmProcess) -> list[str]:
    path = farm.folder / "told"
    return path.read_text().splitlines() if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_online(farm: FarmProcess) -> bool:
    return all("online" in row["words"] for row in farm.ask("render.list")["rows"])


def runs_on(farm: FarmProcess) -> dict[str, int]:
    return {row["name"]: row["running"] for row in farm.ask("render.list")["rows"]}


def test_a_task_has_three_hosts_over_a_restart_and_a_lost_service(farm_process: FarmProcess) -> None:
    farm = farm_process
    for name in ("r1", "r2", "r3"):
        farm.start_agent(name)
    id = farm.submit(wide(farm))
    wait_for(lambda: len(told(farm)) == 1 and len(pids(farm)) == 2, what="the master and two services")
    (line,) = told(farm)
    names = line.removeprefix("run -H ").split(",")
    assert len(names) == 2 and set(names) < {"r1", "r2", "r3"}, "the master is told the two others"
    assert sorted(runs_on(farm).values()) == [1, 1, 1]

    # The server is killed and comes back: nothing starts anew, nothing is lost.
    farm.kill_server()
    farm.start_server()
    wait_for(lambda: all_online(farm), what="everybody to be back")
    wait_for(lambda: farm.job(id)["running"] == 1, what="the run to be adopted")
    assert len(told(farm)) == 1 and all(map(is_alive, pids(farm)))

    # An agent is killed with its service: the task begins anew when the third host is back.
    lost = names[0]
    farm.agents[lost].send_signal(signal.SIGTERM)
    farm.agents.pop(lost).wait(timeout=60)
    wait_for(lambda: not any(map(is_alive, pids(farm))), what="both services to end")
    assert len(told(farm)) == 1, "two hosts are too few"
    farm.start_agent(lost)
    wait_for(lambda: len(told(farm)) == 2 and len(pids(farm)) == 4, what="the second run")

    (farm.folder / "gate").touch()
    farm.wait_job(id)
    wait_for(lambda: not any(map(is_alive, pids(farm))), what="the services to end with the task")
    assert set(runs_on(farm).values()) == {0}


def test_tasks_are_told_their_gpus_and_no_two_have_one_at_a_time(farm_process: FarmProcess) -> None:
    farm = farm_process
    cards = [{"index": n, "kind": "gpu", "name": "card", "memory_mb": 8000} for n in range(2)]
    machine = farm.folder / "machine.json"
    machine.write_text(json.dumps({"identity": {"devices": cards}, "resources": [{}]}))
    farm.start_agent("r1", "--fake-host", str(machine))
    book = farm.folder / "book"
    command = f'echo "+$AF_GPUS=$CUDA_VISIBLE_DEVICES" >> {book}; sleep 0.2; echo "-$AF_GPUS" >> {book}'
    block = {"command": command, "frame_first": 1, "frame_last": 6, "need_gpus": 1, "need_gpu_mem_mb": 6000}
    farm.wait_job(farm.submit(block))
    held: set[str] = set()
    seen: set[str] = set()
    for line in book.read_text().split():
        device, _, cuda = line[1:].partition("=")
        if line[0] == "+":
            assert device == cuda and device not in held, f"{line} while {held} are held"
            held.add(device)
            seen.add(device)
        else:
            held.remove(device)
    assert seen == {"0", "1"} and not held
