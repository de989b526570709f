"""Every query of docs/history.md is run on a PostgreSQL with rows in it, and the tables are as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from afcore.store.statistics.tables import FARM_TABLES, jobs, tasks
from afcore.store.statistics.target import Target, parse_address
from afcore.store.statistics.tending import empty
from afcore.store.statistics.writing import insert_rows
from tests.store.cluster import Cluster
from tests.store.test_statistics_follow import Farm, deleted, run

PAGE = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_ten() -> None:
    assert len(QUERIES) == 10


def test_the_page_names_every_column_and_table() -> None:
    words = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"\w+", PAGE))
    for table in (tasks, jobs):
        assert {column.name for column in table.columns} <= words
    assert {table.name for table in FARM_TABLES.values()} <= words


@pytest.mark.postgres
def test_each_query_finds_something(cluster: Cluster, farm_database: str) -> None:
    farm = Farm(cluster.url(farm_database))
    now = 1000 * int(str(cluster.execute("SELECT extract(epoch FROM now())::bigint", farm_database)[0][0]))
    rows = [
        run(number, started_ms=now - 90_000, done_ms=now - 60_000, folder=f"/shows/dune/sh{number}", starts_count=5,
            peak_memory=1 << 30)
        for number in range(40)
    ]  # fmt: skip
    farm.write(rows, [deleted(1), deleted(2)])
    with farm.following() as made:
        farm.wait(made)
    place = Target(parse_address(farm.address))
    values = {column.name: 1 if "INT" in str(column.type) else "x" for column in FARM_TABLES["jobs"].columns}
    with place.connected() as connection, connection.begin():
        insert_rows(connection, FARM_TABLES["jobs"], [values])
    for query in QUERIES:
        assert cluster.execute(query, farm_database), query


@pytest.mark.postgres
def test_a_reader_needs_no_more_than_the_page_says(cluster: Cluster, farm_database: str) -> None:
    owner = Target(parse_address(cluster.url(farm_database)))
    empty(owner, "all", "UTC")
    (statement,) = re.findall(r"```sql reader\n(.*?)```", PAGE, re.DOTALL)
    cluster.execute(statement.replace("afadmin", "owner"), farm_database)
    try:
        reader = Target(parse_address(cluster.url(farm_database, "wrangler", "WranglerPassword")))
        for _ in ("as they are", "made anew"):
            with reader.connected(reading=True) as connection, connection.begin():
                for table in (tasks, jobs, *FARM_TABLES.values()):
                    assert connection.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar() == 0
            empty(owner, "all", "UTC")
    finally:
        cluster.execute("DROP OWNED BY wrangler; DROP ROLE wrangler", farm_database)
