"""Text on a terminal: aligned tables that fit its width, one thing in detail, times and lengths of time.

Rules of this file:
- What came from elsewhere cannot break a line or the terminal: only printable characters leave here.
- Without a terminal (``width`` 0) nothing is cut and times are whole, for programs that read the output.
"""

import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "Moment",
    "ago",
    "clock_time",
    "describe",
    "one_line",
    "safe_output",
    "short_time",
    "table",
    "terminal_height",
    "terminal_width",
]

_LEAST_WIDTH = 10
"""A column is not cut below this."""

_TIMES = ("started", "finished", "seen", "registered")
_UNLIMITED = ("capacity_host", "max_tasks", "max_tasks_host", "max_tasks_per_second", "zombie_time")


class Moment(float):
    """Unix seconds that are shown as a date and a time; 0 is never."""


def clock_time(seconds: float) -> str:
    """Return unix seconds as local date and time; a dash for never."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"


def short_time(seconds: float, now: float) -> str:
    """Return the time of day when it is today's, else the date."""
    if not seconds:
        return "-"
    then, today = time.localtime(seconds), time.localtime(now)
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d", then)


def ago(seconds: float) -> str:
    """Return a length of time in the two greatest units."""
    whole = int(max(0.0, seconds))
    for unit, size, smaller, small in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // small:02d}{smaller}"
    return f"{whole}s"


def terminal_height() -> int:
    """Return how many lines the terminal shows; 0 when the output is none."""
    return shutil.get_terminal_size().lines if sys.stdout.isatty() else 0


def terminal_width() -> int:
    """Return how many characters fit a line of the terminal; 0 when the output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def table(header: Sequence[str] | None, rows: Iterable[Sequence[Any]], *, width: int = 0) -> list[str]:
    """Return aligned lines, numbers to the right; with ``width`` the widest texts are cut until a line fits."""
    now = time.time()
    body = [[_cell(cell, now if width else 0.0) for cell in row] for row in rows]
    if not body and header is None:
        return []
    everything = ([list(header)] if header is not None else []) + body
    places = range(len(everything[0]))
    widths = [max(_length(row[place]) for row in everything) for place in places]
    right = [bool(body) and all(_is_number(row[place]) for row in body) for place in places]
    if width:
        _shrink(widths, right, width)
    lines = []
    for row in everything:
        cells = [_fitted(cell, wide, flush) for cell, wide, flush in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def describe(row: Mapping[str, Any], *, indent: str = "") -> list[str]:
    """Return one thing in detail: a line for each field that says something, lists and what they hold below it."""
    shown = {name: value for name, value in row.items() if value not in ("", [], {}, None) and name != "version"}
    if "words" in shown:
        # The same as a number: words are for people.
        shown["state"] = ", ".join(shown.pop("words")) if isinstance(shown["words"], list) else shown["words"]
    lines = []
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        head = f"{indent}{name.ljust(width)}  "
        if isinstance(value, Mapping):
            lines += [head.rstrip(), *describe(value, indent=indent + "  ")]
        elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            lines += [head.rstrip(), *[f"{indent}  {line}" for line in table(None, map(_values, value))]]
        else:
            lines.append(head + one_line(_said(name, value)))
    return lines


def _values(item: Mapping[str, Any]) -> list[str]:
    return [_said(name, value) or "-" for name, value in item.items()]


def _said(name: str, value: Any) -> str:
    """Return a value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_said(name, item) for item in value)
    if name.startswith("time_") or name in _TIMES:
        if not value:
            return "-"
        return clock_time(value) if value > 1e8 else str(value)
    if value == -1 and (name in _UNLIMITED or name.startswith("max_")):
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(value: Any, now: float) -> str:
    if isinstance(value, Moment):
        return short_time(value, now) if now else clock_time(value)
    return one_line(str(value))


def one_line(text: str) -> str:
    """Return a text that cannot break the table or the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


_COLOURS = re.compile(r"(\x1b\[[0-9;:]{0,32}m)")
_KEPT = frozenset("\n\r\t")


def safe_output(text: str) -> str:
    """Return the output of a task for a terminal: lines and colours, nothing else that a terminal would obey."""
    parts = _COLOURS.split(text)
    # Every second part is a colour.
    for place in range(0, len(parts), 2):
        if not parts[place].isprintable():
            parts[place] = "".join(
                each for each in parts[place] if each in _KEPT or unicodedata.category(each) != "Cc"
            )
    return "".join(parts)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").removesuffix("s").replace(".", "", 1).replace("/", "", 1).isdecimal() or text == "-"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _length(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _fitted(text: str, width: int, flush: bool) -> str:
    """Return a text of exactly so many columns: padded, or cut with an ellipsis."""
    length = _length(text)
    if length <= width:
        return " " * (width - length) + text if flush else text + " " * (width - length)
    kept, used = "", 0
    for character in text:
        used += _columns(character)
        if used >= width:
            break
        kept += character
    return _fitted(kept + "…", width, flush)


def _shrink(widths: list[int], right: Sequence[bool], width: int) -> None:
    """Make the widest columns narrower until a line fits, or none is left that may be."""
    while sum(widths) + 2 * (len(widths) - 1) > width:
        places = [place for place, flush in enumerate(right) if not flush and widths[place] > _LEAST_WIDTH]
        if not places:
            return
        widths[max(places, key=lambda place: widths[place])] -= 1
