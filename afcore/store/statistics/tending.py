"""Making, updating, checking and emptying the tables of the statistics database.

Rules of this file:
- Everything happens in one transaction where the database can; MariaDB's tables are made one by one, and making them
  again goes on where it stopped.
- What was followed stays followed: emptying tables keeps the positions, so old rows do not come back.
"""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.schema import CreateColumn

from afcore.errors import ConfigError, StoreError, TooNew
from afcore.store.statistics.tables import (
    CLASSIC_JOBS,
    CLASSIC_TASKS,
    FARM_TABLES,
    af_farms,
    af_rollup,
    af_statistics,
    jobs,
    metadata,
    tasks,
)
from afcore.store.statistics.target import Target

__all__ = ["HEAD", "SCRIPTS", "check_database", "check_zone", "empty", "prepare", "update_tables", "zone_of"]

HEAD = "0001"
"""The newest migration."""
SCRIPTS = Path(__file__).parent / "migrations"
VERSIONS = "af_statistics_version"
_OLD = "af_classic_"
"""How tables of a classic server are called while their rows are taken over."""


def check_zone(name: str) -> ZoneInfo:
    """Return the time zone of a name; ConfigError when there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            "", "statistics_zone", f'there is no time zone "{name}"', hint="write one like Europe/Berlin, or UTC"
        ) from None


def zone_of(connection: Connection) -> ZoneInfo:
    """Return the zone in which the days of this database begin."""
    found = connection.execute(af_statistics.select().where(af_statistics.c.name == "zone")).first()
    return check_zone(str(found.value) if found is not None else "UTC")


def prepare(connection: Connection, place: str, zone: str) -> None:
    """Make or update the tables inside the current transaction.

    Raises StoreError when a classic server's tables are there, TooNew when a newer version made them.
    """
    names = _names(connection, place)
    version = _version(connection, names)
    if version is None:
        foreign = sorted(names & {"tasks", "jobs"}) if "af_statistics" not in names else []
        if foreign:
            raise StoreError(
                f"{place} has tables that another program made: {', '.join(foreign)}",
                hint="`afcmd db_updatetables` takes their rows over, `afcmd db_reset_all` begins anew",
            )
        _make(connection, zone)
    elif version > HEAD:
        raise TooNew(
            f"{place} was written by a newer version (its tables have version {version}, this one knows {HEAD})",
            hint="start the newer Afwatch that wrote it",
        )
    elif version < HEAD:
        _upgrade(connection)


def _names(connection: Connection, place: str) -> set[str]:
    """Return the names of the tables that are there; StoreError in the farm's own database, whose tables are sacred."""
    names = set(inspect(connection).get_table_names())
    if "af_journal" in names:
        raise StoreError(
            f"{place} is the database of a farm itself", hint="give the statistics a database of their own"
        )
    return names


def _version(connection: Connection, names: set[str]) -> str | None:
    if VERSIONS not in names:
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()
    return None if found is None else str(found)


def _make(connection: Connection, zone: str) -> None:
    metadata.create_all(connection)
    _keep_fact(connection, "zone", zone or "UTC")
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"DELETE FROM {VERSIONS}"))
    connection.execute(text(f"INSERT INTO {VERSIONS} (version_num) VALUES ('{HEAD}')"))


def _keep_fact(connection: Connection, name: str, value: str) -> None:
    connection.execute(af_statistics.delete().where(af_statistics.c.name == name))
    connection.execute(af_statistics.insert().values(name=name, value=value))


def _upgrade(connection: Connection) -> None:
    from alembic import command  # late: a database that is up to date, which is the rule, never needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def empty(target: Target, what: str, zone: str) -> dict[str, int]:
    """Empty ``all``, ``jobs`` or ``tasks``; return how many rows were in each table that was emptied."""
    with target.connected() as connection, connection.begin():
        names = _names(connection, target.place)
        wanted = [table for table in (tasks, jobs) if what in ("all", table.name)]
        gone = {table.name: _count(connection, table) if table.name in names else 0 for table in wanted}
        if what == "all":
            farms = [dict(row) for row in connection.execute(af_farms.select()).mappings()] if _ours(names) else []
            metadata.drop_all(connection)
            _make(connection, zone)
            if farms:
                connection.execute(af_farms.insert(), farms)
            return gone
        prepare(connection, target.place, zone)
        for table in wanted:
            table.drop(connection)
            table.create(connection)
        kept, lost = (("blocks", _RUNS), ("runs", _JOBS))[what == "jobs"]
        connection.execute(af_rollup.delete().where(af_rollup.c[kept] == 0))
        connection.execute(af_rollup.update().values(dict.fromkeys(lost, 0)))
        return gone


_RUNS = ("runs", "errors", "run_ms", "error_ms", "waits", "waited_ms", "cpu_ms", "capacity_ms")
_JOBS = ("jobs", "blocks", "job_tasks", "job_run_ms")


def _ours(names: set[str]) -> bool:
    return {"af_statistics", "af_farms"} <= names


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar() or 0)


def update_tables(target: Target, zone: str) -> dict[str, Any]:
    """Bring the tables to this version: take a classic server's rows over, update older ones, sum up anew if needed.

    Return what was done: ``taken`` rows of the classic tables, ``rows`` that were summed up.
    """
    from afcore.store.statistics.summing import sum_up

    taken: dict[str, int] = {}
    with target.connected() as connection:
        with connection.begin():
            names = _names(connection, target.place)
            classic = [table for table in (tasks, jobs) if table.name in names and not _has_key(connection, table)]
            for table in classic:
                # The names of their indexes may be those of ours.
                for index in inspect(connection).get_indexes(table.name):
                    connection.execute(text(f"DROP INDEX {index['name']}"))
                connection.execute(text(f"ALTER TABLE {table.name} RENAME TO {_OLD}{table.name}"))
            if classic:
                metadata.create_all(connection)
            prepare(connection, target.place, zone)
            metadata.create_all(connection)  # a table that somebody dropped
            _complete(connection)
            for table in classic:
                taken[table.name] = _take_over(connection, table)
        with connection.begin():
            changed = zone_of(connection).key != (zone or "UTC")
            if changed:
                _keep_fact(connection, "zone", zone or "UTC")
        rows = sum_up(connection) if changed or taken or _rollup_is_empty(connection) else 0
    return {"taken": taken, "rows": rows}


def _complete(connection: Connection) -> None:
    """Add the columns and indexes that somebody dropped; a column has its default in every row."""
    for table in metadata.tables.values():
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                words = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {words}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _has_key(connection: Connection, table: Table) -> bool:
    return any(column["name"] == "seq" for column in inspect(connection).get_columns(table.name))


def _rollup_is_empty(connection: Connection) -> bool:
    with connection.begin():
        return connection.execute(af_rollup.select().limit(1)).first() is None


def _take_over(connection: Connection, table: Table) -> int:
    """Copy the rows of a classic table as those of farm 0, in the order of their ends, and drop it."""
    old = _OLD + table.name
    there = {column["name"] for column in inspect(connection).get_columns(old)}
    classic = CLASSIC_TASKS if table is tasks else CLASSIC_JOBS
    names = [name for name in classic if name in there]
    taken = [f"coalesce({name}, {_nothing(table, name)})" for name in names]
    made = {"farm": "0", "seq": "row_number() OVER (ORDER BY time_done, serial)"}
    for column, source in (("started_ms", "time_started"), ("done_ms", "time_done"), ("run_time_ms", "run_time_sum")):
        if column in table.c and source in there:
            made[column] = f"coalesce({source}, 0) * 1000"
    if "serial" in there:
        made["job"] = "coalesce(serial, 0)"
    connection.execute(
        text(
            f"INSERT INTO {table.name} ({', '.join([*names, *made])})"
            f" SELECT {', '.join([*taken, *made.values()])} FROM {old}"
        )
    )
    count = _count(connection, table)
    connection.execute(text(f"DROP TABLE {old}"))
    return count


def _nothing(table: Table, name: str) -> str:
    return "''" if str(table.c[name].type).startswith("VARCHAR") else "0"


def check_database(target: Target, *, writing: bool = True) -> dict[str, Any]:
    """Try the connection and the tables; raise StoreError that says which of host, name, user, password or table it is.

    Return ``sentence``, the rows of ``tasks`` and ``jobs`` (of their newest numbers), and the version of the tables.
    """
    with target.connected(reading=True) as connection:
        with connection.begin():
            names = _names(connection, target.place)
            version = _version(connection, names)
        wanted = [tasks, jobs, af_farms, af_rollup, *FARM_TABLES.values()]
        if version is None and not names & {"tasks", "jobs"}:
            return {
                "sentence": "Database connection is working. It has no tables yet: `afcmd db_reset_all` makes them.",
                "place": target.place, "tables": "",
            }  # fmt: skip
        for table in wanted:
            if table.name not in names:
                raise StoreError(
                    f"{target.place} has no table {table.name}", hint="make it with: afcmd db_updatetables"
                )
            with connection.begin():
                there = {column["name"] for column in inspect(connection).get_columns(table.name)}
            lacking = [column.name for column in table.columns if column.name not in there]
            if lacking:
                raise StoreError(
                    f"table {table.name} of {target.place} has no column {', '.join(lacking[:5])}",
                    hint="make it with: afcmd db_updatetables",
                )
    if writing:
        _try_writing(target)
    return {"sentence": "Database connection is working.", "place": target.place, "tables": version or ""}


def _try_writing(target: Target) -> None:
    """Write nothing into each table, so that rights are asked for."""
    with target.connected() as connection, connection.begin():
        for table in (tasks, jobs, af_farms, af_rollup, *FARM_TABLES.values()):
            key = next(iter(table.primary_key.columns))
            connection.execute(table.delete().where(key == -1))
