"""What renders say of their runs: started, ended, how far; and what follows for the job."""

from collections.abc import Iterator

from afcore.commands import MeasureRender, ReportRun, Solve
from afcore.effects import DropRun
from afcore.errors import NotFound
from afcore.events import (
    Event,
    JobDeleted,
    JobFinished,
    JobReopened,
    JobStarted,
    RenderEdited,
    RenderMeasured,
    RunFinished,
    RunProgressed,
    TasksGivenUp,
    TaskWarned,
)
from afcore.ids import RunKey
from afcore.model.effective import pool_number
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Run
from afcore.rules.base import Context, Steps
from afcore.rules.captured import begin_services, drop_services, is_held, service_ended
from afcore.rules.depends import opened_blocks, settle_dependents
from afcore.rules.failures import Verdict, given_up, judge, returned
from afcore.rules.waking import want_waking
from afcore.states import OVER_STATES, RenderState, RunStatus, TaskFlag, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["finish", "follow", "is_counted", "measure_render", "report_run", "return_run", "solve"]


def solve(context: Context, command: Solve) -> Steps:
    """Hand out ready tasks; every start is evolved before the next is looked for.  Reply: ``{"starts": n}``."""
    starts = 0
    for event in context.scheduler.run(context.at, command.budget):
        yield event
        if event.captured:
            yield from begin_services(context.farm, event)
        starts += 1
        if not context.farm.jobs[event.job].time_started:
            yield JobStarted(event.job)
    want_waking(context)
    return {"starts": starts}


def report_run(context: Context, command: ReportRun) -> Steps:
    """Count the end of a run, once."""
    farm = context.farm
    key = RunKey(command.job, command.block, command.task, command.run)
    run = farm.runs.get(key)
    if run is not None and is_held(run, command.render):
        yield from service_ended(farm, run, command)
        return {"known": False}
    if run is None or run.render != command.render:
        if is_counted(farm, key, command.render):
            return {"known": True}
        yield DropRun(command.render, key)
        return {"known": False}
    yield from finish(farm, run, judge(farm, run, command), command)
    return {"known": True}


def is_counted(farm: Farm, key: RunKey, render: int) -> bool:
    """Say whether a run is the newest of its task, was this render's, and has ended: its report came before.

    Older runs are not remembered; a render is told to drop them.
    """
    job = farm.jobs.get(key.job)
    if job is None or not 0 <= key.block < len(job.blocks):
        return False
    table = job.blocks[key.block].tasks
    task = key.task
    if not 0 <= task < table.size:
        return False
    return table.starts[task] == key.run and table.render[task] == render and table.finished[task] != 0


def finish(
    farm: Farm, run: Run, verdict: Verdict, report: ReportRun | None = None
) -> Iterator[Event | DropRun]:
    """Yield the end of a run and everything that follows from it."""
    key = run.key
    job = farm.jobs[key.job]
    block = job.blocks[key.block]
    table, task = block.tasks, key.task
    yield RunFinished(
        key.job,
        key.block,
        task,
        key.run,
        run.render,
        int(verdict.status),
        report.exit_status if report is not None else 0,
        int(verdict.state),
        int(verdict.flags),
        verdict.errors,
        verdict.host_error,
        round(report.duration * 1000) if report is not None else 0,
        table.state[task],
        table.flags[task],
        table.errors[task],
    )
    yield from drop_services(farm, run)
    if block.dependents and (verdict.state in OVER_STATES or block.spec.depend_sub_task):
        yield from settle_dependents(farm, job, block, task, task)
    if verdict.host_error:
        yield from _sickened(farm, run.render)
        tasks = given_up(farm, job, block, run.render)
        if tasks:
            yield TasksGivenUp(job.id, block.index, tasks)
    yield from follow(farm, job, block)


def _sickened(farm: Farm, render: int) -> Iterator[Event]:
    """Yield that a render is sick when tasks of as many users as its pool says failed there one after the other."""
    found = farm.renders[render]
    most = pool_number(farm, found.pool, "sick_errors_count")
    if 0 < most <= len(found.failed_users) and not found.state & RenderState.SICK:
        yield RenderEdited(render, {"state": found.state}, {"state": int(found.state | RenderState.SICK)})


def follow(farm: Farm, job: Job, block: Block) -> Iterator[Event]:
    """Yield what the change of a block means for the blocks and jobs that wait for it, and for its job."""
    if job.id == SYSTEM_JOB:
        return
    yield from opened_blocks(job, block)
    if job.time_done:
        if not block.over:
            yield JobReopened(job.id)
    elif block.over and job.over:
        yield JobFinished(job.id)
    if job.deleting and not job.running_tasks:
        yield JobDeleted(job.id)


def return_run(farm: Farm, run: Run, status: RunStatus) -> Iterator[Event | DropRun]:
    """Yield the end of a run that is over without a result: lost, left, never started, not brought back."""
    yield from finish(farm, run, returned(farm, run, status))


def measure_render(context: Context, command: MeasureRender) -> Steps:
    """Take the readings of a render; they are shown, and release what waits for reported frames."""
    farm = context.farm
    render = farm.renders.get(command.render)
    if render is None:
        raise NotFound(f"There is no render {command.render}.", hint="It registers again when it reconnects.")
    if render.session != command.session:
        return {"known": False}
    yield RenderMeasured(command.render, command.resources)
    for reading in command.progress:
        key = RunKey(reading.job, reading.block, reading.task, reading.run)
        run = farm.runs.get(key)
        if run is not None and is_held(run, command.render):
            continue  # How far a service is means nothing to its task.
        if run is None or run.render != command.render:
            if not is_counted(farm, key, command.render):
                yield DropRun(command.render, key)
            continue
        job = farm.jobs[reading.job]
        block = job.blocks[reading.block]
        if reading.warning and not block.tasks.flags[reading.task] & TaskFlag.WARNING:
            yield TaskWarned(reading.job, reading.block, reading.task, reading.run)
        frames_before = run.frame
        yield RunProgressed(
            reading.job,
            reading.block,
            reading.task,
            reading.run,
            reading.percent,
            reading.frame,
            reading.percent_frame,
            reading.changed,
            reading.activity,
            reading.last_line,
            reading.report,
        )
        told = run.frame > frames_before and block.spec.depend_sub_task and block.dependents
        if told and block.tasks.state[reading.task] == TaskState.RUNNING:
            yield from settle_dependents(farm, job, block, reading.task, reading.task)
    return {"known": True}
