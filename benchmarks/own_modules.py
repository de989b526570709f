"""What a studio's own service and parser, in helpers, cost the farm: trivial tasks with and without, in turns.

The same tasks as in ``trivial_tasks``; for the second of each pair service and parser of every task lie in a folder
of the studio's own. Rates of one pair are compared with each other, so that a busy machine spoils both alike.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path

from afnet.demo.production import submit
from benchmarks.farmyard import cpu_seconds, new_farm
from benchmarks.harness import Target
from benchmarks.helpers import PARSER, SERVICE
from benchmarks.trivial_tasks import TASKS, WARM_UP, until_done, widen
from benchmarks.trivial_tasks import trivial_job as job_of

NAME = "trivial tasks with own services and parsers in helpers"
TARGETS = (Target("cost_percent", most=10.0),)
PAIRS = 3
FOLDER = "CGRU_MODULES_FOLDER"


def _rate(folder: Path, own: str) -> tuple[float, float]:
    """Return tasks a second, and the agent's seconds of processor time with everything it started."""
    folder.mkdir()
    if own:
        os.environ[FOLDER] = own
    try:
        with new_farm(folder) as farm:
            farm.start_server()
            asyncio.run(widen(farm))
            farm.start_agent("bench")
            asyncio.run(until_done(farm, submit(job_of("warm-up", WARM_UP), farm.address)))
            used = cpu_seconds(farm.pid("bench"))
            begin = time.perf_counter()
            seconds = asyncio.run(until_done(farm, submit(job_of("trivial", TASKS), farm.address))) - begin
            return TASKS / seconds, used()
    finally:
        os.environ.pop(FOLDER, None)


def run(folder: Path) -> dict[str, float]:
    """Measure some pairs; the cost is the median of theirs."""
    for kind, text in (("services", SERVICE), ("parsers", PARSER)):
        (folder / "own" / kind).mkdir(parents=True)
        (folder / "own" / kind / "generic.py").write_text(text.format("generic"))
    pairs = []
    for number in range(PAIRS):
        plain, plain_used = _rate(folder / f"plain{number}", "")
        own, own_used = _rate(folder / f"own{number}", str(folder / "own"))
        pairs.append((plain, own, plain_used, own_used))
    return {
        "plain_tasks_per_second": statistics.median(pair[0] for pair in pairs),
        "own_tasks_per_second": statistics.median(pair[1] for pair in pairs),
        "agent_and_tasks_cpu_seconds_plain": statistics.median(pair[2] for pair in pairs),
        "agent_and_tasks_cpu_seconds_own": statistics.median(pair[3] for pair in pairs),
        "cost_percent": statistics.median(max(0.0, 100 * (1 - pair[1] / pair[0])) for pair in pairs),
    }
