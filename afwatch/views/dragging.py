"""Rows that are dragged onto others: what is carried, onto what it may be dropped, and what is done then.

Rules of this file:
- What is carried is a kind and ids of this program alone; a drop from another program or farm is not taken.
- A drop is nothing that cannot be done by menu and key as well, and is refused for the same reasons.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from PySide6.QtCore import QMimeData

from afcore.rows import BranchRow, JobRow, PoolRow, RenderRow
from afcore.states import Role
from afwatch import words
from afwatch.actions import Asking
from afwatch.ops import jobs
from afwatch.texts import tr

__all__ = ["carried", "carry", "drop", "is_beside", "reason_against_drop"]

_FORMAT = "application/x-afwatch-rows"
_HERE = secrets.token_hex(8)
"""Marks what this process carries: ids of another farm mean other things."""


def carry(kind: str, ids: list[int]) -> QMimeData:
    """Return rows as what is dragged."""
    data = QMimeData()
    data.setData(_FORMAT, json.dumps([_HERE, kind, ids]).encode())
    return data


def carried(data: QMimeData) -> tuple[str, list[int]]:
    """Return kind and ids of what is dragged; an empty kind when it is not ours."""
    if not data.hasFormat(_FORMAT):
        return "", []
    here, kind, ids = json.loads(bytes(data.data(_FORMAT).data()).decode())
    return (kind, ids) if here == _HERE else ("", [])


def _target(row: Any) -> str:
    """Return the path that rows are moved to when they are dropped onto this one."""
    if isinstance(row, PoolRow | BranchRow):
        return row.path
    return row.pool if isinstance(row, RenderRow) else row.branch if isinstance(row, JobRow) else ""


def is_beside(kind: str, rows: list[Any], onto: Any, *, flat: bool) -> bool:
    """Say whether a drop puts jobs beside another one, not to a branch; ``flat``: the list shows no branches."""
    if kind != "jobs" or not isinstance(onto, JobRow) or not rows:
        return False
    return flat or all(row.branch == onto.branch for row in rows)


def _reason_against_order(window: Asking, rows: list[JobRow], onto: JobRow) -> str:
    session = window.session
    if onto.id in [row.id for row in rows]:
        return tr("They are there already.")
    if not session.state.connected:
        return tr("There is no connection to the farm.")
    if any((row.user, row.priority) != (onto.user, onto.priority) for row in rows):
        return tr("Jobs have an order among those of one user and one priority.")
    if session.mode < Role.VISOR and onto.user != session.user:
        return tr("Belongs to {0}; in USER mode you change what is yours.", onto.user)
    return ""


def reason_against_drop(window: Asking, kind: str, rows: list[Any], onto: Any, *, flat: bool = False) -> str:
    """Return why rows cannot be dropped there; empty when they can."""
    if is_beside(kind, rows, onto, flat=flat):
        return _reason_against_order(window, rows, onto)
    session, path = window.session, _target(onto)
    onto_pools = isinstance(onto, PoolRow | RenderRow)
    if not rows or not path or (kind == "renders") is not onto_pools or kind not in ("renders", "jobs"):
        return tr("They cannot be dropped there.")
    if not session.state.connected:
        return tr("There is no connection to the farm.")
    needed = Role.GOD if kind == "renders" else Role.VISOR
    if session.mode < needed:
        return tr("This is for {0} mode.", needed.name)
    if all(_target(row) == path for row in rows):
        return tr("They are there already.")
    return ""


def drop(window: Asking, kind: str, rows: list[Any], onto: Any, *, flat: bool = False, after: bool = False) -> None:
    """Move renders into a pool, jobs to a branch (which is asked first) or beside another one, or say why not."""
    reason, path = reason_against_drop(window, kind, rows, onto, flat=flat), _target(onto)
    if reason:
        window.tell_reason(reason)
        return
    whom = rows[0].name if len(rows) == 1 else words.plural(len(rows), kind.removesuffix("s"))
    if is_beside(kind, rows, onto, flat=flat):
        where, said = ("after", tr("{0} comes after {1}.")) if after else ("before", tr("{0} comes before {1}."))
        pending = window.session.ask("job.move", ids=[row.id for row in rows], where=where, target=onto.id)
        window.tell_done(pending, said.format(whom, onto.name))
        return
    if kind == "renders":
        pending = window.session.ask("render.move", names=[row.name for row in rows], path=path)
    elif window.confirm(
        tr("Move {0} to {1}?", whom, path), [row.name for row in rows],
        tr("They take the place in the farm's order that the branch gives them."), tr("Move {0}", whom),
    ):  # fmt: skip
        pending = jobs.set_parameters(window.session, ids=[row.id for row in rows], parameters={"branch": path})
    else:
        return
    window.tell_done(pending, tr("{0} is in {1}.", whom, path))
