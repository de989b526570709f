"""From the call that submits a job to its process running, on an idle farm, 200 times.

The task writes one letter into a pipe; what is measured includes the start of the shell that does it.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

import afnet.api as af
from afnet.demo.production import submit
from benchmarks.farmyard import new_farm
from benchmarks.harness import CheckFailed, LagWatch, Target, percentile

NAME = "submit to process started, idle farm"
TARGETS = (Target("p50_ms", most=20), Target("p99_ms", most=50))
TIMES = 200
WARM_UP = 5
QUIET = 0.03
"""Seconds between a start and the next submission: long enough that the farm is idle again."""


class _Pipe:
    """A named pipe and a thread that notes when a letter comes out of it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Open for both: a writer that leaves is no end of file.
        self._file = os.open(path, os.O_RDWR)
        self.came: SimpleQueue[float] = SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="pipe", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            data = os.read(self._file, 1)
            now = time.perf_counter()
            if data == b"q":
                return
            self.came.put(now)

    def close(self) -> None:
        os.write(self._file, b"q")
        self._thread.join()
        os.close(self._file)


def _job(path: Path) -> af.Job:
    block = af.Block("one", "generic")
    block.setNumeric(1, 1)
    block.setCommand(f"printf s > {path}")
    job = af.Job("start")
    job.blocks.append(block)
    return job


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    path = folder / "pipe"
    pipe = _Pipe(path)
    try:
        with new_farm(folder) as farm, LagWatch() as lag:
            farm.start_server()
            farm.start_agent("bench")
            taken: list[float] = []
            acknowledged: list[float] = []
            cpu = time.process_time()
            quiet = threading.Event()
            for number in range(WARM_UP + TIMES):
                job = _job(path)
                begin = time.perf_counter()
                submit(job, farm.address)
                answered = time.perf_counter()
                try:
                    started = pipe.came.get(timeout=60 if number == 0 else 10)
                except Empty:
                    raise CheckFailed(f"Job {number} was acknowledged and never started.") from None
                if number >= WARM_UP:
                    taken.append(started - begin)
                    acknowledged.append(answered - begin)
                elif number == WARM_UP - 1:
                    cpu, lag.worst = time.process_time(), 0.0
                quiet.wait(QUIET)
            cpu = time.process_time() - cpu
            lag.check()
            if not pipe.came.empty():
                raise CheckFailed("Some task was started twice.")
    finally:
        pipe.close()
    return {
        "p50_ms": percentile(taken, 0.50) * 1e3,
        "p99_ms": percentile(taken, 0.99) * 1e3,
        "worst_ms": max(taken) * 1e3,
        "acknowledged_p50_ms": percentile(acknowledged, 0.50) * 1e3,
        "generator_cpu_seconds": cpu,
        "generator_lag_ms": lag.worst * 1e3,
    }
