"""What the configuration says about the farm, as the core takes it."""

from afcore.config import Config
from afcore.model.defaults import Defaults
from afcore.model.tree import User

__all__ = ["defaults_of"]

_USER = {
    "max_running_tasks": "af_max_running_tasks",
    "max_running_tasks_per_host": "af_max_run_tasks_per_host",
    "errors_retries": "af_task_error_retries",
    "errors_avoid_host": "af_errors_avoid_host",
    "errors_task_same_host": "af_task_errors_same_host",
    "errors_forgive_time": "af_errors_forgivetime",
    "jobs_life_time": "af_jobs_life_time",
}
"""Parameter of a new user to the setting that gives it."""


def defaults_of(config: Config) -> Defaults:
    """Return the farm's defaults: for users only what differs from what a user is anyway."""
    plain = User(id=0, name="")
    return Defaults(
        capacity_per_core=config["capacity_per_core"],
        heartbeat=config["heartbeat_sec"],
        resources_period=config["resources_update_period"],
        zombie_time=config["zombie_time"],
        reconnect_time=config["af_task_reconnect_timeout"],
        progress_timeout=config["af_task_progress_change_timeout"],
        task_capacity=config["af_task_default_capacity"],
        system_services=(
            config["af_sysjob_postcmd_service"],
            config["af_sysjob_wol_service"],
            config["af_sysjob_events_service"],
        ),
        system_tasklife=config["af_sysjob_tasklife"],
        system_tasksmax=config["af_sysjob_tasksmax"],
        wake_interval=config["af_wolwake_interval"],
        user_jobs=config["user_jobs_max"],
        user_tasks=config["user_tasks_max"],
        user={name: config[setting] for name, setting in _USER.items() if config[setting] != getattr(plain, name)},
    )
