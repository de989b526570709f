"""Rows of ready jobs say what they wait for, and come anew when that is something else."""

from __future__ import annotations

from typing import Any

import pytest

from afcore import commands
from afcore.envelope import SYSTEM_PRINCIPAL
from afcore.schedule.kinds import Kind
from afnet.server.rowmaking import MAKERS
from afnet.wire.messages import Rows, Subscribe
from tests.unit.afnet.pieces import FakePeer, House


def submit(house: House, **fields: Any) -> int:
    block = {"name": "b", "service": "generic", "command": "x", "frame_first": 1, "frame_last": 3}
    return int(house.ask("job.submit", job={"name": "j", "user_name": "jo", "blocks": [block], **fields})["id"])


def register(house: House, name: str) -> None:
    resources = {"cpu_num": 2}
    command = commands.RegisterRender(name=name, session=1, instance="a", resources=resources, running=[])
    house.runner.post(command, SYSTEM_PRINCIPAL)


def news(house: House, peer: FakePeer) -> dict[int, str]:
    house.loop.pass_time(2)
    return {row.id: row.held for rows in peer.taken(Rows) for row in rows.rows}


def test_a_job_that_no_render_fits_says_so_until_one_comes() -> None:
    house, peer = House(), FakePeer()
    house.say(peer, Subscribe(1, "jobs", {}, 0, 0.1))
    wants = submit(house, hosts_mask="cray.*")
    assert news(house, peer)[wants] == "no_renders"
    register(house, "pc1")
    assert news(house, peer) == {wants: "hosts_mask"}, "nothing happened to the job itself"
    house.ask("user.set", names=["jo"], parameters={"paused": True})
    assert news(house, peer) == {wants: "tree_paused"}
    house.ask("user.set", names=["jo"], parameters={"paused": False})
    register(house, "cray1")
    assert news(house, peer) == {wants: ""}, "it runs"


def test_while_nothing_changes_nobody_looks() -> None:
    house, peer = House(), FakePeer()
    house.say(peer, Subscribe(1, "jobs", {}, 0, 0.1))
    submit(house, hosts_mask="cray.*")
    register(house, "pc1")
    news(house, peer)
    assert not house.board.holds_due and house.fanout._timer is None


def test_who_asks_when_nobody_watches_is_told_what_holds_now() -> None:
    house = House()
    wants = submit(house, hosts_mask="cray.*")

    def held() -> str:
        at = house.clock.now()
        return house.board.complete(MAKERS["jobs"](house.core.farm, wants, at), at).held

    assert held() == "no_renders"
    register(house, "pc1")
    house.loop.turn()
    assert held() == "hosts_mask"


def test_the_rows_of_one_page_share_what_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    house, looked = House(), []
    jobs = [submit(house, hosts_mask="cray.*") for _ in range(5)]
    for number in range(20):
        register(house, f"pc{number}")
    house.loop.turn()
    standing = Kind.standing
    monkeypatch.setattr(Kind, "standing", lambda kind, render: looked.append(render) or standing(kind, render))
    at = house.clock.now() + 1
    rows = [house.board.complete(MAKERS["jobs"](house.core.farm, id, at), at) for id in jobs]
    assert [row.held for row in rows] == ["hosts_mask"] * 5
    once = len(looked)
    assert 0 < once < 5 * 20
    house.board.complete(rows[0], at + 1)
    assert len(looked) > once, "another page is of another moment"
