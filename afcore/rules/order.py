"""The order in which a user's jobs are served: people move jobs among those of equal priority."""

from collections.abc import Callable

from afcore.commands import MoveJobs
from afcore.errors import BadSpec, Problem, did_you_mean
from afcore.events import JobsReordered
from afcore.rules.base import Context, Steps
from afcore.rules.jobs import open_jobs

__all__ = ["MOVES", "move_jobs"]


def _up(jobs: list[int], moved: set[int]) -> list[int]:
    found: list[int] = []
    for job in jobs:
        if job in moved and found and found[-1] not in moved:
            found.insert(len(found) - 1, job)
        else:
            found.append(job)
    return found


def _down(jobs: list[int], moved: set[int]) -> list[int]:
    return _up(jobs[::-1], moved)[::-1]


def _top(jobs: list[int], moved: set[int]) -> list[int]:
    return [job for job in jobs if job in moved] + [job for job in jobs if job not in moved]


def _bottom(jobs: list[int], moved: set[int]) -> list[int]:
    return [job for job in jobs if job not in moved] + [job for job in jobs if job in moved]


MOVES: dict[str, Callable[[list[int], set[int]], list[int]]] = {
    "up": _up,
    "down": _down,
    "top": _top,
    "bottom": _bottom,
}
"""How a list of jobs of one priority is changed, by the word a person uses."""


def move_jobs(context: Context, command: MoveJobs) -> Steps:
    """Move jobs in their users' order.  Reply: ``{"users": how many orders changed}``."""
    farm = context.farm
    if command.where not in MOVES:
        hint = did_you_mean(command.where, MOVES) or "one of: " + ", ".join(MOVES)
        raise BadSpec([Problem("where", f'jobs cannot be moved "{command.where}"', hint)])
    jobs = open_jobs(farm, command.ids)
    changed = 0
    for user in sorted({job.user for job in jobs}):
        moved = {job.id for job in jobs if job.user == user}
        old = farm.users[user].jobs
        priorities: dict[int, list[int]] = {}
        for id in old:
            priorities.setdefault(farm.jobs[id].priority, []).append(id)
        new = [id for group in priorities.values() for id in MOVES[command.where](group, moved)]
        if new != old:
            changed += 1
            yield JobsReordered(user, list(old), new)
    return {"users": changed}
