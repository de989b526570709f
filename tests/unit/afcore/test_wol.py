"""Sleep and wake, with their states, times and failures; and the other instructions to renders."""

from __future__ import annotations

import json
from typing import Any

import pytest

from afcore.commands import (
    AcceptRestart,
    AddPool,
    DeleteRenders,
    DeregisterRender,
    ExitRenders,
    FailInstruction,
    MeasureRender,
    MoveRenders,
    PowerRenders,
    SetPools,
    SetRenders,
    SleepRenders,
    WakeRenders,
)
from afcore.core import Core
from afcore.effects import InstructRender
from afcore.envelope import Principal
from afcore.errors import BadSpec, Conflict, NotAllowed
from afcore.model.render import Render
from afcore.runspec import run_fields
from afcore.states import RenderState, Role
from afcore.systemcommand import SystemBlock
from afcore.views import render_row, render_words
from tests.unit.afcore.plays import FarmPlay, block, job

CARDS = [
    {"name": "lo", "mac": "00:00:00:00:00:00"},
    {"name": "e0", "mac": "00:11:22:33:44:55"},
    {"mac": "aabbccddeeff"},
]


@pytest.fixture
def play(farm: FarmPlay) -> FarmPlay:
    """A farm whose renders are lost after 20 s."""
    farm.do(AcceptRestart())
    farm.do(SetPools(["/"], {"zombie_time": 20}))
    return farm


def sleeper(play: FarmPlay, name: str = "r1", **words: Any) -> Render:
    """Return a render that sleeps."""
    render = play.register(name, interfaces=CARDS, **words)
    play.do(SleepRenders([name]))
    play.tick(21)
    assert render_words(render) == ["offline", "sleeping"]
    return render


def speak(play: FarmPlay, render: Render, **resources: Any) -> None:
    """Let an online render say that it lives."""
    play.do(MeasureRender(render.id, render.session, {"cpu_num": 2, **resources}))


def instructed(play: FarmPlay) -> list[tuple[int, str]]:
    """Return what renders were told by the last command."""
    return [(each.render, each.what) for each in play.outcome.effects if isinstance(each, InstructRender)]


def test_a_render_falls_asleep_and_takes_nothing_meanwhile(play: FarmPlay) -> None:
    render = play.register("r1", interfaces=CARDS)
    play.do(SleepRenders(["r1"]))
    assert instructed(play) == [(render.id, "sleep")]
    assert render_row(play.core.farm, render).short == ["ONL", "WFL"] and render.wol_operation_time == play.at
    play.submit()
    assert play.solve() == []
    play.tick(21)
    assert render_row(play.core.farm, render).short == ["OFF", "WSL"]
    play.crash()
    render = play.core.farm.renders[render.id]
    assert render_words(render) == ["offline", "sleeping"], "also after a restart"
    play.register("r1", interfaces=CARDS)
    assert render_words(render) == ["online"], "who registers is awake"


def test_a_falling_render_is_asleep_after_a_restart(play: FarmPlay) -> None:
    render = play.register("r1", interfaces=CARDS)
    play.do(SleepRenders(["r1"]))
    play.crash()
    assert render_words(play.core.farm.renders[render.id]) == ["offline", "sleeping"]


def test_sleep_is_refused_to_who_could_not_be_woken_or_works(play: FarmPlay) -> None:
    play.register("bare", interfaces=[{"mac": "00:00:00:00:00:00"}])
    busy = play.register("busy", interfaces=CARDS)
    play.submit(job(hosts_mask="busy"))
    assert play.solve()
    with pytest.raises(Conflict, match='"bare" has no network card.*"busy" runs tasks'):
        play.do(SleepRenders(["bare", "busy"]))
    assert not busy.state & RenderState.WOL_FALLING
    sleeper(play, "deep")
    with pytest.raises(Conflict, match="asleep already"):
        play.do(SleepRenders(["deep"]))


def test_another_render_wakes_the_sleeper_by_all_its_cards(play: FarmPlay) -> None:
    render = sleeper(play, address="10.0.0.7")
    play.do(WakeRenders(["r1"]))
    assert render_row(play.core.farm, render).short == ["OFF", "WSL", "WWK"] and render.wol_operation_time == play.at
    with pytest.raises(Conflict, match="woken already"):
        play.do(WakeRenders(["r1"]))
    helper = play.register("helper")
    (key,) = play.solve()
    fields = run_fields(play.core.farm, key)
    assert (key.block, play.core.farm.runs[key].render, fields["service"]) == (
        SystemBlock.WAKE_ON_LAN, helper.id, "wakeonlan",
    )  # fmt: skip
    told = json.loads(fields["task_command"])
    assert [card["mac"] for card in told["netifs"]] == ["001122334455", "aabbccddeeff"]
    assert (told["name"], told["address"]["ip"], fields["user_name"]) == ("r1", "10.0.0.7", "r1")
    play.report(key)
    play.register("r1", interfaces=CARDS)
    assert render_words(render) == ["online"]
    with pytest.raises(Conflict, match="is awake"):
        play.do(WakeRenders(["r1"]))


def test_who_does_not_come_can_be_woken_again(play: FarmPlay) -> None:
    render = sleeper(play)
    play.do(WakeRenders(["r1"]))
    play.tick(301)
    assert render_words(render) == ["offline", "sleeping"] and "did not come" in render.trouble
    play.do(WakeRenders(["r1"]))
    assert render.trouble == ""


def test_who_still_speaks_after_minutes_did_not_fall_asleep(play: FarmPlay) -> None:
    render = play.register("r1", interfaces=CARDS)
    play.do(SleepRenders(["r1"]))
    for _ in range(14):
        play.at += 9
        speak(play, render)
    play.tick()
    assert render_words(render) == ["online"] and "still answers" in render.trouble


def test_a_command_that_fails_is_told_by_the_agent(play: FarmPlay) -> None:
    render = play.register("r1", interfaces=CARDS)
    play.do(SleepRenders(["r1"]))
    node = Principal("r1", Role.NODE, render=render.id)
    play.do(FailInstruction(render.id, 99, "sleep", "old"), node)
    assert render.state & RenderState.WOL_FALLING, "an earlier connection does not matter"
    play.do(FailInstruction(render.id, render.session, "sleep", "no such program"), node)
    assert render_words(render) == ["online"] and render.trouble == "sleep: no such program"
    with pytest.raises(NotAllowed):
        play.do(FailInstruction(render.id + 1, 1, "sleep", ""), node)


def test_a_render_that_left_is_not_asleep(play: FarmPlay) -> None:
    render = play.register("r1", interfaces=CARDS)
    play.do(DeregisterRender(render.id, render.session))
    assert render_words(render) == ["offline"]
    play.do(WakeRenders(["r1"]))
    assert render.state & RenderState.WOL_WAKING, "who is off can be woken too"


def test_the_farm_tells_and_never_how(play: FarmPlay) -> None:
    render = play.register("r1", user_name="ann")
    god, ann, bob = Principal("root", Role.GOD), Principal("ann", Role.USER), Principal("bob", Role.USER)
    play.do(ExitRenders(["r1"]), ann)
    assert instructed(play) == [(render.id, "exit")]
    play.do(ExitRenders(["r1"], restart=True), ann)
    assert instructed(play) == [(render.id, "restart")]
    for what in ("reboot", "shutdown"):
        play.do(PowerRenders(["r1"], what), god)
        assert instructed(play) == [(render.id, what)]
        with pytest.raises(NotAllowed):
            play.do(PowerRenders(["r1"], what), Principal("vera", Role.VISOR))
    for command in (ExitRenders(["r1"]), SleepRenders(["r1"]), WakeRenders(["r1"])):
        with pytest.raises(NotAllowed):
            play.do(command, bob)
    with pytest.raises(BadSpec, match="rm -rf"):
        play.do(PowerRenders(["r1"], "rm -rf /"))
    play.do(DeregisterRender(render.id, render.session))
    with pytest.raises(Conflict, match="offline"):
        play.do(ExitRenders(["r1"]))


# Work that waits


def woken(play: FarmPlay, seconds: float = 15) -> list[str]:
    """Let some time pass; return who is being woken."""
    play.solve()
    end = play.at + seconds
    while (deadline := play.core.deadline()) is not None and deadline <= end:
        play.tick(max(0.0, deadline - play.at))
        play.solve()
    play.at = max(play.at, end)
    return [render.name for render in play.core.farm.renders.values() if render.state & RenderState.WOL_WAKING]


def test_sleepers_are_woken_for_work_that_waits_one_by_one(play: FarmPlay) -> None:
    for name in ("a", "b", "c"):
        sleeper(play, name)
    assert woken(play) == [], "nothing waits"
    play.submit(job(block(first=1, last=2)))
    begin = play.at
    assert woken(play, 5) == ["a"], "at once, for nobody was woken lately"
    assert woken(play, 10) == ["a", "b"] and play.at - begin >= 10
    assert woken(play, 100) == ["a", "b"], "two tasks need no third"


@pytest.mark.parametrize(
    "prepare",
    [
        lambda play: play.submit(job(hosts_mask="other")),
        lambda play: play.submit(job(block(need_memory=9000))),
        lambda play: play.submit(job(block(capacity=9000))),
        lambda play: play.submit(job(offline=True)),
        lambda play: play.submit(job(max_running_tasks=0)),
        lambda play: (play.do(SetRenders(["a"], {"priority": 0})), play.submit()),
        lambda play: (play.do(SetRenders(["a"], {"paused": True})), play.submit()),
        lambda play: (play.do(SetPools(["/"], {"paused": True})), play.submit()),
    ],
)
def test_nobody_is_woken_for_what_it_could_not_take(play: FarmPlay, prepare: Any) -> None:
    sleeper(play, "a")
    prepare(play)
    assert woken(play, 60) == []


def test_idle_renders_are_put_to_sleep_by_their_pool(play: FarmPlay) -> None:
    play.do(AddPool("/night"))
    play.do(SetPools(["/night"], {"idle_cpu": 10, "idle_wolsleep_time": 60}))
    render = play.register("r1", interfaces=CARDS)
    other = play.register("other")
    play.do(MoveRenders(["r1", "other"], "/night"))
    told: list[tuple[int, str]] = []
    for cpu_idle in (50, 50, 50, 95, 95, 95, 95, 95, 95, 95, 95):
        play.at += 9
        for each in (render, other):
            speak(play, each, cpu_idle=cpu_idle)
        play.tick()
        told += instructed(play)
    assert told == [(render.id, "sleep")], "not the one that nobody could wake"
    assert render.wol_operation_time > play.at - 30


def test_a_deleted_sleeper_is_forgotten(play: FarmPlay) -> None:
    render = sleeper(play)
    assert list(play.core.deadlines.sleepers) == [render.id]
    assert list(Core(play.core.farm).deadlines.sleepers) == [render.id]
    play.do(DeleteRenders(["r1"]))
    assert not play.core.deadlines.sleepers
