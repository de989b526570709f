"""How afcmd shows what is about the statistics and their database."""

import csv as spreadsheets
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from afnet.cli.text import table, terminal_width

__all__ = ["lines_of", "show_lines"]

_FORMULAS = frozenset("=+-@\t\r")
"""What begins a formula for spreadsheets."""
_FORMATS = {"": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


def show_lines(given: Mapping[str, Any], reply: Mapping[str, Any], *, json: bool, csv: bool) -> list[str]:
    """Return what to print of figures of the past: JSON, CSV or a table."""
    if json:
        from afnet.cli.show import as_json

        return [as_json(reply)]
    zone = ZoneInfo(reply["zone"])
    rows = reply["rows"]
    if csv:
        written = io.StringIO()
        writer = spreadsheets.DictWriter(written, list(rows[0]) if rows else ["name", "start"], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            named = {key: _plain(value) for key, value in row.items() if isinstance(value, str)}
            writer.writerow({**row, **named, "start": datetime.fromtimestamp(row["start"], zone).isoformat()})
        return written.getvalue().splitlines()
    by, per = given.get("by", "total"), given.get("per", "")

    def moment(at: int, word: str) -> str:
        return datetime.fromtimestamp(at, zone).strftime(_FORMATS[word])

    span = f"{moment(reply['since'], '')} to {moment(reply['until'], '')} {reply['zone']}"
    if not rows:
        return [f"Nothing ended from {span}."]
    head = [*([per.upper()] if per else []), *([by.upper()] if by != "total" else [])]
    head += ["RUNS", "ERRORS", "ERR %", "TIME", "AVERAGE", "WAITED", "CPU", "CAPACITY h", "JOBS", "THEIR TASKS"]
    lines = []
    for row in rows:
        shown = [*([moment(row["start"], per)] if per else []), *([row["name"] or "-"] if by != "total" else [])]
        lines.append([
            *shown, row["runs"], row["errors"], f"{row['error_rate']:.1%}".rstrip("%"), _time(row["run_seconds"]),
            _time(row["average_seconds"]), _time(row["average_wait_seconds"]), _time(row["cpu_seconds"]),
            f"{row['capacity_seconds'] / 3600:.0f}", row["jobs"], row["job_tasks"],
        ])  # fmt: skip
    found = [*table(head, lines, width=terminal_width()), "", f"From {span}."]
    if reply["more"]:
        found.append("There are more; --most shows more of them.")
    return found


def _plain(text: str) -> str:
    """Return a name that no spreadsheet takes for a formula, whoever gave it."""
    return f"'{text}" if text[:1] in _FORMULAS else text


def _time(seconds: float) -> str:
    """Return a time as people read it: 4.2s, 3m05, 12h07, 9d04h."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}"
    hours, minutes = divmod(minutes, 60)
    if hours < 100:
        return f"{hours}h{minutes:02}"
    return f"{hours // 24}d{hours % 24:02}h"


def lines_of(name: str, reply: Mapping[str, Any]) -> list[str]:
    """Return what to print for the answer of an operation ``statistics.…``."""
    return _LINES[name](reply)


def _drivers(reply: Mapping[str, Any]) -> list[str]:
    rows = [
        [row["database"], row["driver"], "yes" if row["available"] else "no: pip install 'afwatch[mariadb]'",
         row["address"]]
        for row in reply["rows"]
    ]  # fmt: skip
    return table(["DATABASE", "DRIVER", "HERE", "ADDRESS"], rows, width=terminal_width())


def _reset(reply: Mapping[str, Any]) -> list[str]:
    dropped = [f"{count} rows of {name}" for name, count in reply["dropped"].items()]
    return [f"The tables are empty; dropped: {', '.join(dropped)}."]


def _updated(reply: Mapping[str, Any]) -> list[str]:
    lines = [f"Took over {count} rows of the classic table {name}." for name, count in reply["taken"].items()]
    if reply["rows"]:
        lines.append(f"Summed up {reply['rows']} rows.")
    return [*lines, "The tables are as this version wants them."]


def _lag(reply: Mapping[str, Any]) -> list[str]:
    if reply["trouble"]:
        lines = [f"{reply['trouble'].rstrip('.')}.", *([f"  {reply['hint']}"] if reply["hint"] else [])]
        since = f", for {reply['seconds']:.0f} seconds" if reply["seconds"] else ""
        return [*lines, *([f"{reply['rows']} rows wait in the farm's own database{since}."] if reply["rows"] else [])]
    if reply["rows"]:
        return [f"{reply['place']} is {reply['rows']} rows and {reply['seconds']:.0f} seconds behind the farm."]
    return [f"{reply['place']} has everything."]


def _deleted(reply: Mapping[str, Any]) -> list[str]:
    return [f"Deleted {' and '.join(f'{count} rows of {name}' for name, count in reply['deleted'].items())}."]


_LINES = {
    "statistics.delete": _deleted,
    "statistics.check": lambda reply: [reply["sentence"]],
    "statistics.drivers": _drivers,
    "statistics.reset": _reset,
    "statistics.update-tables": _updated,
    "statistics.lag": _lag,
}
