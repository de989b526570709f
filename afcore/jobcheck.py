"""Checks what a job means; tells all problems at once, each with its path and what to do.

What a value is (a number, a text, a known field) was checked when the job was read, see ``jobspec``. The limits:
 - a command is at most 1 MiB, and so is any other text of a job or a block; a name is at most 512 characters;
 - a job has at most 1,000 blocks, a block at most 10,000,000 tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from afcore.errors import BadSpec, Problem, did_you_mean
from afcore.jobjson import MAX_PROBLEMS
from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.masks import Mask, mask_problem
from afcore.textcolumn import TextColumn

__all__ = ["MAX_BLOCKS", "MAX_NAME", "MAX_TASKS", "MAX_TEXT", "check_job", "read_job"]

MAX_TEXT = 1 << 20
"""Bytes of a command, or of another text."""
MAX_NAME = 512
"""Characters of a name."""
MAX_BLOCKS = 1_000
MAX_TASKS = 10_000_000
"""Tasks of one block."""

_HUGE = (1 << 31) - 1
_HINTS_MOST = 20
"""Problems for which it is looked what was meant: that takes a while, and a job can have a thousand blocks."""

_JOB_RANGES: dict[str, tuple[int, int]] = {
    "priority": (0, 255),
    "time_creation": (0, 1 << 40),
    "time_wait": (0, 1 << 40),
    "time_life": (-1, _HUGE),
    "max_running_tasks": (-1, _HUGE),
    "max_running_tasks_per_host": (-1, _HUGE),
    "max_tasks_per_second": (-1, 10_000),
    "need_power": (-1, _HUGE),
    "need_memory": (-1, _HUGE),
    "need_hdd": (-1, _HUGE),
    "id": (0, _HUGE),
}
_BLOCK_RANGES: dict[str, tuple[int, int]] = {
    "frame_first": (-_HUGE, _HUGE),
    "frame_last": (-_HUGE, _HUGE),
    "sequential": (-_HUGE, _HUGE),
    "capacity": (1, _HUGE),
    "capacity_coeff_min": (-1, _HUGE),
    "capacity_coeff_max": (-1, _HUGE),
    "max_running_tasks": (-1, _HUGE),
    "max_running_tasks_per_host": (-1, _HUGE),
    "need_memory": (-1, _HUGE),
    "need_power": (-1, _HUGE),
    "need_hdd": (-1, _HUGE),
    "need_cpu_freq_mgz": (-1, _HUGE),
    "need_cpu_cores": (-1, _HUGE),
    "need_cpu_freq_cores": (-1, _HUGE),
    "need_gpu_mem_mb": (-1, _HUGE),
    "need_gpus": (-1, 64),
    "errors_retries": (-1, 127),
    "errors_avoid_host": (-1, 127),
    "errors_task_same_host": (-1, 127),
    "errors_forgive_time": (-1, _HUGE),
    "task_max_run_time": (0, _HUGE),
    "task_min_run_time": (0, _HUGE),
    "task_progress_change_timeout": (-1, _HUGE),
    "file_size_min": (-1, 1 << 53),
    "file_size_max": (-1, 1 << 53),
    "multihost_min": (-1, 100),
    "multihost_max": (-1, 100),
    "multihost_max_wait": (0, 65535),
    "multihost_service_wait": (0, 65535),
    "parser_coeff": (1, _HUGE),
}
_JOB_WORDS = {
    "hosts_mask_type": ("regex", "find", "list"),
    "solve_method": ("solve_order", "solve_priority"),
    "solve_need": ("solve_tasksnum", "solve_capacity"),
}
_PAIRS = (
    ("capacity_coeff_min", "capacity_coeff_max"),
    ("file_size_min", "file_size_max"),
    ("multihost_min", "multihost_max"),
)
_NAMES = frozenset("name user_name host_name service parser project department multihost_service".split())


def read_job(data: Mapping[str, Any], *, services: Collection[str] | None = None) -> JobSpec:
    """Return the job of a JSON object that can be taken.

    Raises BadSpec with everything that is wrong, in keys, types and meaning. A problem of meaning is left out where a
    wrong key or type caused it.
    """
    spec, problems = JobSpec.read(data)
    told = [problem.path for problem in problems]
    if told != ["job"]:
        problems += [problem for problem in check_job(spec, services=services) if not _caused(problem.path, told)]
    if problems:
        raise BadSpec(problems)
    return spec


def _caused(path: str, told: list[str]) -> bool:
    """Say whether a told problem lies at ``path``, above it or below it."""
    return any(_within(path, other) or _within(other, path) for other in told)


def _within(path: str, whole: str) -> bool:
    return path.startswith(whole) and path[len(whole) :][:1] in ("", ".", "[")


def check_job(spec: JobSpec, *, services: Collection[str] | None = None, strict: bool = True) -> list[Problem]:
    """Return everything that is wrong with a job; nothing when it can be taken.

    ``services`` are the known ones; without them any service is believed. ``strict=False`` is for the classic dialect:
    it takes an empty name and a mask of blocks that matches none.
    """
    found: list[Problem] = []
    if strict and not spec.name:
        found.append(Problem("name", "is empty", "give the job a name"))
    if not spec.user_name:
        found.append(Problem("user_name", "is empty", "say whose job it is"))
    _check_ranges(spec, _JOB_RANGES, "", found)
    _check_texts(spec, "", found)
    for key, words in _JOB_WORDS.items():
        word = getattr(spec, key)
        if word and word not in words:
            found.append(
                Problem(key, f'"{word}" is not known', did_you_mean(word, words) or f"use {' or '.join(words)}")
            )
    _check_masks(spec, ("depend_mask", "depend_mask_global"), "regex", "", found)
    mode = spec.hosts_mask_type or "regex"
    _check_masks(spec, ("hosts_mask", "hosts_mask_exclude"), mode, "", found)
    for path, place in spec.pools.items():
        if not path or not -100 <= place <= 100:
            found.append(Problem(f"pools.{path}", f"must be -100 to 100, not {place}", "-100 forbids, 100 restricts"))
    if not spec.blocks:
        found.append(Problem("blocks", "the job has no blocks", "give it at least one block with tasks"))
    if len(spec.blocks) > MAX_BLOCKS:
        found.append(Problem("blocks", f"there are {len(spec.blocks)} blocks, at most {MAX_BLOCKS} are taken"))
        return found
    for number, block in enumerate(spec.blocks):
        _check_block(block, f"blocks[{number}]", mode, services, found)
    _check_try_next(spec, found)
    _check_dependence(spec, strict, found)
    return found[:MAX_PROBLEMS]


def _check_block(
    block: BlockSpec, path: str, mode: str, services: Collection[str] | None, found: list[Problem]
) -> None:
    _check_ranges(block, _BLOCK_RANGES, path + ".", found)
    _check_texts(block, path + ".", found)
    _check_masks(block, ("depend_mask", "tasks_depend_mask"), "regex", path + ".", found)
    _check_masks(block, ("hosts_mask", "hosts_mask_exclude"), mode, path + ".", found)
    _check_tasks(block, path, found)
    if services is not None and block.service and block.service not in services:
        near = did_you_mean(block.service, services) if len(found) < _HINTS_MOST else ""
        hint = near or f"known services: {', '.join(sorted(services))}"
        found.append(Problem(f"{path}.service", f'there is no service "{block.service}"', hint))
    for low, high in _PAIRS:
        least, most = getattr(block, low), getattr(block, high)
        if -1 not in (least, most) and least > most:
            found.append(Problem(f"{path}.{high}", f"{most} is less than {low} {least}", "swap them"))
    for name, count in block.tickets.items():
        if not name or not 0 <= count <= _HUGE:
            found.append(Problem(f"{path}.tickets.{name}", f"must be a name and a count from 0, not {count}"))
    _check_environment(block.environment, f"{path}.environment", found)


def _check_tasks(block: BlockSpec, path: str, found: list[Problem]) -> None:
    if block.numeric and block.tasks is not None and len(block.tasks):
        found.append(Problem(f"{path}.tasks", "a numeric block lists no tasks", "remove the tasks, or bit 1 of flags"))
        return
    if not block.numeric:
        _check_listed(block, path, found)
        return
    sound = True
    if block.frames_per_task < 1:
        sound = False
        found.append(Problem(f"{path}.frames_per_task", f"must be at least 1, not {block.frames_per_task}", "use 1"))
    if block.frames_inc < 1:
        sound = False
        found.append(Problem(f"{path}.frames_inc", f"must be at least 1, not {block.frames_inc}", "use 1"))
    if block.frame_last < block.frame_first:
        sound = False
        what = f"last frame {block.frame_last} is before first frame {block.frame_first}"
        found.append(Problem(f"{path}.frame_last", what, "swap them"))
    if sound and block.tasks_num > MAX_TASKS:
        what = f"makes {block.tasks_num} tasks, at most {MAX_TASKS} are taken"
        found.append(Problem(f"{path}.frame_last", what, "use more frames per task, or more blocks"))


def _check_listed(block: BlockSpec, path: str, found: list[Problem]) -> None:
    tasks = block.tasks
    if tasks is None or not len(tasks):
        hint = "give frame_first and frame_last, or a list of tasks"
        found.append(Problem(path, "the block has no tasks", hint))
        return
    if block.frames_per_task == 0:
        found.append(Problem(f"{path}.frames_per_task", "must not be 0", "use 1, or -4 when four tasks make a frame"))
    if len(tasks) > MAX_TASKS:
        found.append(Problem(f"{path}.tasks", f"there are {len(tasks)} tasks, at most {MAX_TASKS} are taken"))
    _check_column(tasks.commands, path, "command", MAX_TEXT, found)
    _check_column(tasks.names, path, "name", 4 * MAX_NAME, found)
    for number, own in tasks.environment.items():
        _check_environment(own, f"{path}.tasks[{number}].environment", found)


def _check_column(column: TextColumn, path: str, key: str, most: int, found: list[Problem]) -> None:
    """Tell the first text that is too long: there may be a million."""
    if len(column.data) <= most:
        return
    for number, text in enumerate(column):
        if len(text) > most:
            found.append(Problem(f"{path}.tasks[{number}].{key}", _too_long(len(text), most)))
            return


def _check_environment(environment: Mapping[str, str], path: str, found: list[Problem]) -> None:
    for name in environment:
        if not name or "=" in name:
            found.append(Problem(f"{path}.{name}", "is no name of a variable", "use a name without ="))


def _check_ranges(
    spec: JobSpec | BlockSpec, ranges: Mapping[str, tuple[int, int]], path: str, found: list[Problem]
) -> None:
    for key, (least, most) in ranges.items():
        value = getattr(spec, key)
        if value < least:
            hint = "-1 means not set" if least == -1 else ""
            found.append(Problem(path + key, f"must be at least {least}, not {value}", hint))
        elif value > most:
            found.append(Problem(path + key, f"must be at most {most}, not {value}"))


def _check_texts(spec: JobSpec | BlockSpec, path: str, found: list[Problem]) -> None:
    """Check the length of every text, and that there are not more bits than known ones."""
    for key, value in vars(spec).items():
        if isinstance(value, list) and key == "command":
            value = "\0".join(value)
        if not isinstance(value, str):
            continue
        if key in _NAMES:
            if len(value) > MAX_NAME:
                found.append(Problem(path + key, f"is {len(value)} characters long, at most {MAX_NAME} are taken"))
        elif len(value) * 4 > MAX_TEXT and len(value.encode("utf-8", "replace")) > MAX_TEXT:
            hint = "put it into a script file and run that" if key == "command" else "shorten it"
            found.append(Problem(path + key, _too_long(len(value), MAX_TEXT), hint))
    if isinstance(spec, BlockSpec) and not 0 <= spec.flags < 2 * BlockFlag.SUSPEND_NEW_TASKS:
        found.append(Problem(path + "flags", f"{spec.flags} has bits that mean nothing"))


def _too_long(length: int, most: int) -> str:
    return f"is {length} characters long, at most {most} bytes are taken"


def _check_masks(spec: JobSpec | BlockSpec, keys: tuple[str, ...], mode: str, path: str, found: list[Problem]) -> None:
    for key in keys:
        what = mask_problem(getattr(spec, key), mode=mode)
        if what:
            found.append(Problem(path + key, what, "write \\ before a character that is meant as itself"))


def _check_try_next(spec: JobSpec, found: list[Problem]) -> None:
    tasks, blocks = spec.try_this_tasks_num, spec.try_this_blocks_num
    if len(tasks) != len(blocks):
        what = f"has {len(tasks)} numbers, try_this_blocks_num has {len(blocks)}"
        found.append(Problem("try_this_tasks_num", what, "give one block number for each task number"))
        return
    for place, (task, block) in enumerate(zip(tasks, blocks)):
        if not 0 <= block < len(spec.blocks):
            found.append(Problem(f"try_this_blocks_num[{place}]", f"there is no block {block}"))
        elif not 0 <= task < spec.blocks[block].tasks_num:
            found.append(Problem(f"try_this_tasks_num[{place}]", f"block {block} has no task {task}"))


def _check_dependence(spec: JobSpec, strict: bool, found: list[Problem]) -> None:
    """Check that masks between blocks match some other block and that no block waits for itself round a corner."""
    names = [block.name for block in spec.blocks]
    matches: dict[str, set[int]] = {}
    waits: list[list[int]] = []
    for number, block in enumerate(spec.blocks):
        edges: set[int] = set()
        for key in ("depend_mask", "tasks_depend_mask"):
            pattern = getattr(block, key)
            if not pattern or mask_problem(pattern):
                continue
            if pattern not in matches:
                mask = Mask(pattern)
                matches[pattern] = {other for other, name in enumerate(names) if mask.matches(name)}
            matched = matches[pattern]
            if strict and not matched - {number}:
                what = "matches only the block itself" if matched else "matches no block of the job"
                others = [name for name in names if name != block.name]
                near = did_you_mean(pattern, others) if len(found) < _HINTS_MOST else ""
                hint = near or f"blocks: {', '.join(names[:20])}"
                found.append(Problem(f"blocks[{number}].{key}", f'"{pattern}" {what}', hint))
            edges |= matched - {number}
        waits.append(sorted(edges))
    circle = _circle(waits)
    if circle:
        way = " waits for ".join(f'"{names[number]}"' for number in circle)
        found.append(Problem(f"blocks[{circle[0]}]", f"blocks wait for each other: {way}", "change a depend mask"))


def _circle(waits: list[list[int]]) -> list[int]:
    """Return a way round through ``waits``, its first block repeated at the end, or nothing when there is none."""
    state = [0] * len(waits)  # 0 not seen, 1 on the way, 2 done
    for root in range(len(waits)):
        way: list[int] = []
        pending = [(root, iter([root]))]
        while pending:
            _, following = pending[-1]
            step = next(following, None)
            if step is None:
                pending.pop()
                if way:
                    state[way.pop()] = 2
            elif state[step] == 1:
                return [*way[way.index(step) :], step]
            elif state[step] == 0:
                state[step] = 1
                way.append(step)
                pending.append((step, iter(waits[step])))
    return []
