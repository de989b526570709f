"""What a classic action comes to, and the parameters that the dialect lets people edit.

Rules of this file:
- A value of the wrong type, and a key that is unknown, is as if it was not there, as the dialect has it; a key that the
  dialect knows and the farm does not have yet is told in the answer.
- Values out of range are brought into it where the reference does so; everything else is refused by the farm.
"""

from typing import Any, NamedTuple

from afcore.errors import Rejected
from afnet.classic.framing import info

__all__ = ["Plan", "check_operation", "finish", "read_parameters", "text_of", "with_mask_type"]


class Plan(NamedTuple):
    """Commands, to be done one after the other, and the answer when all are done."""

    commands: list[Any]
    answer: dict[str, Any]
    gives_object: bool = False
    """The answer is ``{"object": ...}`` with the reply of the last command instead."""


def check_operation(given: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the operation (None when there is none) and the parameters of an action.  Raises Rejected."""
    operation, parameters = given.get("operation"), given.get("params")
    if operation is not None:
        if not isinstance(operation, dict):
            raise Rejected('Action "operation" should be an object.')
        if not isinstance(operation.get("type"), str):
            raise Rejected('Action "operation" "type" should be a string.')
        if not operation["type"]:
            raise Rejected('Action "operation" "type" string is empty.')
    if parameters is not None and not isinstance(parameters, dict):
        raise Rejected('Action "params" should be an object.')
    if operation is None and parameters is None:
        raise Rejected('Action should have an "operation" or(and) "params" object.')
    return operation, parameters or {}


def finish(commands: list[Any], later: list[str]) -> Plan:
    """Return the plan of an edit; ``later`` are the parameters that are not there yet."""
    if later:
        return Plan(commands, info(f"Action processed, but Afwatch has no {', '.join(later)} yet.", kind="info"))
    return Plan(commands, info("Action processed.", kind="log"))


def text_of(operation: dict[str, Any], key: str) -> str:
    """Return a text of an operation, empty when there is none."""
    value = operation.get(key)
    return value if isinstance(value, str) else ""


_NODE = {"priority": "priority", "annotation": "text", "custom_data": "text", "hidden": "bool"}
_WORK = {
    **_NODE,
    **dict.fromkeys(
        ("max_running_tasks", "max_running_tasks_per_host", "need_power", "need_memory", "need_hdd"), "int"
    ),
    "max_tasks_per_second": "rate",
    **dict.fromkeys(("hosts_mask", "hosts_mask_exclude", "need_os", "need_properties"), "text"),
    "hosts_mask_type": "mask type",
    "pools": "pools",
    "solve_method": "method",
    "solve_need": "need",
}
_FARM = {
    **_NODE,
    **dict.fromkeys(("capacity_host", "max_tasks_host", "power_host"), "int"),
    "properties_host": "text",
    "services": "texts",
    "services_disabled": "texts",
    "tickets_host": "tickets",
    "paused": "bool",
}
_ERRORS = ("errors_retries", "errors_avoid_host", "errors_task_same_host", "errors_forgive_time")

_LOADS = "cpu mem swp hddgb hddio netmbs".split()

_KINDS: dict[str, dict[str, str]] = {
    "node": _NODE,
    "jobs": {
        **_WORK,
        **dict.fromkeys(("user_name", "branch", "depend_mask", "depend_mask_global", "description"), "text"),
        "srv_info": "text",
        **dict.fromkeys(("command_pre", "command_post"), "text"),
        **dict.fromkeys(("time_wait", "time_life"), "int"),
        **dict.fromkeys(("ppa", "maintenance", "ignorenimby", "ignorepaused"), "bool"),
        "offline": "true",
        "folders": "text map",
    },
    "blocks": {
        **dict.fromkeys(("name", "service", "parser", "tasks_name", "command", "command_pre", "command_post"), "text"),
        **dict.fromkeys(("working_directory", "custom_data", "depend_mask", "tasks_depend_mask"), "text"),
        "srv_info": "text",
        **dict.fromkeys(("hosts_mask", "hosts_mask_exclude", "need_properties"), "text"),
        **dict.fromkeys(("sequential", "max_running_tasks", "max_running_tasks_per_host", "parser_coeff"), "int"),
        **dict.fromkeys(("need_memory", "need_power", "need_hdd", "need_cpu_freq_mgz", "need_cpu_cores"), "int"),
        **dict.fromkeys(("need_cpu_freq_cores", "need_gpu_mem_mb", *_ERRORS), "int"),
        **dict.fromkeys(("task_max_run_time", "task_min_run_time", "task_progress_change_timeout"), "int"),
        "capacity": "capacity",
        "files": "texts",
        "environment": "text map",
        "tickets": "counts",
    },
    "users": {**_WORK, **dict.fromkeys((*_ERRORS, "jobs_life_time"), "int"), "paused": "bool"},
    "branches": {**_WORK, **dict.fromkeys(("create_childs", "solve_jobs", "paused"), "bool")},
    "renders": {**_FARM, "user_name": "text", "nimby": "bool", "NIMBY": "bool"},
    "pools": {
        **_FARM,
        "pattern": "text",
        **dict.fromkeys(("new_nimby", "new_paused"), "bool"),
        **dict.fromkeys(("heartbeat_sec", "resources_update_period", "zombie_time", "exit_no_task_time"), "int"),
        "sick_errors_count": "int",
        **dict.fromkeys(("no_task_event_time", "overload_event_time"), "int"),
        **dict.fromkeys(("idle_wolsleep_time", "idle_free_time", "busy_nimby_time"), "int"),
        **{f"{side}_{load}": "int" for side in ("idle", "busy") for load in _LOADS},
        "tickets_pool": "pool tickets",
    },
}
"""What may be edited, by kind of node, and how its value is read."""

_RENAMED = {"tickets_pool": "tickets"}
"""Names of the dialect that are others here."""


def read_parameters(kind: str, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters to set on nodes of a kind, and the names of those that are not there yet."""
    table = _KINDS[kind]
    found = {}
    for key, value in given.items():
        if key in table:
            read = _read(table[key], value)
            if read is not None:
                found[_RENAMED.get(key, key)] = read
    if kind == "renders":
        _settle_nimby(found)
    unknown = {"srv_info"} - set(table)
    if kind == "renders":
        unknown.add("tickets_pool")
    return found, sorted(key for key in given if key in unknown)


def _settle_nimby(found: dict[str, Any]) -> None:
    """True of either sets that one and clears the other; false of either frees both."""
    asked = [key for key in ("nimby", "NIMBY") if key in found]
    if asked and not any(found[key] for key in asked):
        found["nimby"] = found["NIMBY"] = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _read(how: str, value: Any) -> Any:
    """Return a value as the farm takes it; None when it is to be passed over."""
    if how in ("text", "texts", "bool", "true"):
        return _read_plain(how, value)
    if how in ("int", "priority", "rate", "capacity"):
        return _read_number(how, value) if _is_number(value) else None
    if how == "mask type":
        return value if value in ("find", "regex") else None
    if how == "method":
        return value if value in ("solve_priority", "solve_order") else None
    if how == "need":
        return value if value in ("solve_capacity", "solve_tasksnum") else None
    if not isinstance(value, dict):
        return None
    if how == "text map":
        return {key: each for key, each in value.items() if isinstance(each, str)}
    if how == "pool tickets":
        read = {key: _pool_ticket(each) for key, each in value.items()}
        return {key: each for key, each in read.items() if each is not None}
    if how == "tickets":
        counts = {key: each[0] if isinstance(each, list) and each else each for key, each in value.items()}
        return {key: each for key, each in counts.items() if _is_number(each)}
    if not all(map(_is_number, value.values())):
        return None
    if how == "counts":
        return {key: max(0, each) for key, each in value.items()}
    return {key: max(-100, min(100, each)) for key, each in value.items()}


def _pool_ticket(value: Any) -> list[int] | None:
    """Return count and most hosts of ``[count, usage, hosts, most hosts]``; all but the first may be missing."""
    if not isinstance(value, list) or not value or not all(map(_is_number, value)):
        return None
    return [value[0], value[3] if len(value) > 3 else -1]


def _read_plain(how: str, value: Any) -> Any:
    if how == "text":
        return value if isinstance(value, str) else None
    if how == "texts":
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else None
    if how == "true":
        return True if value is True else None
    return value if isinstance(value, bool) else None


def _read_number(how: str, value: int) -> int | None:
    if how == "priority":
        return min(255, value) if value >= 0 else None
    if how == "rate":
        return min(10_000, value)
    if how == "capacity":
        return max(1, value)
    return value


def with_mask_type(found: dict[str, Any], present: str) -> dict[str, Any]:
    """Return parameters in which hosts masks without a mode are of the find kind, as the dialect has it."""
    if not present and "hosts_mask_type" not in found and (found.get("hosts_mask") or found.get("hosts_mask_exclude")):
        return {**found, "hosts_mask_type": "find"}
    return found
