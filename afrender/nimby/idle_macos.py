"""Idle time of a Mac, from the program that lists its devices."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

from afrender.nimby.idle import NoIdle

__all__ = ["MacIdle", "parse_devices"]

_WORDS = ("/usr/sbin/ioreg", "-c", "IOHIDSystem", "-d", "4", "-r")
_IDLE = re.compile(r'"HIDIdleTime"\s*=\s*(\d+)')


def parse_devices(text: str) -> float:
    """Return the least idle time in what ``ioreg`` prints, in seconds. Raises NoIdle when it names none."""
    times = [int(number) for number in _IDLE.findall(text)]
    if not times:
        raise NoIdle("the list of devices names no idle time")
    return min(times) / 1e9


def _list_devices() -> str:
    try:
        done = subprocess.run(
            _WORDS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=2.0,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoIdle(f"the list of devices cannot be had ({error})") from error
    return done.stdout


class MacIdle:
    """Asks for the list of devices each time."""

    def __init__(self, list_devices: Callable[[], str] = _list_devices) -> None:
        self._list = list_devices

    def idle(self) -> float:
        """Return seconds since the last input."""
        return parse_devices(self._list())

    def close(self) -> None:
        """Nothing is held."""
