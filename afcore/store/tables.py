"""The tables of the farm's database, as this version writes and reads them.

Rules of this file:
- ``jobs`` and ``tasks`` are read by other people's programs: names and meaning of the classic columns are fixed, others
  may only be added. Private tables begin with ``af_``.
- A change here needs a migration, in a *before* and an *after* half (``migrations``); a test compares the two.
- Column names of ``tasks`` and ``jobs`` are the field names of ``RunRow`` and ``JobRow``, in their order; the classic
  times in seconds stand after those of the first version.
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from afcore.store.base import JobRow, RunRow

__all__ = [
    "EXPRESSION",
    "JOB_ROWS",
    "NAME",
    "RUN_ROWS",
    "RowTable",
    "af_audit",
    "af_journal",
    "af_kept",
    "af_meta",
    "af_snapshot",
    "af_snapshot_columns",
    "af_snapshot_job",
    "jobs",
    "metadata",
    "tasks",
]

NAME = 512
"""Characters of a name, path or remark."""
EXPRESSION = 4096
"""Characters of a command or of a parser's words."""

metadata = MetaData()
_Big = BigInteger().with_variant(Integer, "sqlite")


def _number(name: str, kind: Any = Integer, usual: str = "0") -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=usual)


def _text(name: str, length: int = NAME) -> Column[Any]:
    return Column(name, String(length), nullable=False, server_default="")


def _id(name: str = "seq") -> Column[Any]:
    return Column(name, _Big, primary_key=True, autoincrement=False)


tasks = Table(
    "tasks",
    metadata,
    _id(),
    _number("job", _Big),
    _number("serial", _Big),
    _number("id_block"),
    _number("id_task"),
    _number("run"),
    _text("status", 32),
    _number("exit_status", _Big),
    _number("error"),
    _number("errors_count"),
    _number("starts_count"),
    _number("started_ms", _Big),
    _number("done_ms", _Big),
    _text("username"),
    _text("hostname"),
    _number("render"),
    _text("pool"),
    _text("branch"),
    _text("jobname"),
    _text("blockname"),
    _text("taskname"),
    _text("folder"),
    _text("description"),
    _text("annotation"),
    _text("service"),
    _text("parser"),
    _number("capacity"),
    _number("coefficient"),
    _number("frame_pertask", _Big),
    _text("command", EXPRESSION),
    _text("resources", EXPRESSION),
    _text("cause"),
    _number("time_started", _Big),
    _number("time_done", _Big),
    _number("waited_ms", _Big, "-1"),
    _number("cpu_ms", _Big),
    _number("peak_memory", _Big),
    _text("gpus"),
    Index("tasks_job", "job", "seq"),
    Index("tasks_done", "time_done"),
)
"""One row per finished run."""

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _number("job", _Big),
    _number("serial", _Big),
    _number("id_block"),
    _text("jobname"),
    _text("blockname"),
    _text("username"),
    _text("hostname"),
    _text("branch"),
    _text("folder"),
    _text("description"),
    _text("annotation"),
    _text("service"),
    _number("capacity"),
    _number("tasks_done"),
    _number("tasks_quantity"),
    _number("run_time_ms", _Big),
    _number("started_ms", _Big),
    _number("done_ms", _Big),
    _number("run_time_sum", _Big),
    _number("time_started", _Big),
    _number("time_done", _Big),
    Index("jobs_done", "time_done"),
)
"""One row per block of a deleted job."""

af_meta = Table("af_meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))
"""Facts about the database: farm, created, format, needs, epoch, leader."""

af_journal = Table(
    "af_journal",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("epoch", _Big, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("total", _Big, nullable=False),
    Column("last_run", _Big, nullable=False),
    Column("last_job", _Big, nullable=False),
)
"""One row per committed batch. ``total``: bytes of bodies since the farm began; ``last_run``, ``last_job``: newest
numbers given in ``tasks`` and ``jobs``, so that a number is never given twice, whoever deletes rows."""

af_snapshot = Table(
    "af_snapshot",
    metadata,
    _id(),
    Column("at", Float(53), nullable=False),
    Column("epoch", _Big, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("size", _Big, nullable=False),
    Column("total", _Big, nullable=False),
    Column("last_run", _Big, nullable=False),
    Column("last_job", _Big, nullable=False),
)
"""One row per snapshot; what is not ``complete`` counts as not written."""

af_snapshot_job = Table(
    "af_snapshot_job",
    metadata,
    _id("job"),
    _id("seq"),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary),
)
"""Specification of a job as of a snapshot, in parts. Job 0 is the farm itself; without a body the job was deleted."""

af_snapshot_columns = Table(
    "af_snapshot_columns",
    metadata,
    _id("job"),
    Column("block", Integer, primary_key=True, autoincrement=False),
    _id("seq"),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""Columns of a block's tasks as of a snapshot, each in parts."""


af_kept = Table(
    "af_kept",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Small facts of the server by kind and key: accounts, tokens."""


def _word(name: str, length: int = 256) -> Column[Any]:
    return Column(name, String(length), nullable=False)


af_audit = Table(
    "af_audit",
    metadata,
    _id(),
    Column("at_ms", _Big, nullable=False),
    _word("who"),
    _word("role", 16),
    _word("origin"),
    _word("operation"),
    _word("action"),
    _word("what", 4096),
    Column("body", LargeBinary, nullable=False),
    _word("hash", 64),
    Index("af_audit_who", "who", "seq"),
)
"""One row per act of a person or a node, each chained to the one before it."""


class RowTable(NamedTuple):
    """How a row struct lies in its table."""

    table: Table
    fields: tuple[str, ...]
    """Fields of the struct, each a column of the table."""
    seconds: tuple[tuple[str, str], ...]
    """Classic columns in seconds, each with the field in milliseconds from which it is made."""
    texts: tuple[tuple[str, int], ...]
    """Text columns with their lengths."""


def _row_table(table: Table, fields: tuple[str, ...], seconds: dict[str, str]) -> RowTable:
    texts = tuple(
        (column.name, column.type.length)
        for column in table.columns
        if isinstance(column.type, String) and column.type.length is not None
    )
    return RowTable(table, fields, tuple(seconds.items()), texts)


RUN_ROWS = _row_table(tasks, RunRow.__struct_fields__, {"time_started": "started_ms", "time_done": "done_ms"})
JOB_ROWS = _row_table(
    jobs,
    JobRow.__struct_fields__,
    {"run_time_sum": "run_time_ms", "time_started": "started_ms", "time_done": "done_ms"},
)
