"""Who changed what between two times: rows of the audit, found by when they happened.

Rules of this file:
- Rows are in the order of their numbers and of their times: the first of a span is found by halving, so that a question
  about a day of last year reads that day.
- Who does not look after the farm sees what was done to it; what was done to accounts and the server is GOD's to know.
"""

import re
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from afcore.states import Role
from afcore.store.base import History, Store
from afcore.store.ledger import AuditQuery, AuditRow

__all__ = ["find_changes"]

_MORE = re.compile(r"; and \d+ more$")
_STEP = 500
_LOOKED_MOST = 20_000
"""Rows looked at for one answer; who wants more goes on from there."""


def find_changes(store: Store, arguments: dict[str, Any], *, render: int, everything: bool) -> Callable[[], Any]:
    """Return what reads a page of changes, newest first, for a thread; ``render`` is the id of the one asked for."""
    limit, job = arguments["limit"], arguments["job"]

    def read() -> dict[str, Any]:
        history = store.history()
        try:
            newest = history.audit(AuditQuery(), limit=1).rows
            if not newest:
                return {"rows": [], "next": None}
            first = _first_at(history, int(arguments["since"] * 1000), newest[0].seq)
            last = newest[0].seq
            if arguments["until"]:
                last = _first_at(history, int(arguments["until"] * 1000), newest[0].seq) - 1
            before = min(last + 1, arguments["before"] or last + 1)
            query = AuditQuery(who=arguments["who"], action=arguments["action"], text=arguments["text"])
            rows: list[dict[str, Any]] = []
            looked = 0
            while before > first:
                page = history.audit(query, before=before, limit=_STEP)
                for row in page.rows:
                    if row.seq < first:
                        return {"rows": rows, "next": None}
                    before, looked = row.seq, looked + 1
                    if not everything and not row.body:
                        continue
                    if not arguments["nodes"] and row.role == Role.NODE.name.lower():
                        continue
                    if (job or render) and not _about(row, job, render):
                        continue
                    rows.append(_shown(row, everything))
                    if len(rows) >= limit:
                        return {"rows": rows, "next": before if before > first else None}
                if page.next is None:
                    break
                if looked >= _LOOKED_MOST:
                    return {"rows": rows, "next": before}
            return {"rows": rows, "next": None}
        finally:
            history.close()

    return read


def _first_at(history: History, at_ms: int, newest: int) -> int:
    """Return the number of the first row at or after a time; one past the newest when there is none."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        rows = history.audit_after(middle - 1, 1)
        if not rows or rows[0].at_ms >= at_ms:
            high = middle
        else:
            low = rows[0].seq + 1
    return low


def _about(row: AuditRow, job: int, render: int) -> bool:
    """Say whether a row is about a job, or about a render."""
    word = f"job {job}" if job else f"render {render}"
    if not _MORE.search(row.what) and word not in row.what:
        return False
    facts = msgspec.msgpack.decode(zlib.decompress(row.body)) if row.body else []
    name, wanted = ("job", job) if job else ("render", render)
    return any(fact.get(name) == wanted for fact in facts) or not facts and word in row.what


def _shown(row: AuditRow, everything: bool) -> dict[str, Any]:
    return {
        "seq": row.seq, "at": row.at_ms / 1000, "who": row.who, "role": row.role,
        "origin": row.origin if everything else "", "action": row.action, "what": row.what,
    }  # fmt: skip
