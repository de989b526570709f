"""The smaller classic messages: users, announcements, configuration, files, and what is refused for safety."""

from collections.abc import Callable, Sequence
from typing import Any

from afnet.classic.framing import info
from afnet.classic.json_get import Get

__all__ = [
    "announced",
    "config_answer",
    "files_answer",
    "read_announcement",
    "read_user",
    "reload_answer",
    "save_answer",
]


def read_user(request: dict[str, Any]) -> tuple[str, dict[str, Any]] | dict[str, Any]:
    """Return name and parameters of a new user, or the answer that says what is wrong."""
    user = request["user"]
    if not isinstance(user, dict) or not isinstance(user.get("name", ""), str):
        return info("Invalid action.")
    return user.get("name", ""), {key: value for key, value in user.items() if key != "name"}


def read_announcement(request: dict[str, Any]) -> str | dict[str, Any]:
    """Return the text to announce, or the answer that says what is wrong."""
    text = request["announce"]
    return text if isinstance(text, str) and text else info("Invalid action.")


def announced() -> dict[str, Any]:
    """Return the answer to an announcement."""
    return {"status": "success", "announce": "OK", "success": "OK"}


def reload_answer(later: Sequence[str], *, error: str = "") -> dict[str, Any]:
    """Return the answer to ``reload_config``; ``later`` are the changed settings that need a restart."""
    if error:
        return {"status": "error", "reload_config": error, "error": error}
    text = "Reloaded successfully."
    if later:
        text += f" What needs a restart of the server: {', '.join(later)}."
    return {"status": "success", "reload_config": text, "success": text}


def save_answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to ``save``: this server writes no file that a request names."""
    save = request["save"]
    if not isinstance(save, dict):
        return info('"save" is not an object.')
    if not isinstance(save.get("path"), str):
        return info('"path" is not an string.')
    if not isinstance(save.get("object"), dict):
        return info('"object" is not an object.')
    return info("Afwatch writes no file that a request names (save): edit the server's configuration file instead.")


def files_answer(wish: Get, files_in: Callable[[str], list[str]]) -> dict[str, Any]:
    """Return the answer to a ``get`` of files: none for a path that leaves the served folder."""
    path = wish.path
    if not path or path.startswith(("/", "\\")) or ".." in path or ":" in path:
        return {"path": path, "files": []}
    return {"path": path, "files": files_in(path)}


def config_answer(*, port: int, version: str, platform: str, hostname: str) -> dict[str, Any]:
    """Return the settings that clients of the dialect use, in the layout of configuration files."""
    general = {"previewcmds": [], "annotations": ["APPROVED", "FAILED"], "docs_url": "", "forum_url": ""}
    farm = {
        "af_servername": "127.0.0.1",
        "af_serverport": port,
        "af_priority": 99,
        "af_task_default_capacity": 1000,
        "af_monitor_zombietime": 16,
        "af_monitor_render_idle_bar_max": 3600,
        "af_monitor_render_cpu_hot_min": 80,
        "af_monitor_render_cpu_hot_max": 100,
        "af_rendercmds": [],
        "af_rendercmds_admin": [],
    }
    environment = {
        "version": version,
        "builddate": "",
        "buildrevision": "",
        "platform": platform,
        "hostname": hostname,
        "username": "",
        "location": "",
        "servedir": "",
    }
    return {"cgru_config": [{"cgru_config": general}, {"cgru_config": farm}, {"cgru_environment": environment}]}
