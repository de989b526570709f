"""Older databases become newer ones in halves; the scripts and the tables say the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from afcore.errors import Corrupt, StoreError, TooNew
from afcore.store.database import Database
from afcore.store.lock import LOCK_NAME
from afcore.store.migrate import FORMAT, HEAD, SCRIPTS, migrate, read_meta
from afcore.store.opening import DATABASE_NAME
from afcore.store.postgres import LEADER_KEY, PostgresDatabase
from afcore.store.sqlite import SqliteDatabase
from afcore.store.sqlstore import SqlStore
from afcore.store.tables import JOB_ROWS, RUN_ROWS, RowTable, metadata
from tests.store.builders import batch, run_row
from tests.store.cluster import Cluster

NEXT = FORMAT + 1

BEFORE = f'''"""A planted next version, first half."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT:04}_before", "{FORMAT:04}_after"
branch_labels = depends_on = None


def upgrade():
    op.add_column("tasks", sa.Column("colour", sa.String(16), nullable=False, server_default="grey"))
'''
AFTER = f'''"""A planted next version, second half."""
from alembic import op

revision, down_revision = "{NEXT:04}_after", "{NEXT:04}_before"
branch_labels = depends_on = None


def upgrade():
    op.drop_index("tasks_done", "tasks")
'''
BROKEN = BEFORE + '    op.add_column("no_such_table", sa.Column("x", sa.Integer))\n'


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    made: Database
    if request.param == "sqlite":
        made = SqliteDatabase(tmp_path / "farm.db")
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        made = PostgresDatabase(cluster.url(request.getfixturevalue("farm_database")))
    yield made
    made.close()


def planted(folder: Path, before: str = BEFORE) -> Path:
    """Return scripts of a version to come."""
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"v{NEXT:04}_before.py").write_text(before)
    (folder / "versions" / f"v{NEXT:04}_after.py").write_text(AFTER)
    return folder


def look(engine: Engine) -> tuple[str, set[str], set[str | None]]:
    """Return the revision, the columns and the indexes of ``tasks``."""
    with engine.connect() as connection:
        found = inspect(connection)
        columns = {column["name"] for column in found.get_columns("tasks")}
        indexes = {index["name"] for index in found.get_indexes("tasks")}
        revision = connection.exec_driver_sql("SELECT version_num FROM af_version").scalar()
    engine.dispose()
    return str(revision), columns, indexes


def test_a_version_comes_in_two_halves(database: Database, tmp_path: Path) -> None:
    store = SqlStore(database, now=1.0)
    store.commit([batch(1, store, runs=[run_row()])])
    store.close()
    assert look(database.reader())[0] == HEAD
    second = partial(migrate, scripts=planted(tmp_path / "scripts"), version=NEXT)

    SqlStore(database, now=1.0, migrating=second).close()
    revision, columns, indexes = look(database.reader())
    assert revision == f"{NEXT:04}_before" and "colour" in columns and "tasks_done" in indexes

    older = SqlStore(database, now=1.0)  # going back is possible between the halves
    older.commit([batch(2, older, runs=[run_row()])])
    assert len(older.history().rows_after(0)) == 2
    older.close()

    newer = SqlStore(database, now=1.0, migrating=second)
    revision, columns, indexes = look(database.reader())
    assert revision == f"{NEXT:04}_after" and "tasks_done" not in indexes
    newer.commit([batch(3, newer, runs=[run_row()])])
    newer.close()
    with pytest.raises(TooNew, match=f"format {NEXT}, this one knows {FORMAT}"):
        SqlStore(database, now=1.0)
    SqlStore(database, now=1.0, migrating=second).close()


def test_a_fresh_database_gets_everything_at_once(database: Database, tmp_path: Path) -> None:
    second = partial(migrate, scripts=planted(tmp_path / "scripts"), version=NEXT)
    SqlStore(database, now=1.0, migrating=second).close()
    assert look(database.reader())[0] == f"{NEXT:04}_after"
    with pytest.raises(TooNew):
        SqlStore(database, now=1.0)


def test_tables_of_no_known_version_are_a_sentence(database: Database) -> None:
    SqlStore(database, now=1.0).close()
    with database.connect() as connection:
        connection.exec_driver_sql("UPDATE af_version SET version_num = '0099_lost'")
        connection.commit()
    with pytest.raises(Corrupt, match="of no version that is known.*0099_lost"):
        SqlStore(database, now=1.0)


def test_a_migration_that_fails_has_not_begun(database: Database, tmp_path: Path) -> None:
    store = SqlStore(database, now=1.0)
    epoch = store.epoch
    store.close()
    broken = partial(migrate, scripts=planted(tmp_path / "scripts", BROKEN), version=NEXT)
    with pytest.raises(StoreError, match="no_such_table"):
        SqlStore(database, now=1.0, migrating=broken)
    revision, columns, _ = look(database.reader())
    assert revision == HEAD and "colour" not in columns
    store = SqlStore(database, now=1.0)
    assert store.epoch == epoch + 1
    store.close()


def shape(engine: Engine) -> dict[str, object]:
    """Return everything the database says of its tables: columns, keys, defaults, indexes."""
    with engine.connect() as connection:
        found = inspect(connection)
        tables = {
            name: (
                sorted(
                    (each["name"], str(each["type"]), each["nullable"], each["default"])
                    for each in found.get_columns(name)
                ),
                found.get_pk_constraint(name)["constrained_columns"],
                sorted((each["name"], tuple(each["column_names"]), each["unique"]) for each in found.get_indexes(name)),
            )
            for name in found.get_table_names()
        }
        meta = sorted(connection.exec_driver_sql("SELECT key, value FROM af_meta WHERE key IN ('format', 'needs')"))
        revision = connection.exec_driver_sql("SELECT version_num FROM af_version").scalar()
    engine.dispose()
    return {"tables": tables, "meta": [tuple(row) for row in meta], "revision": revision}


def by_scripts(folder: Path) -> partial[None]:
    """Return a ``migrate`` that walks through every script from the first, as a database of long ago did."""
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return partial(migrate, scripts=folder)


def test_a_fresh_database_is_what_the_scripts_make(database: Database, tmp_path: Path) -> None:
    fresh: Database = SqliteDatabase(tmp_path / "fresh.db")
    if isinstance(database, PostgresDatabase):
        SqlStore(database, now=1.0).close()
        made = shape(database.reader())
        with database.connect() as connection, connection.begin():
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    else:
        SqlStore(fresh, now=1.0).close()
        made = shape(fresh.reader())
        fresh.close()
    SqlStore(database, now=1.0, migrating=by_scripts(tmp_path / "scripts")).close()
    assert made == shape(database.reader())


def test_scripts_make_the_tables_of_this_version(database: Database, tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata

    SqlStore(database, now=1.0, migrating=by_scripts(tmp_path / "scripts")).close()
    engine = database.reader()

    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return not (kind == "table" and name == "af_version")

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False, "include_object": ours}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_half_is_the_one_the_program_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == HEAD
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions[::-1] == [f"{number:04}_{half}" for number in range(1, FORMAT + 1) for half in ("before", "after")]


@pytest.mark.parametrize("rows", [RUN_ROWS, JOB_ROWS])
def test_rows_lie_in_their_tables_in_order(rows: RowTable) -> None:
    names = [column.name for column in rows.table.columns]
    assert sorted(names) == sorted((*rows.fields, *(name for name, _ in rows.seconds)))
    assert [name for name in names if name in rows.fields] == list(rows.fields)


CLASSIC_TASKS = (
    "annotation blockname capacity command description error errors_count folder frame_pertask hostname jobname"
    " resources service starts_count time_done time_started username serial id_block id_task"
)
CLASSIC_JOBS = (
    "annotation blockname capacity description folder jobname hostname service tasks_done tasks_quantity run_time_sum"
    " time_done time_started username serial id_block"
)


def test_the_classic_columns_are_there(database: Database) -> None:
    store = SqlStore(database, now=1.0)
    store.commit([batch(1, store, runs=[run_row(started_ms=1_700_000_000_999, done_ms=1_700_000_061_001)])])
    store.close()
    engine = database.reader()
    with engine.connect() as connection:
        row = connection.exec_driver_sql(f"SELECT {', '.join(CLASSIC_TASKS.split())} FROM tasks").mappings().one()
        connection.exec_driver_sql(f"SELECT {', '.join(CLASSIC_JOBS.split())} FROM jobs").all()
    engine.dispose()
    assert (row["time_started"], row["time_done"], row["serial"]) == (1_700_000_000, 1_700_000_061, 1002)


def test_facts_are_kept(database: Database) -> None:
    store = SqlStore(database, now=12.5)
    found = store.load()
    assert found.created == 12.5

    def facts(connection: Connection) -> dict[str, str | None]:
        return {key: read_meta(connection, key) for key in ("farm", "epoch", "format", "needs")}

    engine = database.reader()
    with engine.connect() as connection:
        assert facts(connection) == {"farm": found.farm, "epoch": "1", "format": str(FORMAT), "needs": str(FORMAT)}
    engine.dispose()
    store.close()


def test_the_document_names_every_table_and_the_lock() -> None:
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    for name in (*metadata.tables, "af_version", str(LEADER_KEY), LOCK_NAME, DATABASE_NAME):
        assert f"`{name}`" in text
