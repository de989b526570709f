"""1,000 agents with 4 slots each: 2,000 starts and 2,000 finishes a second, every one durable before it is acted on.

The agents are those of ``benchmarks.simulated``; a process of its own with 20 more agents measures, every 10 ms, the
time from a report to its acknowledgement. Overload asks for 8,000 a second. In the end the server is killed without
warning, and the rows of the history are counted against what was acknowledged. The load is laid once more by nodes with
certificates, over TLS, so that plain figures and those of TLS come from one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

import afnet.api as af
from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from afnet.demo.farm import Farm
from afnet.demo.production import submit
from benchmarks.farmyard import CODE, count_runs, cpu_seconds, initialise, new_farm
from benchmarks.harness import MOST_LAG, CheckFailed, Invalid, Target, percentile
from tests.store.cluster import Cluster, binaries

NAME = "1,000 agents with 4 slots, 2-second tasks; then 0.5-second tasks"
AGENTS = 1000
SLOTS = 4
PROBES = 20
JOBS = 50
TASKS = 100_000
SECONDS = float(os.environ.get("AF_BENCH_SECONDS", "60"))
"""Length of each of the two measured stretches."""
WARM_UP = 8.0
OFFERED = AGENTS * SLOTS / 2.0
TARGETS = (
    Target("starts_per_second", least=0.95 * OFFERED),
    Target("finishes_per_second", least=0.95 * OFFERED),
    Target("acknowledged_p99_ms", most=100),
    Target("acknowledged_worst_ms", most=250),
    Target("overload_acknowledged_p99_ms", most=200),
    Target("overload_memory_growth_mb", most=20),
    Target("tls_starts_per_second", least=0.95 * OFFERED),
    Target("tls_acknowledged_p99_ms", most=100),
    Target("tls_cost_per_start_us", most=100),
)
SERVICES = ("generic", "nuke", "blender")
CAPACITIES = (500, 800, 1000)


class Generator:
    """A generator's process; see ``benchmarks.generator``."""

    def __init__(
        self, address: str, agents: int, first: int, kind: str, folder: Path, *more: str, code: str = ""
    ) -> None:
        self.kind = kind
        environment = dict(os.environ, PYTHONPATH=str(CODE))
        if code:
            environment["AF_BENCH_PAIR"] = f"{code} {folder / kind}"
        self._log = (folder / f"{kind}.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.generator", address, str(agents), str(first), kind, *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=CODE,
            env=environment,
        )

    def answer(self) -> dict[str, Any]:
        """Wait for one line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            text = Path(self._log.name).read_text("utf-8", "replace")[-500:]
            raise CheckFailed(f"the {self.kind} generator ended by itself: {text}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, command: str) -> dict[str, Any]:
        """Give one command and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


def jobs() -> Iterator[af.Job]:
    """50 jobs of 100,000 tasks: two users, three services, three capacities, one dependency."""
    for number in range(JOBS):
        job = af.Job(f"load {number:02}")
        job.setUserName(("ann", "bob")[number % 2])
        halves = ("first", "second") if number == 0 else ("only",)
        for name in halves:
            block = af.Block(name, SERVICES[number % 3])
            block.setNumeric(1, TASKS // len(halves))
            block.setCommand("render --frames @#@-@#@ --quiet")
            block.setCapacity(CAPACITIES[number % 3])
            if name == "second":
                block.setTasksDependMask("first")
            job.blocks.append(block)
        yield job


@contextmanager
def loaded_farm(
    folder: Path, database: str = "", *, tls: bool = False
) -> Iterator[tuple[Farm, Generator, Generator]]:
    """A server with the jobs, 1,000 agents on them (``tls``: nodes with certificates), and the probe, warmed up."""
    with new_farm(folder) as farm, ExitStack() as stack:
        code = initialise(farm, folder) if tls else ""
        farm.start_server(*(["--database", database] if database else []))
        with BlockingClient(parse_servers(farm.address), program="benchmark") as client:
            parameters = {"capacity_host": SLOTS * 1000, "max_tasks_host": SLOTS}
            client.request("pool.set", {"paths": ["/"], "parameters": parameters})
        for job in jobs():
            submit(job, farm.address)
        load = Generator(farm.address, AGENTS, 0, "load", folder, code=code)
        stack.callback(load.close)
        load.answer()
        probe = Generator(farm.address, PROBES, 0, "probe", folder, code=code)
        stack.callback(probe.close)
        probe.answer()
        time.sleep(WARM_UP / 2)
        load.ask("seconds 2.0")
        time.sleep(WARM_UP / 2)
        yield farm, load, probe


def _stretch(
    farm: Farm, load: Generator, probe: Generator, seconds: float
) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Measure for a while: what the generator counted, what the probe did, and the server's processor and memory."""
    pid = farm.pid("server")
    server, process = cpu_seconds(pid), psutil.Process(pid)
    load.ask("begin")
    probe.ask("begin")
    memory = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1.0, max(0.0, end - time.monotonic())))
        memory.append(process.memory_info().rss / 1e6)
    counted, probed = load.ask("figures"), probe.ask("figures")
    if counted["lost"] or counted["refused"] or probed["lost"]:
        raise CheckFailed(f"connections were lost: {counted['lost']}, {counted['refused']}, {probed['lost']}")
    return (
        counted,
        probed,
        {
            "cpu": server() / counted["seconds"],
            "memory": memory[-1],
            "growth": max(memory[len(memory) // 4 :]) - memory[len(memory) // 4],
        },
    )


def _invalid(counted: dict[str, Any], probed: dict[str, Any]) -> str:
    worst = max(counted["lag_worst"], probed["lag_worst"])
    if worst <= MOST_LAG:
        return ""
    return f"the load generator was late by {worst * 1e3:.0f} ms, {MOST_LAG * 1e3:.0f} ms are allowed"


def _figures(
    prefix: str, counted: dict[str, Any], probed: dict[str, Any], server: dict[str, float]
) -> dict[str, float]:
    seconds = counted["seconds"]
    times = [*probed["times"], probed["waiting"]]
    return {
        f"{prefix}starts_per_second": counted["started"] / seconds,
        f"{prefix}finishes_per_second": counted["acknowledged"] / seconds,
        f"{prefix}acknowledged_p50_ms": percentile(times, 0.5) * 1e3,
        f"{prefix}acknowledged_p99_ms": percentile(times, 0.99) * 1e3,
        f"{prefix}acknowledged_worst_ms": max(times) * 1e3,
        f"{prefix}probes": float(len(times)),
        f"{prefix}server_cpu_share": server["cpu"],
        f"{prefix}server_cpu_per_start_us": server["cpu"] * seconds / max(1, counted["started"]) * 1e6,
        f"{prefix}server_memory_mb": server["memory"],
        f"{prefix}generator_cpu_share": counted["cpu"] / seconds,
        f"{prefix}generator_lag_ms": counted["lag_worst"] * 1e3,
        f"{prefix}generator_lag_p999_ms": counted["lag_p999"] * 1e3,
        f"{prefix}probe_cpu_share": probed["cpu"] / probed["seconds"],
        f"{prefix}probe_lag_ms": probed["lag_worst"] * 1e3,
    }


def run(folder: Path) -> dict[str, float]:
    """Measure once: on SQLite, and where its programs are installed on PostgreSQL beside it."""
    with loaded_farm(folder) as (farm, load, probe):
        counted, probed, server = _stretch(farm, load, probe, SECONDS)
        late = _invalid(counted, probed)
        if late:
            raise Invalid(late)
        figures = _figures("", counted, probed, server)
        load.ask("seconds 0.5")
        time.sleep(WARM_UP / 2)
        over, over_probed, over_server = _stretch(farm, load, probe, SECONDS)
        figures |= _figures("overload_", over, over_probed, over_server)
        figures["overload_memory_growth_mb"] = over_server["growth"]
        farm.kill("server")
        last = [load.ask("figures"), probe.ask("figures")]
        acknowledged = sum(each["acknowledged_ever"] for each in last)
        reported = sum(each["reported_ever"] for each in last)
        rows, tasks = count_runs(farm)
        if rows != tasks or not acknowledged <= rows <= reported:
            raise CheckFailed(
                f"{acknowledged} runs were acknowledged and {reported} reported, but after kill -9 the database has "
                f"{rows} rows of {tasks} tasks."
            )
        figures["rows_after_kill"] = float(rows)
    figures |= _over_tls(folder)
    figures["tls_cost_per_start_us"] = figures["tls_server_cpu_per_start_us"] - figures["server_cpu_per_start_us"]
    return figures | _beside(folder)


def _over_tls(folder: Path) -> dict[str, float]:
    """The same load by nodes with certificates, for a shorter while."""
    place = folder / "tls"
    place.mkdir()
    with loaded_farm(place, tls=True) as (farm, load, probe):
        return _figures("tls_", *_stretch(farm, load, probe, SECONDS / 2))


def _beside(folder: Path) -> dict[str, float]:
    """The same load on PostgreSQL, for a shorter while."""
    programs = binaries()
    if programs is None:
        return {}
    place = folder / "beside"
    place.mkdir()
    cluster = Cluster(programs, synced=True)
    try:
        with loaded_farm(place, cluster.url(cluster.new_database())) as (farm, load, probe):
            return _figures("postgresql_", *_stretch(farm, load, probe, SECONDS / 3))
    finally:
        cluster.remove()
