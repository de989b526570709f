"""Deleting the records of a folder or of an age, with the sums that were made from them.

Rules of this file:
- A few thousand records go in one transaction together with their share of the sums: stopped anywhere, what is left is
  true, and the same deletion again goes on.
"""

from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from afcore.store.statistics.questions import in_folder
from afcore.store.statistics.rollups import (
    JOB_FIELDS,
    RUN_FIELDS,
    Names,
    Sums,
    add_sums,
    drop_empty,
    fold_jobs,
    fold_runs,
)
from afcore.store.statistics.tables import jobs, tasks
from afcore.store.statistics.target import Target
from afcore.store.statistics.tending import zone_of

__all__ = ["remove"]

_AT_ONCE = 2000


def remove(target: Target, *, folder: str = "", before: int = 0) -> dict[str, int]:
    """Delete records that are in ``folder`` or below it (if given) and ended before ``before`` (if given).

    Return how many of each table went. Raises ValueError when neither is given.
    """
    if not folder and not before:
        raise ValueError("neither a folder nor an age")
    gone = {"tasks": 0, "jobs": 0}
    with target.connected() as connection:
        for table in (tasks, jobs):
            wanted: list[ColumnElement[bool]] = []
            if folder:
                wanted.append(in_folder(table.c.folder, folder))
            if before:
                wanted.append(table.c.time_done < before)
            while True:
                with target.explained(), connection.begin():
                    count = _some(connection, table, wanted)
                gone[table.name] += count
                if not count:
                    break
        with connection.begin():
            drop_empty(connection)
    return gone


def _some(connection: Connection, table: Any, wanted: list[ColumnElement[bool]]) -> int:
    """Delete some records; return how many."""
    fields = RUN_FIELDS if table is tasks else JOB_FIELDS
    columns = [table.c[field] for field in dict.fromkeys(("farm", "seq", *fields))]
    rows: list[Any] = list(connection.execute(select(*columns).where(*wanted).limit(_AT_ONCE)).mappings())
    if not rows:
        return 0
    if table is jobs:
        # A job is counted once for all its blocks: they go together.
        known = sorted({(row["farm"], row["job"]) for row in rows})
        rows = []
        for first in range(0, len(known), 500):
            some = tuple_(jobs.c.farm, jobs.c.job).in_(known[first : first + 500])
            rows += connection.execute(select(*columns).where(some, *wanted)).mappings()
    keys = [(row["farm"], row["seq"]) for row in rows]
    for first in range(0, len(keys), 500):
        some = tuple_(table.c.farm, table.c.seq).in_(keys[first : first + 500])
        connection.execute(table.delete().where(some))
    sums: Sums = {}
    zone = zone_of(connection)
    (fold_runs if table is tasks else fold_jobs)(sums, rows, zone, -1)
    add_sums(connection, sums, Names())
    return len(rows)
