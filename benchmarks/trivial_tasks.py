"""2,000 tasks that do nothing, on one agent with 64 slots, from the submission to the job being done.

Nothing is left out: shell, service, parser, log, report, a committed row for each run. Afanasy: 22 a second.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import afnet.api as af
from afnet.demo.farm import Farm
from afnet.demo.follow import Follower
from afnet.demo.production import submit
from afnet.demo.progress import JobProgress
from benchmarks.farmyard import cpu_seconds, kill_and_count_rows, new_farm
from benchmarks.harness import CheckFailed, LagWatch, Target

NAME = "trivial tasks on one agent with 64 slots"
TARGETS = (Target("tasks_per_second", least=400),)
TASKS = 2000
SLOTS = 64
WARM_UP = 20
MOST_SECONDS = 120.0


def trivial_job(name: str, tasks: int) -> af.Job:
    """Return a job of tasks that do nothing."""
    block = af.Block("true", "generic")
    block.setNumeric(1, tasks)
    block.setCommand("true")
    block.setCapacity(1000)
    job = af.Job(name)
    job.blocks.append(block)
    return job


async def until_done(farm: Farm, job: int) -> float:
    """Follow the job until it is done and kept; the moment when that was known.

    Screens may be ahead of the journal; the answer to a durable operation says that everything before it is committed.
    """
    progress = JobProgress(started=time.perf_counter())
    deadline = time.perf_counter() + MOST_SECONDS
    async with Follower(farm.address, job, progress, interval=0.02, kinds=("jobs", "tasks")) as follower:
        while not progress.is_done:
            await follower.changed(0.25)
            farm.check()
            if time.perf_counter() > deadline:
                raise CheckFailed(f"{progress.blocks[0].done if progress.blocks else 0} tasks were done in time.")
        await follower.ask("pool.set", paths=["/"], parameters={"annotation": f"job {job} is done"})
    return time.perf_counter()


async def widen(farm: Farm) -> None:
    """Give each render of the farm 64 slots."""
    async with Follower(farm.address, 0, JobProgress(started=0.0), kinds=()) as asker:
        await asker.ready()
        parameters = {"capacity_host": SLOTS * 1000, "max_tasks_host": SLOTS}
        await asker.ask("pool.set", paths=["/"], parameters=parameters)


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    with new_farm(folder) as farm:
        farm.start_server()
        asyncio.run(widen(farm))
        farm.start_agent("bench")
        asyncio.run(until_done(farm, submit(trivial_job("warm-up", WARM_UP), farm.address)))
        server, agent = cpu_seconds(farm.pid("server")), cpu_seconds(farm.pid("bench"))
        own = time.process_time()
        with LagWatch() as lag:
            begin = time.perf_counter()
            job = submit(trivial_job("trivial", TASKS), farm.address)
            seconds = asyncio.run(until_done(farm, job)) - begin
            lag.check()
        own, server_seconds, agent_seconds = time.process_time() - own, server(), agent()
        rows = kill_and_count_rows(farm, job)
        if rows != TASKS:
            raise CheckFailed(f"{rows} of {TASKS} tasks have a row of a good run in the database after kill -9.")
    return {
        "tasks_per_second": TASKS / seconds,
        "server_cpu_seconds": server_seconds,
        "agent_and_tasks_cpu_seconds": agent_seconds,
        "generator_cpu_seconds": own,
        "generator_lag_ms": lag.worst * 1e3,
    }
