"""Sleep, wake and the other instructions on a real farm; what would act on a machine is a stub."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def machine(farm: FarmProcess, name: str, card: str) -> list[str]:
    """Write a scripted machine; return the option that makes an agent be it."""
    path = farm.folder / f"{name}.json"
    identity = {"name": name, "os": "linux", "user": "ann", "interfaces": [{"name": "e0", "mac": card}]}
    path.write_text(json.dumps({"identity": identity, "resources": [{"cpu_num": 2}]}))
    return ["--fake-host", str(path)]


def stub(farm: FarmProcess, name: str) -> tuple[str, Path]:
    """Return a program that only notes that it was run, and where it notes that."""
    mark = farm.folder / f"{name}.ran"
    script = farm.folder / f"{name}.py"
    fresh = farm.folder / f"{name}.new"
    # Who sees the note sees all of it.
    script.write_text(
        f"import os, sys\n"
        f"with open({str(fresh)!r}, 'w') as note:\n"
        f"    note.write(' '.join(sys.argv[1:]) + chr(10))\n"
        f"os.replace({str(fresh)!r}, {str(mark)!r})\n"
    )
    return f"{sys.executable} {script}", mark


def words(farm: FarmProcess, name: str) -> list[str]:
    """Return the state of a render."""
    found: list[str] = farm.ask("render.show", name=name)["row"]["short"]
    return found


def test_a_render_sleeps_and_another_one_wakes_it(farm_process: FarmProcess) -> None:
    farm = farm_process
    sleep, slept = stub(farm, "sleep")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        port = listener.getsockname()[1]
        wake = f"{sys.executable} -m afrender.wake --broadcast 127.0.0.1 --port {port}"
        farm.environment.update(AF_RENDER_CMD_WOLSLEEP=sleep, AF_RENDER_CMD_WOLWAKE=wake)
        farm.ask("pool.set", paths=["/"], parameters={"zombie_time": 5})
        farm.start_agent("sleeper", *machine(farm, "sleeper", "00:11:22:33:44:55"))
        farm.start_agent("other", *machine(farm, "other", "00:11:22:33:44:66"))
        wait_for(lambda: len(farm.ask("render.list", limit=9, after=0)["rows"]) == 2, what="the renders")
        done = farm.afcmd("render", "sleep", "sleeper")
        assert done.returncode == 0, done.stderr
        wait_for(slept.exists, what="the sleep command")
        assert slept.read_text().endswith("--hostname sleeper 001122334455\n")
        assert words(farm, "sleeper") == ["ONL", "WFL"]
        farm.kill_agent("sleeper")  # as a machine that sleeps: it says nothing more
        wait_for(lambda: words(farm, "sleeper") == ["OFF", "WSL"], what="the render to sleep")
        done = farm.afcmd("render", "wake", "sleeper")
        assert done.returncode == 0, done.stderr
        assert listener.recv(200) == b"\xff" * 6 + bytes.fromhex("001122334455") * 16
        assert words(farm, "sleeper") == ["OFF", "WSL", "WWK"]
    farm.start_agent("sleeper", *machine(farm, "sleeper", "00:11:22:33:44:55"))
    wait_for(lambda: words(farm, "sleeper") == ["ONL"], what="the render to be awake")
    assert farm.afcmd("render", "wake", "sleeper").returncode != 0


def test_agents_exit_start_anew_and_reboot_by_their_own_command(farm_process: FarmProcess) -> None:
    farm = farm_process
    reboot, rebooted = stub(farm, "reboot")
    farm.environment.update(AF_RENDER_CMD_REBOOT=reboot)
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list", limit=9, after=0)["rows"], what="the render")
    job = farm.submit({"command": "sleep 60", "frame_first": 1, "frame_last": 1})
    wait_for(lambda: farm.job(job)["state"] == "running", what="the task")
    registered = farm.ask("render.show", name="r1")["row"]["registered"]
    assert farm.afcmd("render", "restart", "r1").returncode == 0

    def came_back() -> bool:
        row = farm.ask("render.show", name="r1")["row"]
        return "ONL" in row["short"] and row["registered"] > registered

    wait_for(came_back, what="the agent to start anew")
    assert farm.agents["r1"].poll() is None, "it is the same process"
    assert "ended" not in farm.log("r1.log").split("Starting anew")[1]
    farm.ask("job.delete", ids=[job])
    assert farm.afcmd("render", "reboot", "r1").returncode == 0
    agent = farm.agents.pop("r1")
    assert agent.wait(timeout=60) == 0 and rebooted.exists()
    wait_for(lambda: words(farm, "r1") == ["OFF"], what="the render to be offline")
    assert farm.afcmd("render", "exit", "r1").returncode != 0, "it is offline"
