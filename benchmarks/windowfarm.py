"""What the benchmarks of the monitor share: a window with its processor time, rows of many jobs, and a farm at work.

Rules of this file:
- A duration is told twice: as it was on the wall, and as processor time of the window's thread (``…_cpu_ms``), which a
  busy machine falsifies less.  The least of some repetitions counts; of pauses the greatest within one.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from PySide6.QtCore import QEventLoop, QTimer

from afcore.rows import BlockRow, JobRow
from afcore.states import Role, TaskState
from afnet.client.servers import parse_servers
from afwatch.app import Watch, make_application
from afwatch.collector import calm_collector
from afwatch.farm import EmbeddedFarm
from benchmarks.farmyard import CODE
from benchmarks.harness import CheckFailed

__all__ = ["Timed", "Window", "busy_server", "job_row"]

_QUERY = "import sys,time\nfrom afnet.client.blocking import BlockingClient\n" \
    "from afnet.client.servers import parse_servers\n" \
    "client = BlockingClient(parse_servers(sys.argv[1]), program='load', timeout=60.0)\n" \
    "pause = 0.05\n" \
    "with client:\n" \
    "    while True:\n" \
    "        client.request('task.list', {'job': int(sys.argv[2]), 'block': 0, 'limit': 200})\n" \
    "        time.sleep(float(sys.argv[3]))\n"  # fmt: skip


def job_row(id: int, version: int, chance: random.Random) -> JobRow:
    """Return a job as a farm has them: one block, some done, few failed; its priority stays what it is."""
    counts = [0] * len(TaskState)
    counts[TaskState.DONE], counts[TaskState.READY] = chance.randrange(100), chance.randrange(100)
    counts[TaskState.ERROR] = chance.randrange(3)
    percent = 100 * counts[TaskState.DONE] // max(1, sum(counts))
    block = BlockRow(0, "beauty", "blender", sum(counts), counts, 50, 0, counts[TaskState.ERROR], 1000, False, 0.0, 0.0,
                     90_000)  # fmt: skip
    return JobRow(id, version, f"show_{id % 97:03d} shot {id}", f"user{id % 41}", f"/show{id % 97}", "ready",
                  id % 7 * 10 + 40, percent, counts, 0, 0, 1e9 + id, 0.0, 0.0, [block])  # fmt: skip


def as_sent(rows: list[JobRow]) -> list[Any]:
    """Return rows as the link's thread finds them in a message."""
    plain: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(rows))
    return plain


class Timed:
    """Figures of repeated durations."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}

    def least(self, name: str, work: Callable[[], object], times: int = 5) -> None:
        """Do something some times and keep the least duration."""
        self._keep(name, [_both(work) for _ in range(times)], min)

    def worst(self, name: str, works: list[Callable[[], object]]) -> None:
        """Do different things and keep the greatest duration."""
        self._keep(name, [_both(work) for work in works], max)

    def _keep(self, name: str, taken: list[tuple[float, float]], choose: Callable[[Iterator[float]], float]) -> None:
        self.figures[f"{name}_ms"] = choose(wall for wall, _ in taken)
        self.figures[f"{name}_cpu_ms"] = choose(cpu for _, cpu in taken)


def _both(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000


class Window:
    """A monitor of a farm."""

    def __init__(self, address: str, farm: EmbeddedFarm | None = None) -> None:
        self.application = make_application()
        self.watch = Watch(parse_servers(address), user="bench", mode=Role.GOD, scheme="dark", farm=farm)
        self.watch.window.asks_before_closing = False
        self.watch.window.resize(1440, 900)
        calm_collector()

    def spin(self, condition: Callable[[], object], what: str, seconds: float = 240.0) -> None:
        """Let the window work until a condition holds; ``what`` names it, for the words when it never does."""
        end, loop, timer = time.monotonic() + seconds, QEventLoop(), QTimer()
        met = bool(condition())

        def look() -> None:
            # What was seen once counts: before the loop has ended, the window may begin the same anew.
            nonlocal met
            met = met or bool(condition())
            if met or time.monotonic() > end:
                loop.quit()

        timer.timeout.connect(look)
        timer.start(4)
        if not met:
            loop.exec()
        timer.stop()
        if not met:
            state = self.watch.session.state
            link = "connected" if state.connected else f"no connection: {state.trouble or 'never heard of a server'}"
            raise CheckFailed(
                f"the window did not come to show {what} in {seconds:.0f} s ({link}; "
                f"{len(state.jobs)} jobs known, versions {state.versions})"
            )

    def rest(self, seconds: float) -> None:
        """Let the window be for a while."""
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def close(self) -> None:
        """Close window and link."""
        self.watch.leave()
        self.watch.close()


@contextmanager
def busy_server(thread: threading.Thread, address: str, job: int, share: float) -> Iterator[Callable[[], float]]:
    """Keep the server's thread at about ``share`` of a core by questions from another process.

    Gives a function that returns the share of a core that the thread had since the last call.
    """
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    state = [time.clock_gettime(clock), time.monotonic()]

    def taken() -> float:
        cpu, now = time.clock_gettime(clock), time.monotonic()
        found = (cpu - state[0]) / max(1e-6, now - state[1])
        state[:] = [cpu, now]
        return found

    pause = 0.02
    for _ in range(6):
        asker = subprocess.Popen([sys.executable, "-c", _QUERY, address, str(job), str(pause)], cwd=CODE)
        time.sleep(1.0)
        taken()
        time.sleep(1.5)
        found = taken()
        if abs(found - share) < 0.08 or (found < share and pause < 0.001):
            break
        asker.kill()
        asker.wait()
        # Each question costs the same: the pause that would have given the share.
        cost = found * pause / max(0.01, 1 - found)
        pause = max(0.0005, cost * (1 - share) / share)
    try:
        yield taken
    finally:
        asker.kill()
        asker.wait()
