"""The order in which a user's jobs are served: people move jobs among those of equal priority."""

from collections.abc import Callable, Iterator

from afcore.commands import MoveJobs
from afcore.errors import BadSpec, Problem, did_you_mean
from afcore.events import JobsReordered
from afcore.model.farm import Farm
from afcore.rules.base import Context, Steps
from afcore.rules.jobs import open_jobs

__all__ = ["BESIDE", "MOVES", "move_jobs"]


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

BESIDE = ("before", "after")
"""Words that need a job beside which the others are put."""


def _beside(where: str, target: int) -> Callable[[list[int], set[int]], list[int]]:
    def change(jobs: list[int], moved: set[int]) -> list[int]:
        if target not in jobs:
            return jobs
        rest = [job for job in jobs if job not in moved]
        place = rest.index(target) + (where == "after")
        return rest[:place] + [job for job in jobs if job in moved] + rest[place:]

    return change


def _problems(farm: Farm, command: MoveJobs) -> Iterator[Problem]:
    """Yield why jobs cannot stand beside another."""
    if command.target <= 0:
        yield Problem("target", f"it is not said which job they are to stand {command.where}", "give the job's id")
        return
    if command.target in command.ids:
        yield Problem("target", f"job {command.target} is among those that move", "choose another one")
        return
    beside = open_jobs(farm, [command.target])[0]
    for job in open_jobs(farm, command.ids):
        if (job.user, job.priority) != (beside.user, beside.priority):
            yield Problem(
                "ids", f'"{job.name}" has another user or priority than "{beside.name}"',
                "jobs are in an order among those of one user and one priority",
            )  # fmt: skip


def move_jobs(context: Context, command: MoveJobs) -> Steps:
    """Move jobs in their users' order.  Reply: ``{"users": how many orders changed}``."""
    farm = context.farm
    if command.where in BESIDE:
        problems = list(_problems(farm, command))
        if problems:
            raise BadSpec(problems)
        change = _beside(command.where, command.target)
    elif command.where in MOVES:
        change = MOVES[command.where]
    else:
        words = (*MOVES, *BESIDE)
        hint = did_you_mean(command.where, words) or "one of: " + ", ".join(words)
        raise BadSpec([Problem("where", f'jobs cannot be moved "{command.where}"', hint)])
    jobs = open_jobs(farm, command.ids)
    changed = 0
    for user in sorted({job.user for job in jobs}):
        moved = {job.id for job in jobs if job.user == user}
        old = farm.users[user].jobs
        priorities: dict[int, list[int]] = {}
        for id in old:
            priorities.setdefault(farm.jobs[id].priority, []).append(id)
        new = [id for group in priorities.values() for id in change(group, moved)]
        if new != old:
            changed += 1
            yield JobsReordered(user, list(old), new)
    return {"users": changed}
