"""Agents that announce themselves wait as long as they ask."""

from __future__ import annotations

import pytest

from afcore.errors import Conflict, LimitReached, NotFound
from afnet.server.nodes import Nodes


def test_who_asks_no_more_waits_no_more_and_leaves_its_name_to_others() -> None:
    now = [1000.0]
    nodes = Nodes(now=lambda: now[0])
    for number in range(8):
        nodes.announce(f"r{number}", "request", f"key {number}", "192.0.2.1")
    with pytest.raises(LimitReached):
        nodes.announce("r9", "request", "key 9", "192.0.2.1")
    with pytest.raises(Conflict):
        nodes.announce("r0", "request", "another key", "192.0.2.2")
    now[0] += 200
    since = nodes.announce("r1", "request", "key 1", "192.0.2.1").since
    assert since == 1000.0
    now[0] += 200
    assert [row["name"] for row in nodes.rows("waits")] == ["r1"]
    with pytest.raises(NotFound):
        nodes.waiting("r0")
    nodes.announce("r0", "request", "another key", "192.0.2.2")
    assert nodes.waiting("r0").key == "another key"
