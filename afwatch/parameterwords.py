"""How parameters are called and grouped in the panel: words and sections; what they take comes from the farm.

Rules of this file:
- A parameter that is not named here is shown too, by its own name, under More.
"""

from __future__ import annotations

from typing import Any

__all__ = ["SECTIONS", "section_of", "value_text", "word_of"]

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
        "tickets", "tickets_host", "services", "services_disabled", "properties_host", "pattern", "ignorenimby",
        "ignorepaused", "maintenance",
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
    "user_name": "Owner", "offline": "Paused", "max_running_tasks": "Most at once",
    "max_running_tasks_per_host": "Most on a host", "max_tasks_per_second": "Starts a second",
    "capacity_host": "Capacity", "max_tasks_host": "Most tasks", "power_host": "Power",
    "properties_host": "Properties", "tickets_host": "Own tickets", "hosts_mask": "Hosts",
    "hosts_mask_exclude": "Not on hosts", "hosts_mask_type": "Mask means", "depend_mask": "After jobs",
    "depend_mask_global": "After anybody's", "tasks_depend_mask": "Tasks after", "errors_retries": "Retries",
    "errors_avoid_host": "Avoid host after", "errors_task_same_host": "Task avoids after",
    "errors_forgive_time": "Forgive after", "task_max_run_time": "Longest run", "task_min_run_time": "Shortest run",
    "task_progress_change_timeout": "Without progress", "sick_errors_count": "Sick after", "time_wait": "Not before",
    "time_life": "Delete after", "jobs_life_time": "Delete jobs after", "annotation": "Note", "nimby": "nimby",
    "NIMBY": "NIMBY", "ppa": "Ask after preview", "need_hdd": "Disk needed", "need_os": "System",
    "need_cpu_freq_mgz": "Clock needed", "need_cpu_cores": "Cores needed", "need_cpu_freq_cores": "Cores x clock",
    "need_gpu_mem_mb": "GPU memory", "ignorenimby": "Ignore nimby", "ignorepaused": "Ignore pause",
    "command_pre": "Command before", "command_post": "Command after", "heartbeat_sec": "Sign of life",
    "resources_update_period": "Readings every", "zombie_time": "Lost after", "exit_no_task_time": "Exit when idle",
    "solve_method": "Serve by", "solve_need": "Share by", "solve_jobs": "Serve jobs", "create_childs": "Make branches",
    "new_nimby": "New are nimby", "new_paused": "New are paused", "services_disabled": "Services off",
    "sequential": "Order of tasks", "custom_data": "Custom data", "srv_info": "Shown as server info",
}  # fmt: skip

_SECTION = {name: section for section, names in SECTIONS.items() for name in names}


def word_of(name: str) -> str:
    """Return what a parameter is called."""
    return _WORDS.get(name) or name.replace("_", " ").capitalize()


def section_of(name: str) -> str:
    """Return the section that a parameter stands in."""
    return _SECTION.get(name, "More")


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
