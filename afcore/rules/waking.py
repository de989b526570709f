"""Waking renders because work waits: one at a time, and only for a task that it could take.

Rules of this file:
- It is asked for after a pass of the solver that left jobs with something to start, while renders sleep; at most one
  render is woken every ``wake_interval`` seconds.
- The same checks decide as those of the solver, with what the farm last knew of the sleeper.
- No more renders are woken for a job than it has tasks to start.
"""

from collections.abc import Iterator
from itertools import islice

from afcore.deadlines import Due
from afcore.events import Event
from afcore.model.effective import capacity_of, max_tasks_of, pool_chain
from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Render
from afcore.rules.base import Context
from afcore.rules.wol import can_wake, wake
from afcore.schedule.fit import Matches, block_reason, holder_reason, job_reason
from afcore.schedule.kinds import kind_of, offering
from afcore.schedule.limits import holders_of, start_reason
from afcore.states import RenderState, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["wake_one", "want_waking"]

_MOST_JOBS = 1000
"""Waiting jobs that one look asks."""


def want_waking(context: Context) -> None:
    """Ask for a look at the sleepers when jobs were left with something to start."""
    deadlines = context.deadlines
    if not deadlines.sleepers or deadlines.waking or not context.scheduler.waiting_jobs:
        return
    deadlines.waking = True
    deadlines.push(max(context.at, deadlines.woken_at + context.farm.defaults.wake_interval), Due.WAKE, ())


def wake_one(context: Context) -> Iterator[Event]:
    """Yield that the first sleeper that could take a waiting task is woken."""
    farm, deadlines = context.farm, context.deadlines
    sleepers = [render for id in sorted(deadlines.sleepers) if _usable(farm, render := farm.renders[id])]
    waking = sum(bool(farm.renders[id].state & RenderState.WOL_WAKING) for id in deadlines.sleepers)
    matches, seen = Matches(farm), set()
    for id in islice(context.scheduler.waiting_jobs, _MOST_JOBS):
        job = farm.jobs[id]
        if id == SYSTEM_JOB or any(start_reason(holder) for holder in holders_of(farm, job)):
            continue
        if waking >= sum(block.tasks.counts[TaskState.READY] for block in job.blocks):
            continue
        kind = kind_of(farm, job, offering(job))
        if kind in seen:
            continue
        seen.add(kind)
        for render in sleepers:
            if _fits(farm, matches, job, render):
                deadlines.woken_at = context.at
                yield from wake(farm, render, context.at)
                want_waking(context)
                return


def _usable(farm: Farm, render: Render) -> bool:
    """Say whether a sleeper would take tasks at all if it were awake."""
    pools = pool_chain(farm, render.pool)
    return (
        not can_wake(render)
        and bool(render.state & RenderState.WOL_SLEEPING)
        and not render.state & RenderState.SICK
        and render.priority > 0
        and all(pool.priority > 0 and not pool.paused for pool in pools)
        and max_tasks_of(farm, render) > 0
        and capacity_of(farm, render) > 0
    )


def _fits(farm: Farm, matches: Matches, job: Job, render: Render) -> bool:
    if job_reason(farm, job, render):
        return False
    if any(holder_reason(farm, matches, holder, render) for holder in holders_of(farm, job)):
        return False
    free = capacity_of(farm, render)
    blocks = (job.blocks[index] for index in offering(job))
    return any(not block_reason(farm, matches, job, block, render, free) for block in blocks)
