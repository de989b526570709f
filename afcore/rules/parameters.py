"""Which parameters may be edited on what, and what values they take.

Rules of this file:
- Every kind of thing has one table here; a name that is in no table cannot be edited.
- All problems of an edit are told at once, each naming the parameter and, where near, the name that was meant.
- Values are never repaired: a number out of range is refused with the range in the sentence.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from afcore.errors import BadSpec, Problem, did_you_mean
from afcore.masks import mask_problem

__all__ = ["BLOCK", "BRANCH", "JOB", "POOL", "RENDER", "USER", "Parameter", "edit"]

_HUGE = (1 << 31) - 1
_PROBLEMS_MOST = 100
"""Problems of one edit that are told: a caller may name a million parameters that do not exist."""


class Parameter(NamedTuple):
    """What values one parameter takes.

    ``kind``: ``int`` (``low`` to ``high``), ``bool``, ``text``, ``word`` (one of ``words``), ``mask`` (a regular
    expression), ``hosts mask`` (as ``hosts_mask_type`` says), ``texts`` (a list), ``text map`` and ``number map``
    (``merge``: keys are set one by one, and an empty value, or the number ``remove``, takes its key out),
    ``ticket map`` (pairs of count and most hosts; a count of -1 takes the ticket out), ``command`` (text or list).
    """

    kind: str
    low: int = -1
    high: int = _HUGE
    words: tuple[str, ...] = ()
    merge: bool = False
    remove: int = 0
    """The number that takes a key out of a merged map."""


def _number(low: int = -1, high: int = _HUGE) -> Parameter:
    return Parameter("int", low, high)


_TEXT = Parameter("text")
_BOOL = Parameter("bool")
_TEXTS = Parameter("texts")
_MASK = Parameter("mask")
_HOSTS_MASK = Parameter("hosts mask")

_NODE = {
    "priority": _number(0, 255),
    "annotation": _TEXT,
    "custom_data": _TEXT,
    "hidden": _BOOL,
}

_LIMITS = {
    **_NODE,
    "max_running_tasks": _number(),
    "max_running_tasks_per_host": _number(),
    "max_tasks_per_second": _number(-1, 10_000),
    "hosts_mask": _HOSTS_MASK,
    "hosts_mask_exclude": _HOSTS_MASK,
    "hosts_mask_type": Parameter("word", words=("", "find", "list", "regex")),
    "need_os": _TEXT,
    "need_properties": _TEXT,
    "need_power": _number(),
    "need_memory": _number(),
    "need_hdd": _number(),
    "pools": Parameter("number map", -100, 100),
}

_SOLVING = {
    "solve_method": Parameter("word", words=("solve_priority", "solve_order")),
    "solve_need": Parameter("word", words=("solve_tasksnum", "solve_capacity")),
}

_ERRORS = ("errors_retries", "errors_avoid_host", "errors_task_same_host")

JOB: dict[str, Parameter] = {
    **_LIMITS,
    **_SOLVING,
    "user_name": _TEXT,
    "branch": _TEXT,
    "time_wait": _number(0, 1 << 40),
    "time_life": _number(),
    "depend_mask": _MASK,
    "depend_mask_global": _MASK,
    "offline": _BOOL,
    "ppa": _BOOL,
    "maintenance": _BOOL,
    "ignorenimby": _BOOL,
    "ignorepaused": _BOOL,
    "description": _TEXT,
    "command_pre": _TEXT,
    "command_post": _TEXT,
    "folders": Parameter("text map", merge=True),
    "srv_info": _TEXT,
}
"""Parameters of a job."""

BLOCK: dict[str, Parameter] = {
    "name": _TEXT,
    "service": _TEXT,
    "parser": _TEXT,
    "sequential": _number(-_HUGE, _HUGE),
    "tasks_name": _TEXT,
    "command": Parameter("command"),
    "command_pre": _TEXT,
    "command_post": _TEXT,
    "working_directory": _TEXT,
    "files": _TEXTS,
    "environment": Parameter("text map", merge=True),
    "capacity": _number(1),
    "max_running_tasks": _number(),
    "max_running_tasks_per_host": _number(),
    "need_memory": _number(),
    "need_power": _number(),
    "need_hdd": _number(),
    "need_cpu_freq_mgz": _number(),
    "need_cpu_cores": _number(),
    "need_cpu_freq_cores": _number(),
    "need_gpu_mem_mb": _number(),
    "need_gpus": _number(-1, 64),
    "gpus_shared": _BOOL,
    "multihost_min": _number(-1, 100),
    "multihost_max": _number(-1, 100),
    "multihost_max_wait": _number(0, 65535),
    "multihost_service": _TEXT,
    "multihost_service_wait": _number(0, 65535),
    "need_properties": _TEXT,
    "depend_mask": _MASK,
    "tasks_depend_mask": _MASK,
    "hosts_mask": _HOSTS_MASK,
    "hosts_mask_exclude": _HOSTS_MASK,
    **{name: _number(-1, 127) for name in _ERRORS},
    "errors_forgive_time": _number(),
    "task_max_run_time": _number(0),
    "task_min_run_time": _number(0),
    "task_progress_change_timeout": _number(),
    "tickets": Parameter("number map", 0, merge=True),
    "parser_coeff": _number(1),
    "custom_data": _TEXT,
    "srv_info": _TEXT,
}
"""Parameters of a block; what its tasks are (frames, lists, flags) stays as submitted."""

USER: dict[str, Parameter] = {
    **_LIMITS,
    **_SOLVING,
    **{name: _number(0, 255) for name in _ERRORS},
    "errors_forgive_time": _number(0),
    "jobs_life_time": _number(0),
    "paused": _BOOL,
}
"""Parameters of a user."""

BRANCH: dict[str, Parameter] = {
    **_LIMITS,
    **_SOLVING,
    "solve_jobs": _BOOL,
    "create_childs": _BOOL,
    "paused": _BOOL,
}
"""Parameters of a branch."""

_FARM = {
    **_NODE,
    "capacity_host": _number(-2),
    "max_tasks_host": _number(),
    "power_host": _number(),
    "properties_host": _TEXT,
    "services": _TEXTS,
    "services_disabled": _TEXTS,
    "tickets_host": Parameter("number map", -1, merge=True, remove=-1),
}

_MEASURES = ("cpu", "mem", "swp", "hddgb", "hddio", "netmbs")

POOL: dict[str, Parameter] = {
    **_FARM,
    "os_host": _TEXT,
    "pattern": _MASK,
    "paused": _BOOL,
    "new_nimby": _BOOL,
    "new_paused": _BOOL,
    "heartbeat_sec": _number(),
    "resources_update_period": _number(),
    "zombie_time": _number(),
    "exit_no_task_time": _number(),
    "sick_errors_count": _number(),
    **{f"{side}_{measure}": _number() for side in ("idle", "busy") for measure in _MEASURES},
    **{name: _number() for name in ("idle_free_time", "idle_wolsleep_time", "busy_nimby_time")},
    **{name: _number() for name in ("no_task_event_time", "overload_event_time")},
    "tickets": Parameter("ticket map", merge=True),
}
"""Parameters of a pool; -1 asks the parent."""

RENDER: dict[str, Parameter] = {
    **_FARM,
    "user_name": _TEXT,
    "nimby": _BOOL,
    "NIMBY": _BOOL,
    "paused": _BOOL,
}
"""Parameters of a render; -1 asks its pool."""


def edit(
    table: dict[str, Parameter],
    given: Mapping[str, Any],
    *,
    read: Callable[[str], Any],
    what: str,
    settings: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (old values, new values) of the parameters that really change.

    ``read`` gives the present value of a parameter, ``what`` names the kind of thing, ``settings`` holds what is not
    edited but decides what is right (``hosts_mask_type``).  Raises BadSpec with every problem.
    """
    problems: list[Problem] = []
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    if not given:
        problems.append(Problem("parameters", f"no parameter of the {what} is named", "name one with its value"))
    mode = str(given.get("hosts_mask_type", (settings or {}).get("hosts_mask_type", "")))
    for name, value in given.items():
        if len(problems) >= _PROBLEMS_MOST:
            break
        parameter = table.get(name)
        if parameter is None:
            hint = did_you_mean(str(name), table) or "one of: " + ", ".join(sorted(table))
            problems.append(Problem(str(name), f"a {what} has no such parameter", hint))
            continue
        problem = _problem(parameter, value, mode or "regex")
        if problem:
            problems.append(Problem(name, problem))
            continue
        before = read(name)
        after = _merged(parameter, before, value) if parameter.merge else _cleaned(parameter, value)
        if after != before:
            old[name], new[name] = before, after
    if problems:
        raise BadSpec(problems)
    return old, new


def _cleaned(parameter: Parameter, value: Any) -> Any:
    if parameter.kind == "number map":
        return {key: number for key, number in value.items() if key and number}
    return value


def _merged(parameter: Parameter, before: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    both = {**before, **value}
    if parameter.kind == "ticket map":
        return {key: list(each) for key, each in both.items() if each[0] >= 0}
    return {key: each for key, each in both.items() if each not in ("", parameter.remove)}


def _problem(parameter: Parameter, value: Any, mode: str) -> str:
    """Return what is wrong with a value, or an empty text."""
    kind = parameter.kind
    if kind == "int":
        return _number_problem(parameter, value)
    if kind == "bool":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind in ("text", "mask", "hosts mask"):
        if not isinstance(value, str):
            return "must be text"
        if kind == "text":
            return ""
        return mask_problem(value, mode=mode if kind == "hosts mask" else "regex")
    if kind == "word":
        words = ", ".join(f'"{word}"' for word in parameter.words)
        return "" if value in parameter.words else f"must be one of {words}"
    if kind == "command" and isinstance(value, str):
        return ""
    if kind in ("texts", "command"):
        right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return "" if right else "must be a list of texts"
    return _map_problem(parameter, value)


def _number_problem(parameter: Parameter, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    if not parameter.low <= value <= parameter.high:
        return f"must be {parameter.low} to {parameter.high}, not {value}"
    return ""


def _map_problem(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        return "must be a map from names to values"
    for key, each in value.items():
        if parameter.kind == "text map":
            if not isinstance(each, str):
                return f'the value of "{key}" must be text'
        elif parameter.kind == "ticket map":
            if not isinstance(each, list) or len(each) != 2 or any(_number_problem(parameter, one) for one in each):
                return f'the value of "{key}" must be [count, most hosts], whole numbers from -1'
        else:
            problem = _number_problem(parameter, each)
            if problem:
                return f'the value of "{key}" {problem}'
    return ""
