"""What happens when a job that is there gets more blocks, or a block more tasks.

Rules of this file:
- What the journal holds is copied, never written into; tables grow at their end, so nothing changes its number.
- Appended tasks wait or are ready as new ones; the rule that appended them settles what that means for others.
"""

import dataclasses
from array import array
from collections.abc import Callable
from typing import Any

from afcore.events import BlocksAppended, TasksAppended
from afcore.evolve.jobs import build_block, link_blocks
from afcore.evolve.tasks import refresh_waiting
from afcore.jobspec import BlockFlag
from afcore.model.farm import Farm
from afcore.model.tasks import TaskTable
from afcore.states import TaskState
from afcore.tasktexts import TaskTexts

__all__ = ["HANDLERS"]


def _blocks_appended(farm: Farm, event: BlocksAppended, at: float) -> None:
    """Add blocks to a job."""
    job = farm.jobs[event.job]
    job.version = farm.version
    new = []
    for spec in event.spec.blocks:
        own = dataclasses.replace(spec)
        job.spec.blocks.append(own)
        new.append(build_block(job.id, len(job.blocks), own))
        job.blocks.append(new[-1])
    link_blocks(job)
    for block in new:
        if block.tasks_depend_on and not block.spec.suspend_new_tasks:
            block.tasks = TaskTable(block.tasks.size, TaskState.WAIT_DEP)
    for block in job.blocks:
        block.version = farm.version


def _tasks_appended(farm: Farm, event: TasksAppended, at: float) -> None:
    """Add listed tasks to a block."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    job.version = block.version = farm.version
    more = event.spec.blocks[0].tasks
    if more is None:
        return
    spec = block.spec
    before = 0 if spec.tasks is None else len(spec.tasks)
    texts = TaskTexts() if spec.tasks is None else TaskTexts.from_wire(spec.tasks.to_wire())
    for index in range(len(more)):
        texts.append(more.names[index], more.commands[index])
    texts.files.update({before + index: files for index, files in more.files.items()})
    texts.environment.update({before + index: each for index, each in more.environment.items()})
    spec.tasks = texts
    spec.flags |= BlockFlag.APPENDED_TASKS
    block.frames = spec.frames
    state = TaskState.SUSPENDED if spec.suspend_new_tasks else TaskState.READY
    if block.tasks_depend_on and state == TaskState.READY:
        state = TaskState.WAIT_DEP
    _grow(block.tasks, len(more), state)
    refresh_waiting(job, block)


def _grow(table: TaskTable, count: int, state: TaskState) -> None:
    table.state.extend(bytes([state]) * count)
    for column in (table.flags, table.percent, table.errors):
        column.extend(bytes(count))
    for numbers in (table.starts, table.render, table.started, table.finished):
        numbers.extend(array(numbers.typecode, bytes(numbers.itemsize * count)))
    table.size += count
    table.counts[state] += count


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    BlocksAppended: _blocks_appended,
    TasksAppended: _tasks_appended,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
