"""What a studio's own service and parser, in helpers, cost the farm: trivial tasks with and without, in turns.

The same tasks as in ``trivial_tasks``, on two farms that live side by side; service and parser of every task of the
second lie in a folder of the studio's own. Small jobs go to the one and the other in turns and neighbours are compared,
so that whatever else the machine does spoils both alike. Beside the time on the wall stands the processor time of
server, agent, helpers and tasks together, which others on the machine change little: it is what throughput is made of
once the machine is full.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from afnet.demo.farm import Farm
from afnet.demo.production import submit
from benchmarks.farmyard import new_farm
from benchmarks.harness import CheckFailed, Target
from benchmarks.helpers import PARSER, SERVICE
from benchmarks.trivial_tasks import WARM_UP, until_done, widen
from benchmarks.trivial_tasks import trivial_job as job_of

NAME = "trivial tasks with own services and parsers in helpers"
TARGETS = (Target("cost_percent", most=10.0), Target("cpu_cost_percent", most=10.0))
PAIRS = 10
TASKS = 400
FOLDER = "CGRU_MODULES_FOLDER"


def _tree_seconds(farm: Farm) -> float:
    """Return seconds of processor time of a farm: server, agent, what the agent started and what lives of that."""
    total = 0.0
    for name in ("server", "bench"):
        process = psutil.Process(farm.pid(name))
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _open(folder: Path, own: str, stack: ExitStack) -> Callable[[str, int], tuple[float, float]]:
    """Start a farm; return what gives it a job and tells the seconds it took, on the wall and of processors."""
    folder.mkdir()
    farm = stack.enter_context(new_farm(folder))
    farm.start_server()
    asyncio.run(widen(farm))
    os.environ.update({FOLDER: own} if own else {})
    try:
        farm.start_agent("bench")
    finally:
        os.environ.pop(FOLDER, None)

    def measure(name: str, tasks: int) -> tuple[float, float]:
        used, begin = _tree_seconds(farm), time.perf_counter()
        asyncio.run(until_done(farm, submit(job_of(name, tasks), farm.address)))
        return time.perf_counter() - begin, _tree_seconds(farm) - used

    measure("warm-up", WARM_UP)
    if own and not any("afrender.helper.main" in one.cmdline() for one in psutil.Process(farm.pid("bench")).children()):
        raise CheckFailed("the tasks of the studio's own modules have no helper")
    return measure


def run(folder: Path) -> dict[str, float]:
    """Measure pairs; each cost is the median of theirs."""
    for kind, text in (("services", SERVICE), ("parsers", PARSER)):
        (folder / "own" / kind).mkdir(parents=True)
        (folder / "own" / kind / "generic.py").write_text(text.format("generic"))
    plain, own = [], []
    with ExitStack() as stack:
        farms = ((_open(folder / "plain", "", stack), plain), (_open(folder / "with", str(folder / "own"), stack), own))
        for number in range(PAIRS):
            for measure, found in farms if number % 2 else farms[::-1]:
                found.append(measure(f"trivial {number}", TASKS))
    longer = [[100 * (with_[kind] / without[kind] - 1) for without, with_ in zip(plain, own)] for kind in (0, 1)]
    return {
        "plain_tasks_per_second": TASKS / statistics.median(wall for wall, _ in plain),
        "own_tasks_per_second": TASKS / statistics.median(wall for wall, _ in own),
        "plain_cpu_ms_per_task": 1e3 * statistics.median(cpu for _, cpu in plain) / TASKS,
        "own_cpu_ms_per_task": 1e3 * statistics.median(cpu for _, cpu in own) / TASKS,
        "cost_percent": max(0.0, _lost(statistics.median(longer[0]))),
        "cpu_cost_percent": max(0.0, _lost(statistics.median(longer[1]))),
    }


def _lost(longer: float) -> float:
    """Return how many percent fewer tasks are done when each takes so many percent longer."""
    return 100 * longer / (100 + longer)
