"""The classic ``get`` message, as far as it is there: jobs by ids, in the list form and in full.

Rules of this file:
- Reads the farm, changes nothing; key order is the order of the reference, keys marked as optional there are left out
  when they have nothing to say.
- Costs a few searches per block, whatever its number of tasks; listed tasks are pages that the encoder asks for.
"""

from typing import Any, NamedTuple

from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.states import TaskFlag, TaskState
from afnet.classic.framing import TaskPages, info
from afnet.classic.states import block_bits, job_bits, progress_bar, state_text

__all__ = ["GetJobs", "jobs_answer", "read_get"]

_TYPES = ("jobs", "renders", "users", "branches", "pools", "monitors", "files", "config")
_COUNTED_RUN_TIMES = 20_000
"""Blocks with more tasks do not tell their shortest and longest run: finding them costs a step per task."""


class GetJobs(NamedTuple):
    """Which jobs are asked for (in this order), and whether with the whole blocks and tasks."""

    ids: list[int]
    full: bool


def read_get(request: dict[str, Any]) -> GetJobs | dict[str, Any]:
    """Return what is asked for, or the answer that says that it is unknown or not there yet."""
    get = request["get"]
    kind = get.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return info(f"Invalid get type = '{kind if isinstance(kind, str) else ''}'")
    mode = get.get("mode")
    ids = get.get("ids")
    if kind != "jobs":
        return info(_not_yet(f"get of {kind}"))
    for key in ("uids", "users", "serials", "block_ids", "task_ids", "mask"):
        if key in get:
            return info(_not_yet(f"get of jobs by {key}"))
    if mode not in (None, "", "full") or get.get("binary"):
        return info(_not_yet("binary answers" if get.get("binary") else f"get of jobs in the mode {mode}"))
    if not isinstance(ids, list):
        return info(_not_yet("get of jobs without ids"))
    return GetJobs([id for id in ids if isinstance(id, int) and not isinstance(id, bool)], mode == "full")


def _not_yet(what: str) -> str:
    return (
        f"Afwatch does not answer {what} in the classic dialect yet; "
        'so far it answers get of jobs by "ids", in the list form and with "mode":"full". Use afcmd instead.'
    )


def jobs_answer(farm: Farm, wish: GetJobs, *, now: float) -> dict[str, Any]:
    """Return ``{"jobs": [...]}``, or the error for a single id that does not exist; ``now`` is unix seconds."""
    if len(wish.ids) == 1 and wish.ids[0] not in farm.jobs:
        return info("Invalid ID")
    found = [farm.jobs[id] for id in dict.fromkeys(wish.ids) if id in farm.jobs]
    return {"jobs": [_job(farm, job, full=wish.full, now=now) for job in found]}


def _put(into: dict[str, Any], key: str, value: Any, nothing: Any) -> None:
    """Add what has something to say: what is neither ``nothing`` nor empty."""
    if value != nothing and value not in ("", None) and value != {} and value != []:
        into[key] = value


def _job(farm: Farm, job: Job, *, full: bool, now: float) -> dict[str, Any]:
    spec = job.spec
    user = farm.users[job.user]
    masks = [_bits_of(block) for block in job.blocks]
    bits = job_bits(
        masks,
        offline=job.offline,
        waits_for_jobs=bool(job.waits_for),
        waits_for_time=job.time_wait > now,
        waits_for_approval=False,
    )
    data: dict[str, Any] = {"name": job.name, "id": job.id, "priority": job.priority}
    _put(data, "hidden", job.hidden, False)
    for key in ("annotation", "custom_data"):
        _put(data, key, getattr(job, key), "")
    _put(data, "m_srv_info", spec.srv_info, "")
    _put(data, "running_services", _running_services(job), {})
    for key in ("max_tasks_per_second", "max_running_tasks", "max_running_tasks_per_host"):
        _put(data, key, getattr(job, key), -1)
    for key in ("hosts_mask", "hosts_mask_exclude", "need_os", "need_properties"):
        _put(data, key, getattr(job, key), "")
    for key in ("need_power", "need_memory", "need_hdd"):
        if getattr(job, key) > 0:
            data[key] = getattr(job, key)
    _put(data, "pools", dict(job.pools), {})
    data["solve_method"] = spec.solve_method or "solve_order"
    data["solve_need"] = spec.solve_need or "solve_tasksnum"
    data["hosts_mask_type"] = job.hosts_mask_type or "regex"
    _put(data, "running_tasks_num", job.running_tasks, 0)
    _put(data, "running_capacity_total", job.running_capacity, 0)
    data["serial"] = job.serial
    data["user_name"] = user.name
    data["host_name"] = spec.host_name
    data["st"] = bits
    _put(data, "state", state_text(bits), "")
    for key in ("ppa", "maintenance", "ignorenimby", "ignorepaused"):
        _put(data, key, getattr(job, key), False)
    for key in ("command_pre", "command_post", "description"):
        _put(data, key, getattr(spec, key), "")
    _put(data, "report", job.report, "")
    for key in ("project", "department"):
        _put(data, key, getattr(spec, key), "")
    data["branch"] = farm.branches[job.branch].path
    data["user_list_order"] = user.jobs.index(job.id) if job.id in user.jobs else 0
    data["time_creation"] = int(job.time_creation)
    for key in ("time_wait", "time_started", "time_done"):
        _put(data, key, int(getattr(job, key)), 0)
    _put(data, "time_life", job.time_life, -1)
    ready = sum(block.tasks.counts[TaskState.READY] for block in job.blocks if not block.waiting)
    _put(data, "tasks_ready", ready, 0)
    _put(data, "tasks_error", sum(block.tasks.counts[TaskState.ERROR] for block in job.blocks), 0)
    _job_texts(data, spec, job)
    data["blocks"] = [_block(farm, block, mask, full=full, now=now) for block, mask in zip(job.blocks, masks)]
    return data


def _job_texts(data: dict[str, Any], spec: JobSpec, job: Job) -> None:
    _put(data, "try_this_tasks_num", spec.try_this_tasks_num, [])
    _put(data, "try_this_blocks_num", spec.try_this_blocks_num, [])
    _put(data, "folders", spec.folders, {})
    _put(data, "depend_mask", job.depend_mask, "")
    _put(data, "depend_mask_global", job.depend_mask_global, "")


def _running_services(job: Job) -> dict[str, int]:
    services: dict[str, int] = {}
    for block in job.blocks:
        if block.running_tasks:
            services[block.spec.service] = services.get(block.spec.service, 0) + block.running_tasks
    return services


def _has_flag(block: Block, flag: TaskFlag) -> bool:
    return any(value & flag for value in set(block.tasks.flags))


def _bits_of(block: Block) -> int:
    warnings = _has_flag(block, TaskFlag.WARNING)
    return block_bits(block.tasks.counts, running=block.running_tasks, waiting=block.waiting, warnings=warnings)


def _block(farm: Farm, block: Block, bits: int, *, full: bool, now: float) -> dict[str, Any]:
    spec = block.spec
    data: dict[str, Any] = {}
    if full:
        _block_texts(data, spec)
    for key in ("name", "service", "capacity", "flags"):
        data[key] = getattr(spec, key)
    data["tasks_num"] = block.tasks.size
    for key in ("frame_first", "frame_last", "frames_per_task", "frames_inc"):
        data[key] = getattr(spec, key)
    _put(data, "sequential", spec.sequential, 1)
    _put(data, "depend_sub_task", spec.depend_sub_task, False)
    if spec.has(BlockFlag.VAR_CAPACITY):
        data["capacity_coeff_min"] = spec.capacity_coeff_min
        data["capacity_coeff_max"] = spec.capacity_coeff_max
    if spec.has(BlockFlag.MULTI_HOST):
        for key in ("multihost_min", "multihost_max", "multihost_max_wait", "multihost_service_wait"):
            data[key] = getattr(spec, key)
    _put(data, "file_size_min", spec.file_size_min, -1)
    _put(data, "file_size_max", spec.file_size_max, -1)
    _put(data, "time_started", int(block.time_started), 0)
    _put(data, "time_done", int(block.time_done), 0)
    for key in _BLOCK_NUMBERS:
        _put(data, key, getattr(spec, key), -1)
    _put(data, "task_max_run_time", spec.task_max_run_time, 0)
    _put(data, "task_min_run_time", spec.task_min_run_time, 0)
    for key in ("depend_mask", "tasks_depend_mask", "hosts_mask", "hosts_mask_exclude", "need_properties"):
        _put(data, key, getattr(spec, key), "")
    _put(data, "tickets", spec.tickets, {})
    _block_progress(data, farm, block, bits)
    return data


_BLOCK_NUMBERS = (
    "max_running_tasks", "max_running_tasks_per_host", "need_memory", "need_power", "need_hdd", "need_cpu_freq_mgz",
    "need_cpu_cores", "need_cpu_freq_cores", "need_gpu_mem_mb", "errors_retries", "errors_avoid_host",
    "errors_task_same_host", "errors_forgive_time", "task_progress_change_timeout",
)  # fmt: skip


def _block_texts(data: dict[str, Any], spec: BlockSpec) -> None:
    if spec.tasks is not None and len(spec.tasks):
        data["tasks"] = TaskPages(spec.tasks.names, spec.tasks.commands, spec.tasks.files)  # type: ignore[arg-type]
    data["command"] = spec.command if isinstance(spec.command, str) else " ".join(spec.command)
    data["tasks_name"] = spec.tasks_name
    _put(data, "parser", spec.parser, "")
    _put(data, "working_directory", spec.working_directory, "")
    _put(data, "files", spec.files, [])
    _put(data, "cmd_pre", spec.command_pre, "")
    _put(data, "cmd_post", spec.command_post, "")
    if spec.has(BlockFlag.MULTI_HOST):
        _put(data, "multihost_service", spec.multihost_service, "")
    _put(data, "custom_data", spec.custom_data, "")
    _put(data, "environment", spec.environment, {})


def _block_progress(data: dict[str, Any], farm: Farm, block: Block, bits: int) -> None:
    tasks = block.tasks
    counts = tasks.counts
    data["block_num"] = block.index
    data["st"] = bits
    _put(data, "state", state_text(bits), "")
    data["job_id"] = block.job
    _put(data, "running_tasks_counter", block.running_tasks, 0)
    _put(data, "running_capacity_total", block.running_capacity, 0)
    over = counts[TaskState.DONE] + counts[TaskState.SKIPPED]
    # Only running tasks have a percentage in the column, so its sum is theirs.
    running = sum(tasks.percent) if counts[TaskState.RUNNING] else 0
    _put(data, "p_percentage", (100 * over + running) // tasks.size if tasks.size else 0, 0)
    _put(data, "p_error_hosts", len(block.error_hosts), 0)
    avoid = block.spec.errors_avoid_host
    if avoid < 0:
        avoid = farm.users[farm.jobs[block.job].user].errors_avoid_host
    _put(data, "p_avoid_hosts", sum(1 for one in block.error_hosts.values() if 0 < avoid <= one.count), 0)
    _put(data, "p_tasks_ready", counts[TaskState.READY], 0)
    _put(data, "p_tasks_done", over, 0)
    _put(data, "p_tasks_error", counts[TaskState.ERROR], 0)
    _put(data, "p_tasks_skipped", counts[TaskState.SKIPPED], 0)
    if _has_flag(block, TaskFlag.WARNING):
        data["p_tasks_warning"] = sum(1 for flags in tasks.flags if flags & TaskFlag.WARNING)
    _put(data, "p_tasks_waitrec", counts[TaskState.WAIT_RECONNECT], 0)
    _put(data, "p_tasks_waitdep", counts[TaskState.WAIT_DEP], 0)
    _put(data, "p_tasks_suspended", counts[TaskState.SUSPENDED], 0)
    _run_times(data, block)
    _put(data, "srv_info", block.spec.srv_info, "")
    data["p_progressbar"] = progress_bar(tasks.state, tasks.flags)


def _run_times(data: dict[str, Any], block: Block) -> None:
    """Add shortest, longest and summed run times of the tasks that are done, in whole seconds."""
    tasks = block.tasks
    if not tasks.counts[TaskState.DONE]:
        return
    if tasks.size <= _COUNTED_RUN_TIMES:
        done = TaskState.DONE
        times = [
            finished - started
            for state, started, finished in zip(tasks.state, tasks.started, tasks.finished)
            if state == done and finished >= started > 0
        ]
        if times:
            _put(data, "p_tasks_run_time_min", min(times), 0)
            _put(data, "p_tasks_run_time_max", max(times), 0)
    _put(data, "p_tasks_run_time_sum", block.run_time_sum_ms // 1000, 0)
