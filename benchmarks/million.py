"""A job of a million tasks: submitted, then in a mixed state kept, read, restarted, and recovered after ``kill -9``.

The mixed state is made by ``benchmarks.mixed``; 1,000 simulated agents bring its 50,000 running tasks back, as agents
do when a server has been away. Memory is compared with the same server and the same agents without the job.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

import afnet.api as af
from afcore.errors import WireError
from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from afnet.demo.farm import Farm
from afnet.demo.production import submit
from benchmarks.farmyard import new_farm
from benchmarks.harness import CheckFailed, Target
from benchmarks.mixed import RENDERS, Prepared, prepare
from benchmarks.thousand import Generator

NAME = "a job of 1,000,000 tasks"
TASKS = 1_000_000
TARGETS = (
    Target("submit_ms", most=100),
    Target("memory_bytes_per_task", most=30),
    Target("restart_failed_ms", most=100),
    Target("restart_all_ms", most=100),
    Target("read_ms", most=200),
    Target("read_kilobytes", most=1000),
    Target("recover_ms", most=2000),
)
SETTLE = 30.0
_CONFIG = {"snapshot_events": 900}
"""The agents' return is enough to have a snapshot written."""


def _client(farm: Farm) -> BlockingClient:
    return BlockingClient(parse_servers(farm.address), program="benchmark", timeout=120.0)


def _timed_ms(client: BlockingClient, operation: str, **arguments: Any) -> float:
    begin = time.perf_counter()
    client.request(operation, arguments)
    return (time.perf_counter() - begin) * 1e3


def _job(name: str, tasks: int) -> af.Job:
    block = af.Block("frames", "generic")
    block.setNumeric(1, tasks)
    block.setCommand("render --frames @#@-@#@ --quiet")
    job = af.Job(name)
    job.blocks.append(block)
    return job


def _submit(folder: Path) -> float:
    """Milliseconds from sending a job of a million tasks until it is acknowledged."""
    folder.mkdir()
    with new_farm(folder) as farm:
        farm.start_server()
        submit(_job("the first", 1), farm.address)
        with _client(farm) as client:
            before = client.request("server.status")["tasks"]
        job = _job("a million", TASKS)
        begin = time.perf_counter()
        submit(job, farm.address)
        taken = (time.perf_counter() - begin) * 1e3
        with _client(farm) as client:
            there = client.request("server.status")["tasks"] - before
    if there != TASKS:
        raise CheckFailed(f"{TASKS} tasks were submitted, the server has {there} more")
    return taken


def _first_answer(farm: Farm, *words: str) -> float:
    """Start the server; milliseconds from the start of its process until it answered a request about its farm."""
    begin = time.perf_counter()
    farm.launch_server(*words)
    while True:
        farm.check()
        try:
            with _client(farm) as client:
                client.request("server.status")
                return (time.perf_counter() - begin) * 1e3
        except WireError:
            time.sleep(0.005)


@contextmanager
def _farm_with(folder: Path, prepared: Prepared) -> Iterator[Farm]:
    """A farm whose server will find ``prepared`` in its folder."""
    folder.mkdir()
    with new_farm(folder) as farm:
        prepared.copy(farm.folder / "server")
        yield farm


def _recover(folder: Path, prepared: Prepared) -> float:
    """Milliseconds to the first answer after ``kill -9``, with 200,000 runs since the last snapshot.

    The first start leaves the byte code of the program, as an installation does (see ``new_farm``).
    """
    with _farm_with(folder, prepared) as farm:
        _first_answer(farm)
        farm.kill("server")
        taken = _first_answer(farm)
        with _client(farm) as client:
            _check_columns(client, prepared, waiting=True)
    return taken


def _read(client: BlockingClient, job: int) -> tuple[dict[str, bytes], float, int]:
    """Read the columns of a job; return them, the milliseconds it took, and the bytes that came."""
    begin = time.perf_counter()
    bodies = list(client.request_pieces("job.tasks", {"job": job}))
    columns: dict[str, list[bytes]] = {}
    for body in bodies:
        for piece in body["columns"]:
            for name, packed in piece["columns"].items():
                columns.setdefault(name, []).append(zlib.decompress(packed))
    whole = {name: b"".join(parts) for name, parts in columns.items()}
    taken = (time.perf_counter() - begin) * 1e3
    return whole, taken, sum(len(msgspec.msgpack.encode(body)) for body in bodies)


def _check_columns(client: BlockingClient, prepared: Prepared, *, waiting: bool) -> tuple[float, int]:
    """Read the job and compare every task with what it must be; return milliseconds and bytes."""
    columns, taken, size = _read(client, prepared.job)
    state = prepared.state
    if waiting:
        # After a restart what ran waits for its agent.
        state = state.replace(b"\x02", b"\x03")
    if columns["state"] != state or columns["errors"] != prepared.errors or columns["starts"] != prepared.starts:
        raise CheckFailed("the tasks a client read are not those that were prepared")
    return taken, size


def _snapshot_batch(farm: Farm) -> int:
    with _client(farm) as client:
        return int(client.request("server.status")["snapshot_batch"])


@contextmanager
def _staffed(folder: Path, prepared: Prepared) -> Iterator[Farm]:
    """The prepared farm with its agents, a snapshot written, and everything quiet for half a minute."""
    with _farm_with(folder, prepared) as farm, ExitStack() as stack:
        config = folder / "config.json"
        config.write_text(json.dumps(_CONFIG), "utf-8")
        _first_answer(farm, "--config", str(config))
        before = _snapshot_batch(farm)
        runs = folder / "runs.json"
        runs.write_text(json.dumps(prepared.running or {}), "utf-8")
        agents = Generator(farm.address, RENDERS, 0, "hold", folder, str(runs))
        stack.callback(agents.close)
        agents.answer()
        end = time.monotonic() + SETTLE
        while time.monotonic() < end or _snapshot_batch(farm) == before:
            time.sleep(1.0)
            farm.check()
            if time.monotonic() > end + 30:
                raise CheckFailed("no snapshot was written")
        yield farm


def _memory(farm: Farm) -> int:
    return int(psutil.Process(farm.pid("server")).memory_info().rss)


def _memory_figures(memory: int, without: int, mixed: Prepared) -> dict[str, float]:
    """Tell where the bytes are: what the farm's parts take, counted, and what the process has beyond them.

    The rest is the story of the renders, SQLite's cache and file maps, and what the allocators keep.
    """
    parts = {f"memory_{name}_per_task": size / TASKS for name, size in mixed.sizes.items()}
    more = (memory - without) / TASKS
    return {
        "memory_bytes_per_task": more,
        **parts,
        "memory_rest_per_task": more - sum(parts.values()),
        "memory_megabytes": memory / 1e6,
        "memory_without_job_megabytes": without / 1e6,
    }


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    figures = {"submit_ms": _submit(folder / "submit")}
    mixed, bare = prepare(TASKS, with_job=True), prepare(TASKS, with_job=False)
    figures["recover_ms"] = _recover(folder / "recover", mixed)
    with _staffed(folder / "bare", bare) as farm:
        without = _memory(farm)
    with _staffed(folder / "mixed", mixed) as farm:
        figures |= _memory_figures(_memory(farm), without, mixed)
        with _client(farm) as client:
            figures["read_ms"], size = _check_columns(client, mixed, waiting=False)
            figures["read_kilobytes"] = size / 1e3
            figures["restart_failed_ms"] = _timed_ms(client, "job.restart", ids=[mixed.job], only="error")
            state = _read(client, mixed.job)[0]["state"]
            if state.count(6) or state.count(4) != mixed.state.count(4):
                raise CheckFailed("restarting the failed tasks did something else")
            figures["restart_all_ms"] = _timed_ms(client, "job.restart", ids=[mixed.job])
            state = _read(client, mixed.job)[0]["state"]
            if state.count(4) or state.count(5):
                raise CheckFailed("restarting all tasks left some as they were")
    return figures
