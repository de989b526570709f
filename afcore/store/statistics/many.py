"""Many rows in one statement, given to the driver as tuples where it takes them by position."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import Insert

__all__ = ["execute_many"]


def execute_many(connection: Connection, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
    """Run ``statement`` for each of ``rows``, which all have the keys of the first.

    What SQLAlchemy does for each dict took most of the time of following a farm on SQLite; PostgreSQL's driver takes
    parameters by name, so there it goes SQLAlchemy's own way.
    """
    if not rows:
        return
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup
    if names is None or len(names) != len(rows[0]):
        connection.execute(statement, rows)
        return
    connection.exec_driver_sql(str(compiled), [tuple([row[name] for name in names]) for row in rows])
