"""What a submitter may say: job, block and listed tasks, as plain dataclasses and as JSON.

Rules of this file:
 - the names of the fields are the names of the JSON keys; their defaults are the reference's;
 - a listed task is a place in columns, never an object;
 - here is checked what a value is; what it means is checked by ``jobcheck``.

Strict reading refuses unknown keys and wrong types, all at once. Reading that is not strict is for the classic dialect:
it passes over what it does not know and repairs numbers that make no sense.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, List, Union

from afcore.errors import BadSpec, Problem
from afcore.frames import (
    BlockFrames,
    FrameRange,
    ListedFrames,
    SequentialOrder,
    expand_file,
    fill_command,
    join_listed,
    numeric_task_name,
)
from afcore.jobjson import Reader, kind_of
from afcore.tasktexts import TaskTexts, read_tasks

__all__ = ["BlockFlag", "BlockSpec", "Command", "JobSpec", "TaskTexts"]

Command = Union[str, List[str]]
"""A shell line, given whole to the shell; or a list of arguments, started without a shell."""


class BlockFlag:
    """Bits of a block's ``flags``."""

    NUMERIC = 1
    VAR_CAPACITY = 2
    MULTI_HOST = 4
    MASTER_ON_SLAVE = 8
    DEPEND_SUB_TASK = 16
    SKIP_THUMBNAILS = 32
    SKIP_EXISTING_FILES = 64
    CHECK_RENDERED_FILES = 128
    SLAVE_LOST_IGNORE = 256
    APPENDED_TASKS = 512
    SUSPEND_NEW_TASKS = 1024


@dataclass
class BlockSpec:
    """One block as it was submitted. Sizes: memory in MB, disk in GB, times in seconds; -1 means not set."""

    name: str = ""
    service: str = ""
    parser: str = ""
    flags: int = 0
    frame_first: int = 0
    frame_last: int = 0
    frames_per_task: int = 1
    frames_inc: int = 1
    sequential: int = 1
    tasks: TaskTexts | None = None
    tasks_name: str = ""
    command: Command = ""
    command_pre: str = ""
    command_post: str = ""
    working_directory: str = ""
    files: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    capacity: int = 1000
    capacity_coeff_min: int = -1
    capacity_coeff_max: int = -1
    max_running_tasks: int = -1
    max_running_tasks_per_host: int = -1
    need_memory: int = -1
    need_power: int = -1
    need_hdd: int = -1
    need_cpu_freq_mgz: int = -1
    need_cpu_cores: int = -1
    need_cpu_freq_cores: int = -1
    need_gpu_mem_mb: int = -1
    need_properties: str = ""
    depend_mask: str = ""
    tasks_depend_mask: str = ""
    hosts_mask: str = ""
    hosts_mask_exclude: str = ""
    errors_retries: int = -1
    errors_avoid_host: int = -1
    errors_task_same_host: int = -1
    errors_forgive_time: int = -1
    task_max_run_time: int = 0
    task_min_run_time: int = 0
    task_progress_change_timeout: int = -1
    file_size_min: int = -1
    file_size_max: int = -1
    multihost_min: int = -1
    multihost_max: int = -1
    multihost_max_wait: int = 0
    multihost_service_wait: int = 0
    multihost_service: str = ""
    tickets: dict[str, int] = field(default_factory=dict)
    parser_coeff: int = 1
    custom_data: str = ""
    srv_info: str = ""
    need_gpus: int = -1
    gpus_shared: bool = False

    def has(self, flag: int) -> bool:
        """Say whether a bit of ``BlockFlag`` is set."""
        return bool(self.flags & flag)

    @property
    def numeric(self) -> bool:
        """Tasks are computed from frame numbers, not listed."""
        return self.has(BlockFlag.NUMERIC)

    @property
    def depend_sub_task(self) -> bool:
        """Who depends on this block by tasks may start when the running task has reported its frames."""
        return self.has(BlockFlag.DEPEND_SUB_TASK)

    @property
    def skip_thumbnails(self) -> bool:
        """No thumbnails are made."""
        return self.has(BlockFlag.SKIP_THUMBNAILS)

    @property
    def skip_existing_files(self) -> bool:
        """A task whose files are all there is skipped."""
        return self.has(BlockFlag.SKIP_EXISTING_FILES)

    @property
    def check_rendered_files(self) -> bool:
        """A task whose files are not there when it is done is an error."""
        return self.has(BlockFlag.CHECK_RENDERED_FILES)

    @property
    def suspend_new_tasks(self) -> bool:
        """New tasks begin suspended."""
        return self.has(BlockFlag.SUSPEND_NEW_TASKS)

    @property
    def multi_host(self) -> bool:
        """Each task runs on several renders at once."""
        return self.has(BlockFlag.MULTI_HOST) and 1 <= self.multihost_min <= self.multihost_max

    @property
    def least_hosts(self) -> int:
        """How many renders a task needs at least."""
        return self.multihost_min if self.multi_host else 1

    @property
    def launch_wait(self) -> int:
        """Seconds that a master waits for the services on the captured renders; 0 when there are none."""
        return max(0, self.multihost_service_wait) if self.multi_host and self.multihost_service else 0

    @property
    def tasks_num(self) -> int:
        """How many tasks the block has."""
        if self.numeric:
            return self.frames.tasks
        return 0 if self.tasks is None else len(self.tasks)

    @property
    def frames(self) -> BlockFrames:
        """The frame arithmetic of the block."""
        if self.numeric:
            return FrameRange.repaired(self.frame_first, self.frame_last, self.frames_per_task, self.frames_inc)
        return ListedFrames(0 if self.tasks is None else len(self.tasks), self.frames_per_task or 1)

    def order(self) -> SequentialOrder:
        """Return the order in which the tasks are taken."""
        frames = self.frames
        if isinstance(frames, ListedFrames):
            return SequentialOrder(self.sequential, frames.tasks)
        return SequentialOrder(self.sequential, frames.tasks, first=frames.first, last=frames.last, span=frames.span)

    def task_name(self, index: int) -> str:
        """Return the name of task ``index``."""
        frames = self.frames
        if self.tasks is None or isinstance(frames, FrameRange):
            return numeric_task_name(self.tasks_name, frames.task(index), self.frames_inc)
        return join_listed(self.tasks_name, self.tasks.names[index])

    def task_command(self, index: int) -> Command:
        """Return the command of task ``index``: a shell line, or a list when the block's command is one.

        In a list the arguments take start, end, start, end in turn as one line would; the text of a listed task fills
        ``@#@``, and is one more argument when there is none.
        """
        frames = self.frames
        if self.tasks is None or isinstance(frames, FrameRange):
            task = frames.task(index)
            if isinstance(self.command, str):
                return fill_command(self.command, task.start, task.end)
            return fill_command("\0".join(self.command), task.start, task.end).split("\0")
        text = self.tasks.commands[index]
        if isinstance(self.command, str) or not self.command:
            return join_listed(self.command if isinstance(self.command, str) else "", text)
        if not text or any("@#@" in argument for argument in self.command):
            return [join_listed(argument, text) if "@#@" in argument else argument for argument in self.command]
        return [*self.command, text]

    def task_files(self, index: int) -> list[str]:
        """Return the result files of task ``index``."""
        frames = self.frames
        if self.tasks is None or isinstance(frames, FrameRange):
            task = frames.task(index)
            return [name for pattern in self.files for name in expand_file(pattern, task, self.frames_inc)]
        own = self.tasks.files.get(index, [])
        if not self.files or not own:
            return list(own or self.files)
        return [join_listed(pattern, name) for pattern in self.files for name in own]

    def task_environment(self, index: int) -> dict[str, str]:
        """Return the environment of task ``index``: the block's, with the task's own over it."""
        own = {} if self.tasks is None else self.tasks.environment.get(index, {})
        return {**self.environment, **own}

    def repair(self) -> None:
        """Put numbers right that make no sense, as the reference does for those who never were told."""
        if self.numeric:
            fixed = FrameRange.repaired(self.frame_first, self.frame_last, self.frames_per_task, self.frames_inc)
            self.frame_first, self.frame_last, self.frames_per_task, self.frames_inc = fixed
        elif self.frames_per_task == 0:
            self.frames_per_task = 1
        self.capacity = max(1, self.capacity)
        self.task_max_run_time = max(0, self.task_max_run_time)
        self.task_min_run_time = max(0, self.task_min_run_time)

    def settle(self) -> None:
        """Set the bits that follow from other fields: variable capacity and several hosts."""
        if self.capacity_coeff_min != -1 or self.capacity_coeff_max != -1:
            self.flags |= BlockFlag.VAR_CAPACITY
        if 1 <= self.multihost_min <= self.multihost_max <= 100:
            self.flags |= BlockFlag.MULTI_HOST

    def to_json(self) -> dict[str, Any]:
        """Return the block as JSON: its name, service, flags and all that is not the default."""
        data = _changed(self, always=("name", "service", "flags"))
        if not self.numeric:
            # They make no tasks here, and a job file with both is refused.
            data.pop("frame_first", None)
            data.pop("frame_last", None)
        if self.tasks is not None:
            data["tasks"] = self.tasks.to_json()
        return data

    def to_wire(self) -> dict[str, Any]:
        """Return the block as a dict of builtins with the tasks as columns."""
        data = _changed(self)
        if self.tasks is not None:
            data["tasks"] = self.tasks.to_wire()
        return data

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> BlockSpec:
        """Return what ``to_wire`` wrote."""
        values = dict(data)
        if "tasks" in values:
            values["tasks"] = TaskTexts.from_wire(values["tasks"])
        return cls(**values)

    @classmethod
    def read(cls, data: Mapping[str, Any], reader: Reader, path: str) -> BlockSpec:
        """Return the block of a JSON object, telling ``reader`` what is wrong with it."""
        values = reader.fields(cls, data, path=path, apart=("tasks",), aliases=_BLOCK_ALIASES, ignored=_BLOCK_IGNORED)
        block = cls(**values)
        listed = data.get("tasks")
        framed = "frame_first" in values or "frame_last" in values
        if listed is not None and not (reader.strict and framed and listed == []):
            block.tasks = read_tasks(listed, reader, f"{path}.tasks")
            if not block.numeric and (block.frame_first or block.frame_last):
                # Classic submitters give the frames that a list is about; who writes a job by hand meant one of both.
                key = "frame_first" if "frame_first" in values else "frame_last"
                hint = "remove frame_first and frame_last, or the tasks"
                reader.tell(f"{path}.{key}", "is given for a block that lists its tasks", hint)
        elif not block.numeric and framed:
            block.flags |= BlockFlag.NUMERIC
        if data.get("depend_sub_task") is True:
            block.flags |= BlockFlag.DEPEND_SUB_TASK
        block.settle()
        if not reader.strict:
            block.repair()
        return block


@dataclass
class JobSpec:
    """One job as it was submitted. Times are unix seconds or lengths in seconds; -1 means not set."""

    name: str = ""
    user_name: str = ""
    host_name: str = ""
    priority: int = 99
    blocks: list[BlockSpec] = field(default_factory=list)
    time_creation: int = 0
    time_wait: int = 0
    time_life: int = -1
    depend_mask: str = ""
    depend_mask_global: str = ""
    branch: str = "/"
    folders: dict[str, str] = field(default_factory=dict)
    offline: bool = False
    ppa: bool = False
    maintenance: bool = False
    ignorenimby: bool = False
    ignorepaused: bool = False
    hidden: bool = False
    description: str = ""
    annotation: str = ""
    custom_data: str = ""
    srv_info: str = ""
    command_pre: str = ""
    command_post: str = ""
    project: str = ""
    department: str = ""
    st: int = 0
    id: int = 0
    try_this_tasks_num: list[int] = field(default_factory=list)
    try_this_blocks_num: list[int] = field(default_factory=list)
    max_running_tasks: int = -1
    max_running_tasks_per_host: int = -1
    max_tasks_per_second: int = -1
    hosts_mask: str = ""
    hosts_mask_exclude: str = ""
    hosts_mask_type: str = ""
    need_os: str = ""
    need_properties: str = ""
    need_power: int = -1
    need_memory: int = -1
    need_hdd: int = -1
    pools: dict[str, int] = field(default_factory=dict)
    solve_method: str = ""
    solve_need: str = ""

    @property
    def tasks_num(self) -> int:
        """How many tasks all blocks have."""
        return sum(block.tasks_num for block in self.blocks)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, strict: bool = True) -> JobSpec:
        """Return the job of a JSON object. Raises BadSpec with all problems of its keys and types when strict.

        What the values mean is not looked at here, see ``jobcheck``.
        """
        job, problems = cls.read(data, strict=strict)
        if problems:
            raise BadSpec(problems)
        return job

    @classmethod
    def read(cls, data: Any, *, strict: bool = True) -> tuple[JobSpec, list[Problem]]:
        """Return the job of a JSON object as far as it can be read, and the problems of its keys and types."""
        if not isinstance(data, Mapping):
            return cls(), [Problem("job", f"must be an object, not {kind_of(data)}")]
        reader = Reader(strict=strict)
        job = cls(**reader.fields(cls, data, path="", apart=("blocks",), ignored=_JOB_IGNORED))
        blocks = data.get("blocks", [])
        if not isinstance(blocks, (list, tuple)):
            reader.tell("blocks", f"must be a list of blocks, not {kind_of(blocks)}", "write it in [brackets]")
            blocks = []
        for number, block in enumerate(blocks):
            path = f"blocks[{number}]"
            if isinstance(block, Mapping):
                job.blocks.append(BlockSpec.read(block, reader, path))
            else:
                reader.tell(path, f"must be an object, not {kind_of(block)}")
        if not strict:
            job.repair()
        return job, reader.problems

    def repair(self) -> None:
        """Put numbers right that are out of range, for those who never were told."""
        self.priority = 99 if self.priority < 0 else min(255, self.priority)
        self.max_tasks_per_second = min(10000, self.max_tasks_per_second)
        self.pools = {path: max(-100, min(100, place)) for path, place in self.pools.items() if path and place}
        if self.hosts_mask_type not in ("", "find", "list", "regex"):
            self.hosts_mask_type = ""

    def to_json(self) -> dict[str, Any]:
        """Return the job as JSON: its names, priority, blocks and all that is not the default."""
        data = _changed(self, always=("name", "user_name", "host_name", "priority"))
        data["blocks"] = [block.to_json() for block in self.blocks]
        return data

    def to_wire(self) -> dict[str, Any]:
        """Return the job as a dict of builtins in which a million listed tasks are a few pieces of bytes."""
        data = _changed(self)
        data["blocks"] = [block.to_wire() for block in self.blocks]
        return data

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> JobSpec:
        """Return what ``to_wire`` wrote. Raises ValueError when a column is broken."""
        values = dict(data)
        values["blocks"] = [BlockSpec.from_wire(block) for block in values["blocks"]]
        return cls(**values)


_BLOCK_ALIASES = {"cmd_pre": "command_pre", "cmd_post": "command_post"}

_BLOCK_IGNORED = frozenset(
    "st state tasks_num time_started time_done block_num job_id depend_sub_task p_progressbar".split()
)
"""What the farm writes beside a block's own fields; it may come back with a copied job."""

_JOB_IGNORED = frozenset(
    "serial locked user_list_order time_started time_done report thumb_path state m_srv_info".split()
)


_DEFAULTS: dict[type, tuple[tuple[str, Any], ...]] = {}
"""Names and defaults of a spec's fields, without its blocks and tasks."""


def _defaults(kind: type[JobSpec] | type[BlockSpec]) -> tuple[tuple[str, Any], ...]:
    fresh = kind()
    names = (one.name for one in dataclasses.fields(kind))
    found = tuple((name, getattr(fresh, name)) for name in names if name not in ("blocks", "tasks"))
    _DEFAULTS[kind] = found
    return found


def _changed(spec: JobSpec | BlockSpec, always: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of ``spec`` that differ from their defaults, without its blocks and tasks."""
    data = {}
    for name, default in _DEFAULTS.get(type(spec)) or _defaults(type(spec)):
        value = getattr(spec, name)
        if value != default or name in always:
            data[name] = value
    return data
