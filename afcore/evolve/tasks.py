"""What happens to tasks and their runs: columns, runs, and every counter that a running task counts in.

Rules of this file:
- A run in ``Farm.runs`` holds its counters, capacity and place on its renders, also while it waits for its render.
- ``replay_started`` and ``replay_finished`` leave out what ``afcore.recount`` rebuilds, and nothing else.
"""

from collections.abc import Callable
from typing import Any

from afcore.events import (
    HostReleased,
    RunAdopted,
    RunFinished,
    RunProgressed,
    RunsStopRequested,
    RunStarted,
    RunStopRequested,
    TaskWarned,
)
from afcore.evolve.tickets import count_tickets
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import Block, HostErrors, Job
from afcore.model.render import Run
from afcore.model.tasks import unpack_indices
from afcore.model.tree import Limits
from afcore.states import TaskFlag, TaskState

__all__ = [
    "HANDLERS",
    "acquit_hosts",
    "count",
    "count_in_pools",
    "give_back",
    "make_run",
    "record_finish",
    "record_start",
    "refresh_waiting",
    "take",
    "touched",
]

_RUNNING = int(TaskState.RUNNING)
_DONE = int(TaskState.DONE)
_ERROR = int(TaskState.ERROR)
_TRY_NEXT = int(TaskFlag.TRY_NEXT)
_NARROW_STARTS = 0xFFFF


def make_run(event: RunStarted, at: float) -> Run:
    """Return the run that a start begins."""
    return Run(
        key=RunKey(event.job, event.block, event.task, event.run),
        render=event.render,
        capacity=event.capacity,
        coefficient=event.coefficient,
        captured=tuple(event.captured),
        devices=tuple(event.devices),
        tickets=tuple(event.tickets.items()),
        started=at,
        progress_changed=at,
    )


def record_start(farm: Farm, block: Block, event: RunStarted, at: float) -> None:
    """Write a start into the columns."""
    table, task = block.tasks, event.task
    counts = table.counts
    counts[table.state[task]] -= 1
    counts[_RUNNING] += 1
    table.state[task] = _RUNNING
    if table.flags[task] & _TRY_NEXT:
        farm.jobs[block.job].try_next.remove((block.index, task))
    table.flags[task] = 0
    table.percent[task] = 0
    if event.run > _NARROW_STARTS:
        table.widen_starts()
    table.starts[task] = event.run
    table.render[task] = event.render
    table.started[task] = max(1, int(at) - farm.epoch)
    table.finished[task] = 0
    if not block.time_started:
        block.time_started = at


def record_finish(farm: Farm, block: Block, event: RunFinished, at: float) -> None:
    """Write an end into the columns, and whom it counts against."""
    table, task, state = block.tasks, event.task, event.state
    counts = table.counts
    counts[table.state[task]] -= 1
    counts[state] += 1
    table.state[task] = state
    table.flags[task] = event.flags
    table.errors[task] = event.errors
    table.percent[task] = 0
    table.finished[task] = max(1, int(at) - farm.epoch)
    _remember_failure(farm, block, event)
    if event.host_error:
        _count_error(block.error_hosts, event.render, at)
        block.task_error_hosts.note(task, event.render, at)
    if state == _DONE:
        block.run_time_sum_ms += event.duration_ms
        if not block.time_done and block.over:
            block.time_done = at
    elif state == _ERROR:
        acquit_hosts(block, task)


def _remember_failure(farm: Farm, block: Block, event: RunFinished) -> None:
    """Note on a render whose task failed there; an end of another kind wipes the slate."""
    render = farm.renders.get(event.render)
    if render is None:
        return
    users = render.failed_users
    if event.host_error:
        user = farm.jobs[block.job].user
        if user in users:
            users.remove(user)
        users.insert(0, user)
    elif users:
        users.clear()


def _count_error(hosts: dict[int, HostErrors], render: int, at: float) -> None:
    errors = hosts.get(render)
    if errors is None:
        errors = hosts[render] = HostErrors()
    errors.count += 1
    errors.last = at


def acquit_hosts(block: Block, task: int) -> None:
    """Take a task's errors off the hosts' account for the block: the task was given up, so it is the one to blame.

    The task itself keeps its list for people to read.
    """
    for render, errors in block.task_error_hosts.get(task, {}).items():
        counted = block.error_hosts.get(render)
        if counted is not None:
            counted.count -= errors.count
            if counted.count <= 0:
                del block.error_hosts[render]


def count(farm: Farm, job: Job, block: Block, render: int, capacity: int, tasks: int) -> None:
    """Count ``tasks`` (1 or -1) running tasks with ``capacity`` units on block, job, user, branches and pools."""
    version = farm.version
    block.running_tasks += tasks
    block.running_capacity += capacity
    block.version = version
    per_host = block.running_per_host
    left = per_host.get(render, 0) + tasks
    if left:
        per_host[render] = left
    else:
        per_host.pop(render, None)
    job.version = version
    _take(job, render, capacity, tasks)
    user = farm.users[job.user]
    user.version = version
    _take(user, render, capacity, tasks)
    above = job.branch
    while above:
        branch = farm.branches[above]
        branch.version = version
        _take(branch, render, capacity, tasks)
        above = branch.parent
    host = farm.renders[render]
    host.version = version
    host.used_capacity += capacity
    _count_pools(farm, host.pool, capacity, tasks)


def _count_pools(farm: Farm, above: int, capacity: int, tasks: int) -> None:
    while above:
        pool = farm.pools[above]
        pool.version = farm.version
        pool.running_tasks += tasks
        pool.running_capacity += capacity
        above = pool.parent


def count_in_pools(farm: Farm, run: Run, render: int, tasks: int) -> None:
    """Count (1) what a run holds on one of its renders in that render's pools and tickets, or take it off (-1)."""
    if run.render == render:
        _count_pools(farm, farm.renders[render].pool, tasks * run.capacity, tasks)
        count_tickets(farm, render, run.tickets, tasks)
    for held in run.captured:
        if held.render == render:
            _count_pools(farm, farm.renders[render].pool, tasks * held.capacity, 0)
            count_tickets(farm, render, held.tickets.items(), tasks)


def take(farm: Farm, job: Job, block: Block, run: Run, tasks: int) -> None:
    """Count a run (1) or take it off the counts (-1): one task, and what it holds on each of its renders."""
    count(farm, job, block, run.render, tasks * run.capacity, tasks)
    if run.tickets:
        count_tickets(farm, run.render, run.tickets, tasks)
    for held in run.captured:
        count(farm, job, block, held.render, tasks * held.capacity, 0)
        count_tickets(farm, held.render, held.tickets.items(), tasks)


def _take(holder: Limits, render: int, capacity: int, tasks: int) -> None:
    holder.running_tasks += tasks
    holder.running_capacity += capacity
    per_host = holder.running_per_host
    left = per_host.get(render, 0) + tasks
    if left:
        per_host[render] = left
    else:
        per_host.pop(render, None)


def give_back(farm: Farm, run: Run) -> None:
    """Take a run off the farm with everything it holds."""
    key = run.key
    farm.runs.discard(key)
    job = farm.jobs[key.job]
    take(farm, job, job.blocks[key.block], run, -1)
    for id in run.hosts:
        farm.renders[id].runs.discard(key)


def refresh_waiting(job: Job, block: Block) -> None:
    """Tell the blocks that wait for this one whether they still do."""
    for index in block.dependents:
        waiter = job.blocks[index]
        waiting = any(not job.blocks[obstacle].over for obstacle in waiter.depends_on)
        if waiter.waiting != waiting:
            waiter.waiting = waiting
            waiter.version = block.version


def _run_started(farm: Farm, event: RunStarted, at: float) -> None:
    """Give a task to a render."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    record_start(farm, block, event, at)
    run = make_run(event, at)
    key = run.key
    farm.runs.begin(run)
    take(farm, job, block, run, 1)
    for id in run.hosts:
        render = farm.renders[id]
        render.runs.add(key)
        render.task_changed = at
    _stamp_solved(farm, job)


def _stamp_solved(farm: Farm, job: Job) -> None:
    """Note on a job, its user and its branches that they just got a render."""
    farm.starts += 1
    job.last_solved = farm.users[job.user].last_solved = farm.starts
    above = job.branch
    while above:
        branch = farm.branches[above]
        branch.last_solved = farm.starts
        above = branch.parent


def _run_finished(farm: Farm, event: RunFinished, at: float) -> None:
    """End a run."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    run = farm.runs.get(RunKey(event.job, event.block, event.task, event.run))
    if run is not None:
        give_back(farm, run)
    record_finish(farm, block, event, at)
    render = farm.renders.get(event.render)
    if render is not None:
        render.task_changed = at
    if block.dependents:
        refresh_waiting(job, block)


def _host_released(farm: Farm, event: HostReleased, at: float) -> None:
    """Take one of the renders beside the master from a run, with all that it takes there."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    key = RunKey(event.job, event.block, event.task, event.run)
    run = farm.runs[key]
    held = next(each for each in run.captured if each.render == event.render)
    run.captured = tuple(each for each in run.captured if each is not held)
    count(farm, job, block, held.render, -held.capacity, 0)
    count_tickets(farm, held.render, held.tickets.items(), -1)
    render = farm.renders[held.render]
    render.runs.discard(key)
    render.task_changed = at
    if event.host_error:
        _count_error(block.error_hosts, event.render, at)
        block.task_error_hosts.note(event.task, event.render, at)


def _run_stop_requested(farm: Farm, event: RunStopRequested, at: float) -> None:
    """Remember what a task becomes when its run has ended."""
    run = farm.runs[RunKey(event.job, event.block, event.task, event.run)]
    run.stopping = event.then
    run.stop_status = event.status
    farm.jobs[event.job].version = farm.jobs[event.job].blocks[event.block].version = farm.version


def _runs_stop_requested(farm: Farm, event: RunsStopRequested, at: float) -> None:
    """Remember for many runs what their tasks become."""
    block = touched(farm, event.job, event.block)
    tasks = unpack_indices(event.indices)
    farm.runs.stop(event.job, event.block, tasks, block.tasks.starts, event.then, event.status)


def _run_adopted(farm: Farm, event: RunAdopted, at: float) -> None:
    """Let a run go on that its render brought back."""
    run = farm.runs[RunKey(event.job, event.block, event.task, event.run)]
    run.waiting_since = 0.0
    run.progress_changed = at
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    table = block.tasks
    table.counts[table.state[event.task]] -= 1
    table.counts[_RUNNING] += 1
    table.state[event.task] = _RUNNING
    block.version = job.version = farm.renders[event.render].version = farm.version


def _run_progressed(farm: Farm, event: RunProgressed, at: float) -> None:
    """Keep the newest reading of a run."""
    run = farm.runs[RunKey(event.job, event.block, event.task, event.run)]
    run.frame = event.frame
    run.percent_frame = event.percent_frame
    run.activity = event.activity
    run.last_line = event.last_line
    if event.changed:
        run.progress_changed = at
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    if block.tasks.state[event.task] == _RUNNING:
        block.tasks.percent[event.task] = max(0, min(100, event.percent))
    if event.report:
        job.report = event.report
    block.version = job.version = farm.version


def _task_warned(farm: Farm, event: TaskWarned, at: float) -> None:
    """Flag a running task."""
    block = touched(farm, event.job, event.block)
    block.tasks.flags[event.task] |= TaskFlag.WARNING


def touched(farm: Farm, job: int, block: int) -> Block:
    """Return a block, stamped as changed together with its job."""
    found = farm.jobs[job]
    found.version = found.blocks[block].version = farm.version
    return found.blocks[block]


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    RunStarted: _run_started,
    RunFinished: _run_finished,
    HostReleased: _host_released,
    RunStopRequested: _run_stop_requested,
    RunsStopRequested: _runs_stop_requested,
    RunAdopted: _run_adopted,
    RunProgressed: _run_progressed,
    TaskWarned: _task_warned,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
