"""Whether a branch, user, job or block may start anything at all now, wherever it is.

Source: gate A of the scheduling facts; a user's limits count wherever the user's jobs are ranked.
"""

from collections.abc import Iterator

from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tree import Branch, Limits
from afcore.schedule.reasons import Reason
from afcore.states import TaskState

__all__ = [
    "Holder",
    "block_start_reason",
    "branch_chain",
    "holders_of",
    "job_start_reason",
    "jobs_below",
    "start_reason",
]

Holder = Limits
"""What holds limits: a branch, a user or a job."""


def branch_chain(farm: Farm, branch: int) -> Iterator[Branch]:
    """Yield a branch and its parents up to the root."""
    while branch:
        found = farm.branches[branch]
        yield found
        branch = found.parent


def jobs_below(farm: Farm, branch: Branch) -> Iterator[int]:
    """Yield the jobs of a branch and of all branches below it."""
    yield from branch.jobs
    for child in branch.children:
        yield from jobs_below(farm, farm.branches[child])


def holders_of(farm: Farm, job: Job) -> list[Holder]:
    """Return everything whose limits bind a job: itself, its user, its branch and that one's parents."""
    return [job, farm.users[job.user], *branch_chain(farm, job.branch)]


def start_reason(holder: Holder) -> Reason:
    """Return why a holder may start nothing by its own state and counts, or ``Reason.NONE``."""
    most = holder.max_running_tasks
    if holder.priority <= 0:
        return Reason.PRIORITY_ZERO
    if 0 <= most <= holder.running_tasks:
        return Reason.RUNNING_LIMIT
    if holder.max_running_tasks_per_host == 0:
        return Reason.PER_HOST_ZERO
    if holder.max_tasks_per_second == 0:
        return Reason.RATE
    if getattr(holder, "paused", False):
        return Reason.TREE_PAUSED
    return Reason.NONE


def block_start_reason(block: Block) -> Reason:
    """Return why a block offers no task, or ``Reason.NONE``."""
    most = block.spec.max_running_tasks
    if not block.tasks.counts[TaskState.READY]:
        return Reason.NOTHING_READY
    if block.waiting:
        return Reason.WAITS_FOR_BLOCKS
    if 0 <= most <= block.running_tasks:
        return Reason.BLOCK_LIMIT
    if block.spec.max_running_tasks_per_host == 0:
        return Reason.PER_HOST_ZERO
    return Reason.NONE


def job_start_reason(job: Job, at: float) -> Reason:
    """Return why a job has nothing to start by its own state; limits of its user and branch are not asked."""
    if job.offline:
        return Reason.JOB_PAUSED
    if job.deleting:
        return Reason.DELETING
    if job.waits_for:
        return Reason.WAITS_FOR_JOBS
    if job.pre:
        return Reason.WAITS_FOR_COMMANDS
    if job.time_wait > at:
        return Reason.WAIT_TIME
    if not any(block.tasks.counts[TaskState.READY] and not block.waiting for block in job.blocks):
        return Reason.NOTHING_READY
    return Reason.NONE
