"""What a person wants tried before everything else of a job.

Rules of this file:
- Only a task that is yet to run can be tried next; one that starts, or is changed by a person, is off the list.
- The list is walked whenever its job is offered a render, so it is short.
"""

from afcore.commands import TryNext
from afcore.errors import BadSpec, Conflict, LimitReached, Problem
from afcore.events import TryNextChanged
from afcore.model.job import Block
from afcore.rules.base import Context, Steps
from afcore.rules.tasks import find_blocks, selection
from afcore.rules.transitions import Happening
from afcore.states import LIVE_STATES, OVER_STATES, TaskFlag

__all__ = ["MOST_TRIED", "try_next"]

MOST_TRIED = 1000
"""Most tasks of one job that are tried next."""


def try_next(context: Context, command: TryNext) -> Steps:
    """Put tasks on the list of what a job tries next, or take them off.  Reply: ``{"tasks": how many}``."""
    job = context.farm.job(command.job)
    if job.deleting:
        raise Conflict(f'Job {job.id} "{job.name}" is being deleted.', hint="It is gone when its last task ends.")
    if job.maintenance and not command.remove:
        raise Conflict(
            f'Job {job.id} "{job.name}" is for maintenance: each of its tasks runs on the render it is named after.',
            hint="Its tasks cannot be tried next.",
        )
    if not command.remove and not command.tasks:
        raise BadSpec([Problem("tasks", "no task is named", "name the tasks to try next: 0-9,12")])
    chosen = []
    for block in find_blocks(job, command.blocks):
        ranges = selection(block, command.tasks, Happening.RESTART, "").ranges
        if not command.remove and sum(last - first + 1 for first, last in ranges) > MOST_TRIED:
            raise LimitReached(f"At most {MOST_TRIED} tasks of a job are tried next.", hint="Name fewer tasks.")
        chosen.append((block, _tasks(block, ranges, command.remove)))
    count = sum(len(tasks) for _, tasks in chosen)
    if not command.remove and count + len(job.try_next) > MOST_TRIED:
        raise LimitReached(f"At most {MOST_TRIED} tasks of a job are tried next.", hint="Name fewer tasks.")
    for block, tasks in chosen:
        if tasks:
            yield TryNextChanged(job.id, block.index, tasks, not command.remove)
    return {"tasks": count}


def _tasks(block: Block, ranges: list[tuple[int, int]], remove: bool) -> list[int]:
    """Return the tasks of ranges that an order changes."""
    flags, state = block.tasks.flags, block.tasks.state
    if remove:
        return [
            task
            for first, last in ranges
            for task, each in enumerate(flags[first : last + 1], first)
            if each & TaskFlag.TRY_NEXT
        ]
    never = LIVE_STATES | OVER_STATES
    return [
        task
        for first, last in ranges
        for task in range(first, last + 1)
        if state[task] not in never and not flags[task] & TaskFlag.TRY_NEXT
    ]
