"""More work for a job that is there: blocks behind its blocks, tasks behind the tasks of a listed block.

Rules of this file:
- A finished job that gets more runs it: it is reopened at once.
- What is appended is checked as a new job's blocks are, beside the blocks that are there.
"""

import dataclasses

from afcore.commands import AppendBlocks, AppendTasks
from afcore.errors import BadSpec, Conflict, Problem
from afcore.events import BlocksAppended, TasksAppended
from afcore.jobcheck import check_job
from afcore.jobspec import BlockSpec, JobSpec
from afcore.queued import check_room
from afcore.rules.base import Context, Steps
from afcore.rules.depends import settle
from afcore.rules.jobs import open_jobs
from afcore.rules.runs import follow
from afcore.rules.submit import unique_name
from afcore.rules.tasks import find_blocks

__all__ = ["append_blocks", "append_tasks"]


def append_blocks(context: Context, command: AppendBlocks) -> Steps:
    """Add blocks to a job.  Reply: ``{"block_ids": [...]}``."""
    farm = context.farm
    (job,) = open_jobs(farm, [command.job])
    if not command.spec.blocks:
        raise BadSpec([Problem("blocks", "there are none", "give at least one block")])
    taken = {block.spec.name for block in job.blocks}
    blocks = []
    for block in command.spec.blocks:
        name = unique_name(block.name or "block", taken)
        taken.add(name)
        blocks.append(dataclasses.replace(block, name=name))
    whole = dataclasses.replace(job.spec, blocks=[*job.spec.blocks, *blocks], user_name=farm.users[job.user].name)
    problems = check_job(whole)
    if problems:
        raise BadSpec(problems)
    check_room(farm, context.queued, job.user, jobs=0, tasks=sum(block.tasks_num for block in blocks))
    first = len(job.blocks)
    yield BlocksAppended(job.id, JobSpec(blocks=blocks))
    for each in job.blocks:
        yield from settle(farm, job, each)
    for each in job.blocks[first:]:
        yield from follow(farm, job, each)
    return {"block_ids": list(range(first, len(job.blocks)))}


def append_tasks(context: Context, command: AppendTasks) -> Steps:
    """Add listed tasks to a block.  Reply: ``{"task_ids": [...]}``.  Raises Conflict for a block of frames."""
    farm = context.farm
    (job,) = open_jobs(farm, [command.job])
    (block,) = find_blocks(job, [command.block])
    if block.spec.numeric:
        raise Conflict(
            f'Block {block.index} "{block.spec.name}" of job {job.id} counts frames: no task can be added.',
            hint="Append a block instead.",
        )
    texts = command.spec.blocks[0].tasks if len(command.spec.blocks) == 1 else None
    if texts is None or not len(texts):
        raise BadSpec([Problem("tasks", "there are none", "give at least one task")])
    check_room(farm, context.queued, job.user, jobs=0, tasks=len(texts))
    first = block.tasks.size
    yield TasksAppended(job.id, block.index, JobSpec(blocks=[BlockSpec(tasks=texts)]))
    for each in job.blocks:
        yield from settle(farm, job, each)
    yield from follow(farm, job, block)
    return {"task_ids": list(range(first, block.tasks.size))}
