"""What a person waits for crosses from the link at once; what changes by itself is gathered."""

from __future__ import annotations

import random
from typing import Any

import pytest

from afnet.client.servers import Address
from afnet.wire.messages import Hello
from afwatch.bridge import Bridge
from afwatch.changes import Answered, Arrival, RowsCame
from tests.gui.conftest import Spin


def rows_came(version: int, *, whole: bool = False) -> RowsCame:
    return RowsCame(1, version, [], [], whole, [])


@pytest.mark.parametrize("awaited", (Answered(7, {}), rows_came(4, whole=True)))
def test_what_is_waited_for_takes_along_what_came_before(
    awaited: Arrival, application: Any, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afwatch.bridge._PAUSE_MS", 3_600_000)
    came: list[Arrival] = []
    bridge = Bridge([Address("127.0.0.1", 1)], Hello([], "afwatch", "client"), came.extend, chance=random.Random(1))
    bridge._put(rows_came(1, whole=True))
    spin(lambda: came, "the first rows")
    bridge._put(rows_came(2))
    bridge._put(rows_came(3))
    for _ in range(20):
        application.processEvents()
    assert len(came) == 1, "rows that changed by themselves wait for others"
    bridge._put(awaited)
    spin(lambda: len(came) == 4, "what was waited for")
    assert [getattr(arrival, "version", 0) for arrival in came] in ([1, 2, 3, 0], [1, 2, 3, 4])
    bridge._put(rows_came(5))
    for _ in range(20):
        application.processEvents()
    assert len(came) == 4, "and then they wait again"
    bridge.close()
