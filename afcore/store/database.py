"""What differs between SQLite and PostgreSQL, as one protocol."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, Engine

from afcore.errors import StoreError
from afcore.store.base import JobRow, RunRow
from afcore.store.tables import RowTable

__all__ = ["BadValue", "Database", "clean_rows", "clip_rows"]

_INT4 = 2**31 - 1
_INT8 = 2**63 - 1


class BadValue(StoreError):
    """The database cannot hold one of the values it was given; cleaned ones it can."""


class Database(Protocol):
    """An engine room: makes connections, writes rows fast, and translates what the driver complains about."""

    place: str
    """The database in words a person knows, without a password."""
    address: str
    """How ``opening.open_past`` finds it from another process; it may hold a password."""
    one_view: str
    """The statement after which a reader's connection sees the database as it is now, until COMMIT."""
    errors: tuple[type[Exception], ...]
    """What the driver and SQLAlchemy raise."""

    def connect(self) -> Connection:
        """Return the one connection that writes; it holds the leader's lock, where there is one.

        Raises InUse when another server leads.
        """
        ...

    def reader(self) -> Engine:
        """Return an engine that only reads; the caller disposes of it."""
        ...

    def insert(self, connection: Connection, into: RowTable, rows: Sequence[RunRow] | Sequence[JobRow]) -> None:
        """Insert rows whose texts fit. Raises ValueError or a driver's error for what the database cannot hold."""
        ...

    def tidy(self, connection: Connection) -> bool:
        """Give some of what was deleted back to the file system, outside transactions. Return whether there is more."""
        ...

    def rest(self, connection: Connection) -> None:
        """After much was written, outside transactions: give back memory that only that needed."""
        ...

    def explain(self, error: Exception) -> StoreError:
        """Return what the driver's error means, in a sentence."""
        ...

    def close(self) -> None:
        """Let go of pools and locks."""
        ...


def clip_rows(into: RowTable, rows: Sequence[RunRow] | Sequence[JobRow]) -> None:
    """Cut text that is longer than its column."""
    texts = into.texts
    for row in rows:
        for name, length in texts:
            value = getattr(row, name)
            if len(value) > length:
                setattr(row, name, value[:length])


def clean_rows(into: RowTable, rows: Sequence[RunRow] | Sequence[JobRow]) -> None:
    """Make the rows something every database can hold: no NUL, no half characters, numbers in their range.

    History must never stop the farm. It is slow, and called only after an insert was refused.
    """
    lengths = dict(into.texts)
    for row in rows:
        for name in into.fields:
            value = getattr(row, name)
            if name in lengths:
                safe = str(value).replace("\0", "").encode("utf-8", "replace").decode()
                setattr(row, name, safe[: lengths[name]])
            else:
                most = _INT8 if type(into.table.columns[name].type).__name__ == "BigInteger" else _INT4
                setattr(row, name, max(-most, min(most, int(value))))
