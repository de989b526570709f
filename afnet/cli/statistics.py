"""How afcmd shows what is about the statistics and their database."""

from collections.abc import Mapping
from typing import Any

from afnet.cli.text import table, terminal_width

__all__ = ["lines_of"]


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
        lines = [f"{reply['trouble']}.", *([f"  {reply['hint']}"] if reply["hint"] else [])]
        return [*lines, f"{reply['rows']} rows wait in the farm's own database, for {reply['seconds']:.0f} seconds."]
    if reply["rows"]:
        return [f"{reply['place']} is {reply['rows']} rows and {reply['seconds']:.0f} seconds behind the farm."]
    return [f"{reply['place']} has everything."]


_LINES = {
    "statistics.check": lambda reply: [reply["sentence"]],
    "statistics.drivers": _drivers,
    "statistics.reset": _reset,
    "statistics.update-tables": _updated,
    "statistics.lag": _lag,
}
