"""What the end of a run makes of its task: retries, avoided hosts, and when a task is given up.

Rules of this file:
- An end that somebody asked for is never an error, except the two time limits, which are.
- A failed task is tried again while its errors are not more than ``errors_retries`` and some render could take it.
- **A failing task never waits for ever.**  Hosts on which a task failed ``errors_task_same_host`` times, and hosts on
  which a block failed ``errors_avoid_host`` times, are avoided.  When, at the moment of a failure, every render that
  is online and fits (whatever it is doing now, nimby and pauses aside) is avoided by the task or its block, nobody
  could try again, so the task is ERROR at once.  A farm with no fitting render online at all does not count: there
  the task waits like any other.  The same is asked of the block's other failed tasks when this failure made the
  block avoid one more host.
- A task that ends in ERROR was tried enough to be the one to blame: its errors are taken off its hosts' account for
  the block (``evolve.tasks``), so one bad frame does not close the farm to its block.
- -1 on a block asks the job's user for the number; avoiding is off below 1.
"""

from typing import NamedTuple

from afcore.commands import ReportRun
from afcore.ids import RunKey
from afcore.model.effective import capacity_of, error_rule
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render, Run
from afcore.rules.depends import is_clear
from afcore.rules.transitions import Happening, after
from afcore.schedule.fit import Matches, block_reason, holder_reason
from afcore.schedule.limits import holders_of
from afcore.schedule.reasons import MEASURED, Reason
from afcore.states import RenderState, RunStatus, TaskFlag, TaskState

__all__ = ["Verdict", "given_up", "judge", "ready_or_waiting", "returned"]

_TEMPORARY = frozenset(
    {
        *(Reason.PER_HOST_LIMIT, Reason.BLOCK_LIMIT, Reason.AVOIDED_BY_BLOCK),
        *(Reason.HOST_TICKET, Reason.POOL_TICKET, Reason.GPUS_TAKEN),
        *MEASURED,
    }
)
"""Reasons against a render that may pass by themselves."""

_FLAGS = {
    RunStatus.PARSER_SUCCESS: TaskFlag.PARSER_SUCCESS,
    RunStatus.POST_FAILED: TaskFlag.POST_FAILED,
    RunStatus.PARSER_ERROR: TaskFlag.PARSER_ERROR,
    RunStatus.PARSER_FATAL: TaskFlag.PARSER_ERROR,
    RunStatus.PARSER_BAD_RESULT: TaskFlag.BAD_RESULT,
    RunStatus.BAD_FILES: TaskFlag.BAD_FILES,
}


class Verdict(NamedTuple):
    """What a run's end makes of its task."""

    status: RunStatus
    state: TaskState
    flags: int
    errors: int
    host_error: bool


def judge(farm: Farm, run: Run, report: ReportRun) -> Verdict:
    """Return what a report of the end of ``run`` makes of its task."""
    key = run.key
    job = farm.jobs[key.job]
    block = job.blocks[key.block]
    table, task = block.tasks, key.task
    flags = table.flags[task]
    if report.warning:
        flags |= TaskFlag.WARNING
    status = report.status
    if run.stopping >= 0:
        status = RunStatus(run.stop_status)
        if not status.is_error:
            return Verdict(status, _again(farm, key, run.stopping), 0, table.errors[task], False)
    elif _too_short(block, report):
        status = RunStatus.TOO_SHORT
    now = table.state[task]
    if status.is_success:
        happening = Happening.FOUND_DONE if status is RunStatus.SKIPPED else Happening.SUCCEEDED
        return Verdict(status, after(now, happening), flags | _FLAGS.get(status, 0), table.errors[task], False)
    if not status.is_error:
        return returned(farm, run, status)
    errors = min(255, table.errors[task] + 1)
    flags |= _FLAGS.get(status, 0)
    if status is RunStatus.PARSER_FATAL or errors > error_rule(farm, block, "errors_retries"):
        return Verdict(status, after(now, Happening.GAVE_UP), flags, errors, True)
    if not _somebody_may_try(farm, job, block, task, run.render):
        return Verdict(status, after(now, Happening.GAVE_UP), flags, errors, True)
    state = ready_or_waiting(farm, key, after(now, Happening.FAILED))
    return Verdict(status, state, flags | TaskFlag.RETRIED, errors, True)


def returned(farm: Farm, run: Run, status: RunStatus) -> Verdict:
    """Return what becomes of a task whose run is over without a result and without anybody's fault."""
    key = run.key
    table = farm.jobs[key.job].blocks[key.block].tasks
    target = run.stopping
    if target < 0 or target == TaskState.ERROR:
        target = after(table.state[key.task], Happening.RETURNED)
    return Verdict(status, _again(farm, key, target), 0, table.errors[key.task], False)


def _again(farm: Farm, key: RunKey, state: int) -> TaskState:
    """Return what a task becomes that was stopped or came back: a multihost task that too few renders may try, ERROR.

    Its services may have failed on renders which it avoids now, without an error of the task itself.
    """
    job = farm.jobs[key.job]
    block = job.blocks[key.block]
    if (
        state == TaskState.READY
        and block.spec.multi_host
        and key.task in block.task_error_hosts
        and not _somebody_may_try(farm, job, block, key.task, 0)
    ):
        return after(block.tasks.state[key.task], Happening.GAVE_UP)
    return ready_or_waiting(farm, key, state)


def ready_or_waiting(farm: Farm, key: RunKey, state: int) -> TaskState:
    """Return ``state``, or WAIT_DEP for a task that is to be ready while an obstacle of it is not over."""
    if state != TaskState.READY:
        return TaskState(state)
    job = farm.jobs[key.job]
    block = job.blocks[key.block]
    if block.tasks_depend_on and not is_clear(farm, job, block, key.task):
        return TaskState.WAIT_DEP
    return TaskState.READY


def _too_short(block: Block, report: ReportRun) -> bool:
    least = block.spec.task_min_run_time
    checked = report.status in (RunStatus.SUCCESS, RunStatus.POST_FAILED)
    return checked and least > 0 and report.duration < least


def _somebody_may_try(farm: Farm, job: Job, block: Block, task: int, failed_on: int) -> bool:
    """Say whether online renders that fit are left to try a task that has just failed on ``failed_on``.

    One is enough, but for a multihost task.
    """
    by_block = error_rule(farm, block, "errors_avoid_host")
    by_task = error_rule(farm, block, "errors_task_same_host")
    if by_block < 1 and by_task < 1:
        return True
    of_block, of_task = block.error_hosts, block.task_error_hosts.get(task, {})
    matches = Matches(farm)
    missing = block.spec.least_hosts
    for render in farm.renders.values():
        if not render.state & RenderState.ONLINE:
            continue
        now = 1 if render.id == failed_on else 0
        block_count = (of_block[render.id].count if render.id in of_block else 0) + now
        task_count = (of_task[render.id].count if render.id in of_task else 0) + now
        avoided = 0 < by_block <= block_count or 0 < by_task <= task_count
        if not avoided and _fits(farm, matches, job, block, render):
            missing -= 1
            if not missing:
                return True
    return False


def given_up(farm: Farm, job: Job, block: Block, render: int) -> list[int]:
    """Return the tasks that have no render left because a block has just come to avoid one more.

    Asked after a host error on ``render`` was counted.  Only tasks that failed somewhere before can be among them: for
    all others the render that made the block avoid this one, or another, is left.
    """
    limit = error_rule(farm, block, "errors_avoid_host")
    counted = block.error_hosts.get(render)
    if limit < 1 or counted is None or counted.count != limit:
        return []
    waiting = (TaskState.READY, TaskState.WAIT_DEP)
    return [
        task
        for task in sorted(block.task_error_hosts)
        if block.tasks.state[task] in waiting and not _somebody_may_try(farm, job, block, task, 0)
    ]


def _fits(farm: Farm, matches: Matches, job: Job, block: Block, render: Render) -> bool:
    """Say whether a render could ever take tasks of a block, by masks, needs, service and size."""
    for holder in holders_of(farm, job):
        reason = holder_reason(farm, matches, holder, render)
        if reason and reason not in _TEMPORARY:
            return False
    reason = block_reason(farm, matches, job, block, render, capacity_of(farm, render))
    return not reason or reason in _TEMPORARY
