"""Statistics databases that a test can slow down, fill up and take away while a farm follows into them."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.store.cluster import Cluster

__all__ = ["Breakable", "BreakableFile", "BreakablePostgres"]


class Breakable(Protocol):
    """A database that can be broken in three ways, each for as long as a ``with`` lasts."""

    address: str
    module: str
    """What runs the server that follows into it."""

    def slow(self) -> Any:
        """No statement that writes comes to its end."""

    def full(self) -> Any:
        """Nothing more fits."""

    def stopped(self) -> Any:
        """It is not there."""

    def crash(self) -> None:
        """Let it fall over and come back, where there is something that can."""

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows."""


class BreakablePostgres:
    """A database of a real PostgreSQL server."""

    module = "afnet.server.main"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._place = cluster.new_fillable_database()
        self._name = self._place.name
        self.address = cluster.url(self._name)

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Hold a lock that nobody gives back."""
        with self._cluster.connection(self._name) as locking:
            locking.autocommit = False
            with locking.cursor() as cursor:
                cursor.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            yield
            locking.rollback()

    def full(self) -> Any:
        """Fill its disk."""
        return self._place.full()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server as if it crashed."""
        self._cluster.stop("immediate")
        yield
        self._cluster.start()

    def crash(self) -> None:
        """Stop it as if it crashed, and start it."""
        self._cluster.stop("immediate")
        self._cluster.start()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows."""
        return self._cluster.execute(statement, self._name)


class BreakableFile:
    """A SQLite file in a folder of its own, followed into by a server that this module runs."""

    module = "tests.e2e.breakable"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.address = str(folder / "statistics.db")

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Be a program that writes and does not come to an end."""
        with closing(sqlite3.connect(self.address, isolation_level=None, timeout=60)) as writing:
            writing.execute("BEGIN IMMEDIATE")
            yield
            writing.execute("ROLLBACK")

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let SQLite itself find no room for another page."""
        mark = Path(f"{self.address}.full")
        mark.touch()
        yield
        mark.unlink()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Take its folder away, as a disk that is not mounted."""
        away = self._folder.with_name("away")
        self._folder.rename(away)
        yield
        away.rename(self._folder)

    def crash(self) -> None:
        """A file does not fall over."""

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows."""
        with closing(sqlite3.connect(f"file:{self.address}?mode=ro", uri=True, timeout=60)) as reader:
            return reader.execute(statement).fetchall()


class _Words:
    """What the server says to SQLite first; while a mark lies beside the file, that it may not grow."""

    def __init__(self, usual: tuple[str, ...], mark: Path) -> None:
        self._usual = usual
        self._mark = mark

    def __iter__(self) -> Iterator[str]:
        yield from self._usual
        if self._mark.exists():
            yield "PRAGMA max_page_count=1"  # of a file that is larger: not a page more


if __name__ == "__main__":
    from afcore.store.statistics import target
    from afnet.server.main import main

    place = Path(sys.argv.pop(1))
    target._LITE = _Words(target._LITE, Path(f"{place}.full"))  # type: ignore[assignment]
    sys.exit(main())
