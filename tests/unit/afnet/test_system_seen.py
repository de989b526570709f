"""Who sees the system job: administrators, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from afcore.commands import AcceptRestart
from afcore.envelope import SYSTEM_PRINCIPAL, Principal
from afcore.errors import AfError
from afcore.states import Role
from afnet.wire.messages import Refused, Rows, Subscribe
from tests.unit.afnet.pieces import FakePeer, House


@pytest.fixture
def house() -> House:
    """A server with its system job and one more."""
    house = House()
    house.runner.post(AcceptRestart(), SYSTEM_PRINCIPAL)
    house.submit()
    return house


def ask(house: House, role: Role, operation: str, **arguments: Any) -> tuple[Any, AfError | None]:
    """Ask as somebody with a role."""
    answers: list[tuple[Any, AfError | None]] = []
    who = Principal("eve", role)
    house.requests.do(operation, arguments, who, lambda reply, error: answers.append((reply, error)))
    house.loop.turn()
    return answers[0]


@pytest.mark.parametrize(("role", "seen"), [(Role.USER, [2]), (Role.VISOR, [2]), (Role.GOD, [1, 2])])
def test_only_administrators_see_it(house: House, role: Role, seen: list[int]) -> None:
    reply, _ = ask(house, role, "job.list", system=True)
    assert [row["id"] for row in reply["rows"]] == seen
    reply, _ = ask(house, role, "job.list")
    assert [row["id"] for row in reply["rows"]] == [2], "nobody looks for it among people's jobs"
    reply, error = ask(house, role, "job.show", job=1)
    assert (reply is not None) == (1 in seen) and (error is None) == (1 in seen)
    peer: Any = FakePeer(principal=Principal("eve", role))
    house.say(peer, Subscribe(1, "jobs"))
    (rows,) = peer.taken(Rows)
    assert [row.id for row in rows.rows] == seen
    house.say(peer, Subscribe(2, "tasks", {"job": 1}))
    assert bool(peer.taken(Refused)) == (1 not in seen)
