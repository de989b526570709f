"""How parameters are called and grouped in the panel: words and sections; what they take comes from the farm.

Rules of this file:
- A parameter that is not named here is shown too, by its own name, under More.
"""

from __future__ import annotations

from typing import Any

from afwatch.texts import tr

__all__ = ["SECTIONS", "choice_text", "section_of", "value_text", "word_of"]

SECTIONS: dict[str, tuple[str, ...]] = {
    "Order": (
        "name", "user_name", "branch", "priority", "annotation", "offline", "paused", "hidden", "description",
        "nimby", "NIMBY", "time_wait", "time_life", "jobs_life_time", "solve_method", "solve_need", "solve_jobs",
        "create_childs", "max_tasks_per_second",
    ),
    "How many": (
        "capacity", "max_running_tasks", "max_running_tasks_per_host", "capacity_host", "max_tasks_host", "power_host",
    ),
    "Where": (
        "hosts_mask", "hosts_mask_exclude", "hosts_mask_type", "pools", "need_os", "need_properties", "need_power",
        "need_memory", "need_hdd", "need_cpu_freq_mgz", "need_cpu_cores", "need_cpu_freq_cores", "need_gpu_mem_mb",
        "tickets", "tickets_host", "services", "services_disabled", "properties_host", "os_host", "pattern",
        "ignorenimby", "ignorepaused", "maintenance",
    ),
    "What waits for what": ("depend_mask", "depend_mask_global", "tasks_depend_mask", "sequential", "ppa"),
    "Errors": (
        "errors_retries", "errors_avoid_host", "errors_task_same_host", "errors_forgive_time", "task_max_run_time",
        "task_min_run_time", "task_progress_change_timeout", "sick_errors_count",
    ),
    "Command": (
        "service", "parser", "parser_coeff", "command", "tasks_name", "working_directory", "files", "environment",
        "command_pre", "command_post",
    ),
    "Times": (
        "heartbeat_sec", "resources_update_period", "zombie_time", "exit_no_task_time", "new_nimby", "new_paused",
    ),
    "More": (),
}  # fmt: skip
"""Parameters by section, in order."""

_WORDS = {
    "user_name": tr("Owner"), "offline": tr("Paused"), "max_running_tasks": tr("Most at once"),
    "max_running_tasks_per_host": tr("Most on a host"), "max_tasks_per_second": tr("Starts a second"),
    "capacity_host": tr("Capacity"), "max_tasks_host": tr("Most tasks"), "power_host": tr("Power"),
    "properties_host": tr("Properties"), "tickets_host": tr("Own tickets"), "hosts_mask": tr("Hosts"),
    "hosts_mask_exclude": tr("Not on hosts"), "hosts_mask_type": tr("Mask means"), "depend_mask": tr("After jobs"),
    "depend_mask_global": tr("After anybody's"), "tasks_depend_mask": tr("Tasks after"),
    "errors_retries": tr("Retries"),
    "errors_avoid_host": tr("Avoid host after"), "errors_task_same_host": tr("Task avoids after"),
    "errors_forgive_time": tr("Forgive after"), "task_max_run_time": tr("Longest run"),
    "task_min_run_time": tr("Shortest run"),
    "task_progress_change_timeout": tr("Without progress"), "sick_errors_count": tr("Sick after"),
    "time_wait": tr("Not before"),
    "time_life": tr("Delete after"), "jobs_life_time": tr("Delete jobs after"), "annotation": tr("Note"),
    "nimby": "nimby",
    "NIMBY": "NIMBY", "ppa": tr("Ask after preview"), "need_hdd": tr("Disk needed"), "need_os": tr("System"),
    "os_host": tr("System of hosts"),
    "need_cpu_freq_mgz": tr("Clock needed"), "need_cpu_cores": tr("Cores needed"),
    "need_cpu_freq_cores": tr("Cores x clock"),
    "need_gpu_mem_mb": tr("GPU memory"), "ignorenimby": tr("Ignore nimby"), "ignorepaused": tr("Ignore pause"),
    "command_pre": tr("Command before"), "command_post": tr("Command after"), "heartbeat_sec": tr("Sign of life"),
    "resources_update_period": tr("Readings every"), "zombie_time": tr("Lost after"),
    "exit_no_task_time": tr("Exit when idle"),
    "solve_method": tr("Serve by"), "solve_need": tr("Share by"), "solve_jobs": tr("Serve jobs"),
    "create_childs": tr("Make branches"),
    "new_nimby": tr("New are nimby"), "new_paused": tr("New are paused"), "services_disabled": tr("Services off"),
    "sequential": tr("Order of tasks"), "custom_data": tr("Custom data"), "srv_info": tr("Shown as server info"),
}  # fmt: skip

_SECTION = {name: section for section, names in SECTIONS.items() for name in names}


def word_of(name: str) -> str:
    """Return what a parameter is called."""
    return _WORDS.get(name) or name.replace("_", " ").capitalize()


def section_of(name: str) -> str:
    """Return the section that a parameter stands in."""
    return _SECTION.get(name, "More")


_CHOICES = {
    "yes": tr("yes"), "no": tr("no"), "solve_priority": tr("need"), "solve_order": tr("order"),
    "solve_tasksnum": tr("tasks"), "solve_capacity": tr("capacity"),
}  # fmt: skip


def choice_text(value: str) -> str:
    """Return what one of the words is called that a parameter may be; the farm's own word where it has no other."""
    return _CHOICES.get(value, value) or tr("not set")


def value_text(value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_inner(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)


def _inner(value: Any) -> str:
    return ":".join(map(str, value)) if isinstance(value, list) else str(value)
