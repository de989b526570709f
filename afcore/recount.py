"""Every derived number and index of a farm, built again from its columns, runs and specs.

Rules of this file:
- What ``recount`` builds is exactly what ``afcore.evolve`` keeps live; a test compares both on random histories.
- Nothing here is asked while the farm runs: only after a restore or a replay, and by tests.
"""

from afcore.evolve.jobs import link_blocks, link_job
from afcore.evolve.tasks import count, take
from afcore.evolve.tickets import find_limited
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.hostruns import HostRuns
from afcore.model.job import Block, Job
from afcore.model.tree import Branch, Pool, User

__all__ = ["recount"]


def recount(farm: Farm) -> None:
    """Build counters, per-host counts, used capacity, waiting blocks and waiting jobs again."""
    version = farm.version
    stamps = _stamps(farm)
    for user in farm.users.values():
        _clear(user)
    for branch in farm.branches.values():
        _clear(branch)
    for pool in farm.pools.values():
        pool.running_tasks = pool.running_capacity = 0
        pool.tickets_used, pool.ticket_hosts = {}, {}
    for render in farm.renders.values():
        render.used_capacity = 0
        render.tickets_used = {}
        render.runs = HostRuns(farm.runs)
    farm.limited = find_limited(farm)
    farm.waiters.clear()
    farm.masked_jobs.clear()
    for job in farm.jobs.values():
        _clear(job)
        job.waits_for.clear()
        for block in job.blocks:
            _clear(block)
            block.tasks.counts = block.tasks.recount()
        link_blocks(job)
    for id in sorted(farm.jobs):
        job = farm.jobs[id]
        if job.depend_mask or job.depend_mask_global:
            link_job(farm, job)
    _take_runs(farm)
    farm.version = version
    for thing, stamp in stamps:
        thing.version = stamp


def _take_runs(farm: Farm) -> None:
    """Count what runs, and list it on its renders: what is plain by the number, what is not one by one."""
    farm.runs.settle_all()
    for id, index, counts in farm.runs.plain():
        job = farm.jobs[id]
        for (render, capacity), tasks in counts.items():
            count(farm, job, job.blocks[index], render, tasks * capacity, tasks)
    for id, index, column, numbers, renders in farm.runs.hosts():
        for task, number, render in zip(column, numbers, renders, strict=True):
            farm.renders[render].runs.add(RunKey(id, index, task, number))
    for run in farm.runs.extraordinary():
        job = farm.jobs[run.key.job]
        take(farm, job, job.blocks[run.key.block], run, 1)
        for held in run.hosts:
            if run.key not in farm.renders[held].runs:
                farm.renders[held].runs.add(run.key)


def _clear(holder: User | Branch | Job | Block) -> None:
    holder.running_tasks = holder.running_capacity = 0
    holder.running_per_host = {}


def _stamps(farm: Farm) -> list[tuple[User | Branch | Pool | Job | Block, int]]:
    """Remember version stamps: building again is no change."""
    things: list[User | Branch | Pool | Job | Block] = [
        *farm.users.values(),
        *farm.branches.values(),
        *farm.pools.values(),
    ]
    for job in farm.jobs.values():
        things.append(job)
        things.extend(job.blocks)
    return [(thing, thing.version) for thing in things]
