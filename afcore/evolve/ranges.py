"""What happens to many tasks at once, and to what blocks remember of failed hosts.

Rules of this file:
- Ranges are changed by whole slices: no loop over tasks, however many there are; only packed indices are walked.
- What a person changed is tried anew: flags, errors and the task's own bad hosts are forgotten with it.
"""

import zlib
from array import array
from collections.abc import Callable, Collection
from typing import Any

from afcore.events import (
    ErrorHostsReset,
    HostForgiven,
    TasksChanged,
    TasksGivenUp,
    TasksHeld,
    TasksReleased,
    TasksRestored,
    TryNextChanged,
)
from afcore.evolve.tasks import acquit_hosts, refresh_waiting, touched
from afcore.model.farm import Farm
from afcore.model.job import Block, HostErrors, Job
from afcore.model.tasks import TaskTable, unpack_indices
from afcore.states import LIVE_STATES, OVER_STATES, STATE_COUNT, TaskFlag, TaskState

__all__ = ["HANDLERS", "forgive_hosts"]

_ERROR = int(TaskState.ERROR)
_NEVER_TRIED = LIVE_STATES | OVER_STATES
_TRIED = int(TaskFlag.TRY_NEXT)
_UNTRIED = bytes(value & ~_TRIED & 0xFF for value in range(256))

_RELEASE = bytes.maketrans(bytes([TaskState.WAIT_DEP]), bytes([TaskState.READY]))
_HOLD = bytes.maketrans(bytes([TaskState.READY]), bytes([TaskState.WAIT_DEP]))


def _tasks_released(farm: Farm, event: TasksReleased, at: float) -> None:
    """Let tasks that waited for others be ready."""
    _turn(touched(farm, event.job, event.block).tasks, event.ranges, TaskState.WAIT_DEP, TaskState.READY, _RELEASE)


def _tasks_held(farm: Farm, event: TasksHeld, at: float) -> None:
    """Let ready tasks wait for others again."""
    _turn(touched(farm, event.job, event.block).tasks, event.ranges, TaskState.READY, TaskState.WAIT_DEP, _HOLD)


def _turn(table: TaskTable, ranges: list[tuple[int, int]], old: int, new: int, by: bytes) -> None:
    state, counts = table.state, table.counts
    for first, last in ranges:
        if first == last:
            if state[first] == old:
                state[first] = new
                counts[old] -= 1
                counts[new] += 1
            continue
        turned = state.count(old, first, last + 1)
        state[first : last + 1] = state[first : last + 1].translate(by)
        counts[old] -= turned
        counts[new] += turned


def _tasks_changed(farm: Farm, event: TasksChanged, at: float) -> None:
    """Set many tasks that do not run to one state, as a person asked."""
    job = farm.jobs[event.job]
    block = touched(farm, event.job, event.block)
    table = block.tasks
    if block.task_error_hosts:
        _forget_tasks(block, event)
    if event.indices:
        _change_indices(table, unpack_indices(event.indices), event.state)
    elif event.only:
        _change_states(table, event.ranges, event.only, event.state)
    else:
        _change_ranges(table, event.ranges, event.state)
    if job.try_next:
        _forget_tried(job)
    if not block.time_done and block.over:
        block.time_done = at
    if block.dependents:
        refresh_waiting(job, block)


def _change_indices(table: TaskTable, indices: "array[int]", new: int) -> None:
    state, flags, errors, percent, counts = table.state, table.flags, table.errors, table.percent, table.counts
    for index in indices:
        counts[state[index]] -= 1
        state[index] = new
        flags[index] = errors[index] = percent[index] = 0
    counts[new] += len(indices)


def _change_ranges(table: TaskTable, ranges: list[tuple[int, int]], new: int) -> None:
    for first, last in ranges:
        end, size = last + 1, last + 1 - first
        for old in range(STATE_COUNT):
            if table.counts[old]:
                table.counts[old] -= table.count(old, first, end)
        table.state[first:end] = bytes([new]) * size
        table.counts[new] += size
        for column in (table.flags, table.errors, table.percent):
            column[first:end] = bytes(size)


def _change_states(table: TaskTable, ranges: list[tuple[int, int]], only: list[int], new: int) -> None:
    """Change the tasks in some states inside ranges; the columns are masked as one great number each."""
    chosen = bytearray(range(256))
    for old in only:
        chosen[old] = new
    kept = bytes(0 if state in only else 0xFF for state in range(256))
    for first, last in ranges:
        end, size = last + 1, last + 1 - first
        states = table.state[first:end]
        for old in only:
            changed = table.count(old, first, end)
            table.counts[old] -= changed
            table.counts[new] += changed
        mask = int.from_bytes(states.translate(kept), "little")
        table.state[first:end] = states.translate(bytes(chosen))
        for column in (table.flags, table.errors, table.percent):
            left = int.from_bytes(column[first:end], "little")
            if left:
                column[first:end] = (left & mask).to_bytes(size, "little")


def _forget_tasks(block: Block, event: TasksChanged) -> None:
    """Forget on which hosts the tasks that are about to change failed: a person wants them tried again."""
    if event.indices:
        block.task_error_hosts.forget(unpack_indices(event.indices))
        return
    block.task_error_hosts.forget_ranges(event.ranges, block.tasks.state, event.only)


def _tasks_restored(farm: Farm, event: TasksRestored, at: float) -> None:
    """Give tasks back what they were; what is tried next keeps its own flag."""
    job = farm.jobs[event.job]
    block = touched(farm, event.job, event.block)
    ranges = event.ranges or [(index, index) for index in unpack_indices(event.indices)]
    _put_columns(block.tasks, ranges, event, bool(job.try_next))
    for render, count, last in event.hosts:
        block.error_hosts[render] = HostErrors(count, last)
    hosts: dict[int, dict[int, HostErrors]] = {}
    for task, render, count, last in event.task_hosts:
        hosts.setdefault(task, {})[render] = HostErrors(count, last)
    for task, found in hosts.items():
        block.task_error_hosts[task] = found
    block.time_done = event.time_done
    if block.dependents:
        refresh_waiting(job, block)


def _put_columns(table: TaskTable, ranges: list[tuple[int, int]], event: TasksRestored, tried: bool) -> None:
    size = sum(last - first + 1 for first, last in ranges)
    state, flags, errors, percent = (
        zlib.decompress(packed) if packed else bytes(size)
        for packed in (event.state, event.flags, event.errors, event.percent)
    )
    place = 0
    for first, last in ranges:
        end, upto = last + 1, place + last + 1 - first
        for each in range(STATE_COUNT):
            table.counts[each] += state.count(each, place, upto) - table.state.count(each, first, end)
        table.state[first:end] = state[place:upto]
        marked = [task for task in range(first, end) if table.flags[task] & _TRIED] if tried else []
        table.flags[first:end] = flags[place:upto].translate(_UNTRIED)
        for task in marked:
            table.flags[task] |= _TRIED
        table.errors[first:end] = errors[place:upto]
        table.percent[first:end] = percent[place:upto]
        place = upto


def _tasks_given_up(farm: Farm, event: TasksGivenUp, at: float) -> None:
    """Make tasks errors that nobody could try again."""
    block = touched(farm, event.job, event.block)
    table = block.tasks
    for task in event.tasks:
        table.counts[table.state[task]] -= 1
        table.counts[_ERROR] += 1
        table.state[task] = _ERROR
        acquit_hosts(block, task)


def _error_hosts_reset(farm: Farm, event: ErrorHostsReset, at: float) -> None:
    """Forget every host that failed a block or one of its tasks, or some tasks alone."""
    block = touched(farm, event.job, event.block)
    if event.tasks:
        for task in [task for task in block.task_error_hosts if any(a <= task <= b for a, b in event.tasks)]:
            del block.task_error_hosts[task]
        return
    block.error_hosts.clear()
    block.task_error_hosts.clear()


def _host_forgiven(farm: Farm, event: HostForgiven, at: float) -> None:
    """Forget one host that failed a block or its tasks long ago."""
    forgive_hosts(farm, event.job, event.block, (event.render,))


def forgive_hosts(farm: Farm, job: int, block: int, renders: Collection[int]) -> None:
    """Forget several hosts of one block at once: all its failed tasks are looked over once."""
    found = touched(farm, job, block)
    for render in renders:
        found.error_hosts.pop(render, None)
    found.task_error_hosts.forgive(renders)


def _try_next_changed(farm: Farm, event: TryNextChanged, at: float) -> None:
    """Put tasks at the end of what a job tries next, or take them out; one that runs or is over is not put there."""
    job, block = farm.jobs[event.job], touched(farm, event.job, event.block)
    flags, state = block.tasks.flags, block.tasks.state
    for task in event.tasks:
        if event.wanted and state[task] in _NEVER_TRIED:
            continue
        if event.wanted:
            flags[task] |= TaskFlag.TRY_NEXT
            job.try_next.append((event.block, task))
        else:
            flags[task] &= ~TaskFlag.TRY_NEXT & 0xFF
    if not event.wanted:
        _forget_tried(job)


def _forget_tried(job: Job) -> None:
    """Keep in the list of what is tried next only tasks that have the flag."""
    job.try_next = [
        (block, task) for block, task in job.try_next if job.blocks[block].tasks.flags[task] & TaskFlag.TRY_NEXT
    ]


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    TasksReleased: _tasks_released,
    TasksHeld: _tasks_held,
    TasksChanged: _tasks_changed,
    TasksGivenUp: _tasks_given_up,
    ErrorHostsReset: _error_hosts_reset,
    HostForgiven: _host_forgiven,
    TryNextChanged: _try_next_changed,
    TasksRestored: _tasks_restored,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
