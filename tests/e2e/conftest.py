"""Fixtures of the tests with real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import FarmProcess


@pytest.fixture
def farm_process(tmp_path: Path) -> Iterator[FarmProcess]:
    """A farm whose server is started; agents are started by the test."""
    farm = FarmProcess(tmp_path / "farm")
    try:
        farm.start_server()
        yield farm
    finally:
        farm.close()


@pytest.fixture
def new_farm(tmp_path: Path) -> Iterator[Callable[[], FarmProcess]]:
    """Makes farms of which nothing is started yet."""
    farms: list[FarmProcess] = []

    def make() -> FarmProcess:
        farms.append(FarmProcess(tmp_path / f"farm{len(farms)}"))
        return farms[-1]

    yield make
    for farm in farms:
        farm.close()
