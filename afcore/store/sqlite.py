"""SQLite: one file, write-ahead log, every commit synced.

Rules of this file:
- The driver releases the interpreter lock once per statement, and getting it back from a busy event loop costs up to
  half a millisecond: many rows go into one statement, never into ``executemany``.
- ``synchronous=FULL`` is what makes acknowledged mean durable; the test that pulls the plug fails without it.
"""

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec.structs import astuple
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from afcore.errors import Corrupt, StoreError, Unavailable
from afcore.store.base import JobRow, RunRow
from afcore.store.tables import RowTable

__all__ = ["GROUPS", "KEPT_FREE", "SqliteDatabase"]

GROUPS = (256, 32, 4, 1)
"""Rows per statement: few statements, and few different ones, which the driver keeps prepared."""

KEPT_FREE = 4096
"""Free pages (of 4 KiB) that a file keeps, to grow without asking for room."""
_GIVEN_BACK = 256

_SETTINGS = (
    "PRAGMA auto_vacuum=INCREMENTAL",  # counts only while the file is empty
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA fullfsync=ON",  # macOS: fsync alone does not reach the disk there
    "PRAGMA checkpoint_fullfsync=ON",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-2000",  # pages are in the system's cache too, once for all connections
    "PRAGMA temp_store=MEMORY",
    "PRAGMA busy_timeout=5000",
)
_READING = (
    "PRAGMA query_only=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-256",  # rows are read in their order, once: a page that was read is not asked for again
)


class SqliteDatabase:
    """The farm's database in the file ``path``. ``settings`` are for tests that show what they are good for."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error)
    one_view = "BEGIN"

    def __init__(self, path: Path, *, settings: Sequence[str] = ()) -> None:
        self.path = path
        self.place = f"the database file {path}"
        self.address = f"sqlite:///{path}"
        self._settings = (*_SETTINGS, *settings)
        self._engine: Engine | None = None
        self._inserts: dict[tuple[str, int], str] = {}

    def _make(self, settings: Sequence[str], begin: str | None) -> Engine:
        # The path is given to the driver as it is: as a URL, names with ? or % would need care.
        engine = create_engine(
            "sqlite://",
            creator=self._open,
            poolclass=NullPool,
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _record: object) -> None:
            for statement in settings:
                connection.execute(statement).close()

        if begin is not None:

            @event.listens_for(engine, "begin")
            def begin_now(connection: Connection) -> None:
                connection.exec_driver_sql(begin)

        return engine

    def _open(self) -> sqlite3.Connection:
        """Open the file; a new one is for its owner alone, whoever may enter its folder: it holds hashes of passwords.

        One that exists must not be opened beside the driver: closing that would take the driver's locks away.
        """
        with contextlib.suppress(OSError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=64)

    def connect(self) -> Connection:
        """As ``Database.connect``; the folder's lock is held by whoever opens the store."""
        if self._engine is None:
            self._engine = self._make(self._settings, "BEGIN IMMEDIATE")
        return self._engine.connect()

    def reader(self) -> Engine:
        """As ``Database.reader``."""
        return self._make(_READING, None)

    def insert(self, connection: Connection, into: RowTable, rows: Sequence[RunRow] | Sequence[JobRow]) -> None:
        """As ``Database.insert``."""
        at = 0
        for size in GROUPS:
            while len(rows) - at >= size:
                values = tuple(chain.from_iterable(map(astuple, rows[at : at + size])))
                connection.exec_driver_sql(self._insert(into, size), values)
                at += size

    def _insert(self, into: RowTable, size: int) -> str:
        key = (into.table.name, size)
        if key not in self._inserts:
            names = ", ".join((*into.fields, *(name for name, _ in into.seconds)))
            width = len(into.fields)
            # Bound in their order: numbered places are going to be refused by Python's sqlite3.
            group = f"({','.join('?' * width)})"
            taken = [f"column{place}" for place in range(1, width + 1)]
            taken += [f"column{1 + into.fields.index(field)}/1000" for _, field in into.seconds]
            self._inserts[key] = (
                f"INSERT INTO {into.table.name} ({names}) "
                f"SELECT {','.join(taken)} FROM (VALUES {','.join([group] * size)})"
            )
        return self._inserts[key]

    def tidy(self, connection: Connection) -> bool:
        """As ``Database.tidy``: a megabyte at a time, and some free pages stay for what comes."""
        driver = connection.connection.driver_connection
        assert driver is not None
        (free,) = driver.execute("PRAGMA freelist_count").fetchone()
        if free <= KEPT_FREE:
            return False
        driver.executescript(f"PRAGMA incremental_vacuum({_GIVEN_BACK})")
        return bool(free - _GIVEN_BACK > KEPT_FREE)

    def rest(self, connection: Connection) -> None:
        """As ``Database.rest``: the cache of pages is of use while much is written, and a megabyte later it is back."""
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA shrink_memory").close()

    def explain(self, error: Exception) -> StoreError:
        """As ``Database.explain``."""
        cause = getattr(error, "orig", None) or error
        name = getattr(cause, "sqlite_errorname", "") or ""
        kind = name.split("_")[1] if name.startswith("SQLITE_") else ""
        if kind == "FULL":
            return Unavailable(
                f"{self.place} cannot grow: the disk is full", hint="make room; a running server goes on by itself"
            )
        if kind in ("READONLY", "PERM", "AUTH"):
            return Unavailable(
                f"{self.place} is read-only", hint="check the owner and rights of the file and its folder"
            )
        if kind == "CANTOPEN":
            return Unavailable(
                f"{self.place} cannot be opened", hint="check that it is a file, and the owner and rights of its folder"
            )
        if kind in ("CORRUPT", "NOTADB", "FORMAT"):
            return Corrupt(
                f"{self.place} is damaged or no database: {cause}",
                hint="put back the newest copy of the data folder, or move the file away to begin with an empty farm",
            )
        if kind in ("BUSY", "LOCKED"):
            return Unavailable(f"{self.place} is locked by another program", hint="close the program that writes it")
        if kind == "IOERR":
            return Unavailable(f"{self.place} cannot be read or written ({name})", hint="check the disk")
        return StoreError(f"{self.place} answers: {cause}")

    def close(self) -> None:
        """As ``Database.close``."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
