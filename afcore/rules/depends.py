"""What waits for what inside a job: which tasks an obstacle releases or holds, by frame arithmetic and column search.

Rules of this file:
- There are no edges: task t of a block waits for a range of tasks of each block in ``tasks_depend_on``, and both ends
  of that range never go back as t grows.  Everything here rests on that.
- Work is bounded by what can have changed: one finished task looks at the tasks that wait for it, and inside them
  jumps from one unfinished obstacle to the next.
- With sub-task dependency a running obstacle holds only the tasks whose frames it has not reported yet.
"""

from collections.abc import Iterator

from afcore.events import Event, TasksHeld, TasksReleased
from afcore.frames import depend_range, sub_task_ready, waiting_range
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tasks import TaskTable
from afcore.states import OVER_STATES, STATE_COUNT, TaskState

__all__ = ["held_or_released", "is_clear", "opened_blocks", "settle", "settle_dependents"]

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
    if block.frames == on.frames and on.frames.per_task > 0:
        return task, task
    return waiting_range(task, of=block.frames, on=on.frames)


def _first_not_reported(farm: Farm, job: Job, block: Block, on: Block, obstacle: int, low: int, high: int) -> int:
    """Return the first task of ``low``..``high`` whose frames a running obstacle has not reported; ``high + 1``: none.

    Without sub-task dependency, or when it does not run, that is ``low``.
    """
    table = on.tasks
    if not on.spec.depend_sub_task or table.state[obstacle] != _RUNNING:
        return low
    run = farm.runs.get(RunKey(job.id, on.index, obstacle, table.starts[obstacle]))
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
    released: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []
    for low, high, clear in _segments(farm, job, block, first, last):
        old, ranges = (_WAIT_DEP, released) if clear else (_READY, held)
        if state.find(old, low, high + 1) < 0:
            continue
        if ranges and ranges[-1][1] + 1 == low:
            ranges[-1] = (ranges[-1][0], high)
        else:
            ranges.append((low, high))
    if released:
        yield TasksReleased(job.id, block.index, released)
    if held:
        yield TasksHeld(job.id, block.index, held)


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
