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


@pytest.fixture
def farm_database(cluster: Cluster) -> Iterator[str]:
    """The name of an empty database in ``cluster``."""
    name = cluster.new_database()
    yield name
    cluster.drop_database(name)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place for a store, empty."""
    made: Place
    if request.param == "memory":
        made = MemoryPlace()
    elif request.param == "sqlite":
        made = DatabasePlace("", tmp_path / "data")
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        made = DatabasePlace(cluster.url(request.getfixturevalue("farm_database")), tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A store that was just made and loaded."""
    opened = place.open()
    opened.load()
    yield opened
    opened.close()
