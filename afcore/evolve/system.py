"""What happens to the system job: commands come, get a slot of their block's table, and leave it again.

Rules of this file:
- Texts of slots are replaced as a whole, never written into: what a journal or snapshot holds stays as it was.
- Slots that are free at the end of a table are cut off, but for the first: what has ended is not shown for ever.
- Run numbers of a slot grow over the commands that had it, so that a late word about an earlier one is known as such.
"""

from collections.abc import Callable
from typing import Any

from afcore.events import (
    JobPrepared,
    SystemCommandsQueued,
    SystemQueueReset,
    SystemServicesSet,
    SystemTaskKept,
    SystemTaskLeft,
    SystemTaskMade,
)
from afcore.evolve.tasks import touched
from afcore.model.farm import Farm
from afcore.model.job import Block
from afcore.model.system import LAST_RUN, SystemQueue, SystemTask
from afcore.model.tasks import COLUMN_NAMES, TaskTable
from afcore.servicetable import parser_of
from afcore.states import TaskState
from afcore.tasktexts import TaskTexts

__all__ = ["HANDLERS"]

_READY, _DONE = int(TaskState.READY), int(TaskState.DONE)


def _services_set(farm: Farm, event: SystemServicesSet, at: float) -> None:
    """Take the services that the configuration names; the first time, begin the queues."""
    if not farm.system:
        farm.system = [SystemQueue() for _ in event.services]
        for index in range(len(event.services)):
            _set(touched(farm, event.job, index).tasks, 0, _DONE)
    for index, (queue, service) in enumerate(zip(farm.system, event.services, strict=True)):
        if queue.service == service:
            continue
        queue.service = service
        spec = touched(farm, event.job, index).spec
        spec.service = service
        spec.parser = parser_of(service)


def _commands_queued(farm: Farm, event: SystemCommandsQueued, at: float) -> None:
    """Let commands wait behind those that wait already."""
    touched(farm, event.job, event.block)
    farm.system[event.block].waiting.extend(event.commands)
    for command in event.commands:
        held = farm.jobs.get(command.holds)
        if held is not None:
            held.pre += 1
            held.version = farm.version


def _task_made(farm: Farm, event: SystemTaskMade, at: float) -> None:
    """Give the command that waited longest a slot."""
    block = touched(farm, event.job, event.block)
    queue = farm.system[event.block]
    queue.tasks[event.task] = SystemTask(queue.waiting.pop(0))
    if event.task == block.tasks.size:
        _grow(block.tasks, queue.run_base)
    _set(block.tasks, event.task, _READY)
    block.task_error_hosts.pop(event.task, None)
    _write_texts(block, queue)


def _task_kept(farm: Farm, event: SystemTaskKept, at: float) -> None:
    """Note from when on the age of a task counts that is to be tried again."""
    touched(farm, event.job, event.block)
    farm.system[event.block].tasks[event.task].since = event.since


def _task_left(farm: Farm, event: SystemTaskLeft, at: float) -> None:
    """Take a command off its slot."""
    block = touched(farm, event.job, event.block)
    table, queue = block.tasks, farm.system[event.block]
    del queue.tasks[event.task]
    if event.succeeded:
        queue.done += 1
    else:
        queue.errors += 1
    _set(table, event.task, _DONE)
    block.task_error_hosts.pop(event.task, None)
    if table.starts[event.task] >= LAST_RUN:
        table.starts[event.task] = 0
    _cut(block, queue)
    _write_texts(block, queue)


def _queue_reset(farm: Farm, event: SystemQueueReset, at: float) -> None:
    """Forget the commands that wait."""
    touched(farm, event.job, event.block)
    queue = farm.system[event.block]
    queue.errors += len(queue.waiting)
    queue.waiting.clear()


def _job_prepared(farm: Farm, event: JobPrepared, at: float) -> None:
    """Count one of the commands off that a job waits for; after one that failed the job is paused."""
    job = farm.jobs[event.job]
    job.version = farm.version
    job.pre -= 1
    if not event.succeeded:
        job.offline = job.spec.offline = True


def _set(table: TaskTable, task: int, state: int) -> None:
    table.counts[table.state[task]] -= 1
    table.counts[state] += 1
    table.state[task] = state
    table.flags[task] = table.errors[task] = table.percent[task] = 0


def _grow(table: TaskTable, starts: int) -> None:
    table.state.append(_DONE)
    table.counts[_DONE] += 1
    for column in (table.flags, table.percent, table.errors):
        column.append(0)
    table.starts.append(starts)
    for numbers in (table.render, table.started, table.finished):
        numbers.append(0)
    table.size += 1


def _cut(block: Block, queue: SystemQueue) -> None:
    """Cut off the free slots at the end of a table."""
    table = block.tasks
    size = max(1, 1 + max(queue.tasks, default=0))
    if size >= table.size:
        return
    base = max(queue.run_base, *table.starts[size:])
    queue.run_base = 0 if base >= LAST_RUN else base
    table.counts[_DONE] -= table.size - size
    table.size = size
    for name in COLUMN_NAMES:
        del getattr(table, name)[size:]


def _write_texts(block: Block, queue: SystemQueue) -> None:
    """Write the names and commands of the slots that are taken."""
    texts = TaskTexts()
    for slot in range(block.tasks.size):
        task = queue.tasks.get(slot)
        texts.append("" if task is None else task.command.name, "" if task is None else task.command.command)
    block.spec.tasks = texts
    block.frames = block.spec.frames


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    SystemServicesSet: _services_set,
    SystemCommandsQueued: _commands_queued,
    SystemTaskMade: _task_made,
    SystemTaskKept: _task_kept,
    SystemTaskLeft: _task_left,
    SystemQueueReset: _queue_reset,
    JobPrepared: _job_prepared,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
