"""Every single change that might start a task, for farms small enough to try them all.

Rules of this file:
- Each is one operation on one thing, with the values that bound least; several parameters of one thing go together.
- Left out is what changes the work itself (commands, frames, services of a block), what only tells otherwise what hosts
  are (a pool's ``os_host``), and what deletes.
- The mildest first: what is asked for, what may be used, then what takes from others.
"""

from collections.abc import Collection, Iterator
from typing import Any

from afcore import commands
from afcore.model.effective import capacity_of, pool_chain, properties_of
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.schedule.limits import branch_chain, holders_of
from afcore.schedule.remedies import WHOLE_JOB, named_properties
from afcore.states import RenderState
from afcore.why.changes import Change, change_of

__all__ = ["every_change"]

_UNBOUND = {
    "max_running_tasks": -1,
    "max_running_tasks_per_host": -1,
    "max_tasks_per_second": -1,
    "hosts_mask": "",
    "hosts_mask_exclude": "",
    "need_os": "",
    "need_properties": "",
    "need_power": -1,
    "need_memory": -1,
    "need_hdd": -1,
    "pools": {},
    "priority": 255,
}
_UNBOUND_JOB = {
    **_UNBOUND,
    "offline": False,
    "ppa": False,
    "maintenance": False,
    "ignorenimby": True,
    "ignorepaused": True,
    "time_wait": 0,
    "depend_mask": "",
    "depend_mask_global": "",
}
_MUCH = 1_000_000


def every_change(
    farm: Farm, job: Job, block: Block, task: int, *, places: bool, kept_for: Collection[tuple[int, int]] = ()
) -> Iterator[tuple[Change, str]]:
    """Yield every change worth a try, each with what to know about it.

    ``kept_for``: the jobs and blocks for which renders are kept.
    Without ``places`` renders and pools are left as they are: no render could help while something else holds the task.
    """
    yield from ((change_of(farm, (kind, job.id, block.index), {}, task=task), "") for kind in _TASK)
    yield change_of(farm, ("job", job.id, 0), _UNBOUND_JOB), "it gives up everything the job asks for"
    for more in ({}, {"sequential": -1}):
        parameters = {**_unbound_block(block), **more}
        yield change_of(farm, ("block", job.id, block.index), parameters), "it gives up all its block asks for"
    yield change_of(farm, ("errors", job.id, block.index), {}), ""
    for kind, id in (("user", job.user), *(("branch", each.id) for each in branch_chain(farm, job.branch))):
        yield change_of(farm, (kind, id, 0), {**_UNBOUND, "paused": False}), ""
    if places:
        yield from _places(farm, job, block)
        yield from _render_moves(farm)
    yield from _job_moves(farm, job)
    for id, index in sorted(kept_for):
        if (id, index) != (job.id, block.index):
            told = "it holds what the renders are kept for"
            yield change_of(farm, ("hold", id, index), {}), told
            if id != job.id:
                yield change_of(farm, ("hold", id, WHOLE_JOB), {}), told
    yield from _takes(farm, job, block, task)


_TASK = ("task.continue", "task.restart", "task.try-next")


def _unbound_block(block: Block) -> dict[str, Any]:
    return {
        "max_running_tasks": -1,
        "max_running_tasks_per_host": -1,
        "capacity": 1,
        "need_memory": -1,
        "need_power": -1,
        "need_hdd": -1,
        "need_cpu_freq_mgz": -1,
        "need_cpu_cores": -1,
        "need_cpu_freq_cores": -1,
        "need_gpu_mem_mb": -1,
        "need_properties": "",
        "depend_mask": "",
        "tasks_depend_mask": "",
        "hosts_mask": "",
        "hosts_mask_exclude": "",
        "errors_avoid_host": 0,
        "errors_task_same_host": 0,
        "tickets": dict.fromkeys(block.spec.tickets, 0),
    }


def _places(farm: Farm, job: Job, block: Block) -> Iterator[tuple[Change, str]]:
    """Yield what gives renders and pools all they could need."""
    asked = [block.spec.need_properties, *(holder.need_properties for holder in holders_of(farm, job))]
    needs = " ".join(dict.fromkeys(part for each in asked for part in named_properties(each)))
    service = block.spec.service
    for id, render in farm.renders.items():
        if render.state & RenderState.SICK:
            yield change_of(farm, ("heal", id, 0), {}), ""
        slots, units = len(render.runs) + 64, capacity_of(farm, render) + 64 * max(1000, block.spec.capacity)
        parameters: dict[str, Any] = {
            "paused": False,
            "NIMBY": False,
            "nimby": False,
            "priority": 255,
            "max_tasks_host": slots,
            "capacity_host": units,
            "power_host": _MUCH,
            "services": [*render.services, service],
            "services_disabled": [],
            "tickets_host": dict.fromkeys(block.spec.tickets, _MUCH),
            "properties_host": f"{properties_of(farm, render)} {needs}".strip(),
        }
        yield change_of(farm, ("render", id, 0), parameters), "it gives the render everything the task could need"
    for id, pool in farm.pools.items():
        parameters = {
            "paused": False,
            "priority": 255,
            "max_tasks_host": 64,
            "capacity_host": 64 * _MUCH,
            "power_host": _MUCH,
            "services": [*pool.services, service] if pool.services else [],
            "services_disabled": [],
            "tickets_host": dict.fromkeys(block.spec.tickets, _MUCH),
            "properties_host": f"{pool.properties_host} {needs}".strip(),
            "tickets": {name: [_MUCH, -1] for name in (*pool.tickets, *block.spec.tickets)},
        }
        yield change_of(farm, ("pool", id, 0), parameters), "it gives the pool everything the task could need"
        if not pool.services:
            # A render with a list of its own asks the pool for what is not in it.
            parameters["services"] = sorted({service, *_services(farm)})
            yield change_of(farm, ("pool", id, 0), parameters), "it lists services of the pool: no others run there"
        if pool.parent:
            yield change_of(farm, ("pool", id, 0), {"priority": 255}), ""


def _services(farm: Farm) -> set[str]:
    """Return the services that blocks on the farm use: who gets a list needs all of them."""
    return {block.spec.service for job in farm.jobs.values() for block in job.blocks}


def _job_moves(farm: Farm, job: Job) -> Iterator[tuple[Change, str]]:
    """Yield what moves the job to another branch or user."""
    for id, branch in farm.branches.items():
        if id != job.branch:
            yield change_of(farm, ("job", job.id, 0), {"branch": branch.path}), "it moves the job to another branch"
    for id, user in farm.users.items():
        if id != job.user:
            yield change_of(farm, ("job", job.id, 0), {"user_name": user.name}), "it gives the job to another user"


def _render_moves(farm: Farm) -> Iterator[tuple[Change, str]]:
    """Yield what moves a render to another pool."""
    for render in farm.renders.values():
        if not render.runs:
            above = {pool.id for pool in pool_chain(farm, render.pool)}
            for id, pool in farm.pools.items():
                if id != render.pool:
                    arguments = {"names": [render.name], "path": pool.path}
                    told = "it moves the render up" if id in above else "it moves the render to another pool"
                    yield Change("render.move", arguments, commands.MoveRenders([render.name], pool.path)), told


def _takes(farm: Farm, job: Job, block: Block, task: int) -> Iterator[tuple[Change, str]]:
    """Yield what takes from others: their running tasks, or what the task waits for."""
    for id, other in farm.jobs.items():
        if id != job.id and other.running_tasks:
            yield Change("job.stop", {"ids": [id]}, commands.StopJobs([id])), "it stops the tasks of another job"
    for render in farm.renders.values():
        if render.runs:
            names = [render.name]
            ejected = commands.EjectTasks(names)
            yield Change("render.eject-tasks", {"names": names}, ejected), "it stops what runs there"
    for id in sorted(job.waits_for):
        skipped = commands.ChangeTasks(id, "skip")
        yield Change("job.skip", {"job": id}, skipped), "it skips the job that is waited for"
    for other_block in job.blocks:
        if other_block is not block:
            blocks = [other_block.index]
            skipped = commands.ChangeTasks(job.id, "skip", blocks)
            yield Change("job.skip", {"job": job.id, "blocks": blocks}, skipped), "it skips what is waited for"
