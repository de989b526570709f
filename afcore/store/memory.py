"""The shipped fake: a store that lives as long as its object, with the same manners as the real ones.

What it holds survives ``close`` and ``reopened``, as a database file would, so tests can restart a server on it.
"""

import sys
import uuid
from collections.abc import Iterator, Sequence

from afcore.errors import InUse, StoreError
from afcore.store.base import (
    Batch,
    JobRow,
    JournalBatch,
    Recovered,
    Retention,
    RunPage,
    RunQuery,
    RunRow,
    Snapshot,
    Unwanted,
)
from afcore.store.checks import Manifest, check_batches, check_format, check_snapshot, choose_base
from afcore.store.ledger import FIRST_HASH, AuditPage, AuditQuery, AuditRow, KeptRow
from afcore.store.packing import join_entries

__all__ = ["MemoryHistory", "MemoryStore"]


class _Disk:
    """What would lie on the disk."""

    def __init__(self, created: float) -> None:
        self.created = created
        self.farm = uuid.uuid4().hex
        self.epoch = 0
        self.last_seq = 0
        self.open = False
        self.journal: list[JournalBatch] = []
        self.journal_size = 0
        self.snapshots: list[tuple[Manifest, Snapshot]] = []
        """Whole ones: each holds everything."""
        self.runs: list[RunRow] = []
        self.jobs: list[JobRow] = []
        self.last_run = 0
        self.last_job = 0
        self.kept: dict[tuple[str, str], KeptRow] = {}
        self.audit: list[AuditRow] = []


class MemoryStore:
    """A Store without a disk. ``fail`` plays a broken one: while set, every write raises it."""

    address = ""

    def __init__(self, *, created: float = 0.0) -> None:
        self._disk = _Disk(created)
        self._open()

    def _open(self) -> None:
        if self._disk.open:
            raise InUse("this memory store is already open", hint="close it first")
        self._disk.open = True
        self._disk.epoch += 1
        self.epoch = self._disk.epoch
        self.last_seq = self._disk.last_seq
        self.fail: StoreError | None = None

    def reopened(self) -> "MemoryStore":
        """Return another store on the same memory, as after a restart. This one must be closed."""
        other = MemoryStore.__new__(MemoryStore)
        other._disk = self._disk
        other._open()
        return other

    def load(self) -> Recovered:
        """As ``Store.load``."""
        disk = self._disk
        newest = disk.snapshots[-1][1] if disk.snapshots else None
        start = newest.seq if newest else 0
        later = [batch for batch in disk.journal if batch.seq > start]
        for batch in later:
            check_format(batch.format, f"batch {batch.seq} of the journal")
        return Recovered(
            epoch=self.epoch,
            farm=disk.farm,
            created=disk.created,
            last_seq=disk.last_seq,
            snapshot=newest,
            batches=iter(later),
            kept=[row for _, row in sorted(disk.kept.items())],
            audit_seq=disk.audit[-1].seq if disk.audit else 0,
            audit_hash=disk.audit[-1].hash if disk.audit else FIRST_HASH,
        )

    @property
    def last_rows(self) -> tuple[int, int]:
        """As ``Store.last_rows``."""
        return self._disk.last_run, self._disk.last_job

    def commit(self, batches: Sequence[Batch]) -> None:
        """As ``Store.commit``."""
        disk = self._disk
        if self.fail is not None:
            raise self.fail
        check_batches(batches, epoch=disk.epoch, last_seq=self.last_seq)
        for batch in batches:
            body = join_entries(batch.body)
            disk.journal.append(
                JournalBatch(seq=batch.seq, at=batch.at, epoch=batch.epoch, format=batch.format, body=body)
            )
            disk.journal_size += len(body)
            for run in batch.runs:
                disk.last_run += 1
                run.seq = disk.last_run
                disk.runs.append(run)
            for job in batch.jobs:
                disk.last_job += 1
                job.seq = disk.last_job
                disk.jobs.append(job)
            for row in batch.kept:
                if row.body is None:
                    disk.kept.pop((row.kind, row.key), None)
                else:
                    disk.kept[row.kind, row.key] = row
            disk.audit.extend(batch.audit)
            disk.last_seq = self.last_seq = batch.seq

    def renew(self) -> None:
        """As ``Store.renew``: it is back as soon as ``fail`` is None."""
        if self.fail is not None:
            raise self.fail

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """As ``Store.write_snapshot``."""
        for _ in self.snapshot_steps(snapshot):
            pass

    def snapshot_steps(self, snapshot: Snapshot) -> Iterator[None]:
        """As ``Store.snapshot_steps``: one step per block."""
        disk = self._disk
        check_snapshot(snapshot, last_seq=self.last_seq)
        if disk.snapshots and disk.snapshots[-1][0].seq >= snapshot.seq:
            return
        journal = disk.journal_size
        old = disk.snapshots[-1][1] if disk.snapshots else None
        gone = set(snapshot.deleted)
        jobs = {job: body for job, body in (old.jobs if old else {}).items() if job not in gone}
        columns = {key: parts for key, parts in (old.columns if old else {}).items() if key[0] not in gone}
        jobs.update(snapshot.jobs)
        size = len(snapshot.farm) + sum(map(len, snapshot.jobs.values()))
        for key, parts in snapshot.columns.items():
            if self.fail is not None:
                raise self.fail
            columns[key] = list(parts)
            size += sum(map(len, parts))
            yield
        whole = Snapshot(
            seq=snapshot.seq,
            at=snapshot.at,
            farm=snapshot.farm,
            jobs=dict(sorted(jobs.items())),
            columns=dict(sorted(columns.items())),
            format=snapshot.format,
        )
        manifest = Manifest(seq=snapshot.seq, at=snapshot.at, size=size, journal=journal)
        disk.snapshots.append((manifest, whole))

    def trim(self, retention: Retention, *, now: float) -> None:
        """As ``Store.trim``."""
        for _ in self.trim_steps(retention, now=now):
            pass

    def trim_steps(self, retention: Retention, *, now: float) -> Iterator[None]:
        """As ``Store.trim_steps``."""
        disk = self._disk
        manifests = [manifest for manifest, _ in disk.snapshots]
        base = choose_base(manifests, retention, now=now, journal=disk.journal_size)
        disk.snapshots = [pair for pair in disk.snapshots if pair[0].seq >= base]
        disk.journal = [batch for batch in disk.journal if batch.seq > base]
        yield
        if retention.history_days:
            edge = int((now - retention.history_days * 86400) * 1000)
            last_run, last_job = retention.followed or (sys.maxsize, sys.maxsize)
            disk.runs = [run for run in disk.runs if run.done_ms >= edge or run.seq > last_run]
            disk.jobs = [job for job in disk.jobs if job.done_ms >= edge or job.seq > last_job]

    def forget_steps(self, unwanted: Unwanted) -> Iterator[None]:
        """As ``Store.forget_steps``."""
        disk = self._disk
        disk.runs = [row for row in disk.runs if row.seq > unwanted.last_run or not _unwanted(row, unwanted)]
        yield
        disk.jobs = [row for row in disk.jobs if row.seq > unwanted.last_job or not _unwanted(row, unwanted)]

    def journal_growth(self) -> int:
        """As ``Store.journal_growth``."""
        disk = self._disk
        return disk.journal_size - (disk.snapshots[-1][0].journal if disk.snapshots else 0)

    def history(self) -> "MemoryHistory":
        """As ``Store.history``."""
        return MemoryHistory(self._disk)

    def close(self) -> None:
        """As ``Store.close``."""
        if self.epoch == self._disk.epoch:
            self._disk.open = False


def _unwanted(row: RunRow | JobRow, unwanted: Unwanted) -> bool:
    path = unwanted.folder.rstrip("/\\")
    inside = not path or row.folder == path or row.folder.startswith((f"{path}/", f"{path}\\"))
    return inside and (not unwanted.before or row.done_ms // 1000 < unwanted.before)


def _fits(run: RunRow, query: RunQuery) -> bool:
    return (
        (query.job is None or run.job == query.job)
        and (query.block is None or run.id_block == query.block)
        and (query.task is None or run.id_task == query.task)
        and (query.user is None or run.username == query.user)
        and (query.host is None or run.hostname == query.host)
        and (query.since_ms is None or run.done_ms >= query.since_ms)
        and (query.until_ms is None or run.done_ms < query.until_ms)
        and (not query.errors_only or run.error != 0)
    )


class MemoryHistory:
    """Reads the rows of a memory store."""

    def __init__(self, disk: _Disk) -> None:
        self._disk = disk

    def runs(self, query: RunQuery, *, before: int | None = None, limit: int = 100) -> RunPage:
        """As ``History.runs``."""
        found = [run for run in reversed(self._disk.runs) if (before is None or run.seq < before) and _fits(run, query)]
        rows = found[:limit]
        return RunPage(rows=rows, next=rows[-1].seq if len(found) > limit else None)

    def rows_after(self, seq: int, limit: int = 1000) -> list[RunRow]:
        """As ``History.rows_after``."""
        return [run for run in self._disk.runs if run.seq > seq][:limit]

    def jobs_after(self, seq: int, limit: int = 1000) -> list[JobRow]:
        """As ``History.jobs_after``."""
        return [job for job in self._disk.jobs if job.seq > seq][:limit]

    def audit(self, query: AuditQuery, *, before: int | None = None, limit: int = 100) -> AuditPage:
        """As ``History.audit``."""
        found = [
            row
            for row in reversed(self._disk.audit)
            if (before is None or row.seq < before)
            and query.who in ("", row.who)
            and row.action.startswith(query.action)
            and query.text.lower() in row.what.lower()
            and row.at_ms >= query.since_ms
            and (not query.until_ms or row.at_ms < query.until_ms)
        ]
        rows = found[:limit]
        return AuditPage(rows=rows, next=rows[-1].seq if len(found) > limit else None)

    def audit_after(self, seq: int, limit: int = 1000) -> list[AuditRow]:
        """As ``History.audit_after``."""
        return [row for row in self._disk.audit if row.seq > seq][:limit]

    def close(self) -> None:
        """As ``History.close``."""
