"""The farm as people see it: rows of jobs, runs, renders, users, pools and branches, and columns and pages of tasks.

Rules of this file:
- A row is made when it is asked for and holds no object of the model.
- A row costs what its thing has blocks and runs, never what it has tasks; tasks come as columns and short pages.
"""

import zlib
from collections.abc import Sequence

from afcore.codec import shown_bytes
from afcore.errors import LimitReached, NotFound
from afcore.frames import FrameRange
from afcore.ids import RunKey
from afcore.model.effective import ENDLESS, capacity_of, host_ticket, max_tasks_of, pool_chain
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render, Run
from afcore.model.tasks import COLUMN_NAMES
from afcore.model.tree import Branch, Pool, User
from afcore.rows import (
    BlockRow,
    BranchRow,
    JobRow,
    PoolRow,
    RenderRow,
    RunRow,
    TaskColumns,
    TaskRow,
    UserRow,
)
from afcore.schedule.offers import waits_for_approval
from afcore.states import STATE_COUNT, RenderState, TaskFlag, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = [
    "MAX_PAGE",
    "STATE_COLUMNS",
    "branch_row",
    "job_row",
    "job_word",
    "newest_run",
    "pool_row",
    "render_row",
    "render_short",
    "render_words",
    "run_row",
    "task_columns",
    "task_rows",
    "user_row",
]

MAX_PAGE = 1000
"""Most tasks of one page."""
STATE_COLUMNS = ("state", "percent", "errors", "starts")
"""What tells how every task stands."""

_DONE, _SKIPPED, _ERROR = int(TaskState.DONE), int(TaskState.SKIPPED), int(TaskState.ERROR)
_READY, _RUNNING = int(TaskState.READY), int(TaskState.RUNNING)


def _percent_sum(farm: Farm, block: Block) -> int:
    """Return the sum of the percentages of all tasks: over ones count 100, running ones theirs, at most 99."""
    counts, percent = block.tasks.counts, block.tasks.percent
    total = 100 * (counts[_DONE] + counts[_SKIPPED])
    if counts[_RUNNING]:
        total += sum(min(99, percent[task]) for task in farm.runs.tasks_of(block.job, block.index))
    return total


def _block_row(farm: Farm, job: Job, block: Block) -> BlockRow:
    spec, table = block.spec, block.tasks
    limit = spec.errors_avoid_host if spec.errors_avoid_host >= 0 else farm.users[job.user].errors_avoid_host
    avoided = sum(0 < limit <= errors.count for errors in block.error_hosts.values())
    return BlockRow(
        index=block.index,
        name=spec.name,
        service=spec.service,
        tasks=table.size,
        counts=list(table.counts),
        percent=_percent_sum(farm, block) // table.size if table.size else 0,
        running=table.counts[_RUNNING],
        errors=table.size - table.errors.count(0),
        capacity=spec.capacity,
        waiting=block.waiting,
        time_started=block.time_started,
        time_done=block.time_done,
        run_time_sum_ms=block.run_time_sum_ms,
        parser=spec.parser,
        avoided_hosts=avoided,
        frame_first=spec.frame_first,
        frame_last=spec.frame_last,
        frames_per_task=spec.frames_per_task,
        frames_inc=spec.frames_inc,
        depend_mask=spec.depend_mask,
        tasks_depend_mask=spec.tasks_depend_mask,
        flags=spec.flags,
        queued=len(farm.system[block.index].waiting) if job.id == SYSTEM_JOB and farm.system else 0,
        tasks_name=spec.tasks_name,
    )


def job_word(job: Job, at: float = 0.0) -> str:
    """Return the state of a job in one word; ``at`` decides whether its ``time_wait`` is over."""
    if job.deleting:
        return "deleting"
    if job.time_done:
        return "done"
    if job.offline:
        return "paused"
    counts = [sum(block.tasks.counts[state] for block in job.blocks) for state in range(STATE_COUNT)]
    if counts[_RUNNING]:
        return "running"
    held = job.waits_for or job.time_wait > at > 0
    if not held and any(block.tasks.counts[_READY] and not block.waiting for block in job.blocks):
        return "ready"
    if job.id == SYSTEM_JOB:
        return "ready"
    return "error" if counts[_ERROR] else "waiting"


def job_row(farm: Farm, job: Job, at: float = 0.0) -> JobRow:
    """Return the row of a job."""
    blocks = [_block_row(farm, job, block) for block in job.blocks]
    tasks = sum(block.tasks for block in blocks)
    percent = sum(_percent_sum(farm, block) for block in job.blocks) // tasks if tasks else 0
    spec = job.spec
    return JobRow(
        id=job.id,
        version=job.version,
        name=job.name,
        user=farm.users[job.user].name,
        branch=farm.branches[job.branch].path,
        state=job_word(job, at),
        priority=job.priority,
        percent=percent,
        counts=[sum(block.counts[state] for block in blocks) for state in range(STATE_COUNT)],
        running=sum(block.running for block in blocks),
        capacity=job.running_capacity,
        time_creation=job.time_creation,
        time_started=job.time_started,
        time_done=job.time_done,
        blocks=blocks,
        offline=job.offline,
        annotation=job.annotation,
        report=job.report,
        waits_for=sorted(job.waits_for),
        time_wait=job.time_wait,
        serial=job.serial,
        hidden=job.hidden,
        host_name=spec.host_name,
        description=spec.description,
        ppa=job.ppa and any(waits_for_approval(job, block) for block in job.blocks),
        try_next=list(job.try_next),
        maintenance=job.maintenance,
        pre=job.pre,
    )


def run_row(farm: Farm, run: Run) -> RunRow:
    """Return the row of a run that goes on."""
    key = run.key
    job = farm.jobs[key.job]
    block = job.blocks[key.block]
    render = farm.renders.get(run.render)
    system = farm.system[key.block].tasks[key.task].command if key.job == SYSTEM_JOB else None
    return RunRow(
        job=key.job,
        block=key.block,
        task=key.task,
        run=key.run,
        name=block.spec.task_name(key.task),
        job_name=job.name,
        user=farm.users[job.user].name if system is None else system.user_name,
        render=render.name if render is not None else "",
        started=run.started,
        percent=block.tasks.percent[key.task],
        frame=run.frame,
        activity=run.activity,
        last_line=run.last_line,
        capacity=run.capacity,
        stopping=run.stopping >= 0,
        service=block.spec.service,
        captured=[farm.renders[each.render].name for each in run.captured if each.render in farm.renders],
    )


_ONLINE = int(RenderState.ONLINE)
_WORDS = (
    (int(RenderState.NIMBY_USER), "nimby"),
    (int(RenderState.NIMBY), "NIMBY"),
    (int(RenderState.PAUSED), "paused"),
    (int(RenderState.SICK), "sick"),
    (int(RenderState.WOL_FALLING), "falling asleep"),
    (int(RenderState.WOL_SLEEPING), "sleeping"),
    (int(RenderState.WOL_WAKING), "waking up"),
)
# Plain numbers: an enum's own operators cost a microsecond each, and every reading of every render asks.

_SHORT = {
    "online": "ONL",
    "offline": "OFF",
    "nimby": "Nby",
    "NIMBY": "NBY",
    "busy": "RUN",
    "dirty": "DRT",
    "falling asleep": "WFL",
    "sleeping": "WSL",
    "waking up": "WWK",
    "paused": "PAU",
    "sick": "SIC",
}
"""What the trade calls each state of a render for short."""


def render_words(render: Render) -> list[str]:
    """Return the state of a render in words."""
    state = int(render.state)
    words = ["online" if state & _ONLINE else "offline"]
    if render.runs:
        words.append("busy")
    words.extend(word for bit, word in _WORDS if state & bit)
    if render.capacity_host != -1 or render.max_tasks_host >= 0 or render.services_disabled:
        words.append("dirty")
    return words


def render_short(render: Render) -> list[str]:
    """Return the state of a render as the trade abbreviates it: ``ONL RUN DRT``."""
    return [_SHORT[word] for word in render_words(render)]


def render_row(farm: Farm, render: Render) -> RenderRow:
    """Return the row of a render."""
    return RenderRow(
        id=render.id,
        version=render.version,
        name=render.name,
        pool=farm.pools[render.pool].path,
        user=render.user_name,
        state=render.state,
        words=render_words(render),
        short=render_short(render),
        wol_operation_time=render.wol_operation_time,
        trouble=render.trouble,
        launched=render.launched,
        services_disabled=render.services_disabled,
        priority=render.priority,
        capacity=capacity if (capacity := capacity_of(farm, render)) < ENDLESS else -1,
        used_capacity=render.used_capacity,
        max_tasks=max_tasks_of(farm, render),
        running=len(render.runs),
        runs=[run_row(farm, run) for run in render.runs.values()],
        resources=render.resources,
        os=render.os,
        address=render.address,
        seen=render.seen,
        registered=render.registered,
        annotation=render.annotation,
        services=render.services,
        devices=render.devices,
        interfaces=render.interfaces,
        engine=render.engine,
        family=render.family,
        hidden=render.hidden,
        tickets=_host_tickets(farm, render),
    )


def _host_tickets(farm: Farm, render: Render) -> dict[str, list[int]]:
    names = {*render.tickets_host, *render.tickets_used}
    for pool in pool_chain(farm, render.pool):
        names.update(pool.tickets_host)
    return {name: [host_ticket(farm, render, name), render.tickets_used.get(name, 0)] for name in sorted(names)}


def _pool_tickets(pool: Pool) -> dict[str, list[int]]:
    found = {}
    for name in sorted({*pool.tickets, *pool.tickets_used}):
        count, most_hosts = pool.tickets.get(name, (-1, -1))
        found[name] = [count, pool.tickets_used.get(name, 0), len(pool.ticket_hosts.get(name, ())), most_hosts]
    return found


def user_row(farm: Farm, user: User) -> UserRow:
    """Return the row of a user."""
    return UserRow(
        id=user.id,
        version=user.version,
        name=user.name,
        priority=user.priority,
        jobs=len(user.jobs),
        running=user.running_tasks,
        capacity=user.running_capacity,
        max_running_tasks=user.max_running_tasks,
        hosts_mask=user.hosts_mask,
        host_name=user.host_name,
        annotation=user.annotation,
        paused=user.paused,
        errors_retries=user.errors_retries,
        errors_avoid_host=user.errors_avoid_host,
        errors_task_same_host=user.errors_task_same_host,
        errors_forgive_time=user.errors_forgive_time,
        jobs_life_time=user.jobs_life_time,
    )


def pool_row(farm: Farm, pool: Pool) -> PoolRow:
    """Return the row of a pool."""
    return PoolRow(
        id=pool.id,
        version=pool.version,
        path=pool.path,
        priority=pool.priority,
        capacity_host=pool.capacity_host,
        max_tasks_host=pool.max_tasks_host,
        renders=len(pool.renders),
        running=pool.running_tasks,
        capacity=pool.running_capacity,
        services=pool.services,
        services_disabled=pool.services_disabled,
        zombie_time=pool.zombie_time,
        pattern=pool.pattern,
        paused=pool.paused,
        annotation=pool.annotation,
        tickets=_pool_tickets(pool),
        tickets_host=pool.tickets_host,
    )


def branch_row(farm: Farm, branch: Branch) -> BranchRow:
    """Return the row of a branch."""
    return BranchRow(
        id=branch.id,
        version=branch.version,
        path=branch.path,
        priority=branch.priority,
        jobs=len(branch.jobs),
        running=branch.running_tasks,
        capacity=branch.running_capacity,
        solve_method=branch.solve_method,
        solve_need=branch.solve_need,
        solve_jobs=branch.solve_jobs,
        max_tasks_per_second=branch.max_tasks_per_second,
        annotation=branch.annotation,
        paused=branch.paused,
    )


def _range(block: Block, first: int, count: int | None) -> tuple[int, int]:
    """Return (first, end) clipped to the block.  Raises NotFound when ``first`` is not a task of it."""
    size = block.tasks.size
    if not 0 <= first <= max(0, size - 1):
        raise NotFound(
            f'Block {block.index} "{block.spec.name}" of job {block.job} has no task {first}.',
            hint=f"Its tasks are 0 to {size - 1}.",
        )
    return first, size if count is None else min(size, first + max(0, count))


def task_columns(
    farm: Farm, job: int, block: int, *, first: int = 0, count: int | None = None, names: Sequence[str] = STATE_COLUMNS
) -> TaskColumns:
    """Return columns of a range of tasks, compressed; all tasks when ``count`` is None.

    Raises NotFound for a job, block, task or column there is not.
    """
    found = farm.block(job, block)
    first, end = _range(found, first, count)
    columns = {}
    for name in names:
        if name not in COLUMN_NAMES:
            raise NotFound(f'Tasks have no column "{name}".', hint="One of: " + ", ".join(COLUMN_NAMES))
        columns[name] = zlib.compress(shown_bytes(getattr(found.tasks, name)[first:end], name), 1)
    return TaskColumns(job, block, first, end - first, found.tasks.size, found.version, columns)


def task_rows(farm: Farm, job: int, block: int, *, first: int = 0, count: int = 100) -> list[TaskRow]:
    """Return a page of tasks for people to read.

    Raises NotFound for what there is not, LimitReached for more than ``MAX_PAGE`` tasks.
    """
    if count > MAX_PAGE:
        raise LimitReached(f"A page has at most {MAX_PAGE} tasks, not {count}.", hint="Ask for pages one by one.")
    found = farm.block(job, block)
    first, end = _range(found, first, count)
    return [_task_row(farm, found, task) for task in range(first, end)]


def _task_row(farm: Farm, block: Block, task: int) -> TaskRow:
    table, frames = block.tasks, block.frames.task(task)
    state = TaskState(table.state[task])
    render = farm.renders.get(table.render[task])
    numeric = isinstance(block.frames, FrameRange)
    one = frames.start == frames.end
    return TaskRow(
        task=task,
        name=block.spec.task_name(task),
        state=state.name.lower(),
        flags=[str(flag.name).lower() for flag in TaskFlag if table.flags[task] & flag],
        percent=100 if state == _DONE else table.percent[task],
        errors=table.errors[task],
        starts=table.starts[task],
        render=render.name if render is not None else "",
        started=float(farm.epoch + table.started[task]) if table.started[task] else 0.0,
        finished=float(farm.epoch + table.finished[task]) if table.finished[task] else 0.0,
        frames="" if not numeric else str(frames.start) if one else f"{frames.start}-{frames.end}",
    )


def newest_run(farm: Farm, job: int, block: int, task: int) -> RunKey:
    """Return the key of the newest run of a task; ``run`` is 0 when it never started.  Raises NotFound."""
    found = farm.block(job, block)
    _range(found, task, 1)
    return RunKey(job, block, task, found.tasks.starts[task])
