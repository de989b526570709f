"""Instants as people write them, in the zone of whoever writes, and how they are said back.

Rules of this file:
- A time of the clock that came twice or never, because the clocks were changed, is taken and told, never refused.
- Instants with an offset (``2026-10-25T02:30+01:00``) are never in doubt.
"""

import re
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from afcore.errors import BadSpec, Problem

__all__ = ["Instant", "parse_instant", "say_instant"]

_AGO = re.compile(r"(\d{1,6})\s*(s|sec|min|h|d|w)(?:\s+ago)?$")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?$")
_LATEST = 4_102_444_800
"""2100: whatever is later is a slip of the keyboard."""
_HINT = 'Write "2026-01-31 03:12", 2026-01-31, 03:12, "yesterday 18:00", 20min or 2h (ago), now.'


class Instant(NamedTuple):
    """A time somebody wrote."""

    at: float
    """Unix seconds."""
    note: str = ""
    """What to know about it, in a sentence; empty where there is no doubt."""


def parse_instant(text: str, *, now: float, zone: tzinfo | None = None, name: str = "at") -> Instant:
    """Return the instant of a text, in ``zone`` (None: this machine's). BadSpec naming ``name`` when it is none."""
    word = " ".join(text.lower().split())
    if word == "now":
        return Instant(now)
    ago = _AGO.match(word)
    if ago is not None:
        return Instant(now - int(ago[1]) * _SECONDS[ago[2]])
    if word.isascii() and word.replace(".", "", 1).isdigit() and 9 <= len(word.partition(".")[0]) <= 10:
        return Instant(float(word))
    today = datetime.fromtimestamp(now, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    day, _, clock = word.partition(" ")
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        if _CLOCK.match(word):
            return _in_zone(_with_clock(today, word), zone)
        if day in days:
            return _in_zone(_with_clock(days[day], clock) if clock else days[day], zone)
        written = datetime.fromisoformat(text.strip())
        if written.tzinfo is not None:
            return _checked(Instant(written.timestamp()))
        return _in_zone(written, zone)
    except (ValueError, OverflowError, OSError):
        raise BadSpec([Problem(name, f'"{text}" is no time', _HINT)], code="bad_arguments") from None


def _with_clock(day: datetime, clock: str) -> datetime:
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return day.replace(hour=hour, minute=minute, second=second[0] if second else 0)


def _in_zone(written: datetime, zone: tzinfo | None) -> Instant:
    """Return when the clocks of a zone showed a time."""
    first, second = (written.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if first == second:
        return _checked(Instant(first))
    shown = datetime.fromtimestamp(first, zone).replace(tzinfo=None, fold=0)
    if shown == written:
        other = datetime.fromtimestamp(second, zone).astimezone(zone).isoformat(sep=" ", timespec="minutes")
        twice = f"{written:%H:%M} came twice when the clocks were set back: this is the first"
        return _checked(Instant(first, f'{twice}; the second is "{other}".'))
    return _checked(Instant(first, f"The clocks skipped {written:%H:%M} that day: this is {shown:%H:%M}."))


def _checked(instant: Instant) -> Instant:
    if not 0 <= instant.at < _LATEST:
        raise ValueError
    return instant


def say_instant(at: float, zone: tzinfo | None = None) -> str:
    """Return an instant as date, time and zone: ``2026-01-31 03:12:00 CET``."""
    shown = datetime.fromtimestamp(at, zone).astimezone(zone)
    return f"{shown:%Y-%m-%d %H:%M:%S} {shown.tzname() or ''}".rstrip()
