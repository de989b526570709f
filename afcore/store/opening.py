"""Opening the farm's memory wherever it lies: a file in the data folder, another file, or PostgreSQL."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from afcore.errors import ConfigError, Unavailable
from afcore.store.base import Store
from afcore.store.filesystem import refuse_network
from afcore.store.lock import FolderLock
from afcore.store.memory import MemoryStore

if TYPE_CHECKING:
    from afcore.store.database import Database
    from afcore.store.past import SqlPast

__all__ = ["DATABASE_NAME", "open_past", "open_store"]

DATABASE_NAME = "afwatch.db"
"""Name of the SQLite file in the data folder."""
_POSTGRES = ("postgresql:", "postgres:", "postgresql+psycopg2:")


def open_store(database: str = "", *, data: Path | None = None, now: float = 0.0) -> Store:
    """Open the store and take the lead of its farm; the caller goes on with ``load``.

    ``database`` is empty for the file in the data folder, a path, ``sqlite:///path``, ``postgresql://…``, or
    ``memory:`` for a farm that is forgotten at the end. ``data`` is the server's data folder: it is made when missing
    and locked until the store is closed, wherever the database is. ``now`` is unix seconds.

    Raises InUse when another server has the folder or the database, Unavailable when it cannot be reached or written,
    Corrupt, TooNew, and ConfigError for an address that is none.
    """
    kind, separator, _ = database.partition("://")
    if separator and kind != "sqlite" and not database.startswith(_POSTGRES):
        # Before anything is made.
        raise ConfigError(
            "", "database", f"a database of kind {kind} is not known", hint="give postgresql://… or the path of a file"
        )
    with ExitStack() as held:
        if data is not None:
            data = Path(os.path.abspath(data))
            held.callback(FolderLock(data).release)
        if database == "memory:":
            return _Held(created=now, held=held.pop_all())
        if database.startswith(_POSTGRES):
            from afcore.store.postgres import PostgresDatabase  # late: a farm on SQLite needs no driver

            return _open(PostgresDatabase(_plain(database)), now, held.pop_all())
        path = _sqlite_path(database, data)
        if data is None or path.parent != data:
            held.callback(FolderLock(path.parent).release)
        refuse_network(path.parent.resolve())
        if path.is_dir():
            raise Unavailable(
                f"{path} is a folder, not a database file",
                hint="name a file with --database, or the folder with --data",
            )
        from afcore.store.sqlite import SqliteDatabase

        return _open(SqliteDatabase(path), now, held.pop_all())


def open_past(address: str) -> "SqlPast":
    """Open the past of a farm for reading, beside its server: ``address`` is its store's."""
    from afcore.store.past import SqlPast

    if address.startswith("postgresql:"):
        from afcore.store.postgres import PostgresDatabase

        return SqlPast(PostgresDatabase(address))
    from afcore.store.sqlite import SqliteDatabase

    return SqlPast(SqliteDatabase(_sqlite_path(address, None)))


def _plain(address: str) -> str:
    return "postgresql:" + address.partition(":")[2]


def _open(database: "Database", now: float, held: ExitStack) -> Store:
    from afcore.store.sqlstore import SqlStore

    return SqlStore(database, now=now, on_close=held.close)


def _sqlite_path(database: str, data: Path | None) -> Path:
    kind, _, rest = database.partition("://")
    name = rest.removeprefix("/") if kind == "sqlite" else database
    if not name:
        if data is None:
            raise ConfigError("", "database", "neither a database nor a data folder is given", hint="give --data")
        name = str(data / DATABASE_NAME)
    return Path(os.path.abspath(os.path.expanduser(name)))


class _Held(MemoryStore):
    """A memory store that lets go of the data folder at its end."""

    def __init__(self, *, created: float, held: ExitStack) -> None:
        super().__init__(created=created)
        self._held = held

    def close(self) -> None:
        """As ``Store.close``."""
        super().close()
        self._held.close()
