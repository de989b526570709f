"""Questions about the past: a span, a dimension and measures in, rows out; the one place that charts and tables ask.

Rules of this file:
- A question without ``where`` reads sums, and its cost grows with its answer. One that crosses two dimensions reads the
  rows themselves by the index of the first, and its cost grows with what fits.
- Spans are whole hours in the zone of the database; an answer tells which span it is about.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import BigInteger, Connection, Select, case, cast, distinct, func, literal, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from afcore.errors import BadSpec, Problem
from afcore.store.statistics.rollups import DIMENSIONS, HOURLY, PERIODS, above, next_start, starts
from afcore.store.statistics.tables import MEASURES, af_names, af_rollup, jobs, tasks
from afcore.store.statistics.tending import zone_of

__all__ = ["BY", "COLUMNS", "ORDER", "PER", "Answer", "Question", "answer", "in_folder", "parse_time", "pieces"]

BY = tuple(DIMENSIONS)
"""Dimensions: total (nothing is told apart), user, service, host, folder, pool, job (its name)."""
PER = ("", "hour", "day", "week", "month")
"""Steps of time; empty: one row for the whole span."""

COLUMNS = (
    "runs", "errors", "error_rate", "run_seconds", "average_seconds", "error_seconds", "waited_seconds",
    "average_wait_seconds", "cpu_seconds", "capacity_seconds", "jobs", "blocks", "job_tasks", "job_run_seconds",
)  # fmt: skip
"""What each row tells, after ``name`` and ``start``. Of finished runs: how many, how many of them were errors and that
as a share (0 to 1), their time, its average, the time of those that were errors, the time tasks waited for a render (of
the runs of which that is known), time on processors, capacity units multiplied by seconds. Of deleted jobs: how many,
their blocks, tasks and time."""

_ORDER = {
    "runs": "runs", "errors": "errors", "run_seconds": "run_ms", "error_seconds": "error_ms",
    "waited_seconds": "waited_ms", "cpu_seconds": "cpu_ms", "capacity_seconds": "capacity_ms", "jobs": "jobs",
    "blocks": "blocks", "job_tasks": "job_tasks", "job_run_seconds": "job_run_ms",
}  # fmt: skip
ORDER = tuple(_ORDER)
"""By which columns rows may be ordered, the largest first."""

_RAW = {"user": "username", "service": "service", "host": "hostname", "folder": "folder", "pool": "pool",
        "job": "jobname"}  # fmt: skip
_QUARTER = 900
_WEEK = 7 * 86_400
_FEW = 500
"""Names that one statement may list."""
MOST = 10_000


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Times are unix seconds."""

    since: int
    until: int
    """The end, which is not part of the span."""
    by: str = "total"
    """One of ``BY``."""
    per: str = ""
    """One of ``PER``."""
    where: dict[str, str] = {}
    """Only what has these names, by dimension; of a folder: it and all below it."""
    under: str = ""
    """With ``by`` folder: the folders right below this one; empty for the topmost."""
    order: str = "runs"
    """One of ``ORDER``."""
    limit: int = 100
    """Most names; with ``per`` each has as many rows as there are steps in which something happened."""


class Answer(msgspec.Struct, kw_only=True):
    """What is known. ``rows`` have ``name``, ``start`` (of the step, unix seconds; of the span without steps) and
    ``COLUMNS``; ordered by time, then by the question's order."""

    since: int
    until: int
    zone: str
    rows: list[dict[str, Any]]
    more: bool = False
    """There are more names than the limit."""


_Group = dict[tuple[str, int], list[int]]
"""Measures by name and start."""


def answer(connection: Connection, question: Question) -> Answer:
    """Answer a question in one transaction of ``connection``. Raises BadSpec for what cannot be asked."""
    _check(question)
    with connection.begin():
        zone = zone_of(connection)
        since = starts(zone)(question.since)[0]
        until = starts(zone)(question.until - 1)[0] + 3600 if question.until > question.since else since
        until = max(until, since)
        if _sums_answer(question):
            found, more = _from_sums(connection, question, since, until, zone)
        else:
            found, more = _from_rows(connection, question, since, until, zone)
    measure = MEASURES.index(_ORDER[question.order])
    keys = sorted(found, key=lambda key: (key[1], -found[key][measure], key[0]))
    return Answer(
        since=since, until=until, zone=zone.key, more=more, rows=[_row(*key, found[key]) for key in keys]
    )  # fmt: skip


def _check(question: Question) -> None:
    problems = []
    for name, value, known in (
        ("by", question.by, BY), ("per", question.per, PER), ("order", question.order, ORDER),
        *((f"where {each}", each, BY[1:]) for each in question.where),
    ):  # fmt: skip
        if value not in known:
            problems.append(Problem(name, f'must be one of {", ".join(filter(None, known))}, not "{value}"'))
    for name, value in (("under", question.under), *question.where.items()):
        if "\0" in value or not value.isascii() and value.encode("utf-8", "replace").decode() != value:
            problems.append(Problem(name, "holds what is no text"))
    if question.under and question.by != "folder":
        problems.append(Problem("under", "goes with by folder only"))
    if not 1 <= question.limit <= MOST:
        problems.append(Problem("limit", f"must be from 1 to {MOST}"))
    if problems:
        raise BadSpec(problems, code="bad_arguments")


def _row(name: str, start: int, values: Sequence[int]) -> dict[str, Any]:
    runs, errors, run, failed, waits, waited, cpu, capacity, deleted, blocks, job_tasks, job_run = values
    return {
        "name": name,
        "start": start,
        "runs": runs,
        "errors": errors,
        "error_rate": round(errors / runs, 6) if runs else 0.0,
        "run_seconds": run / 1000,
        "average_seconds": round(run / runs / 1000, 3) if runs else 0.0,
        "error_seconds": failed / 1000,
        "waited_seconds": waited / 1000,
        "average_wait_seconds": round(waited / waits / 1000, 3) if waits else 0.0,
        "cpu_seconds": cpu / 1000,
        "capacity_seconds": capacity / 1000,
        "jobs": deleted,
        "blocks": blocks,
        "job_tasks": job_tasks,
        "job_run_seconds": job_run / 1000,
    }


# From the sums


def _sums_answer(question: Question) -> bool:
    """Say whether sums know the answer: at most one name of one dimension is asked for."""
    if len(question.where) > 1:
        return False
    return not question.where or question.by in ("total", next(iter(question.where)))


def pieces(since: int, until: int, zone: ZoneInfo, largest: str) -> list[tuple[int, int, int]]:
    """Cut a span of whole hours into runs of equal periods: (period, from, to), as few and as large as they fit."""
    of = starts(zone)
    found: list[tuple[int, int, int]] = []

    def add(period: int, first: int, last: int) -> None:
        if first < last:
            found.append((period, first, last))

    def inside(first: int, last: int, period: str) -> tuple[int, int]:
        """Return the whole periods between two times."""
        place = PERIODS[period]
        begin = of(first)[place]
        if begin < first:
            begin = next_start(begin, period, zone)
        return begin, max(begin, of(last)[place]) if begin <= last else begin

    if largest == "hour" or until <= since:
        add(0, since, until)
        return found
    days = inside(since, until, "day")
    if days[0] >= days[1]:
        add(0, since, until)
        return found
    add(0, since, days[0])
    if largest == "month":
        months = inside(*days, "month")
        if months[0] < months[1]:
            add(1, days[0], months[0])
            add(2, *months)
            add(1, months[1], days[1])
        else:
            add(1, *days)
    else:
        add(1, *days)
    add(0, days[1], until)
    return found


def _from_sums(
    connection: Connection, question: Question, since: int, until: int, zone: ZoneInfo
) -> tuple[_Group, bool]:
    where = next(iter(question.where.items()), None)
    dimension = DIMENSIONS[where[0] if where else question.by]
    chosen = None
    if where is not None:
        name = where[1]
        chosen = select(af_names.c.id).where(af_names.c.dimension == dimension, af_names.c.name == name)
    elif question.by == "folder":
        parent = literal(0)
        if question.under:
            wanted = select(af_names.c.id).where(
                af_names.c.dimension == dimension, af_names.c.name == question.under.rstrip("/")
            )
            found = connection.execute(wanted).scalar()
            if found is None:
                return {}, False
            parent = literal(found)
        chosen = select(af_names.c.id).where(af_names.c.dimension == dimension, af_names.c.parent == parent)
    ids = None if chosen is None else [row[0] for row in connection.execute(chosen)]
    total, more = _totals(connection, question, dimension, ids, pieces(since, until, zone, "month"))
    best = list(total)
    names = _names(connection, best) if question.by != "total" else dict.fromkeys(best, "")
    if not question.per:
        return {(names[id], since): total[id] for id in best}, more
    steps: _Group = {}
    largest = {"hour": "hour", "month": "month"}.get(question.per, "day")
    spans = pieces(since, until, zone, largest)
    wanted_ids = None if chosen is None and not more else best
    weeks = _step(since, "week", zone) if question.per == "week" else None
    for id, start, values in _sums_of(connection, question, dimension, wanted_ids, spans, True, weeks):
        if id in names:
            _add(steps, (names[id], max(since, _step(start, question.per, zone))), values)
    return steps, more


def _totals(
    connection: Connection,
    question: Question,
    dimension: int,
    ids: Sequence[int] | None,
    spans: Sequence[tuple[int, int, int]],
) -> tuple[dict[int, list[int]], bool]:
    """Return the sums of the names with most, in their order, and whether there are more names than that.

    Where sums are all there is to read, the database orders them: of sixty thousand jobs a hundred travel.
    """
    place = MEASURES.index(_ORDER[question.order])
    few = ids is None or len(ids) <= _FEW
    if few and all(period or dimension in HOURLY for period, _, _ in spans):
        if not spans:
            return {}, False
        more = False
        if ids is None and dimension not in HOURLY and question.limit < _FEW:
            # Of many names one measure says which are wanted; the others are added up of those alone.
            best = [row[0] for row in connection.execute(_best(question, dimension, None, spans, [MEASURES[place]]))]
            more = len(best) > question.limit
            ids = best[: question.limit] if more else None
        rows = connection.execute(_best(question, dimension, ids, spans, MEASURES)).all()
        found = {id: [int(value) for value in values] for id, *values in rows[: question.limit]}
        return found, more or len(rows) > question.limit
    total: dict[int, list[int]] = {}
    for id, _, values in _sums_of(connection, question, dimension, ids, spans, False):
        _add(total, id, values)
    best = sorted((id for id in total if any(total[id])), key=lambda id: (-total[id][place], id))
    return {id: total[id] for id in best[: question.limit]}, len(best) > question.limit


def _best(
    question: Question,
    dimension: int,
    ids: Sequence[int] | None,
    spans: Sequence[tuple[int, int, int]],
    measures: Sequence[str],
) -> Select[Any]:
    """Return what sums ``measures`` by name, those with most first, and one name more than are wanted."""
    columns = [af_rollup.c[measure] for measure in measures]
    parts = [
        select(af_rollup.c.name, *columns).where(*_within(period, dimension, first, last, ids))
        for period, first, last in spans
    ]
    together = union_all(*parts).subquery()
    sums = {measure: _sum(together.c[measure]) for measure in measures}
    wanted = (
        select(together.c.name, *sums.values())
        .group_by(together.c.name)
        .order_by(sums[_ORDER[question.order]].desc(), together.c.name)
        .limit(question.limit + 1)
    )
    if len(sums) == 1:
        return wanted
    return wanted.having(or_(*(each != 0 for each in sums.values())))


def _sums_of(
    connection: Connection,
    question: Question,
    dimension: int,
    ids: Sequence[int] | None,
    spans: Iterable[tuple[int, int, int]],
    stepwise: bool,
    weeks: int | None = None,
) -> Iterator[tuple[int, int, Sequence[Any]]]:
    """Yield name, start (with ``stepwise``) and measures, of all names or of ``ids``.

    ``weeks`` is when a week begins: days are then added up by week, each told by a time within it.
    """
    columns = [af_rollup.c[measure] for measure in MEASURES]
    for period, first, last in spans:
        if period == 0 and dimension not in HOURLY:
            yield from _sums_of_rows(connection, question, dimension, ids, first, last, stepwise)
            continue
        for some in [None] if ids is None else [ids[at : at + 500] for at in range(0, len(ids), 500)]:
            within = _within(period, dimension, first, last, some)
            if weeks is not None and period == PERIODS["day"]:
                # Half a day more than midnight's distance from the first: clocks that are changed move it less.
                since = af_rollup.c.start - literal(weeks - _WEEK // 14)
                week = since - since % _WEEK
                summed = select(af_rollup.c.name, week, *map(_sum, columns)).where(*within)
                for id, start, *values in connection.execute(summed.group_by(af_rollup.c.name, week)):
                    yield id, weeks + int(start) + _WEEK // 2, values
            elif stepwise:
                for id, start, *values in connection.execute(
                    select(af_rollup.c.name, af_rollup.c.start, *columns).where(*within)
                ):
                    yield id, start, values
            else:
                summed = select(af_rollup.c.name, *map(_sum, columns)).where(*within).group_by(af_rollup.c.name)
                for id, *values in connection.execute(summed):
                    yield id, first, values


def _sums_of_rows(
    connection: Connection,
    question: Question,
    dimension: int,
    ids: Sequence[int] | None,
    first: int,
    last: int,
    stepwise: bool,
) -> Iterator[tuple[int, int, Sequence[Any]]]:
    """Yield the same of hours that are not kept as sums: less than a day at each end of a span."""
    found = list(_groups(connection, question, first, last, stepwise))
    fixed = ids[0] if question.where and ids else None
    known = {} if fixed else _numbers(connection, dimension, sorted({name for name, _, _ in found}))
    wanted = None if ids is None else set(ids)
    for name, at, values in found:
        id = fixed or known.get(name)
        if id is not None and (wanted is None or id in wanted):
            yield id, at, values


def _numbers(connection: Connection, dimension: int, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for first in range(0, len(names), 500):
        wanted = select(af_names.c.name, af_names.c.id).where(
            af_names.c.dimension == dimension, af_names.c.name.in_(names[first : first + 500])
        )
        found.update((name, id) for name, id in connection.execute(wanted))
    return found


def _within(period: int, dimension: int, first: int, last: int, ids: Sequence[int] | None) -> list[ColumnElement[bool]]:
    wanted = [af_rollup.c.period == period, af_rollup.c.start >= first, af_rollup.c.start < last]
    return [*wanted, af_rollup.c.dimension == dimension] if ids is None else [*wanted, af_rollup.c.name.in_(ids)]


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a sum as a whole number: PostgreSQL's own is of a kind that takes Python long to read."""
    return cast(func.sum(column), BigInteger)


def _add(group: dict[Any, list[int]], key: Any, values: Iterable[Any]) -> None:
    numbers = [int(value or 0) for value in values]
    found = group.get(key)
    group[key] = numbers if found is None else [a + b for a, b in zip(found, numbers, strict=True)]


def _names(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for first in range(0, len(ids), 500):
        wanted = select(af_names.c.id, af_names.c.name).where(af_names.c.id.in_(ids[first : first + 500]))
        found.update((id, name) for id, name in connection.execute(wanted))
    return found


@lru_cache(maxsize=8192)
def _step(at: int, per: str, zone: ZoneInfo) -> int:
    """Return the start of the step that a time is in."""
    if per == "week":
        day = datetime.fromtimestamp(starts(zone)(at)[1], zone).replace(tzinfo=None)
        return int((day - timedelta(days=day.weekday())).replace(tzinfo=zone).timestamp())
    return starts(zone)(at)[PERIODS[per]]


# From the rows themselves


def _from_rows(
    connection: Connection, question: Question, since: int, until: int, zone: ZoneInfo
) -> tuple[_Group, bool]:
    group: _Group = {}
    for name, at, values in _groups(connection, question, since, until, bool(question.per)):
        _add(group, (name, max(since, _step(at, question.per, zone)) if question.per else since), values)
    place = MEASURES.index(_ORDER[question.order])
    totals: dict[str, int] = {}
    for (name, _), values in group.items():
        totals[name] = totals.get(name, 0) + values[place]
    best = sorted(totals, key=lambda name: (-totals[name], name))
    kept = set(best[: question.limit])
    return {key: values for key, values in group.items() if key[0] in kept}, len(best) > question.limit


def _groups(
    connection: Connection, question: Question, since: int, until: int, stepwise: bool
) -> Iterator[tuple[str, int, Sequence[Any]]]:
    """Yield name, time (of its quarter of an hour, with ``stepwise``) and measures, from the rows of a span."""
    for table, measures in ((tasks, _of_tasks()), (jobs, _of_jobs())):
        if table is jobs and ("pool" in question.where or question.by == "pool"):
            continue
        key: ColumnElement[Any] = literal("") if question.by == "total" else table.c[_RAW[question.by]]
        bucket: ColumnElement[Any] = literal(since)
        if stepwise:
            bucket = table.c.time_done - table.c.time_done % _QUARTER
        wanted = (
            select(key, bucket, *measures)
            .where(table.c.time_done >= since, table.c.time_done < until, *_filters(table, question.where))
            .group_by(*([key] if question.by != "total" else []), *([bucket] if stepwise else []))
        )
        for name, at, *values in connection.execute(wanted):
            shown = _child(name, question) if question.by == "folder" else name
            if any(values) and shown is not None:
                yield shown, int(at), values


def _child(folder: str, question: Question) -> str | None:
    """Return the folder right below the one that is asked for, in which a row's folder lies."""
    under = question.under.rstrip("/")
    upper = above(folder)
    if not under:
        return upper[0] if upper else None
    return upper[upper.index(under) + 1] if under in upper[:-1] else None


def _of_tasks() -> list[ColumnElement[Any]]:
    columns = tasks.c
    taken = columns.done_ms - columns.started_ms
    known = columns.waited_ms >= 0
    failed = columns.error != 0
    return [
        func.count(),
        func.sum(_if(failed, 1)),
        func.sum(taken),
        func.sum(_if(failed, taken)),
        func.sum(_if(known, 1)),
        func.sum(_if(known, columns.waited_ms)),
        func.sum(columns.cpu_ms),
        func.sum(taken * columns.capacity * _if(columns.coefficient > 1, columns.coefficient, 1)),
        *([literal(0)] * 4),
    ]


def _of_jobs() -> list[ColumnElement[Any]]:
    columns = jobs.c
    return [
        *([literal(0)] * 8),
        func.count(distinct(columns.serial)),
        func.count(),
        func.sum(columns.tasks_quantity),
        func.sum(columns.run_time_ms),
    ]


def _if(condition: ColumnElement[bool], value: Any, otherwise: Any = 0) -> ColumnElement[Any]:
    return case((condition, value), else_=otherwise)


def _filters(table: Any, where: dict[str, str]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for dimension, name in where.items():
        column = table.c[_RAW[dimension]]
        if dimension == "folder":
            found.append(in_folder(column, name))
        else:
            found.append(column == name)
    return found


def in_folder(column: Any, folder: str) -> ColumnElement[bool]:
    """Return the condition that a folder is ``folder`` or below it, the same in every order of letters."""
    path = folder.rstrip("/\\")
    below = [func.substr(column, 1, len(path) + 1) == path + slash for slash in ("/", "\\")]
    return or_(column == path, *below)


# Times as people write them

_AGO = re.compile(r"([0-9]{1,9})\s*(h|d|w|m|y)$")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def _within_reason(at: int) -> int:
    """Return a time that every calendar knows."""
    return max(86_400, min(2**33, at))


def parse_time(text: str, *, now: float, zone: ZoneInfo, name: str) -> int:
    """Return unix seconds of a time as people write it; BadSpec naming ``name`` when it is none.

    ``2026-01-31``, ``2026-01-31 03:12`` (in ``zone``), ``now``, ``today``, ``7d`` (so long ago: h, d, w, m, y), or unix
    seconds.
    """
    word = text.strip().lower()
    if word == "now":
        return int(now)
    if word == "today":
        return starts(zone)(int(now))[1]
    ago = _AGO.match(word)
    if ago is not None:
        return _within_reason(int(now) - int(ago[1]) * _HOURS[ago[2]] * 3600)
    if word.isascii() and word.isdigit() and len(word) > 8:
        return _within_reason(int(word[:20]))
    try:
        found = datetime.fromisoformat(text.strip())
        return _within_reason(int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()))
    except (ValueError, OverflowError, OSError):
        hint = "Write 2026-01-31, 2026-01-31 03:12, 7d for seven days ago, today or now."
        raise BadSpec([Problem(name, f'"{text}" is no time', hint)], code="bad_arguments") from None
