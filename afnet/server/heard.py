"""What agents say, made safe before the farm hears it: numbers that are numbers, texts and lists of bounded size.

Rules of this file:
- A node may be anybody who stole its certificate: what it sends leaves here in the forms that the farm reckons with.
- What is wrong is left out or cut, never refused: a reading that lacks a value is better than a node that is lost.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from afcore.commands import ProgressReading
from afnet.wire.messages import Register, Report

__all__ = ["heard_progress", "heard_reading", "heard_register", "heard_report"]

_NAME_MOST = 512
_TEXT_MOST = 4096
_LONG_MOST = 65536
"""Characters of what parsers and services say of a run."""
_ITEMS_MOST = 256
"""Things in one list or map of a reading."""
_DEPTH_MOST = 4
_NUMBER_MOST = 1e15
_LONGEST = 1e9
"""Seconds that a run may have taken: thirty years."""

_MEASURED = ("cpu_", "mem_", "swap_", "hdd_", "net_", "gpu_")
"""Beginnings of the names of measures that are numbers."""
_TEXTS = frozenset({"gpu_string", "hw_info"})
_NUMBER_LISTS = frozenset({"cpu_loadavg"})
_TEXT_LISTS = frozenset({"logged_in_users", "overload"})
_MAP_LISTS = frozenset({"gpus", "custom", "tasks"})
_MAPS = frozenset({"old"})


def _is_number(value: Any) -> bool:
    kind = type(value)
    # A comparison with what is no number is false.
    return (kind is int or kind is float) and -_NUMBER_MOST <= value <= _NUMBER_MOST


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value of a reading in its safe form; None for what is left out."""
    kind = type(value)
    if kind is bool:
        return value
    if kind is int or kind is float:
        return value if _is_number(value) else None
    if kind is str:
        return value[:_TEXT_MOST]
    if depth >= _DEPTH_MOST:
        return None
    if kind is list or kind is tuple:
        return [found for each in value[:_ITEMS_MOST] if (found := _plain(each, depth + 1)) is not None]
    if kind is dict:
        return _map(value, depth + 1)
    return None


def _map(given: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if len(found) >= _ITEMS_MOST:
            break
        plain = _plain(value, depth)
        if plain is not None and type(key) is str:
            found[key[:_NAME_MOST]] = plain
    return found


def _maps(given: Any) -> list[dict[str, Any]]:
    """Return the maps of a list; nothing of anything else."""
    if not isinstance(given, list):
        return []
    return [_map(each, 1) for each in given[:_ITEMS_MOST] if type(each) is dict]


_OTHERWISE = _TEXTS | _NUMBER_LISTS | _TEXT_LISTS | _MAP_LISTS | _MAPS
"""Names of readings that are no numbers."""


def _fits(name: str, value: Any) -> bool:
    """Say whether a value that is no number is of the kind that readings of this name are."""
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _NUMBER_LISTS or name in _TEXT_LISTS or name in _MAP_LISTS:
        return isinstance(value, list)
    if name in _MAPS:
        return isinstance(value, dict)
    return not name.startswith(_MEASURED)


def heard_reading(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readings of a host as the farm reckons with them: measures are numbers, GPUs and meters are maps."""
    found: dict[str, Any] = {}
    for name, value in resources.items():
        kind = type(value)
        if kind is int or kind is float:
            # Most are, and a thousand hosts send some every few seconds.
            if -_NUMBER_MOST <= value <= _NUMBER_MOST and name not in _OTHERWISE:
                found[name] = value
        elif _fits(name, value) and (plain := _plain(value)) is not None:
            found[name] = plain
        if len(found) >= _ITEMS_MOST:
            break
    for name in _NUMBER_LISTS & found.keys():
        found[name] = [each for each in found[name] if _is_number(each)]
    for name in _TEXT_LISTS & found.keys():
        found[name] = [each for each in found[name] if isinstance(each, str)]
    for name in _MAP_LISTS & found.keys():
        found[name] = [each for each in found[name] if isinstance(each, dict)]
    if max(map(len, found), default=0) > _NAME_MOST:
        return {name[:_NAME_MOST]: value for name, value in found.items()}
    return found


def heard_register(message: Register) -> Register:
    """Return what an agent says of itself, cut to what may be kept of it."""
    return replace(
        message,
        engine=message.engine[:_NAME_MOST],
        os=message.os[:_NAME_MOST],
        user_name=message.user_name[:_NAME_MOST],
        address=message.address[:_NAME_MOST],
        instance=message.instance[:_NAME_MOST],
        launched=message.launched if 0 <= message.launched <= _NUMBER_MOST else 0.0,
        interfaces=_maps(message.interfaces),
        devices=_maps(message.devices),
        resources=heard_reading(message.resources),
    )


def heard_report(message: Report) -> Report:
    """Return how a run ended, with numbers that can be counted and texts that can be kept."""
    right = (
        0 <= message.started <= _NUMBER_MOST
        and 0 <= message.duration <= _LONGEST
        and -(2**31) <= message.exit_status < 2**31
        and 0 <= message.cpu_ms <= 2**53
        and 0 <= message.peak_memory <= 2**53
        and len(message.errors_text) + len(message.resources) + len(message.report) <= _LONG_MOST
    )
    if right:
        return message
    return replace(
        message,
        started=message.started if 0 <= message.started <= _NUMBER_MOST else 0.0,
        duration=message.duration if 0 <= message.duration <= _LONGEST else 0.0,
        exit_status=max(-(2**31), min(2**31 - 1, message.exit_status)),
        cpu_ms=max(0, min(2**53, message.cpu_ms)),
        peak_memory=max(0, min(2**53, message.peak_memory)),
        errors_text=message.errors_text[:_LONG_MOST],
        resources=message.resources[:_LONG_MOST],
        report=message.report[:_LONG_MOST],
    )


def heard_progress(progress: list[ProgressReading]) -> list[ProgressReading]:
    """Return how far runs are, with texts that may be shown; most need no change."""
    return [
        each
        if len(each.activity) + len(each.last_line) + len(each.report) <= _TEXT_MOST
        and -1 <= each.frame < 2**31
        and -1 <= each.percent_frame < 2**31
        else replace(
            each,
            activity=each.activity[:_TEXT_MOST],
            last_line=each.last_line[:_TEXT_MOST],
            report=each.report[:_LONG_MOST],
            frame=max(-1, min(2**31 - 1, each.frame)),
            percent_frame=max(-1, min(2**31 - 1, each.percent_frame)),
        )
        for each in progress
    ]
