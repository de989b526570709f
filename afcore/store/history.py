"""Reading finished runs from a database, on a connection that never writes."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, Select, select

from afcore.store import sqlledger
from afcore.store.base import JobRow, RunPage, RunQuery, RunRow
from afcore.store.ledger import AuditPage, AuditQuery, AuditRow
from afcore.store.reading import Reading
from afcore.store.tables import JOB_ROWS, RUN_ROWS, RowTable, jobs, tasks

__all__ = ["SqlHistory"]

_Row = TypeVar("_Row", RunRow, JobRow)


class SqlHistory(Reading):
    """As the protocol ``History``. Connects at the first question, and again after the database was away."""

    def runs(self, query: RunQuery, *, before: int | None = None, limit: int = 100) -> RunPage:
        """As ``History.runs``."""
        wanted = _columns(RUN_ROWS).order_by(tasks.c.seq.desc()).limit(limit + 1)
        for column, value in (
            (tasks.c.job, query.job),
            (tasks.c.id_block, query.block),
            (tasks.c.id_task, query.task),
            (tasks.c.username, query.user),
            (tasks.c.hostname, query.host),
        ):
            if value is not None:
                wanted = wanted.where(column == value)
        # The seconds have the index, the milliseconds are exact.
        if query.since_ms is not None:
            wanted = wanted.where(tasks.c.time_done >= query.since_ms // 1000, tasks.c.done_ms >= query.since_ms)
        if query.until_ms is not None:
            wanted = wanted.where(tasks.c.time_done <= query.until_ms // 1000, tasks.c.done_ms < query.until_ms)
        if query.errors_only:
            wanted = wanted.where(tasks.c.error != 0)
        if before is not None:
            wanted = wanted.where(tasks.c.seq < before)
        rows = self._ask(RunRow, RUN_ROWS, wanted)
        more = len(rows) > limit
        rows = rows[:limit]
        return RunPage(rows=rows, next=rows[-1].seq if more and rows else None)

    def rows_after(self, seq: int, limit: int = 1000) -> list[RunRow]:
        """As ``History.rows_after``."""
        wanted = _columns(RUN_ROWS).where(tasks.c.seq > seq).order_by(tasks.c.seq).limit(limit)
        return self._ask(RunRow, RUN_ROWS, wanted)

    def jobs_after(self, seq: int, limit: int = 1000) -> list[JobRow]:
        """As ``History.jobs_after``."""
        wanted = _columns(JOB_ROWS).where(jobs.c.seq > seq).order_by(jobs.c.seq).limit(limit)
        return self._ask(JobRow, JOB_ROWS, wanted)

    def audit(self, query: AuditQuery, *, before: int | None = None, limit: int = 100) -> AuditPage:
        """As ``History.audit``."""
        found = [sqlledger.audit_row(row) for row in self._read(sqlledger.audit_page(query, before, limit + 1))]
        rows = found[:limit]
        return AuditPage(rows=rows, next=rows[-1].seq if len(found) > limit and rows else None)

    def audit_after(self, seq: int, limit: int = 1000) -> list[AuditRow]:
        """As ``History.audit_after``."""
        return [sqlledger.audit_row(row) for row in self._read(sqlledger.audit_after(seq, limit))]

    def _ask(self, kind: type[_Row], rows: RowTable, wanted: Select[Any]) -> list[_Row]:
        fields = rows.fields  # in the order of ``_columns``
        return [kind(**dict(zip(fields, row))) for row in self._fetch(wanted)]

    def _read(self, wanted: Select[Any]) -> list[Any]:
        return [row._mapping for row in self._fetch(wanted)]

    def _fetch(self, wanted: Select[Any]) -> Sequence[Row[Any]]:
        try:
            connection = self._connected()
            with connection.begin():
                return connection.execute(wanted).all()
        except self._database.errors as error:
            self._drop()
            raise self._database.explain(error) from error


def _columns(rows: RowTable) -> Select[Any]:
    return select(*(rows.table.c[name] for name in rows.fields))
