"""What the system job has to do, as rows: the commands that have a task, then those that wait for one, in order."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from afcore.model.farm import Farm
from afcore.states import TaskState
from afcore.systemcommand import SYSTEM_JOB, SystemCommand

__all__ = ["queue_rows"]

_COMMAND_MOST = 300
"""Letters of a command that are told: the description of an event may be long."""


def queue_rows(farm: Farm, limit: int) -> dict[str, Any]:
    """Return at most ``limit`` rows of each block, and how many commands wait in each.

    ``task`` is -1 and ``place`` counts from 1 for a command that waits; else ``place`` is 0 and ``state`` the task's.
    """
    if not farm.system:
        return {"rows": [], "next": None, "waiting": []}
    blocks = farm.jobs[SYSTEM_JOB].blocks
    rows = [row for block, queue in zip(blocks, farm.system, strict=True) for row in islice(_rows(block, queue), limit)]
    return {"rows": rows, "next": None, "waiting": [len(queue.waiting) for queue in farm.system]}


def _rows(block: Any, queue: Any) -> Iterator[dict[str, Any]]:
    for task, taken in sorted(queue.tasks.items()):
        state = TaskState(int(block.tasks.state[task])).name.lower()
        yield _row(block, taken.command, task=task, place=0, state=state)
    for place, command in enumerate(queue.waiting, 1):
        yield _row(block, command, task=-1, place=place, state="waits")


def _row(block: Any, command: SystemCommand, *, task: int, place: int, state: str) -> dict[str, Any]:
    return {
        "block": block.index, "block_name": block.spec.name, "task": task, "place": place, "state": state,
        "name": command.name, "user": command.user_name, "job": command.job_name,
        "command": command.command[:_COMMAND_MOST],
    }  # fmt: skip
