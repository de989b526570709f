"""What a change costs those who live with it, and what to know before it is made."""

from typing import Any

from afcore.schedule.remedies import Scope

__all__ = ["CHEAP", "COST", "LAST_RESORT", "SPREAD", "cost_of", "warning_about"]

SPREAD = 2
"""Another proposal may cost so much more than the one before it."""
CHEAP = 4
"""A change that starts the task at once and costs no more needs no other beside it."""
LAST_RESORT = 20
"""Somebody loses work by it, or much of what was asked for is given up."""

COST = {"task.continue": 0, "task.restart": 1, "task.try-next": 0, "job": 1, "block": 2, "errors": 2, "heal": 2,
        "render": 3, "user": 4, "branch": 5, "pool": 6, "hold": 9}  # fmt: skip
"""By whose scope it is: the fewer others it touches, the less."""
_DEAR = {
    "depend_mask": 8,
    "depend_mask_global": 8,
    "tasks_depend_mask": 8,
    "ignorenimby": 9,
    "ignorepaused": 9,
    "NIMBY": 3,
    "nimby": 3,
    "maintenance": 6,
    "max_tasks_host": 3,
    "capacity_host": 3,
    "capacity": 2,
    "hosts_mask": 2,
    "hosts_mask_exclude": 2,
    "multihost_min": 2,
    "properties_host": 3,
    "power_host": 3,
    "services": 3,
    "services_disabled": 2,
    "sequential": 2,
    "task_max_run_time": 2,
}
"""What makes a change dear: it overloads a host, asks a person, or gives up what somebody wanted."""

_WARNINGS = {
    "depend_mask": "it does not wait for what it depends on then",
    "depend_mask_global": "it does not wait for what it depends on then",
    "tasks_depend_mask": "its frames do not wait for the frames they depend on then",
    "ignorenimby": "it runs on hosts that are kept for a person then",
    "sequential": "its block is taken from the last task on then",
    "NIMBY": "ask the person there first",
    "nimby": "ask the person there first",
    "max_tasks_host": "more at once than the host was meant to run",
    "capacity_host": "more at once than the host was meant to run",
    "multihost_min": "it begins with fewer renders than were asked for then",
    "hold": "what waits for room there waits longer then",
    "task_max_run_time": "it is stopped when it takes longer",
}


def cost_of(scope: Scope, parameters: dict[str, Any]) -> int:
    """Return what an edit costs; only the order counts."""
    return COST[scope[0]] + len(parameters) + sum(_DEAR.get(name, 0) for name in parameters)


def warning_about(parameters: dict[str, Any]) -> str:
    """Return what to know before making an edit, or an empty text."""
    return "; ".join(dict.fromkeys(_WARNINGS[name] for name in parameters if name in _WARNINGS))
