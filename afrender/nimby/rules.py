"""What may take a workstation out of the farm: the rules as settings say them.

Hours are written ``mon-fri 09:00-19:00``, ``sat,sun 22:00-06:00`` (over midnight) or ``daily 12:00-13:00``; a last word
``NIMBY`` or ``nimby`` says which of the two, else ``nimby_kind`` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from afcore.errors import ConfigError

__all__ = ["DAY", "WEEK", "Hours", "Rules", "Settings", "parse_hours", "read_rules"]

DAY = 24 * 60
WEEK = 7 * DAY
"""Minutes; minute 0 of a week is Monday's midnight."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\S+)\s+(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)(?:\s+(nimby|NIMBY))?")


class Settings(Protocol):
    """Values by name: ``afcore.config.Config``, or a dictionary."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a value."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the week in minutes (start, end; one beyond the week goes on in the next), and the state asked for."""

    text: str
    spans: tuple[tuple[int, int], ...]
    state: str

    def end(self, minute: int) -> int | None:
        """Return how many minutes the hours last from ``minute`` on; None outside of them."""
        ends = [
            end - at for start, end in self.spans for at in (minute, minute + WEEK) if start <= at < end
        ]
        return max(ends, default=None)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules; what is 0, -1 or empty is off.

    ``idle``: seconds without input after which the machine is free again. ``active``: seconds of input after which it
    is taken. ``cpu`` and ``memory``: percent used by other things than tasks, for ``busy`` seconds; it is free again
    when they were ``RELIEF`` lower for ``quiet`` seconds.
    """

    state: str = "nimby"
    idle: float = 0.0
    active: float = 5.0
    hours: tuple[Hours, ...] = ()
    programs: frozenset[str] = frozenset()
    cpu: int = -1
    memory: int = -1
    busy: float = 60.0
    quiet: float = 300.0

    @property
    def are_off(self) -> bool:
        """Whether there is nothing to watch."""
        return self.idle <= 0 and not self.hours and not self.programs and self.cpu < 0 and self.memory < 0


def parse_hours(text: str, state: str) -> Hours:
    """Return the hours that ``text`` says; ``state`` when it names none. Raises ConfigError."""
    match = _HOURS.fullmatch(text.strip())
    days: set[int] = set()
    if match:
        days = _days(match[1].lower())
        first, second, third, fourth = (int(word) for word in match.group(2, 3, 4, 5))
        if days and first < 24 and third <= 24 and second < 60 and fourth < 60:
            start, end = first * 60 + second, third * 60 + fourth
            if end <= start:
                end += DAY
            spans = tuple((day * DAY + start, day * DAY + end) for day in sorted(days))
            return Hours(text.strip(), spans, match[6] or state)
    hint = 'write "mon-fri 09:00-19:00" or "daily 12:00-13:00"'
    raise ConfigError("nimby_hours", text, "is not understood", hint=hint)


def _days(text: str) -> set[int]:
    if text == "daily":
        return set(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            return set()
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        days |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return days


def read_rules(config: Settings) -> Rules:
    """Return the rules that settings say. Raises ConfigError."""
    state = str(config["nimby_kind"])
    if state not in ("nimby", "NIMBY"):
        raise ConfigError("nimby_kind", state, "is no such state", hint="nimby (only own tasks) or NIMBY (nobody's)")
    return Rules(
        state=state,
        idle=60.0 * float(config["nimby_idle_minutes"]),
        active=float(config["nimby_active_seconds"]),
        hours=tuple(parse_hours(str(text), state) for text in config["nimby_hours"]),
        programs=frozenset(str(name).lower().removesuffix(".exe") for name in config["nimby_programs"]),
        cpu=int(config["nimby_cpu"]),
        memory=int(config["nimby_memory"]),
        busy=float(config["nimby_busy_seconds"]),
        quiet=float(config["nimby_quiet_seconds"]),
    )
