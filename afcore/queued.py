"""How many tasks the jobs of each user have: counted from events, so that a budget costs a submit nothing.

Rules of this file:
- Derived and never journaled: counted from the farm when somebody first asks, and from events after that.
- A farm without such a budget counts nothing, and neither does a copy on which changes are only tried.
"""

from typing import Any

from afcore.errors import LimitReached
from afcore.events import BlocksAppended, Event, JobDeleted, JobEdited, JobSubmitted, TasksAppended
from afcore.model.farm import Farm
from afcore.model.job import Job

__all__ = ["Queued", "check_room"]


def _size(job: Job) -> int:
    return sum(block.tasks.size for block in job.blocks)


class Queued:
    """Tasks by user."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._counted = False
        self._jobs: dict[int, tuple[int, int]] = {}
        self._users: dict[int, int] = {}

    def tasks(self, user: int) -> int:
        """Return how many tasks the jobs of a user have."""
        if not self._counted:
            self._counted = True
            for id in self._farm.jobs:
                self._count(id)
        return self._users.get(user, 0)

    def note(self, event: Event) -> None:
        """Take what happened into account."""
        if self._counted and type(event) in _MATTER:
            self._count(event.job)  # type: ignore[union-attr]

    def _count(self, id: int) -> None:
        user, size = self._jobs.pop(id, (0, 0))
        if user:
            self._users[user] -= size
        job = self._farm.jobs.get(id)
        if job is not None:
            size = _size(job)
            self._jobs[id] = (job.user, size)
            self._users[job.user] = self._users.get(job.user, 0) + size


_MATTER: frozenset[Any] = frozenset({JobSubmitted, JobDeleted, JobEdited, BlocksAppended, TasksAppended})


def check_room(farm: Farm, queued: Queued, user: int, *, jobs: int, tasks: int) -> None:
    """Raise LimitReached when a user may not have so many jobs and tasks more."""
    limits = farm.defaults
    there = farm.users.get(user)
    name = there.name if there is not None else "this user"
    have = len(there.jobs) if there is not None else 0
    if limits.user_jobs and have + jobs > limits.user_jobs and jobs:
        raise LimitReached(
            f'"{name}" has {have} jobs; the budget user_jobs_max is {limits.user_jobs}.',
            hint="Delete some that are done.",
        )
    if limits.user_tasks and queued.tasks(user) + tasks > limits.user_tasks:
        raise LimitReached(
            f'"{name}" has {queued.tasks(user)} tasks, and {tasks} more are over the budget user_tasks_max of '
            f"{limits.user_tasks}.",
            hint="Delete jobs that are done.",
        )
