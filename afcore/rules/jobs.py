"""What people ask of jobs and blocks: edit, pause, start, stop, restart, delete.

Rules of this file:
- Every id is looked up before the first event: one job that is not there refuses the whole command.
- A job that is being deleted takes no other order.
- A job is gone only when its last run has ended; until then it is locked (``deleting``).
"""

from collections.abc import Iterator
from typing import Any

from afcore.commands import (
    DeleteJobs,
    PauseJobs,
    RestartJobs,
    SetBlocks,
    SetJobs,
    StartJobs,
    StopJobs,
)
from afcore.effects import DropRun
from afcore.errors import BadSpec, Conflict, NotFound, Problem, did_you_mean
from afcore.events import BlockEdited, Event, JobDeleted, JobDeletionRequested, JobEdited
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.rules.base import Context, Steps
from afcore.rules.captured import held_problems
from afcore.rules.depends import settle
from afcore.rules.parameters import BLOCK, JOB, edit
from afcore.rules.submit import filter_branch, unique_name
from afcore.rules.sysjob import reset
from afcore.rules.tasks import Changes, change_block, check_words, find_blocks, selection
from afcore.rules.transitions import Happening
from afcore.systemcommand import SYSTEM_JOB

__all__ = [
    "delete_job",
    "delete_jobs",
    "job_value",
    "open_jobs",
    "pause_jobs",
    "restart_jobs",
    "set_blocks",
    "set_jobs",
    "start_jobs",
    "stop_jobs",
]


def open_jobs(farm: Farm, ids: list[int]) -> list[Job]:
    """Return jobs by id.  Raises NotFound for one there is not, Conflict for one that is being deleted."""
    if not ids:
        raise BadSpec([Problem("ids", "no job is named", "give at least one job id")])
    jobs = [farm.job(id) for id in dict.fromkeys(ids)]
    for job in jobs:
        if job.deleting:
            raise Conflict(f'Job {job.id} "{job.name}" is being deleted.', hint="It is gone when its last task ends.")
    return jobs


def job_value(job: Job, name: str) -> Any:
    """Return the present value of an editable parameter of a job."""
    if hasattr(job, name) and name not in ("user", "branch"):
        return getattr(job, name)
    return getattr(job.spec, name)


def set_jobs(context: Context, command: SetJobs) -> Steps:
    """Edit jobs.  Reply: ``{"jobs": how many really changed}``."""
    farm = context.farm
    edits = []
    for job in open_jobs(farm, command.ids):
        given = dict(command.parameters)
        if isinstance(given.get("branch"), str):
            given["branch"] = filter_branch(given["branch"])
        old, new = edit(
            JOB,
            given,
            read=lambda name, job=job: job_value(job, name),  # type: ignore[misc]
            what="job",
            settings={"hosts_mask_type": job.hosts_mask_type},
        )
        _check_places(farm, new)
        if new:
            edits.append(JobEdited(job.id, old, new))
    yield from edits
    return {"jobs": len(edits)}


def _check_places(farm: Farm, new: dict[str, Any]) -> None:
    """Refuse to move a job to a user or branch there is not."""
    if "user_name" in new and new["user_name"] not in farm.users_by_name:
        name = new["user_name"]
        hint = did_you_mean(name, farm.users_by_name) or "`afcmd user add` makes one."
        raise NotFound(f'user_name: there is no user "{name}".', hint=hint)
    if "branch" in new and new["branch"] not in farm.branches_by_path:
        path = new["branch"]
        hint = did_you_mean(path, farm.branches_by_path) or "`afcmd branch list` shows the branches there are."
        raise NotFound(f'branch: there is no branch "{path}".', hint=hint)


def set_blocks(context: Context, command: SetBlocks) -> Steps:
    """Edit blocks of a job.  Reply: ``{"blocks": how many really changed}``.

    Raises BadSpec with every problem, also when what runs holds hosts or GPUs by a parameter that is to change.
    """
    farm = context.farm
    (job,) = open_jobs(farm, [command.job])
    edits: list[tuple[Block, BlockEdited]] = []
    taken = {block.spec.name for block in job.blocks}
    for block in find_blocks(job, command.blocks):
        given = dict(command.parameters)
        name = given.get("name")
        if isinstance(name, str) and name != block.spec.name:
            given["name"] = unique_name(name or "block", taken)
            taken.add(given["name"])
        spec = block.spec
        old, new = edit(
            BLOCK,
            given,
            read=lambda name, spec=spec: getattr(spec, name),  # type: ignore[misc]
            what="block",
            settings={"hosts_mask_type": job.hosts_mask_type},
        )
        if new:
            edits.append((block, BlockEdited(job.id, block.index, old, new)))
    problems = [problem for block, event in edits for problem in held_problems(block, event.new)]
    if problems:
        raise BadSpec(problems)
    for _, event in edits:
        yield event
    if any("name" in event.new or "tasks_depend_mask" in event.new for _, event in edits):
        for block in job.blocks:
            yield from settle(farm, job, block)
    return {"blocks": len(edits)}


def pause_jobs(context: Context, command: PauseJobs) -> Steps:
    """Start nothing more of some jobs.  Reply: ``{"jobs": how many were not paused}``."""
    return (yield from _set_offline(open_jobs(context.farm, command.ids), True))


def start_jobs(context: Context, command: StartJobs) -> Steps:
    """Let paused jobs run.  Reply: ``{"jobs": how many were paused}``."""
    return (yield from _set_offline(open_jobs(context.farm, command.ids), False))


def _set_offline(jobs: list[Job], offline: bool) -> Steps:
    changed = 0
    for job in jobs:
        if job.offline != offline:
            changed += 1
            yield JobEdited(job.id, {"offline": job.offline}, {"offline": offline})
    return {"jobs": changed}


def stop_jobs(context: Context, command: StopJobs) -> Steps:
    """Pause jobs and stop what runs.  Reply: ``{"jobs": ..., "stopping": tasks asked to stop}``."""
    jobs = open_jobs(context.farm, command.ids)
    changed = yield from _set_offline(jobs, True)
    stopping = 0
    for job in jobs:
        stopping += (yield from _change_all(context.farm, job, Happening.RESTART, "running"))[1]
    return {**changed, "stopping": stopping}


def restart_jobs(context: Context, command: RestartJobs) -> Steps:
    """Make tasks of jobs ready again.  Reply: ``{"jobs": ..., "tasks": ..., "stopping": ...}``."""
    happening = check_words("restart", command.only)
    jobs = open_jobs(context.farm, command.ids)
    tasks = stopping = 0
    if command.pause:
        yield from _set_offline(jobs, True)
    for job in jobs:
        if job.id == SYSTEM_JOB:
            for block in job.blocks:
                yield from reset(context.farm, block)
            continue
        if not command.only and job.time_started:
            yield JobEdited(job.id, {"time_started": job.time_started}, {"time_started": 0.0})
        changed = yield from _change_all(context.farm, job, happening, command.only)
        tasks += sum(changed)
        stopping += changed[1]
    return {"jobs": len(jobs), "tasks": tasks, "stopping": stopping}


def _change_all(farm: Farm, job: Job, happening: Happening, only: str) -> Changes:
    changed = stopping = 0
    for block in job.blocks:
        more = yield from change_block(farm, job, block, happening, selection(block, [], happening, only))
        changed += more[0]
        stopping += more[1]
    return changed, stopping


def delete_jobs(context: Context, command: DeleteJobs) -> Steps:
    """Delete jobs; what runs of them is stopped first.  Reply: ``{"jobs": ..., "stopping": tasks asked to stop}``."""
    farm = context.farm
    if not command.ids:
        raise BadSpec([Problem("ids", "no job is named", "give at least one job id")])
    jobs = [farm.job(id) for id in dict.fromkeys(command.ids)]
    stopping = 0
    for job in jobs:
        stopping += job.running_tasks
        yield from delete_job(farm, job)
    return {"jobs": len(jobs), "stopping": stopping}


def delete_job(farm: Farm, job: Job) -> Iterator[Event | DropRun]:
    """Yield the end of a job: at once when nothing of it runs."""
    if job.deleting:
        return
    yield JobDeletionRequested(job.id)
    if job.running_tasks:
        yield from _change_all(farm, job, Happening.RESTART, "running")
    if job.id in farm.jobs and not job.running_tasks:
        yield JobDeleted(job.id)
