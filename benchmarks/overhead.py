"""What an agent adds to a task: the same trivial shells started bare, and as tasks with service, parser and log.

Bare is ``subprocess`` with waiting for the oldest, as many at a time; the agent's figure is its own processor time,
that of children is the same for both.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import deque
from pathlib import Path

from benchmarks.harness import Target
from benchmarks.helpers import SLOTS, TASKS, WARM_UP, run_tasks

NAME = "agent against bare spawning"
TARGETS = (Target("agent_ms_per_task", most=2.0), Target("share_of_bare_percent", least=50.0))


def _bare() -> tuple[float, float]:
    """Return processes a second and milliseconds of our own processor time for each."""
    alive: deque[subprocess.Popen[bytes]] = deque()
    began, used = time.perf_counter(), time.process_time()
    for _ in range(TASKS):
        if len(alive) >= SLOTS:
            alive.popleft().communicate()
        words = ["/bin/sh", "-c", "echo PROGRESS: 50%"]
        alive.append(subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True))
    while alive:
        alive.popleft().communicate()
    return TASKS / (time.perf_counter() - began), (time.process_time() - used) * 1e3 / TASKS


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    bare, bare_ms = _bare()
    used = time.process_time()
    agent = asyncio.run(run_tasks(folder, "generic", None))
    agent_ms = (time.process_time() - used) * 1e3 / (TASKS + WARM_UP)
    return {
        "bare_per_second": bare,
        "bare_ms_per_process": bare_ms,
        "agent_per_second": agent,
        "agent_ms_per_task": agent_ms,
        "share_of_bare_percent": 100 * agent / bare,
    }
