"""The server's own files while it runs: the farm file, and the configuration that is read again.

Rules of this file:
- A file that is wrong changes nothing; the answer says where it is wrong.
- A farm file that is the one loaded last is not loaded again at a start: what was edited since stays.
"""

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afcore.commands import DescribeFarm
from afcore.config import Config
from afcore.errors import BadSpec, ConfigError, NotFound, Problem
from afcore.farmfile import parse_farm
from afcore.hostpatterns import Description, described
from afnet.api.configfiles import config_files, read_settings_text

__all__ = ["LIVE", "changed_settings", "farm_file", "read_farm", "refusal", "reload_command", "start_command"]

_log = logging.getLogger(__name__)

_NAME = "farm.xml"

LIVE = frozenset(
    {
        "af_max_running_tasks",
        "classic_networks",
        "af_max_run_tasks_per_host",
        "af_task_error_retries",
        "af_errors_avoid_host",
        "af_task_errors_same_host",
        "af_errors_forgivetime",
        "af_jobs_life_time",
        "af_task_progress_change_timeout",
        "af_task_reconnect_timeout",
        "capacity_per_core",
        "heartbeat_sec",
        "history_keep_days",
        "journal_keep_bytes",
        "journal_keep_days",
        "resources_update_period",
        "zombie_time",
        "services",
        "farm_file",
    }
)
"""Settings that count as soon as they are read again; every other one counts after a restart."""


def farm_file(config: Config, environ: Mapping[str, str]) -> Path | None:
    """Return the farm file: the one that is set, else ``farm.xml`` beside the strongest configuration file.

    The configuration files need not be there themselves.  None when there is no farm file anywhere.
    """
    if config["farm_file"]:
        return Path(config["farm_file"]).expanduser().absolute()
    places = [path.parent for path in config_files(environ)]
    if environ.get("AF_CONFIG"):
        places.append(Path(environ["AF_CONFIG"]).absolute().parent)
    found = [folder / _NAME for folder in places if (folder / _NAME).is_file()]
    return found[-1] if found else None


def read_farm(path: Path) -> Description:
    """Return what a farm file says.  Raises ConfigError with the file and every fault of it."""
    text = read_settings_text(path)
    mark = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return described(parse_farm(text, file=str(path)), mark)


def start_command(config: Config, loaded: Description) -> DescribeFarm | None:
    """Return what a start has to do about the farm file; None when that was done, or when there is nothing to do.

    A broken file is told in the server's log: the farm goes on with what it had.
    """
    path = farm_file(config, os.environ)
    if path is None:
        return None
    try:
        found = read_farm(path)
    except ConfigError as error:
        _log.error("the farm file is not loaded, the farm stays as it was: %s", error)
        return None
    nothing = not (found.patterns or found.limits or loaded.patterns or loaded.limits)
    return None if nothing or found.mark == loaded.mark else DescribeFarm(found)


def reload_command(config: Config) -> DescribeFarm:
    """Return the command that loads the server's farm file.  Raises NotFound without one, BadSpec with its faults."""
    path = farm_file(config, os.environ)
    if path is None:
        raise NotFound(
            "This server has no farm file.",
            hint=f"Put a {_NAME} beside its config.json, name one by the setting farm_file, or use `afcmd farm load`.",
        )
    try:
        return DescribeFarm(read_farm(path))
    except ConfigError as error:
        raise refusal(error) from None


def refusal(error: ConfigError) -> BadSpec:
    """Return what is told to the one who asked for a file to be read that is wrong."""
    return BadSpec([Problem(f"{error.file}: {error.key}" if error.key else error.file, error.what, error.hint)])


def changed_settings(old: Config, new: Config) -> list[dict[str, Any]]:
    """Return the settings that differ, each with old and new value, its source, and when it counts."""
    return [
        {
            "name": each.name,
            "was": old[each.name],
            "value": each.value,
            "unit": each.unit,
            "source": each.source,
            "counts": "now" if each.name in LIVE else "after a restart",
        }
        for each in new.explain()
        if each.value != old[each.name]
    ]
