"""The database alone: batches of 2,000 finished runs, a million tasks in a snapshot, and reading both back.

Processor times are those of this process; PostgreSQL's own are in its processes and not counted.
"""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from afcore.store.base import Batch, RunQuery, RunRow, Snapshot, Store
from afcore.store.opening import open_store
from benchmarks.harness import CheckFailed, Target, percentile
from tests.store.cluster import Cluster, binaries

NAME = "store: journal, history, snapshots"
TARGETS = (
    Target("batch_cpu_ms", most=25),
    Target("rows_per_cpu_second", least=100_000),
    Target("batch_beside_busy_thread_ms", most=100),
    Target("snapshot_step_p99_ms", most=20),
    Target("recover_ms", most=500),
)
ROWS = 2000
BATCHES = 20
TASKS = 1_000_000
JOBS = 50


def _batch(store: Store, seq: int) -> Batch:
    """A batch as a busy farm makes it: 2,000 facts and the rows of 2,000 runs of 50 jobs."""
    body = [
        msgspec.msgpack.encode([31, 2 + task % JOBS, 0, seq * ROWS + task, 1, 77, 1, 0, 4, 0, 0, False, 2000 + task, 2])
        for task in range(ROWS)
    ]
    rows = [
        RunRow(
            job=2 + task % JOBS, serial=1000 + task % JOBS, id_block=0, id_task=seq * ROWS + task, run=1,
            status="success", starts_count=1, started_ms=1_700_000_000_000 + task, done_ms=1_700_000_002_000 + seq,
            username="ann", hostname=f"render{task % 1000:04}", render=task % 1000, pool="/", branch="/",
            jobname=f"shot {task % JOBS:03} lighting", blockname="beauty", taskname=f"frame {task}",
            folder="/projects/show/seq010/shot020/render/beauty/v003", service="generic", parser="generic",
            capacity=1000, frame_pertask=1,
            command="render --scene /projects/show/seq010/shot020/work/lighting_v003.scene --frames @#@-@#@ --quiet",
        )
        for task in range(ROWS)
    ]  # fmt: skip
    return Batch(seq=seq, at=1_700_000_000.0 + seq, epoch=store.epoch, body=body, runs=rows)


def _timed(work: Callable[[], None], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def _commits(store: Store, count: int, clock: Callable[[], float]) -> list[float]:
    taken = []
    for _ in range(count):
        batch = _batch(store, store.last_seq + 1)
        taken.append(_timed(lambda given=batch: store.commit([given]), clock))  # type: ignore[misc]
    return taken


def _beside_busy_thread(store: Store, count: int) -> list[float]:
    """Commit while another thread computes without a pause, as a loaded event loop does."""
    over = threading.Event()

    def compute() -> None:
        number = 0
        while not over.is_set():
            number += 1

    thread = threading.Thread(target=compute, name="busy")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # as the server does
    thread.start()
    try:
        return _commits(store, count, time.perf_counter)
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


def _columns() -> list[bytes]:
    """Eight columns of a million tasks in a mixed state."""
    chance = random.Random(7)
    states = chance.choices(b"\x04\x01\x02\x06\x05", weights=(70, 20, 5, 3, 2), k=TASKS)
    times = msgspec.msgpack.encode([1000 + place // 9 + chance.randrange(60) for place in range(TASKS)])
    wide = (times * 2)[: 4 * TASKS]
    hosts = bytes(chance.choices(range(256), k=TASKS)) * 4
    return [bytes(states), bytes(TASKS), bytes(TASKS), bytes(TASKS), bytes(2 * TASKS), hosts, wide, wide[::-1]]


def _snapshot_steps(store: Store, columns: list[bytes]) -> list[tuple[float, float]]:
    """Write a snapshot; return wall and processor time of each step."""
    snapshot = Snapshot(
        seq=store.last_seq, at=1_700_000_100.0, farm=b"farm", jobs={2: b"job"}, columns={(2, 0): columns}
    )
    steps = store.snapshot_steps(snapshot)
    taken = []
    going = True
    while going:
        start, busy = time.perf_counter(), time.process_time()
        going = next(steps, StopIteration) is None
        taken.append((time.perf_counter() - start, time.process_time() - busy))
    return taken


def measure(store: Store, columns: list[bytes]) -> dict[str, float]:
    """Fill ``store``, which is new, and return the figures of writing."""
    _commits(store, 2, time.process_time)
    cpu = statistics.median(_commits(store, BATCHES, time.process_time))
    beside = statistics.median(_commits(store, BATCHES, time.perf_counter))
    busy = statistics.median(_beside_busy_thread(store, 8))
    steps = _snapshot_steps(store, columns)
    walls = [wall for wall, _ in steps]
    _commits(store, 100, time.process_time)
    return {
        "batch_cpu_ms": cpu * 1e3,
        "batch_wall_ms": beside * 1e3,
        "rows_per_cpu_second": ROWS / cpu,
        "batch_beside_busy_thread_ms": busy * 1e3,
        "snapshot_step_p99_ms": percentile(walls, 0.99) * 1e3,
        "snapshot_step_worst_ms": max(walls) * 1e3,
        "snapshot_step_cpu_p99_ms": percentile([cpu for _, cpu in steps], 0.99) * 1e3,
        "snapshot_ms": sum(walls) * 1e3,
    }


def recover(store: Store, columns: list[bytes]) -> dict[str, float]:
    """Read everything back, and check it."""
    start = time.perf_counter()
    found = store.load()
    batches = sum(1 for _ in found.batches)
    taken = time.perf_counter() - start
    if batches != 100 or found.snapshot is None or found.snapshot.columns != {(2, 0): columns}:
        raise CheckFailed("what was written did not come back")
    history = store.history()
    newest = history.runs(RunQuery(), limit=1).rows[0].seq
    start = time.perf_counter()
    page = history.runs(RunQuery(job=7, user="ann"), limit=100)
    asked = time.perf_counter() - start
    history.close()
    if newest != found.last_seq * ROWS or len(page.rows) != 100:
        raise CheckFailed(f"{found.last_seq * ROWS} runs were written, and {newest} are there")
    return {"recover_ms": taken * 1e3, "history_page_ms": asked * 1e3}


def _one(database: str, folder: Path, columns: list[bytes]) -> dict[str, float]:
    store = open_store(database, data=folder, now=1_700_000_000.0)
    try:
        store.load()
        figures = measure(store, columns)
    finally:
        store.close()
    store = open_store(database, data=folder, now=1_700_000_000.0)
    try:
        return {**figures, **recover(store, columns)}
    finally:
        store.close()


def run(folder: Path) -> dict[str, float]:
    """Measure SQLite and, where its programs are installed, PostgreSQL beside it."""
    columns = _columns()
    figures = _one("", folder / "data", columns)
    size = sum(path.stat().st_size for path in (folder / "data").iterdir())
    figures["megabytes_on_disk"] = size / 1e6
    programs = binaries()
    if programs is not None:
        cluster = Cluster(programs, synced=True)
        try:
            beside = _one(cluster.url(cluster.new_database()), folder / "beside", columns)
        finally:
            cluster.remove()
        figures |= {f"postgresql_{name}": value for name, value in beside.items()}
    return figures
