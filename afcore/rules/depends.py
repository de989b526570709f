"""What waits for what inside a job: which tasks an obstacle releases or holds, by frame arithmetic and column search.

Rules of this file:
- There are no edges: task t of a block waits for a range of tasks of each block in ``tasks_depend_on``, and both ends
  of that range never go back as t grows.  Everything here rests on that.
- Work is bounded by what can have changed: one finished task looks at the tasks that wait for it, and inside them
  jumps from one unfinished obstacle to the next.
- With sub-task dependency a running obstacle holds only the tasks whose frames it has not reported yet.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, compress

from afcore.commands import Ranges
from afcore.events import Event, TasksHeld, TasksReleased
from afcore.frames import ListedFrames, depend_range, sub_task_ready, waiting_range
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tasks import TaskTable
from afcore.states import OVER_STATES, STATE_COUNT, TaskState

__all__ = ["held_or_released", "is_clear", "opened_blocks", "settle", "settle_dependents", "with_obstacles"]

_TASK_BY_TASK = 10_000
"""Ranges of more tasks than this are mapped by their two ends alone."""

_UNFINISHED = tuple(state for state in range(STATE_COUNT) if state not in OVER_STATES)
_FINISHED = tuple(int(state) for state in sorted(OVER_STATES))
_WAIT_DEP, _READY, _RUNNING = int(TaskState.WAIT_DEP), int(TaskState.READY), int(TaskState.RUNNING)


def _find(table: TaskTable, states: tuple[int, ...], first: int, last: int) -> int:
    """Return the first task of ``first``..``last`` in one of ``states``, -1 for none."""
    found = -1
    end = last + 1
    for state in states:
        if table.counts[state]:
            here = table.state.find(state, first, end)
            if here >= 0:
                found = here
                if here == first:
                    break
                end = here
    return found


def _needed(block: Block, on: Block, task: int) -> tuple[int, int]:
    """Return the range of tasks of ``on`` that a task of ``block`` waits for."""
    if block.frames == on.frames and on.frames.per_task > 0:
        return task, task
    return depend_range(task, of=block.frames, on=on.frames)


def _waiting(block: Block, on: Block, task: int) -> tuple[int, int]:
    """Return the range of tasks of ``block`` that wait for a task of ``on``; first above last for none."""
    of_frames, on_frames = block.frames, on.frames
    if of_frames == on_frames and on_frames.per_task > 0:
        return task, task
    if isinstance(of_frames, ListedFrames) or isinstance(on_frames, ListedFrames) or not 0 < task < on_frames.tasks - 1:
        return waiting_range(task, of=of_frames, on=on_frames)
    # Away from the ends nothing is clamped: these are the tasks that hold the first and the last frame of the task or,
    # where that lies between two steps or beyond an end, their neighbours inside.
    frame = on_frames.first + task * on_frames.span
    low, high = of_frames.task_of(frame), of_frames.task_of(frame + on_frames.span - 1)
    while low < of_frames.tasks and _needed(block, on, low)[1] < task:
        low += 1
    while high >= 0 and _needed(block, on, high)[0] > task:
        high -= 1
    return low, high


def _first_not_reported(farm: Farm, job: Job, block: Block, on: Block, obstacle: int, low: int, high: int) -> int:
    """Return the first task of ``low``..``high`` whose frames a running obstacle has not reported; ``high + 1``: none.

    Without sub-task dependency, or when it does not run, that is ``low``.
    """
    table = on.tasks
    if not on.spec.depend_sub_task or table.state[obstacle] != _RUNNING:
        return low
    run = farm.runs.look(RunKey(job.id, on.index, obstacle, table.starts[obstacle]))
    if run is None or run.frame < 0 or run.stopping >= 0:
        return low
    end = high + 1
    while low < end:
        middle = (low + end) // 2
        if sub_task_ready(middle, of=block.frames, on=on.frames, on_task=obstacle, finished=run.frame):
            low = middle + 1
        else:
            end = middle
    return low


def is_clear(farm: Farm, job: Job, block: Block, task: int) -> bool:
    """Say whether a task has nothing to wait for."""
    for index in block.tasks_depend_on:
        on = job.blocks[index]
        first, last = _needed(block, on, task)
        obstacle = _find(on.tasks, _UNFINISHED, first, last)
        while obstacle >= 0:
            if _first_not_reported(farm, job, block, on, obstacle, task, task) == task:
                return False
            obstacle = _find(on.tasks, _UNFINISHED, obstacle + 1, last)
    return True


def _segments(farm: Farm, job: Job, block: Block, first: int, last: int) -> Iterator[tuple[int, int, bool]]:
    """Cut ``first``..``last`` into stretches of tasks that all have, or all have not, something to wait for.

    Yields (first, last, clear); neighbours may be of one kind.
    """
    task = first
    while task <= last:
        end, clear = last, True
        for index in block.tasks_depend_on:
            stretch, clear = _stretch(farm, job, block, job.blocks[index], task, end)
            if not clear:
                end = stretch
                break
            end = min(end, stretch)
        yield task, end, clear
        task = end + 1


def _stretch(farm: Farm, job: Job, block: Block, on: Block, task: int, last: int) -> tuple[int, bool]:
    """Return how far (at most ``last``) the tasks from ``task`` on are as it is, and whether it is clear of ``on``."""
    first_needed = _needed(block, on, task)[0]
    last_needed = _needed(block, on, last)[1]
    obstacle = _find(on.tasks, _UNFINISHED, first_needed, last_needed)
    while obstacle >= 0:
        low, high = _waiting(block, on, obstacle)
        low = _first_not_reported(farm, job, block, on, obstacle, max(low, task), high) if low <= high else low
        if low <= task <= high:
            return min(last, max(high, _blocked_until(block, on, obstacle))), False
        if task < low <= high:
            return min(last, low - 1), True
        obstacle = _find(on.tasks, _UNFINISHED, obstacle + 1, last_needed)
    return last, True


def _blocked_until(block: Block, on: Block, obstacle: int) -> int:
    """Return the last task that a row of unfinished obstacles from ``obstacle`` on holds."""
    if on.spec.depend_sub_task:
        return -1
    over = _find(on.tasks, _FINISHED, obstacle + 1, on.tasks.size - 1)
    last = over - 1 if over >= 0 else on.tasks.size - 1
    return _waiting(block, on, last)[1]


def held_or_released(farm: Farm, job: Job, block: Block, first: int, last: int) -> Iterator[Event]:
    """Yield what tasks ``first``..``last`` of a block become now: released, held, or both."""
    counts, state = block.tasks.counts, block.tasks.state
    if not counts[_WAIT_DEP] and not (counts[_READY] and block.tasks_depend_on):
        return
    if first == last:
        if state[first] == _WAIT_DEP and is_clear(farm, job, block, first):
            yield TasksReleased(job.id, block.index, [(first, last)])
        elif state[first] == _READY and not is_clear(farm, job, block, first):
            yield TasksHeld(job.id, block.index, [(first, last)])
        return
    if _in_step(job, block):
        released, held = _compared(job, block, first, last)
    elif _many_obstacles(job, block, first, last):
        released, held = _summed(job, block, first, last)
    else:
        released, held = _searched(farm, job, block, first, last)
    if released:
        yield TasksReleased(job.id, block.index, released)
    if held:
        yield TasksHeld(job.id, block.index, held)


def _searched(farm: Farm, job: Job, block: Block, first: int, last: int) -> tuple[Ranges, Ranges]:
    """Return the ranges in which tasks are released and held, stretch by stretch."""
    released: Ranges = []
    held: Ranges = []
    state = block.tasks.state
    for low, high, clear in _segments(farm, job, block, first, last):
        old, ranges = (_WAIT_DEP, released) if clear else (_READY, held)
        if state.find(old, low, high + 1) < 0:
            continue
        if ranges and ranges[-1][1] + 1 == low:
            ranges[-1] = (ranges[-1][0], high)
        else:
            ranges.append((low, high))
    return released, held


def _in_step(job: Job, block: Block) -> bool:
    """Say whether every task waits for the tasks of its own number only, and for nothing that reports frames."""
    obstacles = [job.blocks[index] for index in block.tasks_depend_on]
    return all(
        on.frames == block.frames
        and on.frames.per_task > 0
        and not (on.spec.depend_sub_task and on.tasks.counts[_RUNNING])
        for on in obstacles
    )


_IS_OVER = bytes(1 if state in OVER_STATES else 0 for state in range(256))
_IS_WAITING = bytes(1 if state == _WAIT_DEP else 0 for state in range(256))
_MAY_CHANGE = bytes(1 if state in (_WAIT_DEP, _READY) else 0 for state in range(256))
_IS_READY = bytes(1 if state == _READY else 0 for state in range(256))


def _compared(job: Job, block: Block, first: int, last: int) -> tuple[Ranges, Ranges]:
    """Return the same as ``_searched`` for blocks in step: the columns are compared as one great number each."""
    end, size = last + 1, last + 1 - first
    clear = int.from_bytes(b"\1" * size, "little")
    for index in block.tasks_depend_on:
        clear &= int.from_bytes(job.blocks[index].tasks.state[first:end].translate(_IS_OVER), "little")
    return _turning(block.tasks.state[first:end], clear, first)


def _turning(state: bytearray, clear: int, first: int) -> tuple[Ranges, Ranges]:
    """Return the ranges to release and to hold of tasks from ``first`` on; ``clear`` has a 1 for each clear one."""
    size = len(state)
    waiting = int.from_bytes(state.translate(_IS_WAITING), "little")
    ready = int.from_bytes(state.translate(_IS_READY), "little")
    released, held = waiting & clear, ready & ~clear
    return (
        _ranges(released, waiting ^ released, first, size),
        _ranges(held, ready ^ held, first, size),
    )


_STRETCH = re.compile(b"\1[\0\1]*\1|\1")


def _ranges(turning: int, staying: int, first: int, size: int) -> Ranges:
    """Return few ranges with every task whose byte in ``turning`` is 1 and none of those in ``staying``."""
    if not turning:
        return []
    column = (turning | staying << 1).to_bytes(size, "little")
    return [(first + found.start(), first + found.end() - 1) for found in _STRETCH.finditer(column)]


_MANY = 256


def _many_obstacles(job: Job, block: Block, first: int, last: int) -> bool:
    """Say whether a search from obstacle to obstacle would be longer than asking every task."""
    obstacles = [job.blocks[index] for index in block.tasks_depend_on]
    if any(on.spec.depend_sub_task and on.tasks.counts[_RUNNING] for on in obstacles):
        return False
    return last - first > _MANY and any(
        _needed(block, on, last)[1] - _needed(block, on, first)[0] > _MANY for on in obstacles
    )


def _summed(job: Job, block: Block, first: int, last: int) -> tuple[Ranges, Ranges]:
    """Return the same as ``_searched``: every task that could change is asked, by sums of what is over before it."""
    sums = []
    for index in block.tasks_depend_on:
        on = job.blocks[index]
        low, high = _needed(block, on, first)[0], _needed(block, on, last)[1]
        over = on.tasks.state[low : high + 1].translate(_IS_OVER)
        sums.append((on, low, list(accumulate(over, initial=0))))
    state = block.tasks.state[first : last + 1]
    clear = bytearray(len(state))
    for task in compress(range(first, last + 1), state.translate(_MAY_CHANGE)):
        for on, base, over_before in sums:
            low, high = _needed(block, on, task)
            if over_before[high + 1 - base] - over_before[low - base] <= high - low:
                break
        else:
            clear[task - first] = 1
    return _turning(state, int.from_bytes(clear, "little"), first)


def settle(farm: Farm, job: Job, block: Block) -> Iterator[Event]:
    """Yield what all tasks of a block become after its masks changed."""
    yield from held_or_released(farm, job, block, 0, block.tasks.size - 1)


def settle_dependents(farm: Farm, job: Job, block: Block, first: int, last: int) -> Iterator[Event]:
    """Yield what happens to the tasks that wait for tasks ``first``..``last`` of ``block``."""
    for index in block.dependents:
        waiter = job.blocks[index]
        if block.index not in waiter.tasks_depend_on:
            continue
        low = _waiting(waiter, block, first)[0]
        high = _waiting(waiter, block, last)[1]
        if low <= high:
            yield from held_or_released(farm, job, waiter, low, high)


def opened_blocks(job: Job, block: Block) -> Iterator[Event]:
    """Yield a release without tasks for each block that waited for ``block`` as a whole and does not any more."""
    if not block.dependents or not block.over:
        return
    for index in block.dependents:
        waiter = job.blocks[index]
        if block.index in waiter.depends_on and not waiter.waiting:
            yield TasksReleased(job.id, index, [])


def with_obstacles(job: Job, ranges: dict[int, Ranges]) -> dict[int, Ranges]:
    """Return task ranges by block with every task that these wait for by tasks masks, however many steps away."""
    found = {index: list(each) for index, each in ranges.items()}
    todo = [(index, first, last) for index, each in ranges.items() for first, last in each]
    seen = set(todo)
    while todo:
        index, first, last = todo.pop()
        block = job.blocks[index]
        for other in block.tasks_depend_on:
            for piece in _obstacles(block, job.blocks[other], first, last):
                if (other, *piece) not in seen:
                    seen.add((other, *piece))
                    todo.append((other, *piece))
                    found.setdefault(other, []).append(piece)
    return found


def _obstacles(block: Block, on: Block, first: int, last: int) -> Ranges:
    """Return what tasks ``first`` to ``last`` of a block wait for in another one, neighbours joined."""
    if not on.tasks.size or last < first:
        return []
    if last - first > _TASK_BY_TASK:
        return [(_needed(block, on, first)[0], _needed(block, on, last)[1])]
    pieces: Ranges = []
    for task in range(first, last + 1):
        start, end = _needed(block, on, task)
        if pieces and start <= pieces[-1][1] + 1:
            pieces[-1] = pieces[-1][0], max(end, pieces[-1][1])
        else:
            pieces.append((start, end))
    return pieces
