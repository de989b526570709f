"""The tables of the ledger: facts by kind and key are replaced, rows of the audit are added, both with their batch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, text

from afcore.store.base import Batch
from afcore.store.ledger import FIRST_HASH, AuditQuery, AuditRow, KeptRow
from afcore.store.tables import af_audit

__all__ = ["audit_after", "audit_page", "audit_row", "newest_audit", "read_kept", "write"]

_FORGET = text("DELETE FROM af_kept WHERE kind = :kind AND key = :key")
_KEEP = text(
    "INSERT INTO af_kept (kind, key, body) VALUES (:kind, :key, :body)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_FIELDS = AuditRow.__struct_fields__
_ADD = text(
    f"INSERT INTO af_audit ({', '.join(_FIELDS)}) VALUES ({', '.join(f':{name}' for name in _FIELDS)})"
)


def write(connection: Connection, batches: Sequence[Batch]) -> None:
    """Write what ``batches`` hold for the ledger, in their order."""
    for batch in batches:
        for row in batch.kept:
            if row.body is None:
                connection.execute(_FORGET, {"kind": row.kind, "key": row.key})
            else:
                connection.execute(_KEEP, {"kind": row.kind, "key": row.key, "body": row.body})
    acts = [{name: getattr(row, name) for name in _FIELDS} for batch in batches for row in batch.audit]
    if acts:
        connection.execute(_ADD, acts)


def read_kept(connection: Connection) -> list[KeptRow]:
    """Return every fact."""
    rows = connection.execute(text("SELECT kind, key, body FROM af_kept ORDER BY kind, key")).all()
    return [KeptRow(kind=kind, key=key, body=bytes(body)) for kind, key, body in rows]


def newest_audit(connection: Connection) -> tuple[int, str]:
    """Return number and hash of the newest row of the audit."""
    row = connection.execute(text("SELECT seq, hash FROM af_audit ORDER BY seq DESC LIMIT 1")).first()
    return (0, FIRST_HASH) if row is None else (int(row[0]), str(row[1]))


def audit_page(query: AuditQuery, before: int | None, limit: int) -> Select[Any]:
    """Return the statement that reads a page of the audit, newest first."""
    columns = af_audit.c
    wanted = select(*(columns[name] for name in _FIELDS)).order_by(columns.seq.desc()).limit(limit)
    if query.who:
        wanted = wanted.where(columns.who == query.who)
    if query.action:
        wanted = wanted.where(columns.action.startswith(query.action, autoescape=True))
    if query.text:
        wanted = wanted.where(columns.what.icontains(query.text, autoescape=True))
    if query.since_ms:
        wanted = wanted.where(columns.at_ms >= query.since_ms)
    if query.until_ms:
        wanted = wanted.where(columns.at_ms < query.until_ms)
    if before is not None:
        wanted = wanted.where(columns.seq < before)
    return wanted


def audit_after(seq: int, limit: int) -> Select[Any]:
    """Return the statement that reads the audit on after row ``seq``."""
    columns = af_audit.c
    wanted = select(*(columns[name] for name in _FIELDS))
    return wanted.where(columns.seq > seq).order_by(columns.seq).limit(limit)


def audit_row(found: Any) -> AuditRow:
    """Return a row that a statement above has read."""
    return AuditRow(**{**found, "body": bytes(found["body"])})
