"""Why anything of a farm that came to rest still waits: whatever has no reason is told."""

from __future__ import annotations

from collections.abc import Iterator

from afcore.core import Core
from afcore.model.job import Block, Job
from afcore.schedule.fit import Matches
from afcore.schedule.free import FreeRenders
from afcore.schedule.reserve import could_hold
from afcore.states import RenderState, TaskState

__all__ = ["unexplained"]


def unexplained(core: Core) -> list[str]:
    """Return what runs or waits on a farm at rest although nothing keeps it from being done."""
    farm = core.farm
    if not any(render.state & RenderState.ONLINE for render in farm.renders.values()):
        return ["no render is online"]
    # A job is left paused when what was to be run before it has failed: it waits for a person.
    waiting = [
        job
        for job in farm.jobs.values()
        if not (job.time_done or job.waits_for or (job.offline and job.spec.command_pre))
    ]
    return [told for job in waiting for block in job.blocks for told in _of_block(core, job, block)]


def _of_block(core: Core, job: Job, block: Block) -> Iterator[str]:
    counts, name = block.tasks.counts, f"block {job.id}.{block.index}"
    if counts[TaskState.RUNNING] or counts[TaskState.WAIT_RECONNECT]:
        yield f"{name} runs on a farm at rest: {counts}"
    stuck = counts[TaskState.READY] and not block.waiting and block.spec.capacity <= 3000
    picky = block.spec.multi_host or block.spec.need_gpus > 0  # not every farm at rest has the hosts or GPUs
    if stuck and (not picky or _has_hosts(core, job, block)):
        yield f"tasks of {name} wait for nothing: {counts}"
    if counts[TaskState.WAIT_DEP] or (counts[TaskState.READY] and block.waiting):
        obstacles = [job.blocks[index] for index in (*block.depends_on, *block.tasks_depend_on)]
        if all(obstacle.over for obstacle in obstacles):
            yield f"{name} waits for blocks that are over"


def _has_hosts(core: Core, job: Job, block: Block) -> bool:
    """Say whether as many renders as a task of a block needs at once could take one."""
    farm = core.farm
    free, matches = FreeRenders(farm), Matches(farm)
    fit = [render for render in farm.renders.values() if could_hold(farm, free, matches, job, block, render)]
    return len(fit) >= block.spec.least_hosts
