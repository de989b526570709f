"""The numbers by which screens sort the jobs of a user: they say what the farm's lists say, and change seldom."""

from __future__ import annotations

import random

import pytest

from afnet.wire.messages import Rows, Subscribe
from tests.unit.afnet.pieces import FakePeer, House


@pytest.fixture
def house() -> House:
    return House()


def submit_of(house: House, user: str, priority: int) -> int:
    block = {"name": "b", "service": "generic", "command": "x", "frame_first": 1, "frame_last": 3}
    job = {"name": "j", "user_name": user, "priority": priority, "offline": True, "blocks": [block]}
    return int(house.ask("job.submit", job=job)["id"])


@pytest.mark.parametrize("seed", range(4))
def test_numbers_say_the_order_of_the_farm_whatever_is_done(house: House, seed: int) -> None:
    chance = random.Random(seed)

    def submit() -> int:
        return submit_of(house, chance.choice(("jo", "anna")), chance.choice((10, 20)))

    jobs = [submit() for _ in range(8)]
    peer = FakePeer()
    house.say(peer, Subscribe(1, "jobs", {}, 0, 0.1))
    known = {}
    for step in range(40):
        deed = chance.randrange(5)
        if deed == 0:
            jobs.append(submit())
        elif deed == 1 and len(jobs) > 4:
            house.ask("job.delete", ids=[jobs.pop(chance.randrange(len(jobs)))])
        elif deed == 2:
            house.ask("job.set", ids=[chance.choice(jobs)], parameters={"priority": chance.choice((10, 20))})
        else:
            where = chance.choice(("up", "down", "top", "bottom"))
            house.ask("job.move", ids=chance.sample(jobs, 2), where=where)
        if chance.random() < 0.5:
            continue
        house.loop.pass_time(1)
        for rows in peer.taken(Rows):
            known.update({row.id: row for row in rows.rows})
            for id in rows.gone:
                known.pop(id, None)
        for user in house.core.farm.users.values():
            shown = sorted((row for row in known.values() if row.user == user.name),
                           key=lambda row: (-row.priority, row.order))  # fmt: skip
            assert [row.id for row in shown] == [id for id in user.jobs if id in known], step


def test_a_new_job_and_a_deleted_one_give_no_other_job_another_number(house: House) -> None:
    jobs = [house.submit() for _ in range(5)]
    peer = FakePeer()
    house.say(peer, Subscribe(1, "jobs", {}, 0, 0.1))
    peer.taken(Rows)
    new = house.submit()
    house.ask("job.delete", ids=[jobs[0]])
    house.loop.pass_time(1)
    rows = peer.taken(Rows)
    assert [row.id for told in rows for row in told.rows] == [new]
    house.ask("job.move", ids=[new], where="up")
    house.loop.pass_time(1)
    assert {row.id for told in peer.taken(Rows) for row in told.rows} == {new, jobs[-1]}, "only who changed places"
