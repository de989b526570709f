"""What happens to jobs and blocks: they come, change, finish, reopen and go.

Rules of this file:
- A submitted spec belongs to the journal: the job keeps a shallow copy whose fields are replaced, never written into.
- What waits for what between jobs (``waits_for``, ``waiters``) is derived here from names, masks and users alone.
"""

import dataclasses
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any

from afcore.events import (
    BlockEdited,
    JobDeleted,
    JobDeletionRequested,
    JobEdited,
    JobFinished,
    JobReopened,
    JobStarted,
    JobSubmitted,
)
from afcore.jobspec import BlockSpec, JobSpec
from afcore.masks import Mask
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tasks import TaskTable
from afcore.model.tree import Limits, User
from afcore.states import TaskFlag, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["HANDLERS", "JOB_FIELDS", "build_block", "build_job", "link_blocks", "link_job", "unlink_job"]

_LIMIT_FIELDS = tuple(
    field.name
    for field in dataclasses.fields(Limits)
    if field.name not in ("running_tasks", "running_capacity", "running_per_host", "last_solved")
)
"""Fields of Limits that people set."""

JOB_FIELDS = (
    *_LIMIT_FIELDS,
    *("name", "time_wait", "time_life", "offline", "ppa", "maintenance", "ignorenimby", "ignorepaused"),
    *("depend_mask", "depend_mask_global"),
)
"""Fields that a job copies from its spec."""

_LINKING = frozenset({"user_name", "depend_mask", "depend_mask_global"})


def build_job(*, id: int, serial: int, user: int, branch: int, spec: JobSpec, at: float) -> Job:
    """Return a new job with its tables, not yet in any farm."""
    own = dataclasses.replace(spec, blocks=[dataclasses.replace(block) for block in spec.blocks])
    job = Job(
        id=id,
        serial=serial,
        user=user,
        branch=branch,
        spec=own,
        blocks=[build_block(id, index, block) for index, block in enumerate(own.blocks)],
        time_creation=float(spec.time_creation) or at,
        **{name: getattr(spec, name) for name in JOB_FIELDS},
    )
    link_blocks(job)
    for block in job.blocks:
        if block.tasks_depend_on and not block.spec.suspend_new_tasks:
            block.tasks = TaskTable(block.tasks.size, TaskState.WAIT_DEP)
    wanted = zip(spec.try_this_blocks_num, spec.try_this_tasks_num, strict=True)
    for index, task in dict.fromkeys(wanted) if not job.maintenance else ():
        job.try_next.append((index, task))
        job.blocks[index].tasks.flags[task] |= TaskFlag.TRY_NEXT
    return job


def build_block(job: int, index: int, spec: BlockSpec) -> Block:
    """Return a new block with its table, not yet linked to others."""
    state = TaskState.SUSPENDED if spec.suspend_new_tasks else TaskState.READY
    return Block(job=job, index=index, spec=spec, tasks=TaskTable(spec.tasks_num, state), frames=spec.frames)


def link_blocks(job: Job) -> None:
    """Find which blocks of a job wait for which, by their masks."""
    for block in job.blocks:
        block.depends_on = _matching(job, block, block.spec.depend_mask)
        block.tasks_depend_on = _matching(job, block, block.spec.tasks_depend_mask)
    for block in job.blocks:
        block.dependents = [
            other.index
            for other in job.blocks
            if block.index in other.depends_on or block.index in other.tasks_depend_on
        ]
        block.waiting = any(not job.blocks[obstacle].over for obstacle in block.depends_on)


def _matching(job: Job, block: Block, pattern: str) -> list[int]:
    if not pattern:
        return []
    matches = Mask(pattern).matches
    return [other.index for other in job.blocks if other is not block and matches(other.spec.name)]


def link_job(farm: Farm, job: Job) -> None:
    """Find which jobs this one waits for, and which wait for it."""
    if job.depend_mask or job.depend_mask_global:
        farm.masked_jobs[job.id] = None
        for other in farm.jobs.values():
            if not other.time_done:
                _wait(farm, job, other)
    if not job.time_done:
        for id in farm.masked_jobs:
            _wait(farm, farm.jobs[id], job)


def _wait(farm: Farm, waiter: Job, other: Job) -> None:
    """Let ``waiter`` wait for ``other`` when a mask of it says so; a job never waits for itself or the system job."""
    if waiter is other or other.id == SYSTEM_JOB:
        return
    local = waiter.depend_mask and waiter.user == other.user and Mask(waiter.depend_mask).matches(other.name)
    if local or (waiter.depend_mask_global and Mask(waiter.depend_mask_global).matches(other.name)):
        waiter.waits_for.add(other.id)
        farm.waiters.setdefault(other.id, set()).add(waiter.id)
        waiter.version = farm.version


def unlink_job(farm: Farm, job: Job) -> None:
    """Take a job out of everything that is known about waiting."""
    farm.masked_jobs.pop(job.id, None)
    for id in sorted(job.waits_for):
        _forget_waiter(farm, id, job.id)
    job.waits_for.clear()
    _let_go(farm, job.id)


def _forget_waiter(farm: Farm, obstacle: int, waiter: int) -> None:
    waiters = farm.waiters[obstacle]
    waiters.discard(waiter)
    if not waiters:
        del farm.waiters[obstacle]


def _let_go(farm: Farm, obstacle: int) -> None:
    """Nobody waits for this job any more."""
    for id in sorted(farm.waiters.pop(obstacle, ())):
        waiter = farm.jobs[id]
        waiter.waits_for.discard(obstacle)
        waiter.version = farm.version


def _job_submitted(farm: Farm, event: JobSubmitted, at: float) -> None:
    """Take a new job with its blocks."""
    job = build_job(id=event.job, serial=event.serial, user=event.user, branch=event.branch, spec=event.spec, at=at)
    job.version = farm.version
    for block in job.blocks:
        block.version = farm.version
    farm.jobs[job.id] = job
    farm.jobs_by_name[job.name] = job.id
    farm.next_job = max(farm.next_job, job.id + 1)
    farm.next_serial = max(farm.next_serial, job.serial + 1)
    user = farm.users[job.user]
    user.version = farm.version
    if event.spec.host_name:
        user.host_name = event.spec.host_name
    _insert(farm, user, job)
    branch = farm.branches[job.branch]
    branch.version = farm.version
    insort(branch.jobs, job.id)
    link_job(farm, job)


def _insert(farm: Farm, user: User, job: Job) -> None:
    """Put a job into its user's order: behind the last one of the same or a greater priority."""
    place = bisect_right(user.jobs, -job.priority, key=lambda id: -farm.jobs[id].priority)
    user.jobs.insert(place, job.id)


def _job_edited(farm: Farm, event: JobEdited, at: float) -> None:
    """Change parameters of a job, and what follows from them."""
    job = farm.jobs[event.job]
    job.version = farm.version
    new = event.new
    linking = not _LINKING.isdisjoint(new)
    if linking:
        unlink_job(farm, job)
    for name, value in new.items():
        if name == "user_name":
            _move_to_user(farm, job, farm.users_by_name[value])
        elif name == "branch":
            _move_to_branch(farm, job, farm.branches_by_path[value])
        if name in _OWN_FIELDS:
            setattr(job, name, value)
        if name in _SPEC_FIELDS:
            setattr(job.spec, name, value)
        if name == "priority":
            user = farm.users[job.user]
            user.jobs.remove(job.id)
            _insert(farm, user, job)
    if linking:
        link_job(farm, job)


_OWN_FIELDS = frozenset({*JOB_FIELDS, "time_started", "time_done"})
_SPEC_FIELDS = frozenset(field.name for field in dataclasses.fields(JobSpec))


def _move_to_user(farm: Farm, job: Job, user: int) -> None:
    old, new = farm.users[job.user], farm.users[user]
    old.version = new.version = farm.version
    old.jobs.remove(job.id)
    _count(old, job, -1)
    job.user = user
    _insert(farm, new, job)
    _count(new, job, 1)


def _move_to_branch(farm: Farm, job: Job, branch: int) -> None:
    farm.branches[job.branch].jobs.remove(job.id)
    _count_branches(farm, job, -1)
    job.branch = branch
    insort(farm.branches[branch].jobs, job.id)
    _count_branches(farm, job, 1)


def _count_branches(farm: Farm, job: Job, sign: int) -> None:
    above = job.branch
    while above:
        branch = farm.branches[above]
        branch.version = farm.version
        _count(branch, job, sign)
        above = branch.parent


def _count(holder: Limits, job: Job, sign: int) -> None:
    holder.running_tasks += sign * job.running_tasks
    holder.running_capacity += sign * job.running_capacity
    for render, tasks in job.running_per_host.items():
        left = holder.running_per_host.get(render, 0) + sign * tasks
        if left:
            holder.running_per_host[render] = left
        else:
            holder.running_per_host.pop(render, None)


def _block_edited(farm: Farm, event: BlockEdited, at: float) -> None:
    """Change parameters of a block, and what follows from its masks and name."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    job.version = block.version = farm.version
    for name, value in event.new.items():
        setattr(block.spec, name, value)
    if not {"name", "depend_mask", "tasks_depend_mask"}.isdisjoint(event.new):
        link_blocks(job)
        for other in job.blocks:
            other.version = farm.version


def _job_started(farm: Farm, event: JobStarted, at: float) -> None:
    """Note when a job began."""
    job = farm.jobs[event.job]
    job.version = farm.version
    job.time_started = at


def _job_finished(farm: Farm, event: JobFinished, at: float) -> None:
    """Note when a job was done; nobody waits for it any more."""
    job = farm.jobs[event.job]
    job.version = farm.version
    job.time_done = at
    job.time_started = job.time_started or at
    _let_go(farm, job.id)


def _job_reopened(farm: Farm, event: JobReopened, at: float) -> None:
    """A job is not done any more: who would wait for it waits again."""
    job = farm.jobs[event.job]
    job.version = farm.version
    job.time_done = 0.0
    for id in farm.masked_jobs:
        _wait(farm, farm.jobs[id], job)


def _job_deletion_requested(farm: Farm, event: JobDeletionRequested, at: float) -> None:
    """Lock a job that is to go."""
    job = farm.jobs[event.job]
    job.version = farm.version
    job.deleting = True


def _job_deleted(farm: Farm, event: JobDeleted, at: float) -> None:
    """Take a job off the farm."""
    job = farm.jobs[event.job]
    unlink_job(farm, job)
    del farm.jobs[job.id]
    del farm.jobs_by_name[job.name]
    user, branch = farm.users[job.user], farm.branches[job.branch]
    user.jobs.remove(job.id)
    branch.jobs.remove(job.id)
    user.version = branch.version = farm.version


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    JobSubmitted: _job_submitted,
    JobEdited: _job_edited,
    BlockEdited: _block_edited,
    JobStarted: _job_started,
    JobFinished: _job_finished,
    JobReopened: _job_reopened,
    JobDeletionRequested: _job_deletion_requested,
    JobDeleted: _job_deleted,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
