"""200 monitors, 20 of them with a job of a million tasks open, on a farm that starts 100 tasks a second of that job.

What the server's process takes of a core, and the time from an agent's report to its acknowledgement.  The monitors are
links without windows in one process; the bytes a quiet monitor costs are measured as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from benchmarks.farmyard import CODE, cpu_seconds, new_farm
from benchmarks.harness import MOST_LAG, CheckFailed, Invalid, Target, percentile
from benchmarks.thousand import Generator

NAME = "200 monitors, 20 with a million tasks open, 100 starts a second"
MONITORS, OPEN, AGENTS, SLOTS, SECONDS_OF_TASK = 200, 20, 50, 4, 2.0
SECONDS = float(os.environ.get("AF_BENCH_SECONDS", "30"))
TASKS = 1_000_000
TARGETS = (
    Target("starts_per_second", least=90),
    Target("server_core_share", most=1.0),
    Target("acknowledged_p99_ms", most=100),
    Target("quiet_monitor_bytes_per_second", most=1000),
)


def _traffic(client: BlockingClient) -> float:
    rows = client.request("server.traffic", {})["rows"]
    return float(sum(row["sent_bytes"] + row["received_bytes"] for row in rows))


def run(folder: Path) -> dict[str, float]:
    """Measure."""
    with ExitStack() as held:
        farm = held.enter_context(new_farm(folder))
        farm.start_server()
        client = held.enter_context(BlockingClient(parse_servers(farm.address), program="benchmark", timeout=120.0))
        parameters = {"capacity_host": SLOTS * 1000, "max_tasks_host": SLOTS}
        client.request("pool.set", {"paths": ["/"], "parameters": parameters})
        block = {"name": "b", "service": "generic", "command": "x @#@", "frame_first": 0, "frame_last": TASKS - 1,
                 "capacity": 1000, "flags": 1}  # fmt: skip
        job = client.request("job.submit", {"job": {"name": "million", "blocks": [block], "offline": True}})["id"]
        watchers = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.watchers", farm.address, str(MONITORS), str(OPEN), str(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CODE,
        )  # fmt: skip
        held.callback(watchers.wait)
        assert watchers.stdin is not None and watchers.stdout is not None
        held.callback(watchers.stdin.close)
        if not watchers.stdout.readline():
            raise CheckFailed("the monitors ended by themselves")
        time.sleep(2.0)
        figures = {"quiet_monitor_bytes_per_second": _quiet(client)}
        client.request("job.start", {"ids": [job]})
        load = Generator(farm.address, AGENTS, 0, "load", folder)
        held.callback(load.close)
        load.answer()
        probe = Generator(farm.address, 5, AGENTS, "probe", folder)
        held.callback(probe.close)
        probe.answer()
        load.ask(f"seconds {SECONDS_OF_TASK}")
        time.sleep(5.0)
        watchers.stdin.write("\n")
        watchers.stdin.flush()
        watchers.stdout.readline()
        load.ask("begin")
        probe.ask("begin")
        server = cpu_seconds(farm.pid("server"))
        time.sleep(SECONDS)
        taken = server()
        counted, probed = load.ask("figures"), probe.ask("figures")
        watchers.stdin.write("\n")
        watchers.stdin.flush()
        watched = json.loads(watchers.stdout.readline())
        if probed["lag_worst"] > 5 * MOST_LAG:
            raise Invalid(f"the probe was late by {probed['lag_worst'] * 1e3:.0f} ms")
        times = [*probed["times"], probed["waiting"]]
        return figures | {
            "starts_per_second": counted["started"] / counted["seconds"],
            "server_core_share": taken / SECONDS,
            "acknowledged_p50_ms": percentile(times, 0.5) * 1e3,
            "acknowledged_p99_ms": percentile(times, 0.99) * 1e3,
            "rows_per_monitor_and_second": watched["rows"] / SECONDS / MONITORS,
            "monitors_core_share": watched["cpu"] / SECONDS,
            "probe_lag_ms": probed["lag_worst"] * 1e3,
        }


def _quiet(client: BlockingClient) -> float:
    before, begun = _traffic(client), time.monotonic()
    time.sleep(10.0)
    return (_traffic(client) - before) / (time.monotonic() - begun) / MONITORS
