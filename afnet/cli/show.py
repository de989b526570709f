"""Print answers for people: tables of rows, one thing in detail, and JSON for programs."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["as_json", "ago", "clock_time", "describe", "table", "table_for"]

Column = tuple[str, Callable[[dict[str, Any]], Any]]

_RUNNING, _DONE, _SKIPPED, _ERROR = 2, 4, 5, 6
"""Places in ``counts``: the order of TaskState."""


def clock_time(seconds: float) -> str:
    """Return unix seconds as local date and time; a dash for never."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"


def ago(seconds: float) -> str:
    """Return a length of time in the two greatest units."""
    whole = int(max(0.0, seconds))
    for unit, size, smaller, small in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // small:02d}{smaller}"
    return f"{whole}s"


def _limit(value: int) -> str:
    return "-" if value < 0 else str(value)


_JOB: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("USER", lambda row: row["user"]),
    ("STATE", lambda row: row["state"]),
    ("%", lambda row: row["percent"]),
    ("DONE", lambda row: row["counts"][_DONE] + row["counts"][_SKIPPED]),
    ("RUN", lambda row: row["running"]),
    ("ERR", lambda row: row["counts"][_ERROR]),
    ("TASKS", lambda row: sum(row["counts"])),
    ("PRIO", lambda row: row["priority"]),
    ("CREATED", lambda row: clock_time(row["time_creation"])),
)
_BLOCK: tuple[Column, ...] = (
    ("BLOCK", lambda row: row["index"]),
    ("NAME", lambda row: row["name"]),
    ("SERVICE", lambda row: row["service"]),
    ("%", lambda row: row["percent"]),
    ("DONE", lambda row: row["counts"][_DONE]),
    ("SKIP", lambda row: row["counts"][_SKIPPED]),
    ("RUN", lambda row: row["running"]),
    ("READY", lambda row: row["counts"][1]),
    ("WAIT", lambda row: row["counts"][0]),
    ("ERR", lambda row: row["counts"][_ERROR]),
    ("TASKS", lambda row: row["tasks"]),
)
_TASK: tuple[Column, ...] = (
    ("TASK", lambda row: row["task"]),
    ("NAME", lambda row: row["name"]),
    ("STATE", lambda row: row["state"]),
    ("%", lambda row: row["percent"]),
    ("STARTS", lambda row: row["starts"]),
    ("ERRORS", lambda row: row["errors"]),
    ("RENDER", lambda row: row["render"] or "-"),
    ("STARTED", lambda row: clock_time(row["started"])),
    ("FINISHED", lambda row: clock_time(row["finished"])),
)
_RENDER: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("STATE", lambda row: " ".join(row["words"])),
    ("POOL", lambda row: row["pool"]),
    ("TASKS", lambda row: f"{row['running']}/{_limit(row['max_tasks'])}"),
    ("CAPACITY", lambda row: f"{row['used_capacity']}/{_limit(row['capacity'])}"),
    ("PRIO", lambda row: row["priority"]),
    ("ADDRESS", lambda row: row["address"]),
)
_RUN: tuple[Column, ...] = (
    ("JOB", lambda row: row["job"]),
    ("BLOCK", lambda row: row["block"]),
    ("TASK", lambda row: row["task"]),
    ("RUN", lambda row: row["run"]),
    ("NAME", lambda row: f"{row['job_name']}: {row['name']}"),
    ("RENDER", lambda row: row["render"]),
    ("%", lambda row: row["percent"]),
    ("STARTED", lambda row: clock_time(row["started"])),
)
_USER: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("NAME", lambda row: row["name"]),
    ("JOBS", lambda row: row["jobs"]),
    ("RUN", lambda row: row["running"]),
    ("MAX", lambda row: _limit(row["max_running_tasks"])),
    ("PRIO", lambda row: row["priority"]),
)
_POOL: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("PATH", lambda row: row["path"]),
    ("RENDERS", lambda row: row["renders"]),
    ("RUN", lambda row: row["running"]),
    ("CAPACITY", lambda row: _limit(row["capacity_host"])),
    ("MAX TASKS", lambda row: _limit(row["max_tasks_host"])),
    ("PRIO", lambda row: row["priority"]),
)
_BRANCH: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("PATH", lambda row: row["path"]),
    ("JOBS", lambda row: row["jobs"]),
    ("RUN", lambda row: row["running"]),
    ("PRIO", lambda row: row["priority"]),
)
_HISTORY: tuple[Column, ...] = (
    ("NUMBER", lambda row: row["seq"]),
    ("JOB", lambda row: row["job"]),
    ("BLOCK", lambda row: row["id_block"]),
    ("TASK", lambda row: row["id_task"]),
    ("RUN", lambda row: row["run"]),
    ("STATUS", lambda row: row["status"]),
    ("EXIT", lambda row: row["exit_status"]),
    ("RENDER", lambda row: row["hostname"]),
    ("USER", lambda row: row["username"]),
    ("ENDED", lambda row: clock_time(row["done_ms"] / 1000)),
    ("TOOK", lambda row: f"{max(0, row['done_ms'] - row['started_ms']) / 1000:.1f}s"),
)
_LINE: tuple[Column, ...] = (
    ("WHEN", lambda row: clock_time(row["at"])),
    ("WHO", lambda row: row["who"]),
    ("FROM", lambda row: row["origin"] or "-"),
    ("WHAT", lambda row: row["what"]),
)
_SETTING: tuple[Column, ...] = (
    ("SETTING", lambda row: row["name"]),
    ("VALUE", lambda row: f"{json.dumps(row['value'], ensure_ascii=False)} {row['unit']}".rstrip()),
    ("FROM", lambda row: row["source"]),
)

_TABLES: dict[str, tuple[Column, ...]] = {
    "job.list": _JOB,
    "blocks": _BLOCK,
    "task.list": _TASK,
    "render.list": _RENDER,
    "run.list": _RUN,
    "user.list": _USER,
    "pool.list": _POOL,
    "branch.list": _BRANCH,
    "history.runs": _HISTORY,
    "job.log": _LINE,
    "config.show": _SETTING,
}


def table_for(name: str, rows: Sequence[dict[str, Any]], *, header: bool = True) -> list[str]:
    """Return the lines of the table of an operation's rows."""
    columns = _TABLES[name]
    head = [title for title, _ in columns] if header else None
    return table(head, [[str(value(row)) for _, value in columns] for row in rows])


def table(header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> list[str]:
    """Return aligned lines; columns that hold numbers only are aligned to the right."""
    body = [[_one_line(cell) for cell in row] for row in rows]
    if not body and header is None:
        return []
    everything = ([list(header)] if header is not None else []) + body
    widths = [max(len(row[place]) for row in everything) for place in range(len(everything[0]))]
    right = [bool(body) and all(_is_number(row[place]) for row in body) for place in range(len(widths))]
    lines = []
    for row in everything:
        cells = [cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(row, widths, right)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _one_line(text: str) -> str:
    """Return a text that cannot break the table or the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).replace("/", "", 1).isdecimal() or text == "-"


def describe(row: dict[str, Any]) -> list[str]:
    """Return one thing in detail: a line for each field that says something."""
    lines = []
    said = {name: value for name, value in row.items() if value not in ("", [], {}, None) and name != "version"}
    width = max(map(len, said), default=0)
    for name, value in said.items():
        if name.startswith("time_") or name in ("started", "finished", "seen", "registered"):
            value = clock_time(value) if isinstance(value, float | int) and value > 1e8 else value
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{name.ljust(width)}  {_one_line(str(shown))}")
    return lines


def as_json(value: Any) -> str:
    """Return JSON for programs; bytes become base64."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return text


def terminal_height() -> int:
    """Return how many lines the terminal shows; 0 when the output is none."""
    return shutil.get_terminal_size().lines if sys.stdout.isatty() else 0
