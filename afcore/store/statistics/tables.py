"""The tables of the statistics database, as this version writes and reads them.

Rules of this file:
- ``jobs`` and ``tasks`` are read by other people's programs: the classic columns come first, in their classic order,
  with their names and meaning; others may only be added after them. Private tables begin with ``af_``.
- A row of a finished run is one of the farm (``farm``) and has a number there (``seq``): the two are its key, so no
  database can hold it twice.
- A change here needs a migration (``migrations``); a test compares the two.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, String, Table, Text

from afcore.store.base import JobRow, RunRow
from afcore.store.tables import EXPRESSION, NAME

__all__ = [
    "CLASSIC_JOBS",
    "CLASSIC_TASKS",
    "FARM_TABLES",
    "MEASURES",
    "af_farms",
    "af_names",
    "af_rollup",
    "af_statistics",
    "jobs",
    "metadata",
    "tasks",
]

metadata = MetaData()
_Big = BigInteger().with_variant(Integer, "sqlite")
_KIND: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}

CLASSIC_TASKS = (
    "annotation", "blockname", "capacity", "command", "description", "error", "errors_count", "folder",
    "frame_pertask", "hostname", "jobname", "resources", "service", "starts_count", "time_done", "time_started",
    "username", "serial", "id_block", "id_task",
)  # fmt: skip
"""Columns of ``tasks`` that classic programs know, in their order."""
CLASSIC_JOBS = (
    "annotation", "blockname", "capacity", "description", "folder", "jobname", "hostname", "service", "tasks_done",
    "tasks_quantity", "run_time_sum", "time_done", "time_started", "username", "serial", "id_block",
)  # fmt: skip
"""Columns of ``jobs`` that classic programs know, in their order."""

_UNKNOWN = ("waited_ms",)
"""Columns in which -1 says that nobody knows."""
_LONG = {"command": EXPRESSION, "resources": EXPRESSION, "status": 32}
_WIDE = frozenset(
    ("job", "serial", "exit_status", "frame_pertask", "time_done", "time_started", "run_time_sum", "peak_memory", "seq")
)


def _number(name: str, kind: Any = Integer) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default="-1" if name in _UNKNOWN else "0")


def _text(name: str, length: int = NAME) -> Column[Any]:
    return Column(name, String(length), nullable=False, server_default="")


def _kept(classic: tuple[str, ...], row: type[RunRow] | type[JobRow]) -> list[Column[Any]]:
    """Return the classic columns and after them what else a row has."""
    texts = {name for name, kind in row.__annotations__.items() if kind is str}
    found = []
    for name in (*classic, *(field for field in row.__struct_fields__ if field not in classic)):
        if name == "seq":
            found.append(Column("farm", SmallInteger, primary_key=True, autoincrement=False))
            found.append(Column("seq", _Big, primary_key=True, autoincrement=False))
        elif name in texts:
            found.append(_text(name, _LONG.get(name, NAME)))
        else:
            found.append(_number(name, _Big if name in _WIDE or name.endswith("_ms") else Integer))
    return found


tasks = Table(
    "tasks",
    metadata,
    *_kept(CLASSIC_TASKS, RunRow),
    Index("tasks_time", "time_done"),
    Index("tasks_user", "username", "time_done"),
    Index("tasks_service", "service", "time_done"),
    Index("tasks_host", "hostname", "time_done"),
    Index("tasks_folder", "folder", "time_done"),
    Index("tasks_jobname", "jobname", "time_done"),
    Index("tasks_serial", "serial", "id_block", "id_task"),
    **_KIND,
)
"""One row per finished run."""

jobs = Table(
    "jobs",
    metadata,
    *_kept(CLASSIC_JOBS, JobRow),
    Index("jobs_time", "time_done"),
    Index("jobs_user", "username", "time_done"),
    Index("jobs_folder", "folder", "time_done"),
    Index("jobs_serial", "serial", "id_block"),
    **_KIND,
)
"""One row per block of a deleted job."""

af_statistics = Table(
    "af_statistics", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False),
    **_KIND,
)  # fmt: skip
"""One fact each: ``zone``, the time zone in which days begin."""

af_farms = Table(
    "af_farms",
    metadata,
    Column("farm", SmallInteger, primary_key=True, autoincrement=False),
    Column("identity", String(64), nullable=False, unique=True),
    _number("last_run", _Big),
    _number("last_job", _Big),
    **_KIND,
)
"""One row per farm that is followed: number of the newest row of ``tasks`` and ``jobs`` that is here. Farm 0 are rows
taken over from a classic server."""

af_names = Table(
    "af_names",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dimension", SmallInteger, nullable=False),
    Column("name", String(NAME), nullable=False),
    _number("parent"),
    Index("af_names_name", "dimension", "name", unique=True),
    Index("af_names_parent", "parent"),
    **_KIND,
)
"""One row per user, service, host, folder, pool or job that ``af_rollup`` speaks of; ``parent`` is that of a folder."""

MEASURES = (
    "runs", "errors", "run_ms", "error_ms", "waits", "waited_ms", "cpu_ms", "capacity_ms", "jobs", "blocks",
    "job_tasks", "job_run_ms",
)  # fmt: skip
"""What ``af_rollup`` sums: of finished runs, and (the last four) of deleted jobs."""

af_rollup = Table(
    "af_rollup",
    metadata,
    Column("period", SmallInteger, primary_key=True, autoincrement=False),
    Column("dimension", SmallInteger, primary_key=True, autoincrement=False),
    Column("start", _Big, primary_key=True, autoincrement=False),
    Column("name", Integer, primary_key=True, autoincrement=False),
    *(Column(measure, _Big, nullable=False, server_default="0") for measure in MEASURES),
    Index("af_rollup_name", "name", "period", "start"),
    **_KIND,
)
"""Sums over one hour (``period`` 0), day (1) or month (2) that begins at ``start``, of one name of a dimension."""


def _now(name: str, *columns: Column[Any]) -> Table:
    farm = Column("farm", SmallInteger, primary_key=True, autoincrement=False)
    return Table(f"farm_{name}", metadata, farm, *columns, **_KIND)


def _key(name: str) -> Column[Any]:
    return Column(name, _Big, primary_key=True, autoincrement=False)


FARM_TABLES: dict[str, Table] = {
    "jobs": _now(
        "jobs", _key("id"), _number("serial", _Big), _text("name"), _text("username"), _text("branch"),
        _text("state", 32), _number("priority"), _number("percent"), _number("tasks_quantity"), _number("tasks_ready"),
        _number("tasks_running"), _number("tasks_done"), _number("tasks_error"), _number("capacity_used", _Big),
        _number("blocks"), _text("hostname"), _number("time_creation", _Big), _number("time_started", _Big),
        _number("time_done", _Big), _text("annotation"), _text("description"),
    ),
    "blocks": _now(
        "blocks", _key("job"), _key("id_block"), _text("name"), _text("service"), _text("parser"),
        _number("percent"), _number("tasks_quantity"), _number("tasks_ready"), _number("tasks_running"),
        _number("tasks_done"), _number("tasks_error"), _number("capacity"), _number("run_time_sum", _Big),
        _number("time_started", _Big), _number("time_done", _Big),
    ),
    "users": _now(
        "users", _key("id"), _text("name"), _number("priority"), _number("jobs"), _number("tasks_running"),
        _number("capacity_used", _Big), _number("max_running_tasks"), _text("hosts_mask"), _text("annotation"),
    ),
    "renders": _now(
        "renders", _key("id"), _text("name"), _text("pool"), _text("username"), _text("state"), _number("priority"),
        _number("capacity", _Big), _number("capacity_used", _Big), _number("max_tasks"), _number("tasks_running"),
        _text("address"), _text("os"), _text("annotation"), _number("time_registered", _Big),
    ),
    "pools": _now(
        "pools", _key("id"), _text("path"), _number("priority"), _number("renders"), _number("tasks_running"),
        _number("capacity_used", _Big), _number("capacity_host", _Big), _number("max_tasks_host"),
        _number("paused"), _text("annotation"),
    ),
}  # fmt: skip
"""What the farm is now, by kind."""
