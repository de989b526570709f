"""The composition root: a server without a door opened, and what it does when it breaks."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afcore.commands import AddUser
from afcore.config import Config
from afcore.envelope import Envelope
from afcore.errors import AfError, Bug, Corrupt, Unavailable
from afcore.store.memory import MemoryStore
from afnet.registry import OPERATIONS
from afnet.server.app import FarmServer, build_server
from afnet.server.clock import Clock
from afnet.server.queries import Queries
from tests.unit.afnet.pieces import ANN


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    threshold = gc.get_threshold()
    made = asyncio.new_event_loop()
    try:
        yield made
    finally:
        made.close()
        gc.unfreeze()
        gc.set_threshold(*threshold)


@pytest.fixture
def server(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> FarmServer:
    return build_server(Config(), clock=Clock(), store=MemoryStore(), data=tmp_path, listen=[], loop=loop)


def test_every_query_of_the_registry_is_answered(server: FarmServer) -> None:
    queries: Queries = server.queries
    assert queries.names == {name for name, operation in OPERATIONS.items() if operation.kind == "query"}


def test_a_mistake_of_the_core_is_written_down_and_stops_the_server(
    server: FarmServer, loop: asyncio.AbstractEventLoop, tmp_path: Path, expected_logs: Any
) -> None:
    expected_logs("made a mistake and stops")
    answers: list[AfError | None] = []

    def apply(envelope: Envelope[Any]) -> Any:
        raise Bug("a counter is below zero")

    server.core.apply = apply  # type: ignore[method-assign]
    server.runner.post(AddUser("ann"), ANN, lambda reply, error: answers.append(error))
    assert loop.run_until_complete(asyncio.wait_for(server.wait(), 60)) == 3
    assert isinstance(answers[0], Unavailable)
    (dump,) = (tmp_path / "dumps").iterdir()
    content = json.loads(dump.read_text())
    assert content["error"] == "a counter is below zero"
    assert content["envelope"]["command"] == {"type": "add_user", "name": "ann"}
    assert "Traceback" in content["traceback"]


def test_a_database_that_fails_for_good_stops_the_server(
    server: FarmServer, loop: asyncio.AbstractEventLoop, expected_logs: Any
) -> None:
    expected_logs("The server stops")
    server._store_failed(Corrupt("the journal has a hole"))
    assert loop.run_until_complete(asyncio.wait_for(server.wait(), 60)) == 4


def test_status_says_how_it_is(server: FarmServer, expected_logs: Any) -> None:
    expected_logs("nothing new starts")
    assert server.status()["trouble"] == ""
    server._store_away(Unavailable("the disk is full"))
    assert server.status()["trouble"] == "the disk is full"
