"""Short classic calls, one connection each: how many a second the server bears, and what they leave behind.

A child process of this module calls, closes first, as every classic client does, and calls again. Only the server's
processor time is counted for the rate. After each framing's 20,000 calls ``ss`` counts connections in TIME-WAIT on the
server's side: there shall be none. ``AF_BENCH_CLASSIC_CALLS`` makes it shorter.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import psutil

from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tasks import TaskTable
from afcore.states import TaskState
from afnet.classic.json_tasks import progress_answer
from afnet.server.classic import encode_sliced
from benchmarks.farmyard import cpu_seconds, new_farm
from benchmarks.harness import CheckFailed, Target

__all__ = ["FRAMINGS", "NAME", "TARGETS", "call", "frame", "run", "server_time_waits"]

CALLS = int(os.environ.get("AF_BENCH_CLASSIC_CALLS", "20000"))
JOBS = 5000
TASKS = 1_000_000

FRAMINGS = ("text", "binary", "post", "get")
"""Ways of asking; ``get`` is a plain HTTP request that says it will close."""

NAME = f"classic calls: {CALLS} short connections of each framing, a list of {JOBS} jobs, {TASKS} tasks' progress"
TARGETS = (
    Target("calls_per_core_second", least=1000.0),
    Target("time_waits", most=0.0),
    Target("memory_growth_mb", most=20.0),
    Target("jobs_list_ms", most=250.0),
    Target("progress_slice_ms", most=2.0),
)

_REQUEST: dict[str, Any] = {"get": {"type": "users"}}


def frame(framing: str, request: dict[str, Any] | None = None) -> bytes:
    """Return a request in one of the framings."""
    body = json.dumps(request or _REQUEST).encode()
    if framing == "text":
        return b"AFANASY %d JSON%s" % (len(body), body)
    if framing == "binary":
        return struct.pack(">iii", 81, 24, len(body)) + body
    if framing == "post":
        return b"POST / HTTP/1.1\r\nAFANASY: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    return b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def _size(framing: str, data: bytes) -> int:
    """Return how long the answer is that begins with ``data``; 0 while that is not known."""
    if framing == "text":
        words = data.split(b" ", 2)
        return data.index(b"JSON") + 4 + int(words[1]) if len(words) == 3 and b"JSON" in data else 0
    if framing == "binary":
        return 12 + int(struct.unpack_from(">i", data, 8)[0]) if len(data) >= 12 else 0
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        return 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(head) + 4 + int(line.split(b":")[1])
    raise ValueError(f"no length in {head!r}")


def call(port: int, framing: str, request: bytes, source: str = "127.0.0.1") -> bytes:
    """Ask, read the answer to its announced end, close first."""
    with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0)) as one:
        one.sendall(request)
        data = bytearray()
        size = 0
        while not size or len(data) < size:
            piece = one.recv(1 << 20)
            if not piece:
                raise CheckFailed(f"the server closed first, after {bytes(data[:200])!r}")
            data += piece
            size = size or _size(framing, bytes(data[:4096]))
    return bytes(data)


def server_time_waits(port: int, client: str) -> int:
    """Count what ``ss`` sees in TIME-WAIT at the server's end of ``port``, of connections from ``client``.

    An address of its own, because the number of a server's port may also be that of another program's own end.
    """
    words = ["ss", "-Htan", "state", "time-wait", "sport", "=", f":{port}", "dst", client]
    return len(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines())


def _threads(process: int) -> int:
    return psutil.Process(process).num_threads()


def run(folder: Path) -> dict[str, float]:
    """Call the server of a fresh farm in every framing, then ask it for many jobs."""
    with new_farm(folder) as farm:
        farm.start_server()
        process = farm.pid("server")
        port = farm.port
        for framing in FRAMINGS:
            call(port, framing, frame(framing))
        threads = _threads(process)
        figures: dict[str, float] = {"time_waits": 0.0}
        memory = 0.0
        used = 0.0
        for place, framing in enumerate(FRAMINGS):
            spent = cpu_seconds(process)
            client = f"127.0.0.{place + 2}"
            words = [sys.executable, "-m", "benchmarks.classic", str(port), framing, str(CALLS), client]
            subprocess.run(words, check=True, cwd=Path(__file__).parents[1])
            seconds = spent()
            figures[f"{framing}_cpu_us"] = 1e6 * seconds / CALLS
            if framing != "get":
                used += seconds
            figures["time_waits"] += server_time_waits(port, client)
            now = psutil.Process(process).memory_info().rss / 1e6
            # What the first calls load once is no growth.
            memory = memory or now
            figures["memory_growth_mb"] = max(figures.get("memory_growth_mb", 0.0), now - memory)
        figures["calls_per_core_second"] = 3 * CALLS / used
        if _threads(process) > threads:
            raise CheckFailed(f"the server has {_threads(process)} threads after the calls, {threads} before")
        figures.update(_list_jobs(port, process))
        # The best worst slice of three: what the code does is in each of them, what a busy machine adds is not.
        told = [asyncio.run(_tell_progress()) for _ in range(3)]
        figures.update(min(told, key=lambda each: each["progress_slice_ms"]))
        return figures


def _list_jobs(port: int, process: int) -> dict[str, float]:
    block = {"name": "b", "service": "generic", "command": "true", "flags": 1, "frame_first": 1, "frame_last": 10}
    job = {"name": "job", "user_name": "bench", "offline": True, "blocks": [block]}
    senders = [threading.Thread(target=_submit, args=(port, job, JOBS // 10)) for _ in range(10)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    best = 1e9
    spent = cpu_seconds(process)
    for _ in range(3):
        begun = time.perf_counter()
        answer = call(port, "text", frame("text", {"get": {"type": "jobs"}}))
        best = min(best, time.perf_counter() - begun)
    found = json.loads(answer.partition(b"JSON")[2])["jobs"]
    if sum(each["user_name"] == "bench" for each in found) != JOBS:
        raise CheckFailed(f"the list has {len(found)} jobs")
    used = spent() / 3
    return {"jobs_list_ms": best * 1000, "jobs_list_cpu_ms": used * 1000, "jobs_list_mb": len(answer) / 1e6}


def _done_tasks() -> tuple[Farm, Job]:
    """Return a farm with one job of a million tasks, all done at different times on a hundred renders."""
    spec = BlockSpec(name="b", flags=BlockFlag.NUMERIC, frame_first=1, frame_last=TASKS)
    tasks = TaskTable(TASKS, TaskState.DONE)
    tasks.starts = array("H", [1]) * TASKS
    tasks.render = array("I", [1 + task % 100 for task in range(TASKS)])
    tasks.started = array("I", range(1, TASKS + 1))
    tasks.finished = array("I", range(31, TASKS + 31))
    farm = Farm(epoch=1)
    for id in range(1, 101):
        farm.renders[id] = Render(id=id, name=f"render{id}", pool=1)
    block = Block(job=2, index=0, spec=spec, tasks=tasks, frames=spec.frames)
    own = JobSpec(name="job", blocks=[spec])
    return farm, Job(id=2, serial=1, user=1, branch=1, spec=own, name="job", blocks=[block], time_creation=1.0)


async def _tell_progress() -> dict[str, float]:
    """Encode the progress of a million tasks, as a server does it, beside somebody who wants to be served.

    A slice is the processor time between two turns of the other: the clock of a busy machine would tell of others.
    """
    farm, job = _done_tasks()
    slices: list[float] = []

    async def others() -> None:
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0)
            slices.append(time.thread_time() - begun)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    begun = time.thread_time()
    pieces = await encode_sliced(progress_answer(farm, job))
    spent = time.thread_time() - begun
    waiting.cancel()
    slices.sort()
    return {
        "progress_slice_ms": 1000 * slices[-1],
        "progress_slice_p99_ms": 1000 * slices[len(slices) * 99 // 100],
        "progress_s": spent,
        "progress_mb": sum(map(len, pieces)) / 1e6,
    }


def _submit(port: int, job: dict[str, Any], count: int) -> None:
    for _ in range(count):
        call(port, "text", frame("text", {"job": job}))


def _main(port: int, framing: str, count: int, source: str) -> None:
    request = frame(framing)
    for _ in range(count):
        call(port, framing, request, source)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
