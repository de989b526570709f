"""Six agents in pools of their own: properties, tickets of both kinds, a multihost task, and a sleeper woken for it."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

POOLS: dict[str, dict[str, Any]] = {
    "/comp": {"pattern": "comp.*", "properties_host": "nuke", "tickets": {"LIC": [1, -1]}},
    "/sim": {"pattern": "sim.*", "properties_host": "houdini", "max_tasks_host": 3},
    "/wide": {"pattern": "wide.*", "properties_host": "houdini mpi", "max_tasks_host": 1, "zombie_time": 6},
}
AGENTS = ("comp1", "comp2", "sim1", "wide1", "wide2", "wide3")


def machine(farm: FarmProcess, name: str) -> list[str]:
    """Write a scripted machine of four cores; return the option that makes an agent be it."""
    path = farm.folder / f"{name}.json"
    card = f"00:11:22:33:44:{AGENTS.index(name):02x}"
    identity = {"name": name, "os": "linux", "user": "ann", "interfaces": [{"name": "e0", "mac": card}]}
    path.write_text(json.dumps({"identity": identity, "resources": [{"cpu_num": 4}]}))
    return ["--fake-host", str(path)]


def counted(book: Path, command: str) -> str:
    """Return a command that notes in a book when it begins and when it ends."""
    return f"echo + >> {book}; {command}; echo - >> {book}"


def most_at_once(book: Path) -> int:
    """Return how many of the commands of a book ran at one time."""
    now, most = 0, 0
    for line in book.read_text().split():
        now += 1 if line == "+" else -1
        most = max(most, now)
    return most


def hosts_of(farm: FarmProcess, job: int) -> list[str]:
    """Return on which render each task of a job ran."""
    return sorted(row["hostname"] for row in farm.ask("history.runs", job=job, limit=100, before=0)["rows"])


def words(farm: FarmProcess, name: str) -> list[str]:
    """Return the state of a render."""
    found: list[str] = farm.ask("render.show", name=name)["row"]["short"]
    return found


def test_six_agents_share_what_there_is_and_one_is_woken_for_a_wide_task(farm_process: FarmProcess) -> None:
    farm, book = farm_process, farm_process.folder
    slept = book / "slept"
    sleep = book / "sleep.py"
    sleep.write_text(f"open({str(slept)!r}, 'w').write('yes')")
    for path, parameters in POOLS.items():
        farm.ask("pool.add", path=path)
        farm.ask("pool.set", paths=[path], parameters=parameters)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        wake = f"{sys.executable} -m afrender.wake --broadcast 127.0.0.1 --port {listener.getsockname()[1]}"
        farm.environment.update(AF_RENDER_CMD_WOLSLEEP=f"{sys.executable} {sleep}", AF_RENDER_CMD_WOLWAKE=wake)
        for name in AGENTS:
            farm.start_agent(name, *machine(farm, name))
        wait_for(lambda: len(farm.ask("render.list")["rows"]) == len(AGENTS), what="six agents")
        pools = {row["name"]: row["pool"] for row in farm.ask("render.list")["rows"]}
        assert pools == {name: "/" + name.rstrip("123") for name in AGENTS}, "each came into its pool by its name"
        farm.ask("render.set", names=["sim1"], parameters={"tickets_host": {"MEM": 64}})

        # One machine goes to sleep.
        done = farm.afcmd("render", "sleep", "wide3")
        assert done.returncode == 0, done.stderr
        wait_for(slept.exists, what="the sleep command")
        farm.kill_agent("wide3")
        wait_for(lambda: words(farm, "wide3") == ["OFF", "WSL"], what="the render to sleep")

        # Work for all of them at once: what only comp can do, what fits twice on sim1, and what needs all of wide.
        frames = {"frame_first": 1, "frame_last": 4}
        comp = farm.submit(
            {"command": counted(book / "lic", "sleep 0.1"), "need_properties": "nuke", "tickets": {"LIC": 1}, **frames}
        )
        sim = farm.submit(
            {"command": counted(book / "mem", "sleep 0.3"), "hosts_mask": "sim.*", "tickets": {"MEM": 32}, **frames}
        )
        gate = book / "gate"
        wide = farm.submit({
            "command": f"echo @AF_HOSTS@ > {book / 'told'}; while [ ! -e {gate} ]; do sleep 0.05; done",
            "need_properties": "mpi", "frame_first": 1, "frame_last": 1, "multihost_min": 3, "multihost_max": 3,
            "multihost_service": "exec sleep 600",
        })  # fmt: skip
        packet = listener.recv(200)
        assert packet == b"\xff" * 6 + bytes.fromhex("001122334405") * 16, "wide3 is woken, as the third host"
    farm.wait_job(comp)
    farm.wait_job(sim)
    assert set(hosts_of(farm, comp)) <= {"comp1", "comp2"} and most_at_once(book / "lic") == 1, "one licence"
    assert hosts_of(farm, sim) == ["sim1"] * 4 and most_at_once(book / "mem") == 2, "two tickets of 32 are 64"
    assert not (book / "told").exists() and farm.job(wide)["state"] == "ready", "two hosts are too few"

    farm.start_agent("wide3", *machine(farm, "wide3"))
    wait_for((book / "told").exists, what="the master on three hosts")
    wait_for(lambda: farm.job(wide)["running"] == 1, what="the wide task")
    # What woke it is a task too, of the system job: it may end later than the woken one comes.
    busy = {name: int(name.startswith("wide")) for name in AGENTS}
    running = lambda: {row["name"]: row["running"] for row in farm.ask("render.list")["rows"]}  # noqa: E731
    wait_for(lambda: running() == busy, what="one run on each of the three, and none elsewhere")
    gate.touch()
    farm.wait_job(wide)
    names = (book / "told").read_text().removeprefix("-H ").strip().split(",")
    assert sorted([*names, *hosts_of(farm, wide)]) == ["wide1", "wide2", "wide3"]
    wait_for(lambda: not any(row["running"] for row in farm.ask("render.list")["rows"]), what="all to be free")
