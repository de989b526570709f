"""How much a branch, user or job needs a render now: the number by which candidates are ranked.

Source of the formula: need = 1.1 to the power of the priority, divided by what the candidate has already plus one.
"""

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.tree import Branch, User

__all__ = ["PRIORITY_POWER", "Rank", "rank_by_need", "rank_by_order", "users_share"]

PRIORITY_POWER = tuple(1.1**priority for priority in range(256))
"""The weight of each priority."""

Rank = tuple[float, float, int, int]
"""Sorts ascending: the smallest rank is served first."""


def rank_by_need(*, priority: int, resources: int, last_solved: int, place: int) -> Rank:
    """Rank by need, then by who was served longest ago, then by place."""
    return (-PRIORITY_POWER[priority] / (resources + 1), 0.0, last_solved, place)


def rank_by_order(*, priority: int, created: float, last_solved: int, place: int) -> Rank:
    """Rank by priority, then by age, then by who was served longest ago, then by place."""
    return (-float(priority), created, last_solved, place)


def users_share(farm: Farm, branch: Branch, user: User, *, capacity: bool) -> int:
    """Return what a user has running inside one branch: tasks, or capacity units.

    With one branch on the farm that is all the user has.
    """
    if len(farm.branches) == 1:
        return user.running_capacity if capacity else user.running_tasks
    jobs: list[Job] = [farm.jobs[id] for id in user.jobs]
    here = [job for job in jobs if job.branch == branch.id]
    return sum(job.running_capacity if capacity else job.running_tasks for job in here)
