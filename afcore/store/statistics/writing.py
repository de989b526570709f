"""What the follower writes: finished runs, deleted jobs and the farm as it is now, each inside one transaction."""

import io
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Column, Connection, Integer, Table, func, select

from afcore.store.base import JobRow, RunRow
from afcore.store.statistics.many import execute_many
from afcore.store.statistics.rollups import Names, Sums, add_sums, fold_jobs, fold_runs
from afcore.store.statistics.tables import FARM_TABLES, af_farms, jobs, tasks
from afcore.store.tables import JOB_ROWS, RUN_ROWS, RowTable

__all__ = ["Now", "NowKind", "follow_jobs", "follow_runs", "insert_rows", "open_farm", "positions", "write_now"]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class NowKind(msgspec.Struct, kw_only=True):
    """What changed of one kind of things."""

    whole: bool = False
    """``rows`` are all there are: others are gone."""
    rows: list[tuple[Any, ...]] = []
    """Columns of the table but ``farm``, in their order."""
    gone: list[int] = []
    """Ids of what is gone; of blocks: of their jobs."""


Now = dict[str, NowKind]
"""By kind (a key of ``FARM_TABLES``)."""


def open_farm(connection: Connection, identity: str) -> int:
    """Return the number of a farm here, giving it one if it is new."""
    found = connection.execute(select(af_farms.c.farm).where(af_farms.c.identity == identity)).scalar()
    if found is None:
        found = int(connection.execute(select(func.max(af_farms.c.farm))).scalar() or 0) + 1
        connection.execute(af_farms.insert().values(farm=found, identity=identity, last_run=0, last_job=0))
    return int(found)


def positions(connection: Connection, farm: int, *, lock: bool = False) -> tuple[int, int]:
    """Return the numbers of the newest finished run and deleted job that are here."""
    wanted = select(af_farms.c.last_run, af_farms.c.last_job).where(af_farms.c.farm == farm)
    row = connection.execute(wanted.with_for_update() if lock else wanted).one()
    return int(row[0]), int(row[1])


def follow_runs(
    connection: Connection, farm: int, rows: Sequence[RunRow], zone: ZoneInfo, names: Names
) -> tuple[int, int]:
    """Write finished runs that are not here yet, and the position; return that."""
    return _follow(connection, farm, rows, 0, lambda new: _write_runs(connection, farm, new, zone, names))


def follow_jobs(
    connection: Connection, farm: int, rows: Sequence[JobRow], zone: ZoneInfo, names: Names
) -> tuple[int, int]:
    """Write blocks of deleted jobs that are not here yet, and the position; return that."""
    return _follow(connection, farm, rows, 1, lambda new: _write_jobs(connection, farm, new, zone, names))


def _follow(
    connection: Connection, farm: int, rows: Sequence[Any], which: int, write: Callable[[list[Any]], None]
) -> tuple[int, int]:
    at = list(positions(connection, farm, lock=True))
    new = [row for row in rows if row.seq > at[which]]
    if new:
        write(new)
        at[which] = new[-1].seq
        column = ("last_run", "last_job")[which]
        connection.execute(af_farms.update().where(af_farms.c.farm == farm).values({column: at[which]}))
    return at[0], at[1]


def _write_runs(connection: Connection, farm: int, rows: Sequence[RunRow], zone: ZoneInfo, names: Names) -> None:
    made = [_as_dict(row, farm, RUN_ROWS) for row in rows]
    insert_rows(connection, tasks, made)
    sums: Sums = {}
    fold_runs(sums, made, zone)
    add_sums(connection, sums, names)


def _write_jobs(connection: Connection, farm: int, rows: Sequence[JobRow], zone: ZoneInfo, names: Names) -> None:
    made = [_as_dict(row, farm, JOB_ROWS) for row in rows]
    insert_rows(connection, jobs, made)
    sums: Sums = {}
    fold_jobs(sums, made, zone)
    add_sums(connection, sums, names)


def _as_dict(row: RunRow | JobRow, farm: int, rows: RowTable) -> dict[str, Any]:
    found = msgspec.structs.asdict(row)
    found["farm"] = farm
    for name, source in rows.seconds:
        found[name] = found[source] // 1000
    return found


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, on PostgreSQL by one COPY. Raises ValueError or a driver's error for what cannot be held."""
    if connection.dialect.name != "postgresql":
        execute_many(connection, table.insert(), rows)
        return
    names = [column.name for column in table.columns]
    lines = []
    for row in rows:
        values = []
        for name in names:
            value = row[name]
            if isinstance(value, str):
                value = value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)
                values.append(value)
            else:
                values.append(str(value))
        lines.append("\t".join(values))
    data = "\n".join(lines)
    data.encode()
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({', '.join(names)}) FROM STDIN", io.StringIO(data))


def write_now(connection: Connection, farm: int, now: Now) -> None:
    """Write what the farm is now."""
    for kind, change in now.items():
        table = FARM_TABLES[kind]
        if change.whole:
            connection.execute(table.delete().where(table.c.farm == farm))
        else:
            key = list(table.primary_key.columns)[1]
            old = [*change.gone, *{row[0] for row in change.rows}]
            for first in range(0, len(old), 500):
                connection.execute(table.delete().where(table.c.farm == farm, key.in_(old[first : first + 500])))
        if change.rows:
            columns = list(table.columns)
            rows = [
                {column.name: _held(value, column) for column, value in zip(columns, (farm, *row), strict=True)}
                for row in change.rows
            ]
            insert_rows(connection, table, rows)


def _held(value: Any, column: Column[Any]) -> Any:
    """Return a value as any database can hold it in a column."""
    if isinstance(value, str):
        length = getattr(column.type, "length", None)
        return value.replace("\0", "").encode("utf-8", "replace").decode()[:length]
    most = 2**31 - 1 if type(column.type) is Integer else 2**63 - 1
    return max(-most, min(most, int(value)))
