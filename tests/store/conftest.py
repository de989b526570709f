"""One set of store tests for three stores: memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from afcore.store.base import Store
from afcore.store.memory import MemoryStore
from afcore.store.opening import open_store
from tests.store.cluster import Cluster, binaries
from tests.store.mariadb import MariaDb, has_mariadb


class Place(Protocol):
    """Where a store keeps its things; each ``open`` is a start of a server."""

    def open(self) -> Store:
        """Open the store there."""
        ...

    def close(self) -> None:
        """Close what is still open."""
        ...


class MemoryPlace:
    """A memory store that is opened again and again."""

    def __init__(self) -> None:
        self._store: MemoryStore | None = None

    def open(self) -> Store:
        self._store = MemoryStore(created=1_700_000_000.0) if self._store is None else self._store.reopened()
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


class DatabasePlace:
    """A database that is opened again and again."""

    def __init__(self, database: str, data: Path) -> None:
        self.database = database
        self.data = data
        self._stores: list[Store] = []

    def open(self) -> Store:
        self._stores.append(open_store(self.database, data=self.data, now=1_700_000_000.0))
        return self._stores[-1]

    def close(self) -> None:
        for store in self._stores:
            store.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of our own."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    made = Cluster(programs)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def _database(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def farm_database(cluster: Cluster, _database: str) -> Iterator[str]:
    """The name of an empty database in ``cluster``."""
    yield _database
    cluster.empty_database(_database)


SQLITE = pytest.param("sqlite")
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgres)


def make_place(request: pytest.FixtureRequest, data: Path) -> Place:
    """Make the place that the parameter of ``request`` names."""
    if request.param == "memory":
        return MemoryPlace()
    if request.param == "sqlite":
        return DatabasePlace("", data)
    cluster: Cluster = request.getfixturevalue("cluster")
    return DatabasePlace(cluster.url(request.getfixturevalue("farm_database")), data)


@pytest.fixture(params=["memory", SQLITE, POSTGRESQL])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place for a store, of every kind."""
    made = make_place(request, tmp_path / "data")
    yield made
    made.close()


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place for a store, of every kind that lasts."""
    made = make_place(request, tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A store that was just made and loaded."""
    opened = place.open()
    opened.load()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server of our own."""
    if not has_mariadb():
        pytest.skip("MariaDB's server programs are not installed")
    made = MariaDb()
    yield made
    made.remove()


@pytest.fixture(params=[SQLITE, POSTGRESQL, pytest.param("mariadb", marks=pytest.mark.mariadb)])
def statistics(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty statistics database, of every kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "statistics.db")
    elif request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        yield cluster.url(request.getfixturevalue("farm_database"))
    else:
        server: MariaDb = request.getfixturevalue("mariadb")
        yield server.url()
        server.empty()
