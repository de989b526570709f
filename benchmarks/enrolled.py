"""Render nodes with certificates: what TLS costs the server for each started task, beside plain agents in the same run;
how soon all of them are back after the server was killed and started again; how soon a revoked one is out.

One server on loopback after ``afserver init``; every node is paired by the code, as agents are, and then simulated.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import afnet.api as af
from afcore.errors import AfError
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from afnet.demo.farm import Farm
from afnet.demo.production import submit
from benchmarks.farmyard import CODE, cpu_seconds, initialise, new_farm
from benchmarks.harness import CheckFailed, Target
from benchmarks.simulated import Fleet

NAME = "nodes with certificates: cost of a start, return after a restart, revocation"
AGENTS = int(os.environ.get("AF_BENCH_AGENTS", "1200"))
WORKING = 200
"""Agents, of either kind, on which starts are measured."""
TASK_SECONDS = 0.5
SECONDS = 10.0
TARGETS = (
    Target("tls_cost_per_start_us", most=100.0),
    Target("all_back_s", most=10.0),
    Target("longest_pause_ms", most=250.0),
    Target("revoked_after_ms", most=2000.0),
)
_PATIENCE_S = 120.0


async def _cost_of_starts(fleet: Fleet, farm: Farm) -> tuple[float, float]:
    """Return processor time of the server for each start (µs), and starts a second."""
    fleet.seconds = lambda: TASK_SECONDS
    await fleet.connect(_PATIENCE_S)
    await asyncio.sleep(2.0)
    cpu, started, begun = cpu_seconds(farm.pid("server")), fleet.started, time.monotonic()
    await asyncio.sleep(SECONDS)
    spent, count = cpu(), fleet.started - started
    if count < WORKING:
        raise CheckFailed(f"{count} tasks were started only")
    return spent / count * 1e6, count / (time.monotonic() - begun)


_PROBE = """
import sys, threading, time
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
worst, late, over = 0.0, 0.0, threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set())).start()
with BlockingClient([Address("127.0.0.1", int(sys.argv[1]))], program="benchmark") as client:
    while True:
        begun = time.monotonic()
        if over.wait(0.02):
            break
        woke = time.monotonic()
        client.request("server.status")
        late, worst = max(late, woke - begun - 0.02), max(worst, time.monotonic() - woke)
print(worst * 1e3, late * 1e3)
"""
"""Asks the server again and again until its input ends; a process of its own, which the nodes do not hold up. It tells
its longest wait for an answer, and by how much the machine has let it sleep too long at worst."""


async def _come_back(fleet: Fleet, farm: Farm, server: Address) -> dict[str, float]:
    """Kill the server, start it again, and wait until every node is registered."""
    before = fleet.registered
    await asyncio.get_running_loop().run_in_executor(None, farm.kill, "server")
    # It listens at the former address too: that is where the nodes look for it.
    await asyncio.get_running_loop().run_in_executor(None, farm.start_server, "--listen", str(server))
    begun, spent, own = time.monotonic(), cpu_seconds(farm.pid("server")), time.process_time()
    with subprocess.Popen(
        [sys.executable, "-c", _PROBE, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CODE,
        text=True,
    ) as probe:  # fmt: skip
        while fleet.registered - before < len(fleet.agents) and time.monotonic() - begun < _PATIENCE_S:
            await asyncio.sleep(0.005)
        back, spent_by_server, own = time.monotonic() - begun, spent(), time.process_time() - own
        said = (await asyncio.get_running_loop().run_in_executor(None, probe.communicate))[0]
    if fleet.registered - before < len(fleet.agents):
        raise CheckFailed(f"{fleet.registered - before} of {len(fleet.agents)} nodes came back only")
    pause, late = map(float, said.split())
    return {
        "all_back_s": back, "all_back_server_cpu_s": spent_by_server, "all_back_generator_cpu_s": own,
        "longest_pause_ms": pause, "machine_slept_too_long_ms": late, "all_back_load": os.getloadavg()[0],
    }  # fmt: skip


async def _revoke(fleet: Fleet, server: Address) -> float:
    """Revoke a node; return after how many milliseconds its conversation had ended."""
    lost, victim = fleet.lost, fleet.agents[0].name
    loop = asyncio.get_running_loop()
    with BlockingClient([server], program="benchmark") as client:
        begun = time.monotonic()
        await loop.run_in_executor(None, lambda: client.request("node.revoke", {"name": victim}))
        while fleet.lost == lost:
            if time.monotonic() - begun > _PATIENCE_S:
                raise CheckFailed("the revoked node is still connected")
            await asyncio.sleep(0.001)
        return (time.monotonic() - begun) * 1e3


async def _measure(farm: Farm, folder: Path, code: str) -> dict[str, float]:
    server = Address("127.0.0.1", farm.port)
    fleets: Sequence[tuple[str, int]] = (("plain", WORKING), ("tls", WORKING), ("enrolled", AGENTS))
    figures: dict[str, float] = {"load_of_the_machine": os.getloadavg()[0]}
    for kind, count in fleets:
        fleet = Fleet(server, count, prefix=kind)
        if kind != "plain":
            begun = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(None, fleet.pair, folder, code)
            figures[f"{kind}_pairing_ms"] = (time.monotonic() - begun) / count * 1e3
        if kind != "enrolled":
            figures[f"{kind}_cost_per_start_us"], figures[f"{kind}_starts_per_second"] = await _cost_of_starts(
                fleet, farm
            )
        else:
            with BlockingClient([server], program="benchmark") as client:
                ids = [row["id"] for row in client.request("job.list")["rows"] if row["name"] == "load"]
                client.request("job.delete", {"ids": ids})
            await fleet.connect(_PATIENCE_S)
            figures |= await _come_back(fleet, farm, server)
            figures["revoked_after_ms"] = await _revoke(fleet, server)
        await fleet.close()
    figures["tls_cost_per_start_us"] = figures.pop("tls_cost_per_start_us") - figures["plain_cost_per_start_us"]
    return figures


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    with new_farm(folder) as farm:
        code = initialise(farm, folder)
        farm.start_server()
        try:
            with BlockingClient([Address("127.0.0.1", farm.port)], program="benchmark") as client:
                parameters = {"capacity_host": 4000, "max_tasks_host": 4}
                client.request("pool.set", {"paths": ["/"], "parameters": parameters})
            job = af.Job("load")
            block = af.Block("frames", "generic")
            block.setNumeric(1, 1_000_000)
            block.setCommand("render @#@")
            job.blocks.append(block)
            submit(job, farm.address)
            return asyncio.run(_measure(farm, folder, code))
        except AfError as error:
            raise CheckFailed(str(error)) from None
