"""Finished runs of a year in PostgreSQL: how long every standard chart takes, and how that grows with the table.

The database makes the rows, the product itself sums them up. ``AF_BENCH_ROWS`` says how many: a million by default, so
that it ends within minutes; ten million (``AF_BENCH_ROWS=10000000``) is what the targets were set for.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from pathlib import Path

import psutil

from afcore.store.statistics.questions import Question, answer
from afcore.store.statistics.summing import sum_up
from afcore.store.statistics.tables import tasks
from afcore.store.statistics.target import Target, parse_address
from afcore.store.statistics.tending import empty
from benchmarks.harness import CheckFailed
from benchmarks.harness import Target as Figure
from tests.store.cluster import Cluster, binaries

ROWS = int(os.environ.get("AF_BENCH_ROWS", "1000000"))
NAME = f"statistics: charts over {ROWS:,} runs in PostgreSQL"
TARGETS = (
    Figure("slowest_chart_ms", most=1000),
    Figure("growth_over_ten_times_the_rows", most=3),
)
_clusters: list[Cluster] = []
_made: dict[int, Target] = {}
_spent: dict[int, tuple[float, float]] = {}

BEGIN = 1_735_689_600
"""2025-01-01."""
DAYS = 365
USERS, HOSTS, SHOWS, SHOTS, JOBS = 80, 1200, 12, 60, 60_000
SERVICES = ("nuke", "maya", "houdini", "arnold", "blender", "generic", "movgen", "mantra")

# Rows as a farm makes them, in the order of their ends; the database makes them itself, a group at a time.
_ROWS = f"""
INSERT INTO tasks (farm, seq, job, serial, id_block, id_task, run, status, error, started_ms, done_ms, time_started,
                   time_done, username, hostname, pool, jobname, service, folder, capacity, waited_ms, cpu_ms)
SELECT 1, seq, job, job, 0, seq %% 200, 1, CASE WHEN failed THEN 'error' ELSE 'success' END, failed::int,
       (done - took) * 1000, done * 1000, done - took, done, 'user' || lpad((job %% {USERS})::text, 2, '0'),
       'host' || lpad((dice %% {HOSTS})::text, 4, '0'), '/farm/p' || (job %% {USERS} %% 6), 'job' || job,
       ('{{{",".join(SERVICES)}}}'::text[])[1 + job %% {len(SERVICES)}],
       '/shows/show' || lpad((job %% {SHOWS})::text, 2, '0') || '/shot' || lpad((job %% {SHOTS})::text, 3, '0'),
       1000, dice / 7 %% 600000, took * 900
FROM (SELECT seq, seq * {JOBS} / %(total)s AS job, {BEGIN} + seq * {DAYS * 86_400} / %(total)s AS done,
             5 + dice %% 3595 AS took, dice / 3 %% 100 < 3 AS failed, dice
      FROM (SELECT seq, (hashint8(seq)::bigint + 2147483648) AS dice
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS seq) AS numbers) AS rows
"""
_GROUP = 250_000


def _tell(text: str) -> None:
    print(f"    {text}", file=sys.stderr, flush=True)


def load(target: Target, rows: int) -> None:
    """Make the tables and ``rows`` rows."""
    empty(target, "all", "UTC")
    with target.connected() as connection, connection.begin():
        for index in tasks.indexes:
            index.drop(connection)
    with target.connected() as connection:
        for first in range(0, rows, _GROUP):
            last = min(rows, first + _GROUP) - 1
            with connection.begin():
                connection.exec_driver_sql(_ROWS, {"first": first, "last": last, "total": rows})
            if first // _GROUP % 8 == 7:
                _tell(f"{last + 1:,} of {rows:,} rows are there")
    with target.connected() as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        for index in sorted(tasks.indexes, key=lambda index: str(index.name)):
            index.create(connection)


WHOLE = (BEGIN, BEGIN + DAYS * 86_400)
MONTH = (BEGIN + 100 * 86_400 + 5 * 3600, BEGIN + 130 * 86_400 + 7 * 3600)
CHARTS: dict[str, tuple[tuple[int, int], dict[str, object]]] = {
    "total by month, a year": (WHOLE, {"per": "month"}),
    "total by day, a year": (WHOLE, {"per": "day"}),
    "total by hour, a month": (MONTH, {"per": "hour"}),
    "service by runs, a year": (WHOLE, {"by": "service"}),
    "user by time, a year": (WHOLE, {"by": "user", "order": "run_seconds"}),
    "user by day, a month": (MONTH, {"by": "user", "per": "day"}),
    "user by week, a year": (WHOLE, {"by": "user", "per": "week"}),
    "host by errors, a year": (WHOLE, {"by": "host", "order": "errors"}),
    "host by errors, a month": (MONTH, {"by": "host", "order": "errors"}),
    "folders below /shows, a year": (WHOLE, {"by": "folder", "under": "/shows"}),
    "folders of a show, a year": (WHOLE, {"by": "folder", "under": "/shows/show03"}),
    "pool by capacity, by month": (WHOLE, {"by": "pool", "order": "capacity_seconds", "per": "month"}),
    "the 100 jobs of most time, a year": (WHOLE, {"by": "job", "order": "run_seconds"}),
    "one user by day, a year": (WHOLE, {"where": {"user": "user07"}, "per": "day"}),
    "hosts of one user and service, a week": (
        (MONTH[0], MONTH[0] + 7 * 86_400), {"by": "host", "where": {"user": "user07", "service": SERVICES[7]}},
    ),
}  # fmt: skip
OF_ROWS = ("hosts of one user and service, a week", "host by errors, a month")
"""Charts that read rows too: what crosses two dimensions, and the hours at the ends of a span of hosts."""


def time_charts(target: Target) -> dict[str, tuple[float, float]]:
    """Return the seconds of each chart, and those of a processor's time that the program and PostgreSQL spent on it.

    Each is the best of three, over a connection of its own. On a machine that is busy the second tell more.
    """
    found = {}
    for name, (span, words) in CHARTS.items():
        best, spent = 1e9, 1e9
        for _ in range(3):
            begun, mine = time.perf_counter(), time.process_time()
            with target.connected(reading=True) as connection:
                rows = answer(connection, Question(since=span[0], until=span[1], **words)).rows  # type: ignore[arg-type]
                best = min(best, time.perf_counter() - begun)
                with connection.begin():
                    backend = int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() or 0)
                # The whole life of the process that served this connection alone.
                times = psutil.Process(backend).cpu_times()
                spent = min(spent, time.process_time() - mine + times.user + times.system)
        if not rows:
            raise CheckFailed(f"nothing was found for {name}")
        found[name] = best, spent
    return found


def _tables(rows: int) -> Target:
    """Return a database of its own cluster with ``rows`` rows, loaded and summed up; kept for later runs."""
    if rows not in _made:
        database = _cluster().new_database()
        target = Target(parse_address(_cluster().url(database)))
        begun = time.perf_counter()
        load(target, rows)
        loaded = time.perf_counter()
        _tell(f"{rows:,} rows were loaded in {loaded - begun:.0f} s; they are summed up")
        with target.connected() as connection:
            if sum_up(connection) != rows:
                raise CheckFailed("the sums are of another number of rows")
        _spent[rows] = (loaded - begun, time.perf_counter() - loaded)
        with target.connected() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
        _made[rows] = target
    return _made[rows]


def _cluster() -> Cluster:
    if not _clusters:
        programs = binaries()
        if programs is None:
            raise CheckFailed("no PostgreSQL server is installed")
        _clusters.append(Cluster(programs))
        atexit.register(_clusters[0].remove)
    return _clusters[0]


def run(folder: Path) -> dict[str, float]:
    """Time the charts on the tables and on one of a tenth; load both once, whatever the number of runs."""
    whole, tenth = time_charts(_tables(ROWS)), time_charts(_tables(ROWS // 10))
    for name, (seconds, spent) in whole.items():
        print(f"    {seconds * 1000:7.1f} ms, of a processor {spent * 1000:6.1f}  {name}", file=sys.stderr)
    times = sorted(seconds for seconds, _ in whole.values())
    summed = [name for name in CHARTS if name not in OF_ROWS]
    growth = sorted(whole[name][0] / tenth[name][0] for name in summed)
    loaded, folded = _spent[ROWS]
    return {
        "rows": ROWS,
        "slowest_chart_ms": times[-1] * 1000,
        "slowest_chart_processor_ms": max(spent for _, spent in whole.values()) * 1000,
        "median_chart_ms": times[len(times) // 2] * 1000,
        "growth_over_ten_times_the_rows": growth[len(growth) // 2],
        "load_seconds": loaded,
        "sum_up_rows_per_second": ROWS / folded,
    }
