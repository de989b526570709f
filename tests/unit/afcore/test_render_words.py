"""What a render is known by: every attribute, every parameter and every state of it has its meaning."""

from __future__ import annotations

from typing import Any

import pytest

from afcore.commands import (
    ChangeRenderServices,
    DeregisterRender,
    MeasureRender,
    SetPools,
    SetRenders,
    SleepRenders,
    WakeRenders,
)
from afcore.envelope import Principal
from afcore.errors import BadSpec, Conflict, NotAllowed
from afcore.rows import RenderRow
from afcore.states import Role, RunStatus
from afcore.views import render_row
from tests.unit.afcore.plays import FarmPlay, block, job

CARDS = [{"name": "e0", "mac": "00:11:22:33:44:55", "ips": ["10.0.0.7/24"]}]
GOD = Principal("root", Role.GOD)
ANN = Principal("ann", Role.USER)


def row(farm: FarmPlay, name: str = "r1") -> RenderRow:
    """Return the row of a render."""
    return render_row(farm.core.farm, farm.core.farm.renders[farm.core.farm.renders_by_name[name]])


# Attributes


def test_name_is_of_one_render_only(farm: FarmPlay) -> None:
    farm.register("r1", instance="a")
    with pytest.raises(Conflict, match="connected already"):
        farm.register("r1", instance="b")
    assert row(farm).name == "r1" and len(farm.core.farm.renders) == 1


def test_address_and_its_family_are_where_it_is(farm: FarmPlay) -> None:
    farm.register("r1", address="fd00::7", family=6)
    assert (row(farm).address, row(farm).family) == ("fd00::7", 6)


def test_netifs_are_its_network_cards(farm: FarmPlay) -> None:
    farm.register("r1", interfaces=CARDS)
    assert row(farm).interfaces == CARDS


def test_time_launch_is_when_its_agent_was_started(farm: FarmPlay) -> None:
    farm.register("r1", launched=123.0)
    assert row(farm).launched == 123.0


def test_time_register_is_when_it_last_came(farm: FarmPlay) -> None:
    farm.register("r1")
    first = row(farm).registered
    farm.tick(10)
    assert row(farm).registered == first
    farm.register("r1")
    assert row(farm).registered == farm.at > first


def test_time_update_is_when_it_last_spoke(farm: FarmPlay) -> None:
    render = farm.register("r1")
    farm.at += 7
    farm.do(MeasureRender(render.id, render.session, {"cpu_num": 2}))
    assert row(farm).seen == farm.at


def test_wol_operation_time_is_when_it_was_last_told_to_sleep_or_woken(farm: FarmPlay) -> None:
    render = farm.register("r1", interfaces=CARDS)
    assert row(farm).wol_operation_time == 0
    farm.do(SleepRenders(["r1"]))
    assert row(farm).wol_operation_time == farm.at
    farm.tick(100)
    farm.do(WakeRenders(["r1"]))
    assert row(farm).wol_operation_time == farm.at and render.lost == 0


def test_tasks_are_what_runs_there(farm: FarmPlay) -> None:
    farm.register("r1", cores=2)
    farm.submit(job(block(first=1, last=2), user="bob"))
    farm.solve()
    assert row(farm).running == 2
    assert [(run.user, run.job_name, run.name) for run in row(farm).runs] == [
        ("bob", "shot", "frame 1"),
        ("bob", "shot", "frame 2"),
    ]


def test_capacity_used_is_what_they_take(farm: FarmPlay) -> None:
    farm.register("r1", cores=4)
    farm.submit(job(block(first=1, last=2, capacity=700)))
    farm.solve()
    assert row(farm).used_capacity == 1400


# Parameters


def test_user_name_is_changed_by_administrators_only(farm: FarmPlay) -> None:
    farm.register("r1", user_name="ann")
    with pytest.raises(NotAllowed, match="role god"):
        farm.do(SetRenders(["r1"], {"user_name": "bob"}), ANN)
    farm.do(SetRenders(["r1"], {"user_name": "bob", "nimby": True}), GOD)
    assert row(farm).user == "bob"
    farm.submit(job(user="ann", name="a"))
    assert farm.solve() == []
    farm.submit(job(user="bob", name="b"))
    assert farm.solve(), "nimby leaves it to its user"


def test_priority_decides_who_gets_a_task_first(farm: FarmPlay) -> None:
    for name in ("a", "b", "c"):
        farm.register(name)
    farm.do(SetRenders(["b"], {"priority": 120}))
    farm.submit(job(block(first=1, last=1)))
    (key,) = farm.solve()
    assert farm.core.farm.runs[key].render == farm.core.farm.renders_by_name["b"]
    with pytest.raises(BadSpec, match="0 to 255"):
        farm.do(SetRenders(["b"], {"priority": 256}))


def test_priority_zero_gets_nothing(farm: FarmPlay) -> None:
    farm.register("r1")
    farm.do(SetRenders(["r1"], {"priority": 0}))
    farm.submit()
    assert farm.solve() == []


def test_capacity_of_its_own_counts_before_its_pools(farm: FarmPlay) -> None:
    farm.register("r1", cores=8)
    farm.do(SetPools(["/"], {"capacity_host": 5000}))
    assert row(farm).capacity == 5000
    farm.do(SetRenders(["r1"], {"capacity_host": 1500}))
    farm.submit(job(block(first=1, last=3)))
    assert len(farm.solve()) == 1 and row(farm).capacity == 1500


def test_max_tasks_of_its_own_counts_before_its_pools(farm: FarmPlay) -> None:
    farm.register("r1", cores=8)
    farm.do(SetPools(["/"], {"max_tasks_host": 4}))
    farm.do(SetRenders(["r1"], {"max_tasks_host": 2}))
    farm.submit(job(block(first=1, last=9)))
    assert len(farm.solve()) == 2 and row(farm).max_tasks == 2


def test_services_are_what_it_runs_and_its_pool_decides_when_there_are_none(farm: FarmPlay) -> None:
    farm.register("r1")
    farm.do(SetRenders(["r1"], {"services": ["maya"]}))
    farm.submit(job(block(service="nuke")))
    assert farm.solve() == [] and row(farm).services == ["maya"]
    farm.do(SetRenders(["r1"], {"services": []}))
    assert farm.solve()


def test_services_disabled_are_what_it_does_not_run(farm: FarmPlay) -> None:
    farm.register("r1")
    farm.do(SetRenders(["r1"], {"services": ["maya", "nuke"]}))
    farm.do(ChangeRenderServices(["r1"], "disable", "nuke"))
    farm.submit(job(block(service="nuke")))
    assert farm.solve() == [] and row(farm).services_disabled == ["nuke"]
    farm.do(ChangeRenderServices(["r1"], "enable", "nuke"))
    assert farm.solve()


def test_annotation_is_a_note(farm: FarmPlay) -> None:
    farm.register("r1", user_name="ann")
    farm.do(SetRenders(["r1"], {"annotation": "noisy fan"}), ANN)
    assert row(farm).annotation == "noisy fan"


# States


def busy(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=1)))
    farm.solve()


def leave(farm: FarmPlay) -> None:
    render = farm.core.farm.renders[1]
    farm.do(DeregisterRender(render.id, render.session))


def sicken(farm: FarmPlay) -> None:
    farm.do(SetPools(["/"], {"sick_errors_count": 1}))
    busy(farm)
    (key,) = farm.core.farm.runs
    farm.report(key, RunStatus.PARSER_FATAL)


def sleep(farm: FarmPlay) -> None:
    farm.do(SleepRenders(["r1"]))


def sleeping(farm: FarmPlay) -> None:
    sleep(farm)
    farm.tick(100)


def waking(farm: FarmPlay) -> None:
    sleeping(farm)
    farm.do(WakeRenders(["r1"]))


def edited(**parameters: Any) -> Any:
    return lambda farm: farm.do(SetRenders(["r1"], parameters))


@pytest.mark.parametrize(
    ("make", "words", "short"),
    [
        (lambda farm: None, ["online"], ["ONL"]),
        (leave, ["offline"], ["OFF"]),
        (edited(nimby=True), ["online", "nimby"], ["ONL", "Nby"]),
        (edited(NIMBY=True), ["online", "NIMBY"], ["ONL", "NBY"]),
        (busy, ["online", "busy"], ["ONL", "RUN"]),
        (edited(capacity_host=5), ["online", "dirty"], ["ONL", "DRT"]),
        (edited(max_tasks_host=5), ["online", "dirty"], ["ONL", "DRT"]),
        (lambda farm: farm.do(ChangeRenderServices(["r1"], "disable", "x")), ["online", "dirty"], ["ONL", "DRT"]),
        (sleep, ["online", "falling asleep"], ["ONL", "WFL"]),
        (sleeping, ["offline", "sleeping"], ["OFF", "WSL"]),
        (waking, ["offline", "sleeping", "waking up"], ["OFF", "WSL", "WWK"]),
        (edited(paused=True), ["online", "paused"], ["ONL", "PAU"]),
        (sicken, ["online", "sick"], ["ONL", "SIC"]),
    ],
)
def test_states_by_name_and_abbreviation(farm: FarmPlay, make: Any, words: list[str], short: list[str]) -> None:
    farm.register("r1", interfaces=CARDS)
    make(farm)
    assert (row(farm).words, row(farm).short) == (words, short)
