"""Jobs and blocks as the classic dialect writes them: in lists, in full, and blocks in the forms asked for.

Rules of this file:
- Reads the farm, changes nothing; key order is the order of the reference, keys marked as optional there are left out
  when they have nothing to say.
- Costs a few searches per block, whatever its number of tasks; listed tasks are pages that the encoder asks for.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Literal

from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.states import TaskFlag, TaskState
from afnet.classic.framing import ListedTasks
from afnet.classic.states import Bit, block_bits, job_bits, progress_bar, state_text

__all__ = ["Form", "block_object", "job_object", "job_state", "put", "services_of"]

Form = Literal["list", "full", "properties", "progress"]
"""How much of a block is written."""

_COUNTED_RUN_TIMES = 20_000
"""Blocks with more tasks do not tell their shortest and longest run: finding them costs a step per task."""


class _Group:
    """Attributes that are written when they have something to say; mostly none has, which costs one comparison."""

    def __init__(self, names: str, nothing: Any) -> None:
        self._names = names.split()
        self._read = attrgetter(*self._names)
        self._nothing = nothing
        self._all_nothing = (nothing,) * len(self._names)

    def put(self, into: dict[str, Any], thing: Any) -> None:
        """Add what is not ``nothing``."""
        values = self._read(thing)
        if values != self._all_nothing:
            for name, value in zip(self._names, values):
                put(into, name, value, self._nothing)


def put(into: dict[str, Any], key: str, value: Any, nothing: Any) -> None:
    """Add what has something to say: what is neither ``nothing`` nor empty."""
    if value != nothing and value not in ("", None) and value != {} and value != []:
        into[key] = value


_NOTES = _Group("annotation custom_data", "")
_MOST = _Group("max_tasks_per_second max_running_tasks max_running_tasks_per_host", -1)
_MASKS = _Group("hosts_mask hosts_mask_exclude need_os need_properties", "")
_PERMITS = _Group("ppa maintenance ignorenimby ignorepaused", False)
_COMMANDS = _Group("command_pre command_post description", "")
_PROJECTS = _Group("project department", "")
_DEPENDS = _Group("depend_mask depend_mask_global", "")
_BLOCK_NUMBERS = _Group(
    "max_running_tasks max_running_tasks_per_host need_memory need_power need_hdd need_cpu_freq_mgz need_cpu_cores "
    "need_cpu_freq_cores need_gpu_mem_mb errors_retries errors_avoid_host errors_task_same_host errors_forgive_time "
    "task_progress_change_timeout",
    -1,
)
_BLOCK_TIMES = _Group("task_max_run_time task_min_run_time", 0)
_BLOCK_MASKS = _Group("depend_mask tasks_depend_mask hosts_mask hosts_mask_exclude need_properties", "")
_FILE_SIZES = _Group("file_size_min file_size_max", -1)

_NEEDS = ("need_power", "need_memory", "need_hdd")
_TIMES = ("time_wait", "time_started", "time_done")
_read_needs, _read_times = attrgetter(*_NEEDS), attrgetter(*_TIMES)

_READY, _RUNNING, _ERROR = int(TaskState.READY), int(TaskState.RUNNING), int(TaskState.ERROR)
_DONE, _SKIPPED = int(TaskState.DONE), int(TaskState.SKIPPED)
_REST = (
    (int(TaskState.WAIT_RECONNECT), "p_tasks_waitrec"),
    (int(TaskState.WAIT_DEP), "p_tasks_waitdep"),
    (int(TaskState.SUSPENDED), "p_tasks_suspended"),
)
_VAR_CAPACITY, _MULTI_HOST = int(BlockFlag.VAR_CAPACITY), int(BlockFlag.MULTI_HOST)
_DEPEND_SUB_TASK = int(BlockFlag.DEPEND_SUB_TASK)
"""As plain numbers: a flag of an enumeration costs twenty times as much to look at."""


def job_state(job: Job, now: float, *, awaiting: bool = False) -> int:
    """Return the mask of a job.

    ``now`` decides whether its ``time_wait`` is over; ``awaiting`` says that somebody has to approve what is there.
    """
    return _job_state([_bits_of(block) for block in job.blocks], job, now, awaiting)


def _job_state(blocks: list[int], job: Job, now: float, awaiting: bool) -> int:
    return job_bits(
        blocks,
        offline=job.offline,
        waits_for_jobs=bool(job.waits_for),
        waits_for_time=job.time_wait > now,
        waits_for_approval=awaiting,
    )


def job_object(
    farm: Farm,
    job: Job,
    *,
    full: bool,
    now: float,
    place: int = -1,
    picture: str = "",
    awaiting: bool = False,
) -> dict[str, Any]:
    """Return a job with its blocks.

    ``now`` is unix seconds, ``place`` its place among its user's jobs if known, ``picture`` the name of its thumbnail,
    ``awaiting`` whether it waits for an approval.
    """
    spec = job.spec
    user = farm.users[job.user]
    masks = [_bits_of(block) for block in job.blocks]
    bits = _job_state(masks, job, now, awaiting)
    data: dict[str, Any] = {"name": job.name, "id": job.id, "priority": job.priority}
    if job.hidden:
        data["hidden"] = True
    _NOTES.put(data, job)
    if spec.srv_info:
        data["m_srv_info"] = spec.srv_info
    running = job.running_tasks
    if running:
        put(data, "running_services", services_of([job]), {})
    _MOST.put(data, job)
    _MASKS.put(data, job)
    for key, need in zip(_NEEDS, _read_needs(job)):
        if need > 0:
            data[key] = need
    if job.pools:
        data["pools"] = dict(job.pools)
    data["solve_method"] = spec.solve_method or "solve_order"
    data["solve_need"] = spec.solve_need or "solve_tasksnum"
    data["hosts_mask_type"] = job.hosts_mask_type or "regex"
    if running:
        data["running_tasks_num"] = running
    if job.running_capacity:
        data["running_capacity_total"] = job.running_capacity
    data["serial"] = job.serial
    data["user_name"] = user.name
    data["host_name"] = spec.host_name
    data["st"] = bits
    if bits:
        put(data, "state", state_text(bits), "")
    _PERMITS.put(data, job)
    _COMMANDS.put(data, spec)
    if picture:
        data["thumb_path"] = picture
    if job.report:
        data["report"] = job.report
    _PROJECTS.put(data, spec)
    data["branch"] = farm.branches[job.branch].path
    if place < 0:
        place = user.jobs.index(job.id) if job.id in user.jobs else 0
    data["user_list_order"] = place
    data["time_creation"] = int(job.time_creation)
    for key, moment in zip(_TIMES, _read_times(job)):
        if moment:
            put(data, key, int(moment), 0)
    put(data, "time_life", job.time_life, -1)
    ready = failed = 0
    for block in job.blocks:
        counts = block.tasks.counts
        failed += counts[_ERROR]
        if not block.waiting:
            ready += counts[_READY]
    if ready:
        data["tasks_ready"] = ready
    if failed:
        data["tasks_error"] = failed
    _job_texts(data, spec, job)
    form: Form = "full" if full else "list"
    data["blocks"] = [_block_object(farm, block, form, mask) for block, mask in zip(job.blocks, masks)]
    return data


def _job_texts(data: dict[str, Any], spec: JobSpec, job: Job) -> None:
    if spec.try_this_tasks_num:
        data["try_this_tasks_num"] = spec.try_this_tasks_num
    if spec.try_this_blocks_num:
        data["try_this_blocks_num"] = spec.try_this_blocks_num
    if spec.folders:
        data["folders"] = spec.folders
    _DEPENDS.put(data, job)


def services_of(jobs: Iterable[Job]) -> dict[str, int]:
    """Return how many tasks of each service run."""
    services: dict[str, int] = {}
    for job in jobs:
        if job.running_tasks:
            for block in job.blocks:
                if block.running_tasks:
                    services[block.spec.service] = services.get(block.spec.service, 0) + block.running_tasks
    return services


def _has_flag(block: Block, flag: TaskFlag) -> bool:
    flags = block.tasks.flags
    return flags.count(0) != len(flags) and any(value & flag for value in set(flags))


def _bits_of(block: Block) -> int:
    warnings = _has_flag(block, TaskFlag.WARNING)
    return block_bits(block.tasks.counts, running=block.running_tasks, waiting=block.waiting, warnings=warnings)


def block_object(farm: Farm, block: Block, *, form: Form) -> dict[str, Any]:
    """Return a block in one of its forms; ``full`` is ``properties`` and the listed tasks."""
    return _block_object(farm, block, form, _bits_of(block))


def _block_object(farm: Farm, block: Block, form: Form, bits: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if form == "full" and block.spec.tasks is not None and len(block.spec.tasks):
        texts = block.spec.tasks
        data["tasks"] = ListedTasks(texts.names, texts.commands, texts.files)  # type: ignore[arg-type]
    if form in ("full", "properties"):
        _block_texts(data, block.spec)
    if form != "progress":
        _block_properties(data, block)
    _block_progress(data, farm, block, bits)
    return data


def _block_properties(data: dict[str, Any], block: Block) -> None:
    spec = block.spec
    flags = int(spec.flags)
    data["name"] = spec.name
    data["service"] = spec.service
    data["capacity"] = spec.capacity
    data["flags"] = flags
    data["tasks_num"] = block.tasks.size
    data["frame_first"] = spec.frame_first
    data["frame_last"] = spec.frame_last
    data["frames_per_task"] = spec.frames_per_task
    data["frames_inc"] = spec.frames_inc
    if spec.sequential != 1:
        data["sequential"] = spec.sequential
    if flags & _DEPEND_SUB_TASK:
        data["depend_sub_task"] = True
    if flags & _VAR_CAPACITY:
        data["capacity_coeff_min"] = spec.capacity_coeff_min
        data["capacity_coeff_max"] = spec.capacity_coeff_max
    if flags & _MULTI_HOST:
        for key in ("multihost_min", "multihost_max", "multihost_max_wait", "multihost_service_wait"):
            data[key] = getattr(spec, key)
    _FILE_SIZES.put(data, spec)
    if block.time_started:
        put(data, "time_started", int(block.time_started), 0)
    if block.time_done:
        put(data, "time_done", int(block.time_done), 0)
    _BLOCK_NUMBERS.put(data, spec)
    _BLOCK_TIMES.put(data, spec)
    _BLOCK_MASKS.put(data, spec)
    if spec.tickets:
        data["tickets"] = spec.tickets


def _block_texts(data: dict[str, Any], spec: BlockSpec) -> None:
    data["command"] = spec.command if isinstance(spec.command, str) else " ".join(spec.command)
    data["tasks_name"] = spec.tasks_name
    put(data, "parser", spec.parser, "")
    put(data, "working_directory", spec.working_directory, "")
    put(data, "files", spec.files, [])
    put(data, "cmd_pre", spec.command_pre, "")
    put(data, "cmd_post", spec.command_post, "")
    if spec.has(BlockFlag.MULTI_HOST):
        put(data, "multihost_service", spec.multihost_service, "")
    put(data, "custom_data", spec.custom_data, "")
    put(data, "environment", spec.environment, {})


def _block_progress(data: dict[str, Any], farm: Farm, block: Block, bits: int) -> None:
    tasks = block.tasks
    counts = tasks.counts
    data["block_num"] = block.index
    data["st"] = bits
    if bits:
        put(data, "state", state_text(bits), "")
    data["job_id"] = block.job
    if block.running_tasks:
        data["running_tasks_counter"] = block.running_tasks
    if block.running_capacity:
        data["running_capacity_total"] = block.running_capacity
    done, skipped = counts[_DONE], counts[_SKIPPED]
    # Only running tasks have a percentage in the column, so its sum is theirs.
    running = sum(tasks.percent) if counts[_RUNNING] else 0
    if done or skipped or running:
        put(data, "p_percentage", (100 * (done + skipped) + running) // tasks.size, 0)
    if block.error_hosts:
        data["p_error_hosts"] = len(block.error_hosts)
        avoid = block.spec.errors_avoid_host
        if avoid < 0:
            avoid = farm.users[farm.jobs[block.job].user].errors_avoid_host
        put(data, "p_avoid_hosts", sum(1 for one in block.error_hosts.values() if 0 < avoid <= one.count), 0)
    if counts[_READY]:
        data["p_tasks_ready"] = counts[_READY]
    if done or skipped:
        data["p_tasks_done"] = done + skipped
    if counts[_ERROR]:
        data["p_tasks_error"] = counts[_ERROR]
    if skipped:
        data["p_tasks_skipped"] = skipped
    if bits & Bit.WRN:
        data["p_tasks_warning"] = sum(1 for flags in tasks.flags if flags & TaskFlag.WARNING)
    for state, key in _REST:
        if counts[state]:
            data[key] = counts[state]
    if done:
        _run_times(data, block)
    if block.spec.srv_info:
        data["srv_info"] = block.spec.srv_info
    data["p_progressbar"] = progress_bar(tasks.state, tasks.flags)


def _run_times(data: dict[str, Any], block: Block) -> None:
    """Add shortest, longest and summed run times of the tasks that are done, in whole seconds."""
    tasks = block.tasks
    if tasks.size <= _COUNTED_RUN_TIMES:
        done = TaskState.DONE
        times = [
            finished - started
            for state, started, finished in zip(tasks.state, tasks.started, tasks.finished)
            if state == done and finished >= started > 0
        ]
        if times:
            put(data, "p_tasks_run_time_min", min(times), 0)
            put(data, "p_tasks_run_time_max", max(times), 0)
    put(data, "p_tasks_run_time_sum", block.run_time_sum_ms // 1000, 0)
