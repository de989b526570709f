"""What the server's shell keeps beside the farm: small facts by kind and key, and the audit, a chain of rows.

Rules of this file:
- The farm knows nothing of it: accounts, tokens and the like are facts about callers, not about jobs.
- A row of the audit is chained to the one before it by a SHA-256 over everything it says; rows are only ever added.
- Texts of a row are made safe for every database before they are chained, never afterwards.
"""

import hashlib
import json
from collections.abc import Iterable

import msgspec

__all__ = ["FIRST_HASH", "AuditPage", "AuditQuery", "AuditRow", "KeptRow", "find_break", "link", "safe_text"]

FIRST_HASH = "0" * 64
"""What the first row of an audit is chained to."""

WORD = 256
"""Characters of a name, an address or the name of an operation in the audit."""
SENTENCE = 4096
"""Characters of what a row says in words."""


class KeptRow(msgspec.Struct, kw_only=True, frozen=True):
    """One small fact of the server: ``account``, ``token`` and what later kinds there are, by a key of its kind."""

    kind: str
    key: str
    body: bytes | None
    """Its content, for its owner to decode; None takes the fact away."""


class AuditRow(msgspec.Struct, kw_only=True, frozen=True):
    """One act of a person or a node: who, what, from where, before and after."""

    seq: int
    """Number of the row, from 1, +1 each."""
    at_ms: int
    """Unix milliseconds."""
    who: str
    role: str
    """Role that it was done with, in lower case."""
    origin: str
    """Address it came from."""
    operation: str
    """Id of the operation, as in the journal."""
    action: str
    """Name of the operation or command: ``job.restart``, ``account.role``, ``RegisterRender``."""
    what: str
    """What happened, in words."""
    body: bytes = b""
    """Before and after: the facts, msgpack, zlib-compressed; empty where the words say all."""
    hash: str = ""
    """SHA-256 of this row and the hash before it, hexadecimal."""


class AuditQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Which rows are wanted; what is empty does not matter."""

    who: str = ""
    action: str = ""
    """An operation, or the beginning of its name."""
    text: str = ""
    """Words in ``what``."""
    since_ms: int = 0
    until_ms: int = 0


class AuditPage(msgspec.Struct, kw_only=True, frozen=True):
    """Some rows, newest first."""

    rows: list[AuditRow]
    next: int | None
    """Give it as ``before`` to get the following page; None: there is none."""


def safe_text(text: str, most: int = WORD) -> str:
    """Return a text that every database keeps as it is: no NUL, no half characters, cut to ``most`` characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:most]


def link(before: str, row: AuditRow) -> str:
    """Return the hash of ``row`` in a chain whose hash before it is ``before``."""
    said = [
        before, row.seq, row.at_ms, row.who, row.role, row.origin, row.operation, row.action, row.what,
        hashlib.sha256(row.body).hexdigest(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def find_break(rows: Iterable[AuditRow], *, seq: int = 0, before: str = FIRST_HASH) -> tuple[int, str, str]:
    """Walk a chain on from row ``seq`` with the hash ``before``; return the last good row, its hash, and what is wrong.

    What is wrong is a sentence; empty when nothing is.
    """
    for row in rows:
        if row.seq != seq + 1:
            return seq, before, f"After row {seq} comes row {row.seq}: what was between them is missing."
        if link(before, row) != row.hash:
            return seq, before, f"Row {row.seq} does not say what it said when it was written."
        seq, before = row.seq, row.hash
    return seq, before, ""
