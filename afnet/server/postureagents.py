"""What ``afserver doctor`` makes of the agents of a running farm, wherever they are: versions, certificates, who waits.

Rules of this file:
- All of it is what the server says of them: rows of ``render.list`` and ``node.list``.
- One finding for each thing, with the names of those it is about: a farm may have thousands.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from afnet.server.posture import Finding

__all__ = ["look_at_agents", "look_at_nodes"]

_PROGRAM = "afwatch "
_SHOWN = 8
_ENDS_SOON = 60 * 86400.0
"""Seconds before its end at which a node's certificate is worth a word."""


def look_at_agents(renders: Iterable[Mapping[str, Any]], *, version: str) -> Iterator[Finding]:
    """Return whether connected agents are as new as the server, whose version is ``version``."""
    of_version: dict[str, list[str]] = {}
    for row in renders:
        if str(row["engine"]).startswith(_PROGRAM) and "offline" not in row["words"]:
            of_version.setdefault(str(row["engine"]).removeprefix(_PROGRAM), []).append(str(row["name"]))
    own = _numbers(version)
    for each, names in sorted(of_version.items()):
        numbers = _numbers(each)
        if numbers is None or own is None or numbers == own:
            continue
        older = numbers < own
        yield Finding(
            "weak" if older else "note", "agents",
            f"agents have version {each}, the server {version}: {_listed(names)}",
            "install the server's version there" if older else "install their version on the server first, next time",
        )  # fmt: skip
    same = sum(len(names) for each, names in of_version.items() if _numbers(each) == own)
    if same:
        yield Finding("ok", "agents", f"connected agents of the server's version: {same}")


def look_at_nodes(nodes: Iterable[Mapping[str, Any]], *, now: float) -> Iterator[Finding]:
    """Return what a person should do about paired nodes, and about agents that wait to be."""
    rows = sorted(nodes, key=lambda row: str(row["name"]))
    paired = [row for row in rows if row["state"] == "paired"]
    over = [str(row["name"]) for row in rows if row["state"] == "expired"]
    if over:
        hint = "pair them again with a code of `afcmd node code`, or `afcmd node revoke NAME` when they are gone"
        yield Finding("weak", "agents", f"the certificates of these nodes have ended: {_listed(over)}", hint)
    soon = [row for row in paired if row["expires"] - now < _ENDS_SOON]
    if soon:
        first = datetime.datetime.fromtimestamp(min(row["expires"] for row in soon), datetime.UTC).date().isoformat()
        yield Finding(
            "weak", "agents", f"certificates of nodes end soon, the first on {first}: "
            + _listed([str(row["name"]) for row in soon]),
            "for each: `afcmd node revoke NAME`, then pair it again with a code of `afcmd node code`",
        )  # fmt: skip
    shared = [str(row["name"]) for row in paired if row["tasks_as"] == "self"]
    if shared:
        yield Finding(
            "weak", "agents", "tasks share the user of their agent and can read its certificate, which is worth "
            f"reporting on that node's own tasks: {_listed(shared)}",
            "run_as in the configuration of these agents gives tasks users of their own (docs/security.md)",
        )  # fmt: skip
    silent = [str(row["name"]) for row in paired if row["connected"] and not row["tasks_as"]]
    if silent:
        yield Finding("note", "agents", f"these agents do not say as whom their tasks run: {_listed(silent)}")
    apart = sum(row["tasks_as"] == "others" for row in paired)
    if apart:
        yield Finding("ok", "agents", f"connected nodes that start tasks as users of their own: {apart}")
    if paired:
        connected = sum(bool(row["connected"]) for row in paired)
        yield Finding("ok", "agents", f"paired nodes: {len(paired)}, connected: {connected}")
    waiting = [str(row["name"]) for row in rows if row["state"] == "waits"]
    if waiting:
        hint = "compare the keys in `afcmd node list`, then `afcmd node approve NAME` or `afcmd node revoke NAME`"
        yield Finding("note", "agents", f"agents wait to be approved: {_listed(waiting)}", hint)


def _listed(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _numbers(version: str) -> tuple[int, ...] | None:
    """Return a version as numbers that compare; None when it is none."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else None
