"""All sums made anew from the rows, where they are missing or a classic server's rows were taken over.

Rules of this file:
- The database adds up and Python spreads: a row that is only counted never travels. Days are asked for one by one, so
  that memory holds a day's names, and a database of many years needs no sort of the whole.
- Time zones' midnights and hours lie on quarters of an hour, so sums by quarter are exact in each of them; in most
  zones and days on hours, which are four times fewer.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from afcore.store.statistics.rollups import (
    COLUMNS,
    HOURLY,
    JOB_FIELDS,
    Least,
    Names,
    Sums,
    above,
    add,
    add_sums,
    fold_jobs,
    next_start,
    rollup_rows,
    spread,
    starts,
)
from afcore.store.statistics.tables import af_names, af_rollup, jobs, tasks

__all__ = ["sum_up"]

_PAGE = 20_000
_QUARTER = 900
_HOUR = 3600
_MONTH = 2
_FOLDER = 4


def sum_up(connection: Connection) -> int:
    """Make all sums anew from the rows, in one transaction; return how many rows there were."""
    from afcore.store.statistics.tending import zone_of

    with connection.begin():
        zone = zone_of(connection)
        connection.execute(af_rollup.delete())
        connection.execute(af_names.delete())
        names = Names()
        months: Sums = {}
        count = 0
        for first, last in _days(connection, zone):
            sums: Sums = {}
            count += _sum_day(connection, first, last, zone, sums)
            for key in [key for key in sums if key[0] == _MONTH]:
                found = sums.pop(key)
                known = months.get(key)
                months[key] = found if known is None else [a + b for a, b in zip(known, found, strict=True)]
            _insert(connection, sums, names)
        _insert(connection, months, names)
        # A job's blocks lie together in the order of their numbers, and their counts are of whole jobs.
        of_jobs: Sums = {}
        for rows in _pages_of_jobs(connection):
            count += len(rows)
            fold_jobs(of_jobs, rows, zone)
        add_sums(connection, of_jobs, names)
    return count


def _days(connection: Connection, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each day of which there are runs."""
    day = starts(zone)
    after: ColumnElement[bool] = literal(True)
    while (first := connection.execute(select(func.min(tasks.c.time_done)).where(after)).scalar()) is not None:
        begin = day(int(first))[1]
        end = next_start(begin, "day", zone)
        yield begin, end
        after = tasks.c.time_done >= end


def _measures() -> list[ColumnElement[Any]]:
    """Return what ``fold_runs`` adds up, as the database adds it: the first eight measures."""
    row = tasks.c
    span = row.done_ms - row.started_ms
    taken = case((span > 0, span), else_=0)
    factor = case((row.coefficient > 1, row.coefficient), else_=1)
    failed = case((row.error != 0, 1), else_=0)
    return [
        func.count(),
        func.sum(failed),
        func.sum(taken),
        func.sum(taken * failed),
        func.sum(case((row.waited_ms >= 0, 1), else_=0)),
        func.sum(case((row.waited_ms > 0, row.waited_ms), else_=0)),
        func.sum(row.cpu_ms),
        func.sum(taken * row.capacity * factor),
    ]


def _sum_day(connection: Connection, first: int, last: int, zone: ZoneInfo, sums: Sums) -> int:
    """Add the runs that ended from ``first`` to before ``last`` to ``sums``; return how many."""
    times = starts(zone)
    least: Least = {}
    bucket = _bucket(first, last, zone)
    quarter = tasks.c.time_done - tasks.c.time_done % bucket
    total = 0
    for dimension in (0, *COLUMNS, _FOLDER):
        at: ColumnElement[Any] = quarter if dimension in HOURLY else literal(first)
        by = [quarter] if dimension in HOURLY else []
        name: ColumnElement[Any] = literal("")
        if dimension:
            name = tasks.c["folder" if dimension == _FOLDER else COLUMNS[dimension]]
            by.append(name)
        wanted = select(at, name, *_measures()).where(tasks.c.time_done >= first, tasks.c.time_done < last)
        for start, found, *measures in connection.execute(wanted.group_by(*by)):
            values = [*map(int, measures), 0, 0, 0, 0]
            total += values[0] if dimension == 0 else 0
            told: Iterable[str] = above(found) if dimension == _FOLDER else (found,)
            add(least, times(int(start)), ((dimension, each) for each in told), values)
    spread(least, sums, times)
    return total


def _bucket(first: int, last: int, zone: ZoneInfo) -> int:
    """Return the seconds by which a day's rows are added up: an hour where the zone's hours begin with those of UTC."""
    offsets = (datetime.fromtimestamp(at, zone).utcoffset() for at in (first, last - 1))
    whole = all(offset is not None and offset.total_seconds() % _HOUR == 0 for offset in offsets)
    return _HOUR if whole else _QUARTER


def _insert(connection: Connection, sums: Sums, names: Names) -> None:
    """Insert sums of which none is there yet."""
    from afcore.store.statistics.writing import insert_rows

    if sums:
        insert_rows(connection, af_rollup, rollup_rows(connection, sums, names))


def _pages_of_jobs(connection: Connection) -> Iterable[Sequence[Any]]:
    """Yield the blocks of deleted jobs in the order of their keys; those of one job in one piece."""
    columns = [jobs.c[field] for field in dict.fromkeys(("farm", "seq", *JOB_FIELDS))]
    wanted = select(*columns).order_by(jobs.c.farm, jobs.c.seq)
    last: tuple[int, int] | None = None
    while True:
        page = wanted.limit(_PAGE)
        if last is not None:
            farm, seq = last
            page = page.where((jobs.c.farm > farm) | ((jobs.c.farm == farm) & (jobs.c.seq > seq)))
        rows = list(connection.execute(page).mappings())
        full = len(rows) == _PAGE
        if full:
            end = len(rows)
            while end and rows[end - 1]["job"] == rows[-1]["job"]:
                end -= 1
            rows = rows[: end or len(rows)]
        if rows:
            last = (rows[-1]["farm"], rows[-1]["seq"])
            yield rows
        if not full:
            return
