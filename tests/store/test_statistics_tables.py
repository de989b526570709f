"""The statistics' tables are made, checked, emptied, updated and taken over, on each kind of database."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, inspect, select, text

from afcore.errors import ConfigError, StoreError, TooNew, Unavailable
from afcore.store.opening import open_store
from afcore.store.statistics.rollups import Names, add_sums
from afcore.store.statistics.tables import CLASSIC_JOBS, CLASSIC_TASKS, MEASURES, af_rollup, jobs, metadata
from afcore.store.statistics.target import Target, drivers, parse_address
from afcore.store.statistics.tending import HEAD, VERSIONS, _upgrade, check_database, empty, prepare, update_tables
from tests.store.cluster import PASSWORD, Cluster
from tests.store.mariadb import MariaDb


def target(address: str) -> Target:
    return Target(parse_address(address))


def column_names(connection: Connection, table: str) -> list[str]:
    return [column["name"] for column in inspect(connection).get_columns(table)]


def test_the_database_works_and_then_has_tables(statistics: str) -> None:
    place = target(statistics)
    assert "has no tables yet" in check_database(place)["sentence"]
    assert empty(place, "all", "UTC") == {"tasks": 0, "jobs": 0}
    assert check_database(place)["sentence"] == "Database connection is working."
    with place.connected() as connection, connection.begin():
        assert column_names(connection, "tasks")[: len(CLASSIC_TASKS)] == list(CLASSIC_TASKS)
        assert column_names(connection, "jobs")[: len(CLASSIC_JOBS)] == list(CLASSIC_JOBS)


def test_migrations_make_the_tables_of_this_version(statistics: str) -> None:
    place = target(statistics)
    with place.connected() as connection:
        with connection.begin():
            _upgrade(connection)
        with connection.begin():
            context = MigrationContext.configure(
                connection,
                opts={"compare_type": True, "include_object": lambda _o, name, kind, _r, _c: name != VERSIONS},
            )
            assert compare_metadata(context, metadata) == []
            assert connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar() == HEAD


def test_a_missing_table_and_a_missing_column_are_named(statistics: str) -> None:
    place = target(statistics)
    empty(place, "all", "UTC")
    with place.connected() as connection, connection.begin():
        connection.execute(text("ALTER TABLE tasks DROP COLUMN gpus"))
        connection.execute(text("ALTER TABLE tasks DROP COLUMN waited_ms"))
        connection.execute(text("INSERT INTO tasks (farm, seq) VALUES (1, 1)"))
        for index in jobs.indexes:
            index.drop(connection)
    with pytest.raises(StoreError, match="table tasks of .* has no column gpus|waited_ms") as missing:
        check_database(place)
    assert "db_updatetables" in missing.value.hint
    update_tables(place, "UTC")
    assert check_database(place)["tables"] == HEAD
    with place.connected() as connection, connection.begin():
        assert connection.execute(text("SELECT gpus, waited_ms FROM tasks")).all() == [("", -1)]
        found = {str(index["name"]) for index in inspect(connection).get_indexes("jobs")}
        assert {index.name for index in jobs.indexes} <= found
        connection.execute(text("DROP TABLE farm_pools"))
    with pytest.raises(StoreError, match="has no table farm_pools") as missing:
        check_database(place)
    assert "db_updatetables" in missing.value.hint
    update_tables(place, "UTC")
    assert check_database(place)["tables"] == HEAD


def test_a_newer_version_is_refused(statistics: str) -> None:
    place = target(statistics)
    empty(place, "all", "UTC")
    with place.connected() as connection, connection.begin():
        connection.execute(text(f"UPDATE {VERSIONS} SET version_num = '9999'"))
    with place.connected() as connection, connection.begin(), pytest.raises(TooNew, match="9999"):
        prepare(connection, place.place, "UTC")


CLASSIC = {
    "tasks": "annotation varchar(512), blockname varchar(512), capacity integer default 0, command varchar(4096),"
    " description varchar(512), error integer default 0, errors_count integer default 0, folder varchar(512),"
    " frame_pertask bigint default 0, hostname varchar(512), jobname varchar(512), resources varchar(4096),"
    " service varchar(512), starts_count integer default 0, time_done bigint default 0, time_started bigint default 0,"
    " username varchar(512), serial bigint default 0, id_block integer default 0, id_task integer default 0",
    "jobs": "annotation varchar(512), blockname varchar(512), capacity integer default 0, description varchar(512),"
    " folder varchar(512), jobname varchar(512), hostname varchar(512), service varchar(512),"
    " tasks_done integer default 0, tasks_quantity integer default 0, run_time_sum bigint default 0,"
    " time_done bigint default 0, time_started bigint default 0, username varchar(512), serial bigint default 0,"
    " id_block integer default 0",
}


def test_the_rows_of_a_classic_server_are_taken_over(statistics: str) -> None:
    place = target(statistics)
    with place.connected() as connection, connection.begin():
        for name, columns in CLASSIC.items():
            connection.execute(text(f"CREATE TABLE {name} ({columns})"))
        connection.execute(
            text(
                "INSERT INTO tasks (jobname, username, service, folder, error, time_started, time_done, serial)"
                " VALUES ('old', 'ann', 'nuke', '/shows/a', 0, 1000, 1060, 7), ('old', NULL, 'nuke', NULL, 1, 1060,"
                " 1090, 7)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO jobs (jobname, username, run_time_sum, tasks_quantity, time_done, serial)"
                " VALUES ('old', 'ann', 90, 2, 1090, 7)"
            )
        )
    with pytest.raises(StoreError, match="has no column farm"):
        check_database(place)
    with place.connected() as connection, connection.begin():
        with pytest.raises(StoreError, match="another program") as told:
            prepare(connection, place.place, "UTC")
    assert "db_updatetables" in told.value.hint
    assert update_tables(place, "UTC") == {"taken": {"tasks": 2, "jobs": 1}, "rows": 3}
    assert check_database(place)["tables"] == HEAD
    with place.connected() as connection, connection.begin():
        rows = connection.execute(
            text("SELECT farm, seq, username, folder, started_ms, done_ms, waited_ms FROM tasks ORDER BY seq")
        ).all()
        assert [tuple(row) for row in rows] == [
            (0, 1, "ann", "/shows/a", 1_000_000, 1_060_000, -1), (0, 2, "", "", 1_060_000, 1_090_000, -1),
        ]  # fmt: skip
        total = connection.execute(
            text("SELECT runs, errors, run_ms, jobs, blocks FROM af_rollup WHERE period = 1 AND dimension = 0")
        ).all()
        assert [tuple(row) for row in total] == [(2, 1, 90_000, 1, 1)]
    assert update_tables(place, "UTC") == {"taken": {}, "rows": 0}
    assert empty(place, "jobs", "UTC") == {"jobs": 1}
    with place.connected() as connection, connection.begin():
        assert tuple(connection.execute(text("SELECT max(runs), max(jobs), max(job_run_ms) FROM af_rollup")).one()) == (
            2, 0, 0,
        )  # fmt: skip
    assert empty(place, "tasks", "UTC") == {"tasks": 2}
    with place.connected() as connection, connection.begin():
        assert connection.execute(text("SELECT count(*) FROM af_rollup")).scalar() == 0


def test_the_farms_own_database_is_never_touched(tmp_path: Path) -> None:
    open_store(data=tmp_path, now=1.0).close()
    place = target(str(tmp_path / "afwatch.db"))
    for attempt in (
        lambda: empty(place, "all", "UTC"),
        lambda: update_tables(place, "UTC"),
        lambda: check_database(place),
    ):
        with pytest.raises(StoreError, match="database of a farm itself"):
            attempt()


@pytest.mark.postgres
def test_postgresql_says_what_is_wrong(cluster: Cluster, farm_database: str) -> None:
    words = f"host={cluster.folder} user=%s password=%s dbname=%s"
    for user, password, name, sentence in (
        ("ghost", "x", farm_database, "there is no user ghost"),
        ("guest", "wrong", farm_database, "the password of user guest is wrong"),
        ("unknown", "x", farm_database, "the password of user unknown is wrong, or there is no such user"),
        ("guest", "''", farm_database, "user guest needs a password"),
        ("stranger", "x", farm_database, "user stranger may not connect"),
        ("owner", "x", "nowhere", "there is no database nowhere"),
    ):
        with pytest.raises(Unavailable) as wrong:
            check_database(target(words % (user, password, name)))
        assert sentence in wrong.value.sentence and wrong.value.hint and "x" != wrong.value.sentence
        assert "password=" not in wrong.value.sentence
    with pytest.raises(Unavailable, match=r"host 127\.0\.0\.1 does not answer: Connection refused"):
        check_database(target("postgresql://owner@127.0.0.1:1/x"))
    with pytest.raises(Unavailable, match="there is no host nowhere.invalid"):
        check_database(target("postgresql://owner@nowhere.invalid/x"))
    empty(target(cluster.url(farm_database)), "all", "UTC")
    cluster.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", farm_database)
    reader = target(cluster.url(farm_database, "guest", PASSWORD))
    assert check_database(reader, writing=False)["tables"] == HEAD
    with pytest.raises(Unavailable, match="user guest lacks the right"):
        check_database(reader)


@pytest.mark.mariadb
def test_mariadb_says_what_is_wrong(mariadb: MariaDb) -> None:
    for address, sentence in (
        (mariadb.url(password="wrong"), "user owner or its password is wrong"),
        (mariadb.url(name="nowhere"), "may not use database nowhere"),
        ("mysql://owner:x@127.0.0.1:1/farm", "does not answer"),
    ):
        with pytest.raises(Unavailable, match=sentence):
            check_database(target(address))


def test_addresses() -> None:
    assert parse_address("", Path("/data")).database == "/data/statistics.db"
    url = parse_address("host=db.example port=5433 dbname=afanasy user=afadmin password='a b'")
    assert (url.host, url.port, url.database, url.username, url.password) == (
        "db.example", 5433, "afanasy", "afadmin", "a b",
    )  # fmt: skip
    assert Target(url).place == "the statistics database afanasy at db.example:5433"
    for wrong in ("oracle://x/y", "postgresql://x:notaport/y", "host=a nonsense", "://"):
        with pytest.raises(ConfigError):
            parse_address(wrong)


def test_the_drivers_that_are_here_are_told() -> None:
    assert [(row["database"], row["available"]) for row in drivers()] == [
        ("SQLite", True), ("PostgreSQL", True), ("MariaDB", True),
    ]  # fmt: skip


def test_a_question_that_takes_too_long_is_broken_off(statistics: str) -> None:
    place = target(statistics)
    counting = "SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000"
    endless = f"WITH RECURSIVE n(i) AS ({counting}) SELECT count(*) FROM n"
    if place.kind == "mysql":
        endless = "SELECT sum(length(md5(seq))) FROM seq_1_to_2000000000"
    with pytest.raises(StoreError, match="took too long") as told:
        with place.connected(reading=True, seconds=0.2) as connection, connection.begin():
            connection.execute(text(endless))
    assert "shorter span" in told.value.hint


def test_sums_that_are_added_leave_no_circles_for_a_collector_that_hardly_ever_comes() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    names = Names()
    with engine.begin() as connection:
        for again in range(3):
            gc.collect()
            add_sums(connection, {(0, 1, 3600 * again, "ann"): [1] * len(MEASURES)}, names)
        assert gc.collect() == 0
        assert connection.execute(select(func.count()).select_from(af_rollup)).scalar_one() == 3
    engine.dispose()
