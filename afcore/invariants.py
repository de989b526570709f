"""What must hold of a farm whatever happened to it: every violation in a sentence.

Rules of this file:
- It only reads, and looks at everything: for tests, for a start after recovery, for a dump; never in the way of work.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from afcore.ids import RunKey
from afcore.model.effective import capacity_of, max_tasks_of, pool_chain
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tree import Branch, Limits, Pool, User
from afcore.rules.depends import is_clear
from afcore.schedule.devices import devices_held
from afcore.schedule.limits import branch_chain
from afcore.states import LIVE_STATES, RenderState, TaskFlag, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["check", "over_full"]

_TRY_NEXT = int(TaskFlag.TRY_NEXT)
_LIVE = frozenset(int(state) for state in LIVE_STATES)
_MOST_DEPENDENTS = 2000
"""Blocks with more tasks than this are not asked task by task what they wait for."""


def check(farm: Farm) -> list[str]:
    """Return every violation; an empty list is a farm that is well."""
    return [
        *_jobs(farm),
        *_runs(farm),
        *_holders(farm),
        *_renders(farm),
        *_tickets(farm),
        *_devices(farm),
        *_indexes(farm),
        *_waiting_jobs(farm),
        *_system(farm),
    ]


def _system(farm: Farm) -> Iterator[str]:
    """Compare what the system job has to do with its tables and with the jobs it holds."""
    held: Counter[int] = Counter()
    for index, queue in enumerate(farm.system):
        table = farm.jobs[SYSTEM_JOB].blocks[index].tasks
        taken = {task for task in range(table.size) if table.state[task] != TaskState.DONE}
        if taken != set(queue.tasks):
            yield f"block {index} of the system job has tasks {sorted(queue.tasks)}, its table says {sorted(taken)}"
        fresh = any(not task.since and table.state[slot] == TaskState.READY for slot, task in queue.tasks.items())
        if queue.waiting and not queue.tasks and not fresh:
            yield f"block {index} of the system job has commands that wait, and no task"
        held.update(command.holds for command in queue.waiting)
        held.update(task.command.holds for task in queue.tasks.values())
    for job in farm.jobs.values():
        if job.pre != held.get(job.id, 0):
            yield f"job {job.id} waits for {job.pre} commands before it, there are {held.get(job.id, 0)}"


def _jobs(farm: Farm) -> Iterator[str]:
    for job in farm.jobs.values():
        for block in job.blocks:
            yield from _block(farm, job, block)
        if job.time_done and not job.over:
            yield f"job {job.id} is done, but not all of its tasks are over"
        if not job.time_done and job.over and job.blocks and job.id != SYSTEM_JOB:
            yield f"job {job.id} is not done, but all of its tasks are over"
        flagged = [
            (block.index, task)
            for block in job.blocks
            for task in range(block.tasks.size if block.tasks.size <= _MOST_DEPENDENTS else 0)
            if block.tasks.flags[task] & _TRY_NEXT
        ]
        if sorted(job.try_next) != flagged:
            yield f"job {job.id} is to try {job.try_next} next, the flags say {flagged}"
        if job.deleting and not job.running_tasks:
            yield f"job {job.id} is being deleted with nothing left that runs"


def _block(farm: Farm, job: Job, block: Block) -> Iterator[str]:
    name, table = f"block {job.id}.{block.index}", block.tasks
    if table.counts != table.recount():
        yield f"{name} counts {table.counts}, its column holds {table.recount()}"
    if sum(table.counts) != table.size:
        yield f"{name} has tasks in states that there are not"
    sizes = {len(column) for column in (table.state, table.flags, table.errors, table.starts, table.finished)}
    if sizes != {table.size}:
        yield f"{name} has columns of sizes {sorted(sizes)}, not {table.size}"
    waiting = any(not job.blocks[obstacle].over for obstacle in block.depends_on)
    if waiting != block.waiting:
        yield f"{name} says waiting {block.waiting}, its obstacles say {waiting}"
    for task in range(table.size) if table.size <= _MOST_DEPENDENTS else ():
        yield from _task(farm, job, block, task)


def _task(farm: Farm, job: Job, block: Block, task: int) -> Iterator[str]:
    state = block.tasks.state[task]
    running = (job.id, block.index, task, block.tasks.starts[task]) in farm.runs
    if running != (state in _LIVE):
        of_it = "goes on" if running else "is not there"
        yield f"task {job.id}.{block.index}.{task} is {TaskState(state).name}, and its run {of_it}"
    if running and block.tasks.finished[task]:
        yield f"task {job.id}.{block.index}.{task} runs and has ended"
    if block.tasks.percent[task] and state != TaskState.RUNNING:
        yield f"task {job.id}.{block.index}.{task} shows a percentage without running"
    if state in (TaskState.WAIT_DEP, TaskState.READY) and block.tasks_depend_on:
        clear = is_clear(farm, job, block, task)
        if clear and state == TaskState.WAIT_DEP:
            yield f"task {job.id}.{block.index}.{task} waits for tasks that are over"
        if not clear and state == TaskState.READY and not _asks_sub_tasks(job, block):
            yield f"task {job.id}.{block.index}.{task} is ready, and a task it waits for is not over"
    if state == TaskState.WAIT_DEP and not block.tasks_depend_on:
        yield f"task {job.id}.{block.index}.{task} waits for tasks of no block"


def _asks_sub_tasks(job: Job, block: Block) -> bool:
    return any(job.blocks[index].spec.depend_sub_task for index in block.tasks_depend_on)


def _runs(farm: Farm) -> Iterator[str]:
    for key, run in farm.runs.items():
        job = farm.jobs.get(key.job)
        if run.key != key:
            yield f"run {key} says that it is {run.key}"
        if job is None:
            yield f"run {key} is of a job that there is not"
            continue
        table = job.blocks[key.block].tasks
        state = table.state[key.task]
        if state != (TaskState.WAIT_RECONNECT if run.waiting_since else TaskState.RUNNING):
            yield f"run {key} goes on, but its task is {TaskState(state).name}"
        if table.starts[key.task] != key.run or table.render[key.task] != run.render:
            yield f"run {key} on render {run.render} is not the newest of its task"
        if run.render not in farm.renders:
            yield f"run {key} is on render {run.render}, which there is not"
        elif not run.waiting_since and not farm.renders[run.render].state & RenderState.ONLINE:
            yield f"run {key} is on render {run.render}, which is offline"


class _Sums:
    """What runs hold, counted from nothing."""

    def __init__(self) -> None:
        self.tasks = 0
        self.capacity = 0
        self.hosts: Counter[int] = Counter()

    def add(self, render: int, capacity: int, tasks: int) -> None:
        self.tasks += tasks
        self.capacity += capacity
        if tasks:
            self.hosts[render] += tasks


def _holders(farm: Farm) -> Iterator[str]:
    groups: defaultdict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0])
    for id, index, counts in farm.runs.plain():
        for (host, capacity), tasks in counts.items():
            group = groups[id, index, host]
            group[0] += tasks * capacity
            group[1] += tasks
    for run in farm.runs.extraordinary():
        key = run.key
        group = groups[key.job, key.block, run.render]
        group[0] += run.capacity
        group[1] += 1
        for captured in run.captured:
            groups[key.job, key.block, captured.render][0] += captured.capacity
    sums: defaultdict[tuple[str, int], _Sums] = defaultdict(_Sums)
    blocks: defaultdict[tuple[int, int], _Sums] = defaultdict(_Sums)
    for (id, index, host), (capacity, tasks) in groups.items():
        job = farm.jobs[id]
        blocks[id, index].add(host, capacity, tasks)
        branches = [("branch", each.id) for each in branch_chain(farm, job.branch)]
        render = farm.renders.get(host)
        pools = [("pool", each.id) for each in pool_chain(farm, render.pool if render is not None else 0)]
        for holder in (("job", job.id), ("user", job.user), *branches, *pools):
            sums[holder].add(host, capacity, tasks)
    for job in farm.jobs.values():
        yield from _compare(f"job {job.id}", job, sums.get(("job", job.id)))
        for block in job.blocks:
            yield from _compare(f"block {job.id}.{block.index}", block, blocks.get((job.id, block.index)))
    for user in farm.users.values():
        yield from _compare(f"user {user.name}", user, sums.get(("user", user.id)))
    for branch in farm.branches.values():
        yield from _compare(f"branch {branch.path}", branch, sums.get(("branch", branch.id)))
    for pool in farm.pools.values():
        yield from _compare(f"pool {pool.path}", pool, sums.get(("pool", pool.id)))


def _compare(name: str, holder: Limits | Block | Pool | User | Branch, sums: _Sums | None) -> Iterator[str]:
    sums = sums or _Sums()
    if (holder.running_tasks, holder.running_capacity) != (sums.tasks, sums.capacity):
        yield (
            f"{name} counts {holder.running_tasks} running tasks of {holder.running_capacity} units, "
            f"its runs are {sums.tasks} of {sums.capacity}"
        )
    if not isinstance(holder, Pool) and holder.running_per_host != dict(sums.hosts):
        yield f"{name} counts {holder.running_per_host} per host, its runs are {dict(sums.hosts)}"


def _renders(farm: Farm) -> Iterator[str]:
    runs: defaultdict[int, set[RunKey]] = defaultdict(set)
    units: Counter[int] = Counter()
    for job, block, tasks, numbers, hosts in farm.runs.hosts():
        for task, number, host in zip(tasks, numbers, hosts, strict=True):
            runs[host].add(RunKey(job, block, task, number))
    for _, _, counts in farm.runs.plain():
        for (host, capacity), many in counts.items():
            units[host] += many * capacity
    for run in farm.runs.extraordinary():
        units[run.render] += run.capacity
        for held in run.captured:
            units[held.render] += held.capacity
        for host in run.hosts:
            runs[host].add(run.key)
    for render in farm.renders.values():
        own = runs.get(render.id, set())
        if own != set(render.runs):
            yield f"render {render.name} lists {sorted(render.runs)}, its runs are {sorted(own)}"
        used = units[render.id]
        if used != render.used_capacity:
            yield f"render {render.name} counts {render.used_capacity} used units, its runs take {used}"
        if render.session and not render.state & RenderState.ONLINE:
            yield f"render {render.name} is offline with a connection"
        if render.id not in farm.pools[render.pool].renders:
            yield f"render {render.name} is not in its pool"


def _tickets(farm: Farm) -> Iterator[str]:
    """Count tickets from the runs alone; whatever is negative or left over differs from that."""
    renders: dict[int, Counter[str]] = {}
    pools: dict[int, Counter[tuple[str, int]]] = {}
    for run in farm.runs.extraordinary():
        if not run.tickets and not run.captured:
            continue
        for id, tickets in (run.render, dict(run.tickets)), *((each.render, each.tickets) for each in run.captured):
            renders.setdefault(id, Counter()).update(tickets)
            for pool in pool_chain(farm, farm.renders[id].pool if id in farm.renders else 0):
                pools.setdefault(pool.id, Counter()).update({(name, id): amount for name, amount in tickets.items()})
    for render in farm.renders.values():
        if render.tickets_used != dict(renders.get(render.id, {})):
            yield f"render {render.name} counts tickets {render.tickets_used}, its runs hold others"
    for pool in farm.pools.values():
        held = pools.get(pool.id, Counter())
        used: Counter[str] = Counter()
        for (name, _), amount in held.items():
            used[name] += amount
        hosts = {(name, id): amount for name, counts in pool.ticket_hosts.items() for id, amount in counts.items()}
        if pool.tickets_used != dict(used) or hosts != dict(held) or not all(pool.ticket_hosts.values()):
            yield f"pool {pool.path} counts tickets {pool.tickets_used}, its runs hold {dict(used)}"


def _devices(farm: Farm) -> Iterator[str]:
    """No device has two tasks, unless all of them share it."""
    for render in farm.renders.values():
        if not render.devices:
            continue
        for device, blocks in devices_held(farm, render).items():
            if len(blocks) > 1 and not all(block.spec.gpus_shared for block in blocks):
                yield f"device {device} of render {render.name} is held by {len(blocks)} tasks that do not share it"


def over_full(farm: Farm) -> list[str]:
    """Return which renders hold more than they offer; true only until somebody lowers what one offers."""
    return [
        f"render {render.name} holds {len(render.runs)} tasks of {render.used_capacity} units"
        for render in farm.renders.values()
        if render.used_capacity > capacity_of(farm, render) or len(render.runs) > max_tasks_of(farm, render)
    ]


def _indexes(farm: Farm) -> Iterator[str]:
    pairs = (
        ("users", farm.users_by_name, {user.name: id for id, user in farm.users.items()}),
        ("branches", farm.branches_by_path, {branch.path: id for id, branch in farm.branches.items()}),
        ("pools", farm.pools_by_path, {pool.path: id for id, pool in farm.pools.items()}),
        ("renders", farm.renders_by_name, {render.name: id for id, render in farm.renders.items()}),
        ("jobs", farm.jobs_by_name, {job.name: id for id, job in farm.jobs.items()}),
    )
    for kind, index, right in pairs:
        if index != right:
            yield f"the index of {kind} by name is wrong"
    for user in farm.users.values():
        if sorted(user.jobs) != sorted(id for id, job in farm.jobs.items() if job.user == user.id):
            yield f"user {user.name} lists jobs {user.jobs}"
        order = [farm.jobs[id].priority for id in user.jobs if id in farm.jobs]
        if order != sorted(order, reverse=True):
            yield f"the jobs of user {user.name} are not in order of priority: {order}"
    for branch in farm.branches.values():
        if sorted(branch.jobs) != sorted(id for id, job in farm.jobs.items() if job.branch == branch.id):
            yield f"branch {branch.path} lists jobs {branch.jobs}"


def _waiting_jobs(farm: Farm) -> Iterator[str]:
    for job in farm.jobs.values():
        for id in job.waits_for:
            if id not in farm.jobs or farm.jobs[id].time_done:
                yield f"job {job.id} waits for job {id}, which is done or gone"
            elif job.id not in farm.waiters.get(id, ()):
                yield f"job {id} does not know that job {job.id} waits for it"
    for id, waiters in farm.waiters.items():
        for waiter in waiters:
            if id not in farm.jobs[waiter].waits_for:
                yield f"job {id} thinks that job {waiter} waits for it"
