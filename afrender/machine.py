"""The commands of this machine: how it sleeps, reboots and goes off, and how it wakes others.

Rules of this file:
- What is run is named by this machine's own settings, or is the system's usual way; nothing comes from the farm but
  the word for what is to be done, and names and numbers that stand behind a setting's program as words of their own.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["power_words", "sleep_words", "wake_words"]

_SLEEP = {
    "win32": ["rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"],
    "darwin": ["pmset", "sleepnow"],
}
_POWER = {
    "reboot": {"win32": ["shutdown", "/r", "/t", "0"], "darwin": ["shutdown", "-r", "now"]},
    "shutdown": {"win32": ["shutdown", "/s", "/t", "0"], "darwin": ["shutdown", "-h", "now"]},
}
_LINUX_POWER = {"reboot": ["systemctl", "reboot"], "shutdown": ["systemctl", "poweroff"]}


def _own(settings: Mapping[str, Any], name: str) -> list[str]:
    text = str(settings.get(name, ""))
    on_windows = sys.platform == "win32"
    if not on_windows:
        return shlex.split(text)
    # A backslash is no escape there, and the quotes around a word would become a part of it.
    words = shlex.split(text, posix=False)
    return [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in words]


def _behind(option: str, name: str, ip: str, cards: Sequence[str]) -> list[str]:
    # Windows writes the numbers of cards with dashes.
    numbers = (card.replace(":", "").replace("-", "") for card in cards)
    return [option, "--ip", ip, "--hostname", name, *(number for number in numbers if number)]


def sleep_words(settings: Mapping[str, Any], *, name: str, ip: str, cards: Sequence[str]) -> list[str]:
    """Return the words that send this machine to sleep: ``af_render_cmd_wolsleep``, or the system's own."""
    own = _own(settings, "af_render_cmd_wolsleep")
    if own:
        return [*own, *_behind("--sleep", name, ip, cards)]
    return list(_SLEEP.get(sys.platform, ["systemctl", "suspend"]))


def wake_words(settings: Mapping[str, Any], *, name: str, ip: str, cards: Sequence[str]) -> list[str]:
    """Return the words that wake another machine: ``af_render_cmd_wolwake``, or ``afrender.wake``."""
    own = _own(settings, "af_render_cmd_wolwake") or [sys.executable, "-m", "afrender.wake"]
    return [*own, *_behind("--wake", name, ip, cards)]


def power_words(settings: Mapping[str, Any], what: str) -> list[str]:
    """Return the words that ``reboot`` this machine or turn it off (``shutdown``)."""
    return _own(settings, f"af_render_cmd_{what}") or list(_POWER[what].get(sys.platform, _LINUX_POWER[what]))
