"""Users, branches and pools as the classic dialect writes them.

Rules of this file:
- Reads the farm, changes nothing; keys come in the order of the reference.
- What the farm does not know (when a user or a pool was made) is 0, because clients read the key.
"""

from collections.abc import Iterator
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Render
from afcore.model.tree import Branch, Limits, Pool, User
from afcore.states import RenderState, TaskState
from afnet.classic.json_jobs import job_state, put, services_of
from afnet.classic.states import Bit, pool_state, state_text

__all__ = ["branch_object", "farm_part", "pool_object", "tickets_of", "user_object"]

_WORK_NUMBERS = ("max_tasks_per_second", "max_running_tasks", "max_running_tasks_per_host")
_WORK_TEXTS = ("hosts_mask", "hosts_mask_exclude", "need_os", "need_properties")


def _node(name: str, thing: Any, services: dict[str, int]) -> dict[str, Any]:
    data: dict[str, Any] = {"name": name, "id": thing.id, "priority": thing.priority}
    put(data, "hidden", thing.hidden, False)
    put(data, "annotation", thing.annotation, "")
    put(data, "custom_data", thing.custom_data, "")
    put(data, "running_services", services, {})
    return data


def _work(data: dict[str, Any], thing: Limits, method: str, need: str) -> None:
    for key in _WORK_NUMBERS:
        put(data, key, getattr(thing, key), -1)
    for key in _WORK_TEXTS:
        put(data, key, getattr(thing, key), "")
    for key in ("need_power", "need_memory", "need_hdd"):
        if getattr(thing, key) > 0:
            data[key] = getattr(thing, key)
    put(data, "pools", dict(thing.pools), {})
    data["solve_method"], data["solve_need"] = method, need
    put(data, "hosts_mask_type", thing.hosts_mask_type or ("regex" if thing.hosts_mask else ""), "")
    put(data, "running_tasks_num", thing.running_tasks, 0)
    put(data, "running_capacity_total", thing.running_capacity, 0)


def user_object(farm: Farm, user: User) -> dict[str, Any]:
    """Return a user."""
    jobs = [farm.jobs[id] for id in user.jobs if id in farm.jobs]
    data = _node(user.name, user, services_of(jobs))
    _work(data, user, user.solve_method, user.solve_need)
    put(data, "paused", user.paused, False)
    data["time_register"] = 0
    data["time_activity"] = int(max((job.time_creation for job in jobs), default=0))
    for key in ("errors_retries", "errors_avoid_host", "errors_task_same_host", "errors_forgive_time"):
        data[key] = getattr(user, key)
    if user.jobs_life_time > 0:
        data["jobs_life_time"] = user.jobs_life_time
    put(data, "host_name", user.host_name, "")
    put(data, "jobs_num", len(jobs), 0)
    put(data, "running_jobs_num", sum(1 for job in jobs if job.running_tasks), 0)
    return data


def _below(farm: Farm, branch: Branch) -> Iterator[Branch]:
    for id in branch.children:
        yield farm.branches[id]
        yield from _below(farm, farm.branches[id])


def branch_object(farm: Farm, branch: Branch, *, now: float) -> dict[str, Any]:
    """Return a branch with its active jobs and users; counters tell of everything below it too."""
    below = list(_below(farm, branch))
    own = [farm.jobs[id] for id in branch.jobs]
    jobs = own + [farm.jobs[id] for each in below for id in each.jobs]
    states = {job.id: job_state(job, now) for job in jobs}
    data = _node(branch.path, branch, services_of(jobs))
    _work(data, branch, branch.solve_method, branch.solve_need)
    for key in ("create_childs", "solve_jobs", "paused"):
        put(data, key, getattr(branch, key), False)
    data["time_creation"] = 0
    data["parent"] = farm.branches[branch.parent].path if branch.parent in farm.branches else ""
    put(data, "branches_total", len(below), 0)
    put(data, "jobs_total", len(jobs), 0)
    for key, bit in (("running", Bit.RUN), ("done", Bit.DON), ("ready", Bit.RDY), ("error", Bit.ERR)):
        put(data, f"jobs_{key}", sum(1 for bits in states.values() if bits & bit), 0)
    put(data, "tasks_ready", sum(_ready(job) for job in jobs), 0)
    put(data, "tasks_error", sum(block.tasks.counts[TaskState.ERROR] for job in jobs for block in job.blocks), 0)
    data["active_jobs"] = [_active_job(farm, job, states[job.id]) for job in own if not states[job.id] & Bit.DON]
    data["active_users"] = _active_users(farm, own)
    return data


def _ready(job: Job) -> int:
    return sum(block.tasks.counts[TaskState.READY] for block in job.blocks if not block.waiting)


def _active_job(farm: Farm, job: Job, bits: int) -> dict[str, Any]:
    data = {"id": job.id, "name": job.name, "user_name": farm.users[job.user].name, "state": state_text(bits)}
    put(data, "running_tasks_num", job.running_tasks, 0)
    put(data, "running_capacity_total", job.running_capacity, 0)
    return data


def _active_users(farm: Farm, jobs: list[Job]) -> list[dict[str, Any]]:
    found: dict[int, list[int]] = {}
    for job in jobs:
        if job.running_tasks:
            sums = found.setdefault(job.user, [0, 0])
            sums[0] += job.running_tasks
            sums[1] += job.running_capacity
    return [
        {"id": id, "name": farm.users[id].name, "running_tasks_num": tasks, "running_capacity_total": capacity}
        for id, (tasks, capacity) in found.items()
    ]


def _pools_below(farm: Farm, pool: Pool) -> Iterator[Pool]:
    for id in pool.children:
        yield farm.pools[id]
        yield from _pools_below(farm, farm.pools[id])


_POOL_TIMES = (
    "heartbeat_sec", "resources_update_period", "zombie_time", "exit_no_task_time", "no_task_event_time",
    "overload_event_time",
)  # fmt: skip
_POOL_LOADS = (
    "idle_wolsleep_time", "idle_free_time", "busy_nimby_time", "idle_cpu", "busy_cpu", "idle_mem", "busy_mem",
    "idle_swp", "busy_swp", "idle_hddgb", "busy_hddgb", "idle_hddio", "busy_hddio", "idle_netmbs", "busy_netmbs",
)  # fmt: skip


def pool_object(farm: Farm, pool: Pool) -> dict[str, Any]:
    """Return a pool; counters tell of everything below it too."""
    below = list(_pools_below(farm, pool))
    renders = [farm.renders[id] for each in [pool, *below] for id in each.renders]
    online = [render for render in renders if render.state & RenderState.ONLINE]
    services: dict[str, int] = {}
    runs = [run for render in renders for run in render.runs.values() if run.render == render.id]
    for run in runs:
        service = farm.jobs[run.key.job].blocks[run.key.block].spec.service
        services[service] = services.get(service, 0) + 1
    data = _node(pool.path, pool, services)
    put(data, "pattern", pool.pattern, "")
    data["parent"] = farm.pools[pool.parent].path if pool.parent in farm.pools else ""
    data["time_creation"] = 0
    data["pools_total"] = len(below)
    data["renders_total"] = len(renders)
    data["renders_busy"] = sum(1 for render in renders if render.runs)
    data["renders_ready"] = sum(1 for render in online if not render.runs and _is_free(render))
    data["renders_online"] = len(online)
    data["renders_offline"] = len(renders) - len(online)
    data["renders_nimby"] = _count(renders, RenderState.NIMBY | RenderState.NIMBY_USER)
    data["renders_paused"] = _count(renders, RenderState.PAUSED)
    data["renders_sick"] = _count(renders, RenderState.SICK)
    data["st"], data["state"] = pool_state(busy=bool(runs), paused=pool.paused)
    put(data, "run_tasks", len(runs), 0)
    put(data, "run_capacity", sum(run.capacity for run in runs), 0)
    put(data, "task_start_finish_time", int(max((render.task_changed for render in renders), default=0)), 0)
    for key in _POOL_TIMES:
        if getattr(pool, key) > 0:
            data[key] = getattr(pool, key)
    put(data, "new_nimby", pool.new_nimby, False)
    put(data, "new_paused", pool.new_paused, False)
    if pool.sick_errors_count >= 0:
        data["sick_errors_count"] = pool.sick_errors_count
    farm_part(data, pool, tickets_of(farm, pool))
    for key in _POOL_LOADS:
        if getattr(pool, key) >= 0:
            data[key] = getattr(pool, key)
    return data


def _is_free(render: Render) -> bool:
    stopped = RenderState.NIMBY | RenderState.NIMBY_USER | RenderState.PAUSED | RenderState.SICK
    return not render.state & stopped


def _count(renders: list[Render], bits: int) -> int:
    return sum(1 for render in renders if render.state & bits)


def tickets_of(farm: Farm, pool: Pool) -> dict[str, list[int]]:
    """Return the pool tickets of a pool: count, in use, on how many hosts, and the most hosts where that is bounded."""
    found = {}
    for name in sorted({*pool.tickets, *pool.tickets_used}):
        count, most = pool.tickets.get(name, (-1, -1))
        value = [count, pool.tickets_used.get(name, 0), len(pool.ticket_hosts.get(name, ()))]
        found[name] = [*value, most] if most >= 0 else value
    return found


def farm_part(data: dict[str, Any], thing: Pool | Render, tickets: dict[str, list[int]]) -> None:
    """Add what pools and renders share: services, tickets, capacity and slots."""
    put(data, "services", list(thing.services), [])
    put(data, "services_disabled", list(thing.services_disabled), [])
    put(data, "tickets_pool", tickets, {})
    used = thing.tickets_used if isinstance(thing, Render) else {}
    own = {name: [count, used.get(name, 0), 0] for name, count in thing.tickets_host.items()}
    put(data, "tickets_host", own, {})
    for key in ("capacity_host", "max_tasks_host", "power_host"):
        put(data, key, getattr(thing, key), -1)
    put(data, "properties_host", thing.properties_host, "")
