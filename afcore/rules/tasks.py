"""What a person may do to tasks: restart, skip, done, suspend, continue, on any selection at once.

Rules of this file:
- One TasksChanged and one RunsStopRequested per block, however many tasks; states are searched and counted as columns,
  never task by task.
- A task that runs is asked to stop and becomes what was asked for when its run has ended; so does one that waits for
  its render after a server restart, because its process may still live: when its render has come back and ended it,
  or has not come back in time.  Only the run of a job that is being deleted is over at once.
"""

import re
import zlib
from array import array
from collections.abc import Generator, Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from afcore.commands import ChangeTasks, Ranges, ResetErrorHosts
from afcore.effects import DropRun
from afcore.errors import BadSpec, Conflict, NotFound, Problem, did_you_mean
from afcore.events import ErrorHostsReset, Event, RunsStopRequested, RunStopRequested, TasksChanged
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tasks import pack_indices, pack_runs, unpack_indices
from afcore.rules.base import Context, Steps
from afcore.rules.depends import held_or_released, settle_dependents, with_obstacles
from afcore.rules.failures import Verdict, ready_or_waiting
from afcore.rules.runs import finish, follow
from afcore.rules.sysjob import end_tasks
from afcore.rules.transitions import ACTIONS, APPLIES, TABLE, Happening
from afcore.states import LIVE_STATES, RunStatus, TaskFlag, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = [
    "Changes",
    "ONLY",
    "Selection",
    "change_block",
    "change_tasks",
    "check_words",
    "checked_ranges",
    "find_blocks",
    "reset_error_hosts",
    "selection",
]

ONLY: dict[str, frozenset[TaskState]] = {
    "": frozenset(TaskState),
    "error": frozenset({TaskState.ERROR}),
    "running": LIVE_STATES,
    "done": frozenset({TaskState.DONE}),
    "skipped": frozenset({TaskState.SKIPPED}),
    "ready": frozenset({TaskState.READY, TaskState.WAIT_DEP}),
    "warning": frozenset(TaskState),
    "suspended": frozenset({TaskState.SUSPENDED}),
}
"""The states a selection is restricted to; ``warning`` asks the flag beside."""


Changes = Generator[Event | DropRun, None, tuple[int, int]]
"""Events on the way; at the end how many tasks were changed, and how many asked to stop."""


class Selection(NamedTuple):
    """Which tasks of a block: inclusive ranges, the states that count, and whether the warning flag must be set."""

    ranges: Ranges
    states: frozenset[TaskState]
    warned: bool = False


def selection(block: Block, tasks: Ranges, happening: Happening, only: str) -> Selection:
    """Return what an action takes of a block.  Raises NotFound for tasks the block does not have."""
    return Selection(checked_ranges(block, tasks), APPLIES[happening] & ONLY[only], only == "warning")


def checked_ranges(block: Block, tasks: Ranges) -> Ranges:
    """Return ranges in order and joined, every task for none.  Raises NotFound for tasks the block does not have."""
    size = block.tasks.size
    ranges: Ranges = []
    for first, last in sorted(tasks or [(0, size - 1)]):
        if not 0 <= first <= last < size:
            shown = str(first) if first == last else f"{first}-{last}"
            raise NotFound(
                f'Block {block.index} "{block.spec.name}" of job {block.job} has no tasks {shown}.',
                hint=f"Its tasks are 0 to {size - 1}.",
            )
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def find_blocks(job: Job, blocks: list[int]) -> list[Block]:
    """Return blocks of a job by index, all of them for an empty list.  Raises NotFound for one it does not have."""
    for index in blocks:
        if not 0 <= index < len(job.blocks):
            raise NotFound(f"Job {job.id} has no block {index}.", hint=f"Its blocks are 0 to {len(job.blocks) - 1}.")
    return [job.blocks[index] for index in sorted(set(blocks))] if blocks else job.blocks


def check_words(action: str, only: str) -> Happening:
    """Return what an action word means.  Raises BadSpec for words there are not."""
    problems = []
    if action not in ACTIONS:
        problems.append(Problem("action", f'there is no action "{action}"', _hint(action, ACTIONS)))
    if only not in ONLY:
        problems.append(Problem("only", f'tasks cannot be chosen by "{only}"', _hint(only, ONLY)))
    if problems:
        raise BadSpec(problems)
    return ACTIONS[action]


def _hint(word: str, words: dict[str, Happening] | dict[str, frozenset[TaskState]]) -> str:
    return did_you_mean(word, words) or "one of: " + ", ".join(each for each in words if each)


def change_tasks(context: Context, command: ChangeTasks) -> Steps:
    """Do one thing to many tasks.  Reply: ``{"tasks": how many, "stopping": how many of them run}``."""
    farm = context.farm
    happening = check_words(command.action, command.only)
    job = farm.job(command.job)
    if job.deleting:
        raise Conflict(f'Job {job.id} "{job.name}" is being deleted.', hint="It is gone when its last task ends.")
    named = find_blocks(job, command.blocks)
    ranges = {block.index: selection(block, command.tasks, happening, "").ranges for block in named}
    if command.depends:
        ranges = with_obstacles(job, ranges)
    chosen = [
        (job.blocks[index], selection(job.blocks[index], ranges[index], happening, command.only))
        for index in sorted(ranges)
    ]
    if job.id == SYSTEM_JOB and happening in (Happening.RESTART, Happening.SKIP, Happening.DONE):
        for block, which in chosen:
            yield from end_tasks(farm, block, None if happening is Happening.RESTART else which.ranges)
        return {"tasks": 0, "stopping": 0}
    changed = stopping = 0
    for block, which in chosen:
        more = yield from change_block(farm, job, block, happening, which)
        changed += more[0]
        stopping += more[1]
    return {"tasks": changed + stopping, "stopping": stopping}


def change_block(farm: Farm, job: Job, block: Block, happening: Happening, which: Selection) -> Changes:
    """Yield what an action does to a block and to what waits for it; return (tasks changed, tasks asked to stop)."""
    target = _target(happening)
    changed = 0
    event = _change(block, which, target)
    if event is not None:
        changed = _size(block, event)
        yield event
        first, last = _span(event)
        if target == TaskState.READY and block.tasks_depend_on:
            yield from held_or_released(farm, job, block, first, last)
        yield from settle_dependents(farm, job, block, first, last)
        yield from follow(farm, job, block)
    live = _live(block, which)
    if live:
        yield from _stop(farm, job, block, live, target)
    return changed, len(live)


def _target(happening: Happening) -> TaskState:
    """Return the one state an action leads to."""
    return next(target for (_, what), target in TABLE.items() if what is happening)


def _live(block: Block, which: Selection) -> list[int]:
    """Return the tasks of a selection that run, or wait for the render that ran them: at most as many as slots."""
    table = block.tasks
    states = bytes(sorted(state for state in LIVE_STATES & which.states if table.counts[state]))
    if not states:
        return []
    one_of = re.compile(b"[" + re.escape(states) + b"]")
    found = [at.start() for first, last in which.ranges for at in one_of.finditer(table.state, first, last + 1)]
    return [task for task in found if table.flags[task] & TaskFlag.WARNING] if which.warned else found


def _stop(farm: Farm, job: Job, block: Block, tasks: list[int], target: TaskState) -> Iterator[Event | DropRun]:
    """Ask what runs of a block to stop, in one fact; of a job that is being deleted, end what waits for its render."""
    table, then = block.tasks, int(target)
    if job.deleting and table.counts[TaskState.WAIT_RECONNECT]:
        waiting = [task for task in tasks if table.state[task] == TaskState.WAIT_RECONNECT]
        tasks = [task for task in tasks if table.state[task] != TaskState.WAIT_RECONNECT]
        for task in waiting:
            run = farm.runs[RunKey(job.id, block.index, task, table.starts[task])]
            state = ready_or_waiting(farm, run.key, target)
            yield from finish(farm, run, Verdict(RunStatus.STOPPED, state, 0, 0, False))
    before = farm.runs.stopping(job.id, block.index, tasks, table.starts)
    asked = array("I", [task for task, other in zip(tasks, before, strict=True) if other != then])
    if len(asked) == 1:
        key = RunKey(job.id, block.index, asked[0], table.starts[asked[0]])
        yield RunStopRequested(*key, then, int(RunStatus.STOPPED))
    elif asked:
        runs = pack_runs(array("I", [table.starts[task] for task in asked]))
        yield RunsStopRequested(job.id, block.index, pack_indices(asked), runs, then, int(RunStatus.STOPPED))


def _change(block: Block, which: Selection, target: TaskState) -> TasksChanged | None:
    """Return the event that changes every task of a selection that does not run, or None when there is none."""
    table = block.tasks
    states = sorted(int(state) for state in which.states - LIVE_STATES if table.counts[state])
    if which.warned:
        return _by_warning(block, which.ranges, states, target)
    ranges: Ranges = []
    whole = True
    for first, last in which.ranges:
        inside = sum(table.count(state, first, last + 1) for state in states)
        if inside:
            ranges.append((first, last))
            whole = whole and inside == last - first + 1
    if not ranges:
        return None
    return TasksChanged(
        block.job,
        block.index,
        int(target),
        ranges,
        b"",
        _packed([table.state[first : last + 1] for first, last in ranges]),
        _packed([table.flags[first : last + 1] for first, last in ranges]),
        _packed([table.errors[first : last + 1] for first, last in ranges]),
        [] if whole else states,
    )


_WARNED = bytes(1 if value & TaskFlag.WARNING else 0 for value in range(256))


def _by_warning(block: Block, ranges: Ranges, states: list[int], target: TaskState) -> TasksChanged | None:
    table = block.tasks
    indices = array("I")
    for first, last in ranges:
        warned = compress(range(first, last + 1), table.flags[first : last + 1].translate(_WARNED))
        indices.extend(index for index in warned if table.state[index] in states)
    if not indices:
        return None
    return TasksChanged(
        block.job,
        block.index,
        int(target),
        [],
        pack_indices(indices),
        _packed([bytes([table.state[index] for index in indices])]),
        _packed([bytes([table.flags[index] for index in indices])]),
        _packed([bytes([table.errors[index] for index in indices])]),
    )


def _packed(slices: Sequence[bytes | bytearray]) -> bytes:
    """Return column slices as one compressed piece, empty when every value is 0."""
    if all(each == bytes(len(each)) for each in slices):
        return b""
    return zlib.compress(b"".join(slices), 1)


def _size(block: Block, event: TasksChanged) -> int:
    """Return how many tasks an event is about to change."""
    if event.indices:
        return len(event.indices) // 4
    if not event.only:
        return sum(last - first + 1 for first, last in event.ranges)
    count = block.tasks.state.count
    return sum(count(state, first, last + 1) for first, last in event.ranges for state in event.only)


def _span(event: TasksChanged) -> tuple[int, int]:
    if event.indices:
        indices = unpack_indices(event.indices)
        return indices[0], indices[-1]
    return event.ranges[0][0], event.ranges[-1][1]


def reset_error_hosts(context: Context, command: ResetErrorHosts) -> Steps:
    """Forget which hosts failed blocks or tasks of a job.  Reply: ``{"blocks": how many had some}``."""
    job = context.farm.job(command.job)
    blocks = find_blocks(job, command.blocks)
    ranges = {block.index: checked_ranges(block, command.tasks) for block in blocks if command.tasks}
    names = {id: render.name for id, render in context.farm.renders.items()}
    resets = []
    for block in blocks:
        if ranges:
            chosen = ranges[block.index]
            rows = [row for row in block.task_error_hosts.rows() if any(a <= row[0] <= b for a, b in chosen)]
            if rows:
                resets.append(ErrorHostsReset(job.id, block.index, {"tasks": rows}, chosen))
        elif block.error_hosts or block.task_error_hosts:
            old = {names.get(id, str(id)): errors.count for id, errors in sorted(block.error_hosts.items())}
            resets.append(ErrorHostsReset(job.id, block.index, {"hosts": old}))
    yield from resets
    return {"blocks": len(resets)}
