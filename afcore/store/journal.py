"""The journal's table: appending batches, and reading them back piece by piece."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from afcore.store.base import Batch, JournalBatch
from afcore.store.checks import check_follows, check_format
from afcore.store.packing import join_entries, pack, unpack

__all__ = ["Marks", "append", "newest_marks", "read_after"]

_READ_AT_ONCE = 64


class Marks(NamedTuple):
    """Where the counters of a database stand after a batch."""

    seq: int
    total: int
    """Bytes of journal bodies since the farm began."""
    last_run: int
    last_job: int


def newest_marks(connection: Connection) -> Marks:
    """Return the counters after the newest batch, from the journal or, where that was dropped, the snapshot."""
    found = [Marks(0, 0, 0, 0)]
    for table, where in (("af_journal", ""), ("af_snapshot", " WHERE complete")):
        row = connection.execute(
            text(f"SELECT seq, total, last_run, last_job FROM {table}{where} ORDER BY seq DESC LIMIT 1")
        ).first()
        if row is not None:
            found.append(Marks(*row))
    return max(found)


def append(connection: Connection, batches: Sequence[Batch], marks: Marks) -> Marks:
    """Write the journal rows of ``batches``, and number their run and job rows. Return the counters after them."""
    rows = []
    seq, total, last_run, last_job = marks
    for batch in batches:
        for number, run in enumerate(batch.runs, last_run + 1):
            run.seq = number
        for number, job in enumerate(batch.jobs, last_job + 1):
            job.seq = number
        last_run += len(batch.runs)
        last_job += len(batch.jobs)
        body = pack(join_entries(batch.body))
        seq = batch.seq
        total += len(body)
        rows.append(
            {
                "seq": seq, "at": batch.at, "epoch": batch.epoch, "format": batch.format, "body": body,
                "total": total, "last_run": last_run, "last_job": last_job,
            }
        )  # fmt: skip
    connection.execute(_APPEND, rows)
    return Marks(seq, total, last_run, last_job)


_APPEND = text(
    "INSERT INTO af_journal (seq, at, epoch, format, body, total, last_run, last_job)"
    " VALUES (:seq, :at, :epoch, :format, :body, :total, :last_run, :last_job)"
)
_READ = text(
    "SELECT seq, at, epoch, format, body FROM af_journal"
    " WHERE seq > :seq AND seq <= :last ORDER BY seq LIMIT :limit"
)


def read_after(query: Callable[..., Sequence[Sequence[object]]], seq: int, last: int) -> Iterator[JournalBatch]:
    """Yield the batches after ``seq`` up to ``last``, none missing, each checked; ``query`` runs one statement."""
    while seq < last:
        rows = query(_READ, {"seq": seq, "last": last, "limit": _READ_AT_ONCE})
        if not rows:
            check_follows(last + 1, seq)
        for number, at, epoch, written, body in rows:
            assert isinstance(number, int) and isinstance(at, float)
            assert isinstance(epoch, int) and isinstance(written, int)
            assert isinstance(body, bytes | memoryview)
            check_follows(number, seq)
            what = f"batch {number} of the journal"
            check_format(written, what)
            yield JournalBatch(seq=number, at=at, epoch=epoch, format=written, body=unpack(bytes(body), what))
            seq = number
