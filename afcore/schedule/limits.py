"""Whether a branch, user, job or block may start anything at all now, wherever it is.

Source: gate A of the scheduling facts; a user's limits count wherever the user's jobs are ranked.
"""

from collections.abc import Iterator

from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tree import Branch, Limits
from afcore.states import TaskState

__all__ = ["Holder", "block_offers", "branch_chain", "holders_of", "job_offers", "may_start"]

Holder = Limits
"""What holds limits: a branch, a user or a job."""


def branch_chain(farm: Farm, branch: int) -> Iterator[Branch]:
    """Yield a branch and its parents up to the root."""
    while branch:
        found = farm.branches[branch]
        yield found
        branch = found.parent


def holders_of(farm: Farm, job: Job) -> list[Holder]:
    """Return everything whose limits bind a job: itself, its user, its branch and that one's parents."""
    return [job, farm.users[job.user], *branch_chain(farm, job.branch)]


def may_start(holder: Holder) -> bool:
    """Say whether the counts of a holder leave room for one more task."""
    most = holder.max_running_tasks
    return (
        holder.priority > 0
        and (most < 0 or holder.running_tasks < most)
        and holder.max_running_tasks_per_host != 0
        and holder.max_tasks_per_second != 0
        and not getattr(holder, "paused", False)
    )


def block_offers(block: Block) -> bool:
    """Say whether a block has a ready task that its own count allows to start."""
    most = block.spec.max_running_tasks
    return (
        block.tasks.counts[TaskState.READY] > 0
        and not block.waiting
        and (most < 0 or block.running_tasks < most)
        and block.spec.max_running_tasks_per_host != 0
    )


def job_offers(job: Job, at: float) -> bool:
    """Say whether a job has something to start by its own state; limits of its user and branch are not asked."""
    return (
        not job.offline
        and not job.deleting
        and not job.waits_for
        and job.time_wait <= at
        and any(block.tasks.counts[TaskState.READY] and not block.waiting for block in job.blocks)
    )
