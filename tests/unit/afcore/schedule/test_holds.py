"""What holds a ready job, as a word in its row: what ``why`` says, kept true while the farm changes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from afcore import commands
from afcore.model.job import Job
from afcore.schedule.holds import _AT_ONCE_IN_ALL, FREE, MISFIT, NOBODY, TURN, UNUSABLE, Hold, Holds
from afcore.schedule.kinds import Kind
from afcore.schedule.reasons import Reason
from afcore.states import RenderState, RunStatus
from afcore.why.answer import why
from afnet.words import _HELD
from tests.unit.afcore.plays import FarmPlay, block, job

_OF_HOLDERS = (Reason.PRIORITY_ZERO, Reason.RUNNING_LIMIT, Reason.PER_HOST_ZERO, Reason.RATE, Reason.TREE_PAUSED)
"""What ``start_reason`` may answer."""


def holds_of(farm: FarmPlay) -> Holds:
    return Holds(farm.core.farm, lambda: farm.core.scheduler)


def settled(farm: FarmPlay, held: Job) -> Hold:
    """Return what is told of a job by somebody who was not there before."""
    holds = holds_of(farm)
    holds.of(held, farm.at)
    for _ in range(100):
        if not holds.due:
            break
        holds.look(farm.at)
    assert not holds.due, "looking comes to an end"
    return holds.of(held, farm.at)


def why_codes(farm: FarmPlay, of: Job) -> set[str]:
    answer = why(farm.core.farm, farm.core.scheduler, farm.at, job=of.id)
    return {each["code"] for each in (*answer["reasons"], *answer["renders"])}


@pytest.mark.parametrize(
    ("fields", "values", "hold"),
    [
        ({"hosts_mask": "cray.*"}, {}, Hold("hosts_mask")),
        ({"hosts_mask_exclude": "host.*"}, {}, Hold("hosts_mask_exclude")),
        ({"need_os": "windows"}, {}, Hold("os")),
        ({"need_memory": 9_000_000}, {}, Hold("memory")),
        ({"pools": {"/gpu": 100}}, {}, Hold("pool")),
        ({"priority": 0}, {}, Hold("priority_zero")),
        ({"max_running_tasks": 0}, {}, Hold("running_limit")),
        ({}, {"need_cpu_cores": 900}, Hold("cpu_cores")),
        ({}, {"max_running_tasks": 0}, Hold("block_limit")),
    ],
)
def test_what_no_render_satisfies_is_said_as_why_says_it(
    farm: FarmPlay, fields: dict[str, Any], values: dict[str, Any], hold: Hold
) -> None:
    for name in ("host1", "host2"):
        farm.register(name)
    held = farm.submit(job(block(**values), **fields))
    assert farm.solve() == []
    assert settled(farm, held) == hold
    assert hold.code in why_codes(farm, held)


def test_a_ticket_that_others_hold_is_named(farm: FarmPlay) -> None:
    farm.register()
    farm.do(commands.SetPools(["/"], {"tickets": {"NUKE": [1, -1]}}))
    holder = farm.submit(job(block(last=1, tickets={"NUKE": 1})))
    (holding,) = farm.solve()
    held = farm.submit(job(block(tickets={"NUKE": 1})))
    assert farm.solve() == [] and holder.running_tasks
    holds = holds_of(farm)
    assert holds.of(held, farm.at) == Hold("pool_ticket", "NUKE") and why_codes(farm, held) == {"pool_ticket"}
    farm.do(commands.SetPools(["/"], {"max_tasks_host": 1}))
    farm.report(holding)
    farm.submit(job(priority=200))
    farm.solve()
    for event in farm.outcome.events:
        holds.note(event)
    assert [holds.look(farm.at), holds.of(held, farm.at)] == [[held.id], Hold(TURN)]


def test_a_service_that_no_render_runs_is_named(farm: FarmPlay) -> None:
    farm.register()
    farm.do(commands.ChangePoolServices(["/"], "add", "generic"))
    held = farm.submit(job(block(service="maya")))
    farm.solve()
    assert settled(farm, held) == Hold("service", "maya") and why_codes(farm, held) == {"service"}


def test_a_farm_without_renders_and_one_whose_renders_left(farm: FarmPlay) -> None:
    held = farm.submit()
    assert settled(farm, held) == Hold(NOBODY)
    host = farm.register()
    farm.do(commands.DeregisterRender(host.id, farm.sessions))
    assert settled(farm, held) == Hold("offline") and why_codes(farm, held) == {"offline"}


def test_renders_with_different_reasons_fit_not_or_may_not_be_used(farm: FarmPlay) -> None:
    farm.register("near")
    farm.do(commands.AddPool("/gpu"))
    farm.register("far")
    farm.do(commands.MoveRenders(["far"], "/gpu"))
    masked = farm.submit(job(hosts_mask="near", pools={"/gpu": 100}))
    plain = farm.submit()
    farm.do(commands.SetRenders(["near"], {"NIMBY": True}))
    farm.do(commands.SetRenders(["far"], {"paused": True}))
    farm.solve()
    assert settled(farm, masked) == Hold(MISFIT)
    assert settled(farm, plain) == Hold(UNUSABLE)


def test_one_whose_own_nimby_render_is_busy_waits_for_its_turn(farm: FarmPlay) -> None:
    farm.register("desk")
    farm.do(commands.SetRenders(["desk"], {"nimby": True, "user_name": "anna", "max_tasks_host": 1}))
    farm.submit(job(user="anna"))
    assert len(farm.solve()) == 1
    own, other = farm.submit(job(user="anna")), farm.submit(job(user="ben"))
    farm.solve()
    assert (settled(farm, own), settled(farm, other)) == (Hold(TURN), Hold("nimby"))


def test_limits_are_told_with_whose_they_are(farm: FarmPlay) -> None:
    farm.register()
    held = farm.submit(job(user="anna"))
    farm.do(commands.SetUsers(["anna"], {"max_running_tasks": 0}))
    assert settled(farm, held) == Hold("running_limit", "user anna")
    farm.do(commands.SetUsers(["anna"], {"max_running_tasks": -1, "paused": True}))
    assert settled(farm, held) == Hold("tree_paused", "user anna")


def test_what_waits_for_its_turn_and_what_is_not_ready(farm: FarmPlay) -> None:
    farm.register()
    farm.do(commands.SetPools(["/"], {"max_tasks_host": 1}))
    running = farm.submit()
    farm.solve()
    waiting, paused = farm.submit(), farm.submit(job(offline=True))
    farm.solve()
    assert [settled(farm, each) for each in (running, waiting, paused)] == [FREE, Hold(TURN), FREE]


def test_one_that_failed_on_every_render_that_is_free_says_so(farm: FarmPlay) -> None:
    farm.register("near")
    farm.register("far")
    farm.do(commands.SetRenders(["far"], {"NIMBY": True}))
    held = farm.submit(job(block(errors_avoid_host=1, errors_retries=9)))
    for key in farm.solve():
        farm.report(key, RunStatus.ERROR)
    assert farm.solve() == []
    assert settled(farm, held) == Hold("avoided_by_block")


def test_fewer_renders_than_a_multihost_task_needs(farm: FarmPlay) -> None:
    farm.register("one")
    several = block(last=1, multihost_min=3, multihost_max=4)
    several.settle()
    held = farm.submit(job(several))
    farm.solve()
    assert settled(farm, held) == Hold("too_few_hosts", "3")


def test_a_limit_that_was_reached_and_left_between_two_looks_is_not_told_for_ever(farm: FarmPlay) -> None:
    farm.register()
    farm.do(commands.SetPools(["/"], {"max_tasks_host": 2}))
    holds = holds_of(farm)

    def happens() -> None:
        for event in farm.outcome.events:
            holds.note(event)

    farm.submit(job(user="anna", priority=1))
    farm.do(commands.SetUsers(["anna"], {"max_running_tasks": 1}))
    (running,) = farm.solve()
    held = farm.submit(job(user="anna"))
    farm.submit(job(user="ben", priority=200))
    assert holds.of(held, farm.at) == Hold("running_limit", "user anna"), "somebody begins to look"
    farm.do(commands.SetRenders(["host1"], {"paused": True}))
    happens()
    farm.report(running)
    happens()
    assert holds.look(farm.at) == [held.id]
    assert holds.of(held, farm.at) == settled(farm, held) == Hold("paused")


def test_what_is_half_looked_at_when_pools_change_is_looked_at_anew(farm: FarmPlay) -> None:
    for name in ("near", "mid", "far"):
        farm.register(name)
    farm.do(commands.SetPools(["/"], {"paused": True}))
    held = farm.submit(job(block(service="maya")))
    farm.solve()
    farm.core.scheduler.rank_now()
    holds = holds_of(farm)
    assert holds.of(held, farm.at) == Hold("pool_paused")
    holds.look(farm.at)
    farm.do(commands.SetRenders(["near", "mid", "far"], {"annotation": "new"}))
    for event in farm.outcome.events:
        holds.note(event)
    assert holds.look(farm.at, units=2) == [] and holds.behind, "one of three is not looked at yet"
    farm.do(commands.ChangePoolServices(["/"], "add", "generic"))
    for event in farm.outcome.events:
        holds.note(event)
    while holds.due:
        holds.look(farm.at)
    assert holds.of(held, farm.at) == settled(farm, held) == Hold("service", "maya")


def test_rows_of_many_kinds_look_at_some_renders_and_a_look_at_as_many_as_it_may(
    farm: FarmPlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        farm.register(f"pc{number}")
    jobs = [farm.submit(job(hosts_mask=f"cray{number}.*")) for number in range(100)]
    farm.core.scheduler.rank_now()
    looked = []
    standing = Kind.standing
    monkeypatch.setattr(Kind, "standing", lambda kind, render: looked.append(render) or standing(kind, render))
    holds = holds_of(farm)
    told = {each.id: holds.of(each, farm.at) for each in jobs}
    assert set(told.values()) == {Hold("hosts_mask"), FREE} and 0 < len(looked) <= 2 * _AT_ONCE_IN_ALL
    farm.do(commands.SetPools(["/"], {"annotation": "new", "priority": 98}))
    for event in farm.outcome.events:
        holds.note(event)
    while holds.due:
        looked.clear()
        for id in holds.look(farm.at, units=100):
            told[id] = Hold("?")
        assert len(looked) <= 2 * 100, "each render of each kind counts"
    assert {holds.of(each, farm.at) for each in jobs} == {Hold("hosts_mask")}


def test_another_setting_asks_everything_again(farm: FarmPlay) -> None:
    farm.register()
    held = farm.submit(job(block(capacity=1_000_000)))
    farm.solve()
    holds = holds_of(farm)
    assert holds.of(held, farm.at) == Hold("capacity")
    while holds.due:
        holds.look(farm.at)
    farm.core.adopt(replace(farm.core.farm.defaults, capacity_per_core=1_000_000))
    assert holds.due and holds.look(farm.at) == [held.id]
    assert holds.of(held, farm.at) == Hold(TURN)


@pytest.mark.parametrize("seed", range(6))
def test_what_was_told_follows_whatever_happens(farm: FarmPlay, seed: int) -> None:
    chance, holds, told = random.Random(seed), holds_of(farm), dict[int, Hold]()
    running = []

    def some(*names: str) -> list[str]:
        return [chance.choice(names)]

    for name in ("a1", "a2", "b1"):
        farm.register(name)
    farm.do(commands.AddPool("/b"))
    for _ in range(60):
        deed = chance.randrange(10)
        if deed < 3:
            asks = {"hosts_mask": chance.choice(("", "a.*", "b.*", "c.*")), "user": chance.choice(("ann", "ben"))}
            farm.submit(job(block(service=chance.choice(("generic", "maya"))), **asks))
        elif deed == 3:
            farm.do(commands.SetRenders(some("a1", "a2", "b1"), {"NIMBY": chance.choice((False, True))}))
        elif deed == 4:
            render = farm.core.farm.renders[chance.randrange(3) + 1]
            if render.state & RenderState.ONLINE:
                farm.do(commands.DeregisterRender(render.id, render.session))
                running = [key for key in running if farm.core.farm.runs.look(key) is not None]
            else:
                farm.register(render.name)
        elif deed == 5 and farm.core.farm.users:
            user = chance.choice(list(farm.core.farm.users.values())).name
            farm.do(commands.SetUsers([user], {"max_running_tasks": chance.choice((-1, 1, 0))}))
        elif deed == 6:
            farm.do(commands.ChangePoolServices(["/"], chance.choice(("enable", "disable")), "maya"))
        elif deed == 7 and running:
            farm.report(running.pop(0))
        else:
            running += farm.solve()
        for event in farm.outcome.events:
            holds.note(event)
            # As the board would: whatever an event says of a job has its row made anew.
            of = farm.core.farm.jobs.get(getattr(event, "job", 0))
            if of is not None:
                told[of.id] = holds.of(of, farm.at)
        if chance.random() < 0.3:
            for id in holds.look(farm.at):
                told[id] = holds.of(farm.core.farm.jobs[id], farm.at)
    running += farm.solve()
    for event in farm.outcome.events:
        holds.note(event)
        of = farm.core.farm.jobs.get(getattr(event, "job", 0))
        if of is not None:
            told[of.id] = holds.of(of, farm.at)
    for _ in range(100):
        for id in holds.look(farm.at):
            told[id] = holds.of(farm.core.farm.jobs[id], farm.at)
        if not holds.due:
            break
    assert told
    truth = {id: settled(farm, farm.core.farm.jobs[id]) for id in told}
    assert told == truth


def test_every_word_has_its_text() -> None:
    from afcore.schedule import holds

    codes = {reason.name.lower() for reason in (*holds._LEVEL_OF, *_OF_HOLDERS)}
    assert {TURN, NOBODY, MISFIT, UNUSABLE, "too_few_hosts", "avoided_by_block", "block_limit", *codes} <= set(_HELD)
