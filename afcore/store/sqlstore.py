"""The store on a real database, the same on SQLite and PostgreSQL.

Rules of this file:
- Every write is one transaction that first looks at the epoch: a leader that was replaced writes nothing.
- After an error nobody knows whether the transaction happened: the next commit asks the database what it has.
- What the driver raises leaves this file as a StoreError with a sentence.
"""

import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from afcore.errors import Corrupt, Fenced, InUse, Unavailable
from afcore.store import journal, sqlledger
from afcore.store import snapshot as snapshots
from afcore.store.base import Batch, Recovered, Retention, Snapshot, Unwanted
from afcore.store.checks import DAY, check_batches, check_snapshot, choose_base
from afcore.store.database import BadValue, Database, clean_rows, clip_rows
from afcore.store.history import SqlHistory
from afcore.store.migrate import migrate, read_meta, write_meta
from afcore.store.tables import JOB_ROWS, RUN_ROWS

__all__ = ["SqlStore"]

_TRIM_ROWS = 200
"""Journal rows dropped by one statement."""
_STEP = 0.008
"""Seconds after which a step of dropping ends, when it is made of small statements."""
_TRIM_RUNS = 2000
"""History rows dropped in one step."""
_LAST = 2**63 - 1
"""No row has a greater number."""


class SqlStore:
    """A Store in ``database``. Making one opens it, updates its tables and takes the lead: the epoch goes up.

    ``now`` is unix seconds, for a database that is made now. ``on_close`` is called once, at the end of ``close``.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: float,
        on_close: Callable[[], None] | None = None,
        migrating: Callable[[Connection, str], None] = migrate,
    ) -> None:
        self._database = database
        self.address = database.address
        self._on_close = on_close
        self._connection: Connection | None = None
        self._unsure = False
        try:
            with self._explained():
                self._connection = database.connect()
                with self._connection.begin():
                    migrating(self._connection, database.place)
                    self.epoch = self._take_lead(self._connection, now)
                with self._connection.begin():
                    snapshots.drop_incomplete(self._connection)
                    self._marks = journal.newest_marks(self._connection)
                    self._grown_from = self._newest_total(self._connection)
        except BaseException:
            self.close()
            raise

    @property
    def last_seq(self) -> int:
        """As ``Store.last_seq``."""
        return self._marks.seq

    @last_seq.setter
    def last_seq(self, seq: int) -> None:
        self._marks = self._marks._replace(seq=seq)

    @property
    def last_rows(self) -> tuple[int, int]:
        """As ``Store.last_rows``."""
        return self._marks.last_run, self._marks.last_job

    @staticmethod
    def _take_lead(connection: Connection, now: float) -> int:
        if read_meta(connection, "farm") is None:
            write_meta(connection, farm=uuid.uuid4().hex, created=now, epoch=0)
        epoch = int(read_meta(connection, "epoch") or 0) + 1
        write_meta(connection, epoch=epoch, leader=socket.gethostname())
        return epoch

    @staticmethod
    def _newest_total(connection: Connection) -> int:
        known = snapshots.manifests(connection)
        return known[-1].journal if known else 0

    # Transactions

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._database.errors as error:
            raise self._database.explain(error) from error

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction under our epoch."""
        # A connection that broke must not come back by itself: it would be without the leader's lock.
        if self._connection is None or self._connection.invalidated:
            raise Unavailable(f"{self._database.place} is not connected", hint="the server tries again by itself")
        with self._explained(), self._connection.begin():
            found = int(read_meta(self._connection, "epoch", lock=True) or 0)
            if found != self.epoch:
                raise Fenced(
                    f"epoch {self.epoch} of this server is over: the farm in {self._database.place} is led under"
                    f" epoch {found}",
                    hint="this server must stop; start it again to let it take part",
                )
            yield self._connection

    def _query(self, statement: Any, values: dict[str, Any]) -> Sequence[Any]:
        """Run one reading statement in a transaction of its own."""
        if self._connection is None:
            raise Unavailable(f"{self._database.place} is closed")
        with self._explained(), self._connection.begin():
            return self._connection.execute(statement, values).all()

    # The contract

    def load(self) -> Recovered:
        """As ``Store.load``."""
        with self._writing() as connection:
            newest = snapshots.read_newest(connection)
            farm = read_meta(connection, "farm")
            created = read_meta(connection, "created")
            kept = sqlledger.read_kept(connection)
            audit_seq, audit_hash = sqlledger.newest_audit(connection)
            if farm is None or created is None:
                raise Corrupt(f"{self._database.place} has lost its name", hint="put back the newest copy of it")
        start = newest.seq if newest else 0
        return Recovered(
            epoch=self.epoch,
            farm=farm,
            created=float(created),
            last_seq=self.last_seq,
            snapshot=newest,
            batches=journal.read_after(self._query, start, self.last_seq),
            kept=kept,
            audit_seq=audit_seq,
            audit_hash=audit_hash,
        )

    def commit(self, batches: Sequence[Batch]) -> None:
        """As ``Store.commit``."""
        check_batches(batches, epoch=self.epoch, last_seq=self._marks.seq)
        for batch in batches:
            clip_rows(RUN_ROWS, batch.runs)
            clip_rows(JOB_ROWS, batch.jobs)
        try:
            self._commit(batches)
        except (ValueError, OverflowError, BadValue):
            for batch in batches:
                clean_rows(RUN_ROWS, batch.runs)
                clean_rows(JOB_ROWS, batch.jobs)
            self._commit(batches)

    def _commit(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        try:
            with self._writing() as connection:
                marks = self._marks
                if self._unsure:
                    marks = journal.newest_marks(connection)
                    batches = [batch for batch in batches if batch.seq > marks.seq]
                if batches:
                    marks = journal.append(connection, batches, marks)
                    sqlledger.write(connection, batches)
                    runs = [run for batch in batches for run in batch.runs]
                    jobs = [job for batch in batches for job in batch.jobs]
                    if runs:
                        self._database.insert(connection, RUN_ROWS, runs)
                    if jobs:
                        self._database.insert(connection, JOB_ROWS, jobs)
        except Unavailable:
            self._unsure = True
            raise
        self._unsure = False
        self._marks = marks

    def renew(self) -> None:
        """As ``Store.renew``."""
        if self._connection is not None:
            broken, self._connection = self._connection, None
            with self._explained():
                broken.invalidate()
                broken.close()
        try:
            with self._explained():
                self._connection = self._database.connect()
        except InUse as error:
            if self._epoch_there() == self.epoch:
                raise Unavailable(
                    f"the lost connection still holds the leader's lock in {self._database.place}",
                    hint="the server tries again by itself",
                ) from error
            raise Fenced(
                f"another server took over the farm in {self._database.place}",
                hint="this server must stop; start it again to let it take part",
            ) from error

    def _epoch_there(self) -> int:
        """Ask for the epoch on a connection without the lock."""
        engine = self._database.reader()
        try:
            with self._explained(), engine.connect() as connection:
                return int(read_meta(connection, "epoch") or 0)
        finally:
            engine.dispose()

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """As ``Store.write_snapshot``."""
        for _ in self.snapshot_steps(snapshot):
            pass

    def snapshot_steps(self, snapshot: Snapshot) -> Iterator[None]:
        """As ``Store.snapshot_steps``."""
        check_snapshot(snapshot, last_seq=self._marks.seq)
        with self._writing() as connection:
            newest = connection.execute(text("SELECT max(seq) FROM af_snapshot WHERE complete")).scalar()
            if newest is not None and newest >= snapshot.seq:
                return
            snapshots.drop_incomplete(connection)
            marks = connection.execute(
                text("SELECT seq, total, last_run, last_job FROM af_journal WHERE seq = :seq"), {"seq": snapshot.seq}
            ).first()
            total, last_run, last_job = tuple(marks)[1:] if marks else (0, 0, 0)
            connection.execute(
                text(
                    "INSERT INTO af_snapshot (seq, at, epoch, format, complete, size, total, last_run, last_job)"
                    " VALUES (:seq, :at, :epoch, :format, false, 0, :total, :last_run, :last_job)"
                ),
                {
                    "seq": snapshot.seq, "at": snapshot.at, "epoch": self.epoch, "format": snapshot.format,
                    "total": total, "last_run": last_run, "last_job": last_job,
                },
            )  # fmt: skip
        size = 0
        for group in snapshots.packed_pieces(snapshot):
            with self._writing() as connection:
                size += snapshots.write_pieces(connection, snapshot.seq, group)
            yield
        with self._writing() as connection:
            connection.execute(
                text("UPDATE af_snapshot SET complete = true, size = :size WHERE seq = :seq"),
                {"size": size, "seq": snapshot.seq},
            )
        self._grown_from = total

    def trim(self, retention: Retention, *, now: float) -> None:
        """As ``Store.trim``."""
        for _ in self.trim_steps(retention, now=now):
            pass

    def trim_steps(self, retention: Retention, *, now: float) -> Iterator[None]:
        """As ``Store.trim_steps``."""
        with self._writing() as connection:
            known = snapshots.manifests(connection)
            base = choose_base(known, retention, now=now, journal=self._marks.total)
            first = connection.execute(text("SELECT min(seq) FROM af_journal")).scalar() or base + 1
            statements = deque(snapshots.superseded(connection, base) if base else ())
        yield
        ends = range(min(base, first + _TRIM_ROWS - 1), base + _TRIM_ROWS, _TRIM_ROWS) if first <= base else ()
        statements.extend(("DELETE FROM af_journal WHERE seq <= :seq", {"seq": min(end, base)}) for end in ends)
        statements.append(("DELETE FROM af_snapshot WHERE complete AND seq < :seq", {"seq": base}))
        while statements:
            with self._writing() as connection:
                until = time.perf_counter() + _STEP
                while statements and time.perf_counter() < until:
                    statement, values = statements.popleft()
                    connection.execute(text(statement), values)
            yield
        if retention.history_days:
            edge = int(now - retention.history_days * DAY)
            followed = retention.followed or (_LAST, _LAST)
            for table, last in zip(("tasks", "jobs"), followed, strict=True):
                yield from self._trim_rows(table, edge, last)
        while self._tidy():
            yield
        if self._connection is not None:
            with self._explained():
                self._database.rest(self._connection)

    def _tidy(self) -> bool:
        if self._connection is None:
            return False
        with self._explained():
            return self._database.tidy(self._connection)

    def _trim_rows(self, table: str, edge: int, last: int) -> Iterator[None]:
        statement = text(
            f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE time_done < :edge AND seq <= :last"
            f" ORDER BY time_done LIMIT {_TRIM_RUNS})"
        )
        while True:
            with self._writing() as connection:
                dropped = connection.execute(statement, {"edge": edge, "last": last}).rowcount
                self._database.tidy(connection)
            yield
            if dropped < _TRIM_RUNS:
                return

    def forget_steps(self, unwanted: Unwanted) -> Iterator[None]:
        """As ``Store.forget_steps``: rows are looked through in the order of their numbers, each once."""
        path = unwanted.folder.rstrip("/\\")
        conditions: list[str] = ["seq > :first AND seq <= :last"]
        values: dict[str, Any] = {}
        if path:
            length = len(path) + 1
            values |= {"path": path, "below": f"{path}/", "other": f"{path}\\", "length": length}
            conditions.append("(folder = :path OR substr(folder, 1, :length) IN (:below, :other))")
        if unwanted.before:
            values["before"] = unwanted.before
            conditions.append("time_done < :before")
        for table, end in (("tasks", unwanted.last_run), ("jobs", unwanted.last_job)):
            with self._writing() as connection:
                first = connection.execute(text(f"SELECT min(seq) FROM {table}")).scalar()
            statement = text(f"DELETE FROM {table} WHERE {' AND '.join(conditions)}")
            for seq in range((first or end + 1) - 1, end, _TRIM_RUNS):
                with self._writing() as connection:
                    connection.execute(statement, {**values, "first": seq, "last": min(end, seq + _TRIM_RUNS)})
                    self._database.tidy(connection)
                yield

    def journal_growth(self) -> int:
        """As ``Store.journal_growth``."""
        return self._marks.total - self._grown_from

    def history(self) -> SqlHistory:
        """As ``Store.history``."""
        return SqlHistory(self._database)

    def close(self) -> None:
        """As ``Store.close``."""
        connection, self._connection = self._connection, None
        on_close, self._on_close = self._on_close, None
        try:
            if connection is not None:
                with self._explained():
                    connection.close()
        except Unavailable:
            pass  # it is gone already, which is what was wanted
        finally:
            self._database.close()
            if on_close is not None:
                on_close()
