"""What time alone causes: limits of runs, silent renders, runs not brought back, forgiven hosts, a job's age.

Rules of this file:
- A deadline only says where to look; what is true then decides, and a thing whose time has moved is asked for again.
- A silent render is lost after its pool's ``zombie_time``, counted from its broken connection, or from the last word
  of one whose connection still stands; its tasks are ready again, without an error.
- Nobody is called silent because the server itself did not run: what is judged by silence is put off until the others
  had time to be heard again.
"""

from collections.abc import Callable

from afcore.commands import AcceptRestart, Tick
from afcore.deadlines import Due, forgive_time, launch_end, life_end, progress_end, run_end, silence_end
from afcore.effects import StartRun
from afcore.events import FarmRecovered, HostForgiven, RunStopRequested
from afcore.ids import RunKey
from afcore.model.effective import host_end, reconnect_end
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.rules import sysjob
from afcore.rules.base import Context, Steps
from afcore.rules.captured import release_host
from afcore.rules.jobs import delete_job
from afcore.rules.renders import take_offline
from afcore.rules.runs import return_run
from afcore.rules.waking import wake_one
from afcore.rules.watch import look_at
from afcore.states import RenderState, RunStatus, TaskState

__all__ = ["BACK_TIME", "Key", "accept_restart", "tick"]

BACK_TIME = 15.0
"""Seconds after its return in which whoever gave up on a server that did not run is back."""
_SILENCES = frozenset({Due.PROGRESS, Due.RENDER, Due.RECONNECT})

Key = tuple[int, ...]


def tick(context: Context, command: Tick) -> Steps:
    """Look at everything whose time has come."""
    context.scheduler.wake(context.at)
    heard = command.returned + BACK_TIME if command.returned else 0.0
    for kind, key in context.deadlines.due(context.at):
        if context.at < heard and kind in _SILENCES:
            context.deadlines.push(heard, kind, key)
        else:
            yield from _LOOKS[kind](context, key)


def accept_restart(context: Context, command: AcceptRestart) -> Steps:
    """Let what ran when the server stopped wait for its renders; the system job is there from now on."""
    yield FarmRecovered()
    farm = context.farm
    yield from sysjob.start_system_job(farm, context.at)
    yield from sysjob.settle_services(farm)
    for block in range(len(farm.system)):
        yield from sysjob.fill(farm, block)


def _job_life(context: Context, key: Key) -> Steps:
    job = context.farm.jobs.get(key[0])
    if job is None or job.deleting:
        return
    end = life_end(context.farm, job)
    if end is not None and end <= context.at:
        yield from delete_job(context.farm, job)
    else:
        context.deadlines.push(end, Due.JOB_LIFE, key)


def _run_time(context: Context, key: Key) -> Steps:
    yield from _run_limit(context, key, Due.RUN_TIME)


def _progress(context: Context, key: Key) -> Steps:
    yield from _run_limit(context, key, Due.PROGRESS)


def _run_limit(context: Context, key: Key, kind: Due) -> Steps:
    """Ask a run to stop that took too long, or showed no progress for too long: an error of its task and host."""
    farm = context.farm
    run = farm.runs.get(RunKey(*key))
    if run is None or run.waiting_since:
        return
    block = farm.jobs[key[0]].blocks[key[1]]
    end = run_end(block, run) if kind is Due.RUN_TIME else progress_end(farm, block, run)
    if end is not None and end <= context.at:
        status = RunStatus.RUN_TIME_EXCEEDED if kind is Due.RUN_TIME else RunStatus.NO_PROGRESS
        yield RunStopRequested(*run.key, int(TaskState.ERROR), int(status))
    else:
        context.deadlines.push(end, kind, key)


def _launch(context: Context, key: Key) -> Steps:
    """Let the master of a run begin whose services had their time; asked again it does nothing new."""
    farm = context.farm
    run = farm.runs.get(RunKey(*key))
    if run is None or run.waiting_since or run.stopping >= 0:
        return
    end = launch_end(farm, run)
    if end <= context.at:
        yield StartRun(run.render, run.key)
    else:
        context.deadlines.push(end, Due.LAUNCH, key)


def _render(context: Context, key: Key) -> Steps:
    render = context.farm.renders.get(key[0])
    if render is None:
        return
    end = silence_end(context.farm, render)
    if end is not None and end <= context.at:
        yield from take_offline(context.farm, render, RunStatus.RENDER_LOST)
    else:
        context.deadlines.push(end, Due.RENDER, key)


def _reconnect(context: Context, key: Key) -> Steps:
    farm = context.farm
    over = {wait for wait in farm.runs.waits() if reconnect_end(farm, *wait) <= context.at}
    if over:
        waiting = [run.key for run in farm.runs.values() if (run.render, run.waiting_since) in over]
        for run_key in sorted(waiting):
            yield from return_run(farm, farm.runs[run_key], RunStatus.NOT_RECONNECTED)
    for run_key, render in _missing(farm):
        if host_end(farm, render) <= context.at:
            yield from release_host(farm, farm.runs[run_key], render.id, RunStatus.NOT_RECONNECTED)
    left = [reconnect_end(farm, *wait) for wait in farm.runs.waits()]
    left.extend(host_end(farm, render) for _, render in _missing(farm))
    context.deadlines.push(min(left, default=None), Due.RECONNECT, key)


def _missing(farm: Farm) -> list[tuple[RunKey, Render]]:
    """Return the captured renders that did not come back since the server did, each with its run."""
    return sorted(
        (
            (run.key, farm.renders[held.render])
            for run in farm.runs.extraordinary()
            for held in run.captured
            if not farm.renders[held.render].state & RenderState.ONLINE
        ),
        key=lambda pair: (pair[0], pair[1].id),
    )


def _forgive(context: Context, key: Key) -> Steps:
    farm = context.farm
    job = farm.jobs.get(key[0])
    if job is None:
        return
    block = job.blocks[key[1]]
    render = key[2]
    of_block = block.error_hosts.get(render)
    last = max(of_block.last if of_block is not None else 0.0, block.task_error_hosts.newest(render))
    forgive = forgive_time(farm, job, block)
    if not last or forgive <= 0:
        return
    if last + forgive <= context.at:
        yield HostForgiven(*key)
    else:
        context.deadlines.push_host(last + forgive, key)


def _system_age(context: Context, key: Key) -> Steps:
    block, task = key
    end = sysjob.age_end(context.farm, block, task)
    if end is not None and end > context.at:
        context.deadlines.push(end, Due.SYSTEM_AGE, key)
    else:
        yield from sysjob.give_up_old(context.farm, block, task, context.at)


def _watch(context: Context, key: Key) -> Steps:
    render, due = context.farm.renders.get(key[0]), context.deadlines.watch_due
    if render is not None:
        yield from look_at(context.farm, render, due, context.at)
        context.deadlines.watch(render.id, context.at)


def _wake(context: Context, key: Key) -> Steps:
    yield from wake_one(context)


_LOOKS: dict[Due, Callable[[Context, Key], Steps]] = {
    Due.JOB_LIFE: _job_life,
    Due.RUN_TIME: _run_time,
    Due.PROGRESS: _progress,
    Due.RENDER: _render,
    Due.RECONNECT: _reconnect,
    Due.FORGIVE: _forgive,
    Due.SYSTEM_AGE: _system_age,
    Due.WATCH: _watch,
    Due.WAKE: _wake,
    Due.LAUNCH: _launch,
}
