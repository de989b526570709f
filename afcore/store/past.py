"""The past of a farm, read beside its server: which instants are kept, and what makes the farm of one of them.

Rules of this file:
- It never writes; every question is answered from one view of the database, whatever is trimmed meanwhile.
- The farm of an instant is the newest snapshot up to it and the journal from there on: what is read is bounded by how
  far snapshots lie apart, however long the past is.
- Numbers of batches are the order in which things happened; a clock that was set back across a restart shows some times
  twice, and such a time means its last one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from afcore.store import journal
from afcore.store.base import JournalBatch, Snapshot
from afcore.store.checks import check_format
from afcore.store.packing import unpack
from afcore.store.reading import Reading
from afcore.store.snapshot import read_newest

__all__ = ["Kept", "Moment", "SqlPast", "View"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the past is there. Times are unix seconds, 0 where there is none."""

    since: float
    """The oldest instant that can be shown."""
    whole: bool
    """Nothing was dropped: before ``since`` there was no farm."""
    until: float
    """When the newest batch was closed."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the journal an instant lies."""

    base: int
    """Number of the snapshot to begin with; 0 for an empty farm."""
    last: int
    """Number of the newest batch that was closed by then."""
    following: JournalBatch | None
    """The batch after it, which was open then, perhaps: its entries up to the instant belong to it."""
    epoch: int
    """Epoch of the server that made ``last``; 0 when there is none."""


class SqlPast(Reading):
    """Reads the journal and the snapshots in ``database`` on a connection of its own. One thread at a time."""

    @contextmanager
    def view(self) -> Iterator["View"]:
        """Give one unchanging view of the database. Raises Unavailable while it is away."""
        try:
            connection = self._connected()
            connection.exec_driver_sql(self._database.one_view)
            yield View(connection)
            connection.exec_driver_sql("COMMIT")
            connection.commit()
        except self._database.errors as error:
            raise self._database.explain(error) from error
        finally:
            if self._connection is not None and self._connection.in_transaction():
                self._drop()


class View:
    """The database as it was when the view was begun."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _one(self, statement: str, **values: Any) -> Any:
        return self._connection.execute(text(statement), values).first()

    def kept(self) -> Kept:
        """Say which part of the past is there."""
        first = self._one("SELECT seq, at FROM af_journal ORDER BY seq LIMIT 1")
        newest = self._one("SELECT at FROM af_journal ORDER BY seq DESC LIMIT 1")
        base = self._one("SELECT at FROM af_snapshot WHERE complete ORDER BY seq LIMIT 1")
        if first is not None and first[0] == 1:
            return Kept(since=first[1], whole=True, until=newest[0])
        if base is None:
            return Kept(since=0.0, whole=True, until=0.0)
        return Kept(since=base[0], whole=False, until=max(base[0], newest[0] if newest else 0.0))

    def find(self, at: float) -> Moment:
        """Return where in the journal an instant (unix seconds, not before ``kept().since``) lies."""
        base = self._one("SELECT max(seq) FROM af_snapshot WHERE complete AND at <= :at", at=at)[0] or 0
        end = self._one("SELECT min(seq) FROM af_snapshot WHERE complete AND seq > :base", base=base)[0]
        if end is None:
            end = self._one("SELECT max(seq) FROM af_journal")[0] or base
        last = self._one(
            "SELECT max(seq) FROM af_journal WHERE seq > :base AND seq <= :end AND at <= :at", base=base, end=end, at=at
        )[0]
        last = base if last is None else last
        epoch = self._one(
            "SELECT epoch FROM af_journal WHERE seq = :last UNION ALL SELECT epoch FROM af_snapshot WHERE seq = :last",
            last=last,
        )
        return Moment(base=base, last=last, following=self.batch(last + 1), epoch=epoch[0] if epoch else 0)

    def between(self, since: float, until: float) -> tuple[int, int]:
        """Return the numbers of the first and the last batch that may hold something from ``since`` to before ``until``
        (unix seconds, 0: now); the last is before the first where there is none."""
        oldest, newest = self._one("SELECT min(seq), max(seq) FROM af_journal")
        if oldest is None:
            return 1, 0

        def first_from(at: float) -> int:
            """Find the first batch that was closed at or after an instant, by halving: their times are in order."""
            low, high = oldest, newest + 1
            while low < high:
                middle = (low + high) // 2
                found = self._one("SELECT at FROM af_journal WHERE seq >= :seq ORDER BY seq LIMIT 1", seq=middle)
                low, high = (low, middle) if found[0] >= at else (middle + 1, high)
            return int(low)

        # A batch holds what happened before it was closed: the one after the span may hold some of it.
        return first_from(since), min(newest, first_from(until)) if until else newest

    def batch(self, seq: int) -> JournalBatch | None:
        """Return a batch of the journal, if it is there."""
        row = self._one("SELECT at, epoch, format, body FROM af_journal WHERE seq = :seq", seq=seq)
        if row is None:
            return None
        at, epoch, written, body = row
        what = f"batch {seq} of the journal"
        check_format(written, what)
        return JournalBatch(seq=seq, at=at, epoch=epoch, format=written, body=unpack(bytes(body), what))

    def snapshot(self, moment: Moment) -> Snapshot | None:
        """Return what the farm of a moment begins with; None for an empty farm."""
        return read_newest(self._connection, moment.base) if moment.base else None

    def batches(self, moment: Moment) -> Iterator[JournalBatch]:
        """Yield the batches from the snapshot to the moment, without the one that was open."""
        return journal.read_after(self._query, moment.base, moment.last)

    def _query(self, statement: Any, values: dict[str, Any]) -> Any:
        return self._connection.execute(statement, values).all()
