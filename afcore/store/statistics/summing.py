"""All sums made anew from the rows, where they are missing or a classic server's rows were taken over.

Rules of this file:
- The database adds up and inserts by itself: neither a row nor its sum travels, but for folders, whose sums count for
  those above them too. Days are summed one by one, so that a database of many years needs no sort of the whole.
- Days are sums of hours where hours are kept, months are sums of days: the rows are read once for each dimension.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

from afcore.store.statistics.rollups import (
    COLUMNS,
    DIMENSIONS,
    HOURLY,
    JOB_FIELDS,
    PERIODS,
    Least,
    Names,
    Sums,
    above,
    add,
    add_sums,
    fold_jobs,
    next_start,
    rollup_rows,
    starts,
)
from afcore.store.statistics.tables import MEASURES, af_names, af_rollup, jobs, tasks

__all__ = ["sum_up"]

_PAGE = 20_000
_QUARTER = 900
_HOUR = 3600
_FOLDER = DIMENSIONS["folder"]
_OF_RUNS = MEASURES[:8]
"""What is summed of finished runs."""


def sum_up(connection: Connection) -> int:
    """Make all sums anew from the rows, in one transaction; return how many rows there were."""
    from afcore.store.statistics.tending import zone_of

    with connection.begin():
        zone = zone_of(connection)
        connection.execute(af_rollup.delete())
        connection.execute(af_names.delete())
        names = Names()
        _name_all(connection, names)
        for first, last in _spans(connection, tasks.c.time_done, literal(True), "day", zone):
            _sum_day(connection, first, last, zone, names)
        is_hour, is_day = (af_rollup.c.period == PERIODS[period] for period in ("hour", "day"))
        for first, last in _spans(connection, af_rollup.c.start, is_hour, "day", zone):
            _add_up(connection, "hour", "day", first, last)
        for first, last in _spans(connection, af_rollup.c.start, is_day, "month", zone):
            _add_up(connection, "day", "month", first, last)
        total = (af_rollup.c.period == PERIODS["month"]) & (af_rollup.c.dimension == DIMENSIONS["total"])
        count = int(connection.execute(select(func.sum(af_rollup.c.runs)).where(total)).scalar() or 0)
        # A job's blocks lie together in the order of their numbers, and their counts are of whole jobs.
        of_jobs: Sums = {}
        for rows in _pages_of_jobs(connection):
            count += len(rows)
            fold_jobs(of_jobs, rows, zone)
        add_sums(connection, of_jobs, names)
    return count


def _name_all(connection: Connection, names: Names) -> None:
    """Give every name of a run its number; those of folders also to the ones above them."""
    for dimension, column in COLUMNS.items():
        name = tasks.c[column]
        found = select(literal(dimension), name).group_by(name)
        connection.execute(af_names.insert().from_select(["dimension", "name"], found))
    folders = connection.execute(select(tasks.c.folder).group_by(tasks.c.folder)).scalars()
    wanted = {(_FOLDER, each) for folder in folders for each in above(folder)}
    names.find(connection, wanted | {(DIMENSIONS["total"], "")})


def _spans(
    connection: Connection, time: ColumnElement[Any], where: ColumnElement[bool], period: str, zone: ZoneInfo
) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each day or month of which there are values of ``time``."""
    of, after = starts(zone), where
    while (found := connection.execute(select(func.min(time)).where(after)).scalar()) is not None:
        begin = of(int(found))[PERIODS[period]]
        end = next_start(begin, period, zone)
        yield begin, end
        after = where & (time >= end)


def _measures() -> list[ColumnElement[Any]]:
    """Return what ``fold_runs`` adds up, as the database adds it."""
    row = tasks.c
    span = row.done_ms - row.started_ms
    taken = case((span > 0, span), else_=0)
    factor = case((row.coefficient > 1, row.coefficient), else_=1)
    failed = case((row.error != 0, 1), else_=0)
    made = [
        func.count(),
        func.sum(failed),
        func.sum(taken),
        func.sum(taken * failed),
        func.sum(case((row.waited_ms >= 0, 1), else_=0)),
        func.sum(case((row.waited_ms > 0, row.waited_ms), else_=0)),
        func.sum(row.cpu_ms),
        func.sum(taken * row.capacity * factor),
    ]
    return [measure.label(name) for name, measure in zip(_OF_RUNS, made, strict=True)]


def _sum_day(connection: Connection, first: int, last: int, zone: ZoneInfo, names: Names) -> None:
    """Insert the sums of the shortest period of the runs that ended from ``first`` to before ``last``."""
    inside = (tasks.c.time_done >= first) & (tasks.c.time_done < last)
    for dimension, column in {DIMENSIONS["total"]: "", **COLUMNS}.items():
        hourly = dimension in HOURLY
        at = _hour(first, last, zone).label("at")
        name: ColumnElement[Any] = tasks.c[column] if column else literal("")
        by: list[ColumnElement[Any]] = [*([at] if hourly else []), *([name] if column else [])]
        found = select(at if hourly else literal(first).label("at"), name.label("name"), *_measures()).where(inside)
        _insert_summed(connection, PERIODS["hour" if hourly else "day"], dimension, found.group_by(*by))
    least: Least = {}
    of_folders = select(tasks.c.folder, *_measures()).where(inside).group_by(tasks.c.folder)
    for folder, *measures in connection.execute(of_folders):
        values = [*map(int, measures), 0, 0, 0, 0]
        add(least, (first, first, first), ((_FOLDER, each) for each in above(folder)), values)
    sums = {(PERIODS["day"], dimension, at, name): values for (dimension, at, name), values in least.items()}
    _insert(connection, sums, names)


def _hour(first: int, last: int, zone: ZoneInfo) -> ColumnElement[Any]:
    """Return the start of the hour in which a run of a day ended, as the database reckons it.

    Hours begin where minutes are zero in the zone. Its distance from UTC is of whole quarters of an hour; on a day on
    which it changes by less than an hour, the hours are told one by one, as ``fold_runs`` finds them.
    """
    time, of = tasks.c.time_done, starts(zone)
    hours = {quarter: of(of(quarter)[0])[0] for quarter in range(first, last, _QUARTER)}
    rest = (first - hours[first]) % _HOUR - first % _HOUR
    if all(quarter - (quarter + rest) % _HOUR == hour for quarter, hour in hours.items()):
        return time - (time + rest) % _HOUR
    begins = sorted({hour: quarter for quarter, hour in reversed(hours.items())}.items(), reverse=True)
    return case(*((time >= quarter, literal(hour)) for hour, quarter in begins), else_=literal(first))


def _insert_summed(connection: Connection, period: int, dimension: int, found: Select[Any]) -> None:
    """Insert sums of one dimension by the names that they are of."""
    summed = found.subquery()
    rows = select(
        literal(period), literal(dimension), summed.c.at, af_names.c.id, *(summed.c[measure] for measure in _OF_RUNS)
    ).where(af_names.c.dimension == dimension, af_names.c.name == summed.c.name)
    columns = ["period", "dimension", "start", "name", *_OF_RUNS]
    connection.execute(af_rollup.insert().from_select(columns, rows))


def _add_up(connection: Connection, shorter: str, longer: str, first: int, last: int) -> None:
    """Insert the sums of a period that is made of shorter ones."""
    row = af_rollup.c
    rows = (
        select(literal(PERIODS[longer]), row.dimension, literal(first), row.name, *(func.sum(row[m]) for m in _OF_RUNS))
        .where(row.period == PERIODS[shorter], row.start >= first, row.start < last)
        .group_by(row.dimension, row.name)
    )
    columns = ["period", "dimension", "start", "name", *_OF_RUNS]
    connection.execute(af_rollup.insert().from_select(columns, rows))


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
