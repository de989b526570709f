"""The audit: every act of a person or a node as one row, chained to the one before it; searched, checked, shown.

Rules of this file:
- A row is made from what the journal keeps of the same act; a mass operation is one row, its before-values compressed.
- What was submitted is told by name and size: the job itself is in the journal, and as ``afcmd job spec``.
- No password, hash or token comes here: acts on accounts are told in words.
"""

import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from afcore.envelope import Principal
from afcore.errors import NotFound
from afcore.events import Event
from afcore.jobspec import JobSpec
from afcore.outcome import Entry
from afcore.states import Role, TaskState
from afcore.store.base import Store
from afcore.store.ledger import FIRST_HASH, SENTENCE, AuditQuery, AuditRow, find_break, link, safe_text
from afnet.server.audit import words_of

__all__ = ["Auditor", "check_chain", "find_acts", "show_act"]

_BODY_MOST = 4 << 20
"""Bytes of before and after, compressed, that one row may have."""
_TOLD_MOST = 20
"""Facts of one act that are told in words."""
_STEP = 2000


class Auditor:
    """Numbers and chains the rows of the audit, in the order of the acts."""

    def __init__(self, seq: int = 0, hash: str = FIRST_HASH) -> None:
        """Go on after the row ``seq`` with ``hash``, as the store has them."""
        self.seq = seq
        """Number of the newest row."""
        self.hash = hash
        """Its hash."""

    def of_entry(self, entry: Entry, action: str) -> AuditRow | None:
        """Return the row for what a command did; None where nothing but readings came of it."""
        told = [words for words in map(_words, entry.events) if words]
        if not told:
            return None
        more = len(told) - _TOLD_MOST
        what = "; ".join(told[:_TOLD_MOST]) + (f"; and {more} more" if more > 0 else "")
        role = Role(entry.role).name.lower()
        return self._row(
            entry.at, entry.principal, role, entry.origin, entry.operation, action, what, _body(entry.events)
        )

    def of_words(self, at: float, principal: Principal, action: str, what: str, operation: str = "") -> AuditRow:
        """Return the row for an act that is told in words alone."""
        role = principal.role.name.lower()
        return self._row(at, principal.name, role, principal.origin, operation, action, what, b"")

    def _row(
        self, at: float, who: str, role: str, origin: str, operation: str, action: str, what: str, body: bytes
    ) -> AuditRow:
        if len(body) > _BODY_MOST:
            what, body = f"(before and after are in the journal only: {len(body)} bytes) {what}", b""
        row = AuditRow(
            seq=self.seq + 1, at_ms=int(at * 1000), who=safe_text(who), role=role, origin=safe_text(origin),
            operation=safe_text(operation), action=safe_text(action), what=safe_text(what, SENTENCE), body=body,
        )  # fmt: skip
        self.seq, self.hash = row.seq, link(self.hash, row)
        return msgspec.structs.replace(row, hash=self.hash)


def _words(event: Event) -> str:
    return words_of(event) or f"{type(event).__name__}"


def _body(events: list[Event]) -> bytes:
    facts = [
        {
            "event": type(event).__name__,
            **{name: _plain(getattr(event, name)) for name in event.__struct_fields__},
        }
        for event in events
    ]
    # What is large in it is columns, which are compressed already.
    return zlib.compress(msgspec.msgpack.encode(facts, enc_hook=str), 1)


def _plain(value: Any) -> Any:
    if isinstance(value, JobSpec):
        blocks = [{"name": each.name, "service": each.service} for each in value.blocks[:100]]
        return {"name": value.name, "user_name": value.user_name, "blocks": blocks, "count": len(value.blocks)}
    return value


def find_acts(store: Store, arguments: dict[str, Any]) -> Callable[[], Any]:
    """Return what reads a page of the audit, for a thread."""
    query = AuditQuery(
        who=arguments["who"], action=arguments["action"], text=arguments["text"],
        since_ms=arguments["since"] * 1000, until_ms=arguments["until"] * 1000,
    )  # fmt: skip

    def read() -> dict[str, Any]:
        history = store.history()
        try:
            page = history.audit(query, before=arguments["before"] or None, limit=arguments["limit"])
        finally:
            history.close()
        return {"rows": [_shown(row) for row in page.rows], "next": page.next}

    return read


def show_act(store: Store, seq: int) -> Callable[[], Any]:
    """Return what reads one row with its before and after, for a thread."""

    def read() -> dict[str, Any]:
        history = store.history()
        try:
            rows = history.audit_after(seq - 1, 1)
        finally:
            history.close()
        if not rows or rows[0].seq != seq:
            raise NotFound(f"The audit has no row {seq}.", hint="`afcmd audit list` shows the newest rows.")
        facts = msgspec.msgpack.decode(zlib.decompress(rows[0].body)) if rows[0].body else []
        return {"row": {**_shown(rows[0]), "facts": [_readable(fact) for fact in facts]}}

    return read


def check_chain(store: Store, known: str) -> Callable[[], Any]:
    """Return what walks the whole chain, for a thread; ``known`` is SEQ:HASH of a row noted before, or empty."""
    known_seq, _, known_hash = known.partition(":")

    def read() -> dict[str, Any]:
        history = store.history()
        seq, before, wrong, seen = 0, FIRST_HASH, "", ""
        try:
            while not wrong:
                rows = history.audit_after(seq, _STEP)
                if not rows:
                    break
                seen = next((row.hash for row in rows if str(row.seq) == known_seq), seen)
                seq, before, wrong = find_break(rows, seq=seq, before=before)
        finally:
            history.close()
        if not wrong and known and seen != known_hash:
            wrong = f"Row {known_seq} is not the one that was noted: rows were taken away or written anew."
        return {"whole": not wrong, "rows": seq, "hash": before, "wrong": wrong}

    return read


def _shown(row: AuditRow) -> dict[str, Any]:
    return {
        "seq": row.seq, "at": row.at_ms / 1000, "who": row.who, "role": row.role, "origin": row.origin,
        "operation": row.operation, "action": row.action, "what": row.what, "hash": row.hash,
    }  # fmt: skip


def _readable(fact: dict[str, Any]) -> dict[str, Any]:
    """Return a fact with its columns counted: how many tasks were in which state before."""
    shown: dict[str, Any] = {}
    for name, value in fact.items():
        if not isinstance(value, bytes):
            shown[name] = value
        elif name == "old_state" and value:
            column = zlib.decompress(value)
            counts = {state.name.lower(): column.count(state) for state in TaskState}
            shown["before"] = {state: count for state, count in counts.items() if count}
        elif name == "indices":
            shown["tasks"] = len(value) // 4
    return shown
