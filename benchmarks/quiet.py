"""Nothing to do: what an agent with its helpers and a server with 1,000 quiet agents cost, and what wakes them.

``AF_BENCH_IDLE_SECONDS`` makes it shorter than the five minutes of the target. Where ``strace`` is installed, the
system calls of ten idle seconds are counted too, with an agent that was told to send heartbeats and resources once an
hour. What is left are the pings of the link, each a call and the wakeup for it; beyond them at most one call a second.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from benchmarks.farmyard import cpu_seconds, new_farm
from benchmarks.harness import CheckFailed, Target
from benchmarks.thousand import AGENTS, Generator

NAME = "an idle agent, and a server with 1,000 quiet agents"
SECONDS = float(os.environ.get("AF_BENCH_IDLE_SECONDS", "300"))
TARGETS: tuple[Target, ...] = (
    Target("agent_cpu_percent", most=1.0),
    Target("agent_memory_mb", most=60.0),
    Target("server_cpu_percent", most=5.0),
)
if shutil.which("strace"):
    TARGETS += (Target("agent_calls_per_idle_second", most=1.0), Target("server_calls_per_idle_second", most=1.0))
SETTLE = 5.0
TRACED = 10.0


def _tree(pid: int) -> list[psutil.Process]:
    """A process and everything it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and its helpers; what they share counts for each."""
    return float(sum(each.memory_info().rss for each in _tree(pid))) / 1e6


_MESSAGES = ("read", "write", "sendto", "recvfrom")


def _calls(pid: int, folder: Path) -> tuple[float, float] | None:
    """System calls of a process tree in ten seconds, and those beyond the link's pings; None without ``strace``."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    found = folder / f"strace-{pid}.txt"
    words = [strace, "-f", "-c", "-qq", "-o", str(found)]
    for each in _tree(pid):
        words += ["-p", str(each.pid)]
    tracer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(TRACED)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    calls = messages = 0
    for line in found.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) >= 5 and words[0].replace(".", "").isdecimal() and words[-1] != "total":
            calls += int(words[3])
            messages += int(words[3]) if words[-1] in _MESSAGES else 0
    return float(calls), float(max(0, calls - 2 * messages))


def run(folder: Path) -> dict[str, float]:
    """Measure one real agent on a server of its own, then a server with 1,000 simulated ones."""
    figures: dict[str, float] = {}
    (folder / "one").mkdir()
    with new_farm(folder / "one") as farm:
        farm.start_server()
        farm.start_agent("quiet")
        time.sleep(SETTLE)
        server, agent = farm.pid("server"), farm.pid("quiet")
        spent = [cpu_seconds(each.pid) for each in _tree(agent)]
        begin = time.monotonic()
        time.sleep(SECONDS)
        seconds = time.monotonic() - begin
        figures["agent_cpu_percent"] = 100 * sum(each() for each in spent) / seconds
        figures["agent_processes"] = float(len(_tree(agent)))
        figures["agent_memory_mb"] = _memory_mb(agent)
        farm.kill("quiet")
        with BlockingClient(parse_servers(farm.address), program="benchmark") as client:
            hourly = {"heartbeat_sec": 3600, "resources_update_period": 3600, "zombie_time": 3600}
            client.request("pool.set", {"paths": ["/"], "parameters": hourly})
        farm.start_agent("still")
        time.sleep(SETTLE)
        for name, pid in (("agent", farm.pid("still")), ("server", server)):
            calls = _calls(pid, folder)
            if calls is not None:
                figures[f"{name}_calls_per_second_with_pings"] = calls[0] / TRACED
                figures[f"{name}_calls_per_idle_second"] = calls[1] / TRACED
        farm.check()
    (folder / "thousand").mkdir()
    with new_farm(folder / "thousand") as farm, ExitStack() as stack:
        farm.start_server()
        load = Generator(farm.address, AGENTS, 0, "load", folder)
        stack.callback(load.close)
        load.answer()
        time.sleep(SETTLE)
        load.ask("begin")
        spent_by_server = cpu_seconds(farm.pid("server"))
        begin = time.monotonic()
        time.sleep(SECONDS)
        seconds = time.monotonic() - begin
        figures["server_cpu_percent"] = 100 * spent_by_server() / seconds
        counted = load.ask("figures")
        figures["server_memory_mb"] = psutil.Process(farm.pid("server")).memory_info().rss / 1e6
        figures["readings_per_second"] = counted["readings"] / counted["seconds"]
        figures["generator_cpu_percent"] = 100 * counted["cpu"] / counted["seconds"]
        if counted["lost"] or counted["readings"] < AGENTS * int(counted["seconds"] / 5.5):
            raise CheckFailed(f"the agents were not quiet and there: {counted}")
    return figures
