"""Sums by name and time, kept beside the rows, so that a chart reads what it shows and not what happened.

Rules of this file:
- A sum changes in the transaction of the rows that it is made from; taking rows away subtracts them.
- A folder's rows count for every folder above it, so a folder's figure is that of all below it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from afcore.store.statistics.many import execute_many
from afcore.store.statistics.tables import MEASURES, af_names, af_rollup

__all__ = [
    "COLUMNS",
    "DIMENSIONS",
    "HOURLY",
    "JOB_FIELDS",
    "PERIODS",
    "RUN_FIELDS",
    "Least",
    "Names",
    "Sums",
    "above",
    "add",
    "add_sums",
    "drop_empty",
    "fold_jobs",
    "fold_runs",
    "next_start",
    "rollup_rows",
    "spread",
    "starts",
]

PERIODS = {"hour": 0, "day": 1, "month": 2}
DIMENSIONS = {"total": 0, "user": 1, "service": 2, "host": 3, "folder": 4, "pool": 5, "job": 6}
"""By what sums are kept, with the number each has in the tables."""
HOURLY = frozenset((0, 1, 2, 5))
"""Those of which hours are kept: of the others, of which there are many, a day is the least."""

Sums = dict[tuple[int, int, int, str], list[int]]
"""By period, dimension, start and name: the measures, in the order of ``MEASURES``."""

_DEEPEST = 16
"""Levels of a folder that are told apart."""
_QUARTER = 900
"""Every time zone's midnight is a multiple of it, in seconds."""
_AT_ONCE = 5000
COLUMNS = {1: "username", 2: "service", 3: "hostname", 5: "pool", 6: "jobname"}
"""The column of a dimension's names, but for the total, which has none, and folders, which count for those above."""

RUN_FIELDS = (
    "username", "service", "hostname", "folder", "pool", "jobname", "time_done", "started_ms", "done_ms", "error",
    "capacity", "coefficient", "waited_ms", "cpu_ms",
)  # fmt: skip
"""What of a finished run is summed up."""
JOB_FIELDS = (
    "farm", "job", "username", "service", "hostname", "folder", "jobname", "time_done", "tasks_quantity", "run_time_ms",
)  # fmt: skip
"""What of a deleted job's block is summed up."""


@lru_cache(maxsize=8)
def starts(zone: ZoneInfo) -> Callable[[int], tuple[int, int, int]]:
    """Return a function from a time (unix seconds) to the starts of its hour, day and month in ``zone``."""

    @lru_cache(maxsize=65_536)
    def of_quarter(quarter: int) -> tuple[int, int, int]:
        at = quarter * _QUARTER
        local = datetime.fromtimestamp(at, zone)
        hour = at - local.minute * 60
        day = local.replace(hour=0, minute=0, fold=0)
        return hour, int(day.timestamp()), int(day.replace(day=1).timestamp())

    return lambda at: of_quarter(at // _QUARTER)


def next_start(start: int, period: str, zone: ZoneInfo) -> int:
    """Return where the period (hour, day, week or month) after the one that begins at ``start`` begins."""
    if period == "hour":
        return start + 3600
    local = datetime.fromtimestamp(start, zone).replace(tzinfo=None)
    if period == "month":
        later = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        later = local + timedelta(days=7 if period == "week" else 1)
    return int(later.replace(hour=0, minute=0, tzinfo=zone).timestamp())


@lru_cache(maxsize=8192)
def above(folder: str) -> tuple[str, ...]:
    """Return a folder and those above it, the topmost first; at most ``_DEEPEST``."""
    path = folder.replace("\\", "/").rstrip("/")
    root = "/" if path.startswith("/") else ""
    parts = [part for part in path.split("/") if part]
    return tuple(root + "/".join(parts[: level + 1]) for level in range(min(len(parts), _DEEPEST)))


Least = dict[tuple[int, int, str], list[int]]
"""By dimension, start of the shortest period that is kept of it, and name."""


def add(least: Least, at: tuple[int, int, int], names: Iterable[tuple[int, str]], values: Sequence[int]) -> None:
    """Add measures to the sums of ``names`` (dimension and name each); ``at`` are the starts of hour, day and month."""
    told = [(place, value) for place, value in enumerate(values) if value]
    for dimension, name in names:
        key = (dimension, at[dimension not in HOURLY], name)
        found = least.get(key)
        if found is None:
            least[key] = list(values)
        else:
            for place, value in told:
                found[place] += value


def spread(least: Least, sums: Sums, times: Callable[[int], tuple[int, int, int]]) -> None:
    """Add sums of shortest periods to those of all periods."""
    for (dimension, shortest, name), values in least.items():
        for period, start in enumerate(times(shortest)):
            if period == 0 and dimension not in HOURLY:
                continue
            found = sums.get((period, dimension, start, name))
            if found is None:
                sums[period, dimension, start, name] = list(values)
            else:
                for place, value in enumerate(values):
                    found[place] += value


def fold_runs(sums: Sums, rows: Iterable[Mapping[str, Any]], zone: ZoneInfo, sign: int = 1) -> None:
    """Add finished runs (mappings of ``RUN_FIELDS``) to ``sums``; ``sign`` -1 takes them away."""
    times = starts(zone)
    least: Least = {}
    for row in rows:
        taken = max(0, row["done_ms"] - row["started_ms"])
        waited = row["waited_ms"]
        failed = 1 if row["error"] else 0
        values = [
            sign, sign * failed, sign * taken, sign * taken * failed, sign * (waited >= 0), sign * max(0, waited),
            sign * row["cpu_ms"], sign * taken * row["capacity"] * max(1, row["coefficient"]), 0, 0, 0, 0,
        ]  # fmt: skip
        names = [(0, ""), *((number, row[column]) for number, column in COLUMNS.items())]
        names += [(4, folder) for folder in above(row["folder"])]
        add(least, times(row["time_done"]), names, values)
    spread(least, sums, times)


def fold_jobs(sums: Sums, rows: Iterable[Mapping[str, Any]], zone: ZoneInfo, sign: int = 1) -> None:
    """Add blocks of deleted jobs (mappings of ``JOB_FIELDS``) to ``sums``; all blocks of a job must be among them."""
    times = starts(zone)
    least: Least = {}
    counted: set[tuple[int, int, int, str]] = set()
    for row in rows:
        values = [0, 0, 0, 0, 0, 0, 0, 0, 0, sign, sign * row["tasks_quantity"], sign * row["run_time_ms"]]
        names = [(0, ""), *((number, row[column]) for number, column in COLUMNS.items() if number != 5)]
        names += [(4, folder) for folder in above(row["folder"])]
        at = times(row["time_done"])
        add(least, at, names, values)
        for dimension, name in names:
            known = (row["farm"], row["job"], dimension, name)
            if known not in counted:
                counted.add(known)
                least[dimension, at[dimension not in HOURLY], name][8] += sign
    spread(least, sums, times)


class Names:
    """Numbers of names in ``af_names``. Forget them after a transaction that failed: they may not be there."""

    _MOST = 300_000

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], int] = {}

    def forget(self) -> None:
        """Know nothing."""
        self._known.clear()

    def find(self, connection: Connection, wanted: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
        """Return the numbers of names by dimension and name, giving new ones to those that have none."""
        if len(self._known) > self._MOST:
            self._known.clear()
        missing = sorted(wanted - self._known.keys())
        for first in range(0, len(missing), 500):
            self._read(connection, missing[first : first + 500])
        new = [each for each in missing if each not in self._known]
        # A folder knows the one above it: the upper ones first.
        levels: dict[int, list[tuple[int, str]]] = {}
        for dimension, name in new:
            levels.setdefault(len(above(name)) if dimension == 4 else 0, []).append((dimension, name))
        for level in sorted(levels):
            rows = []
            for dimension, name in levels[level]:
                upper = above(name)[-2:-1] if dimension == 4 else ()
                parent = self._known.get((4, upper[0]), 0) if upper else 0
                rows.append({"dimension": dimension, "name": name, "parent": parent})
            connection.execute(af_names.insert(), rows)
            for first in range(0, len(rows), 500):
                self._read(connection, levels[level][first : first + 500])
        return {each: self._known[each] for each in wanted}

    def _read(self, connection: Connection, some: list[tuple[int, str]]) -> None:
        by_dimension: dict[int, list[str]] = {}
        for dimension, name in some:
            by_dimension.setdefault(dimension, []).append(name)
        for dimension, names in by_dimension.items():
            found = connection.execute(
                select(af_names.c.id, af_names.c.name).where(
                    af_names.c.dimension == dimension, af_names.c.name.in_(names)
                )
            )
            for id, name in found:
                self._known[dimension, name] = id


def add_sums(connection: Connection, sums: Sums, names: Names) -> None:
    """Add ``sums`` to ``af_rollup`` in the current transaction."""
    if not sums:
        return
    rows = rollup_rows(connection, sums, names)
    statement = _adding(connection.dialect.name)
    for first in range(0, len(rows), _AT_ONCE):
        execute_many(connection, statement, rows[first : first + _AT_ONCE])


def rollup_rows(connection: Connection, sums: Sums, names: Names) -> list[dict[str, Any]]:
    """Return ``sums`` as rows of ``af_rollup``, in the order of its key; new names get their numbers."""
    numbers = names.find(connection, {(dimension, name) for _, dimension, _, name in sums})
    rows = [
        {"period": period, "dimension": dimension, "start": start, "name": numbers[dimension, name],
         **dict(zip(MEASURES, values, strict=True))}
        for (period, dimension, start, name), values in sums.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["period"], row["dimension"], row["start"], row["name"]))
    return rows


@cache
def _adding(dialect: str) -> Any:
    # Made once: it names itself, and a server hardly ever looks for such circles.
    # Dialects late, and one alone: every start of a server, which waits for them, would pay for all three.
    if dialect == "mysql":
        from sqlalchemy.dialects import mysql

        insert = mysql.insert(af_rollup)
        return insert.on_duplicate_key_update(
            {measure: af_rollup.c[measure] + insert.inserted[measure] for measure in MEASURES}
        )
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_into
    else:
        from sqlalchemy.dialects.sqlite import insert as insert_into  # type: ignore[assignment]
    made: Any = insert_into(af_rollup)
    return made.on_conflict_do_update(
        index_elements=list(af_rollup.primary_key.columns),
        set_={measure: af_rollup.c[measure] + made.excluded[measure] for measure in MEASURES},
    )


def drop_empty(connection: Connection) -> None:
    """Drop sums of nothing, after rows were taken away."""
    connection.execute(af_rollup.delete().where(af_rollup.c.runs == 0, af_rollup.c.blocks == 0))
