"""Events: what is told when, to whom it matters, and with which data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from afcore.commands import (
    AcceptRestart,
    AddPool,
    ChangeTasks,
    DeleteJobs,
    HealRenders,
    MeasureRender,
    MoveRenders,
    SetJobs,
    SetPools,
    SetRenders,
    SetUsers,
)
from afcore.model.render import Render
from afcore.runspec import run_fields
from afcore.states import RunStatus
from afcore.systemcommand import SYSTEM_JOB, SystemBlock
from tests.unit.afcore.plays import FarmPlay, block, job

ASK = '{"events": {}}'


@pytest.fixture
def play(farm: FarmPlay) -> FarmPlay:
    """A farm with its system job; nothing takes its commands."""
    farm.do(AcceptRestart())
    farm.do(SetJobs([SYSTEM_JOB], {"hosts_mask": "nobody"}))
    return farm


def told(farm: FarmPlay) -> list[dict[str, Any]]:
    """Return every event that was told so far, oldest first."""
    queue = farm.core.farm.system[SystemBlock.EVENTS]
    commands = [*(task.command for task in queue.tasks.values()), *queue.waiting]
    return [json.loads(command.command) for command in commands]


def names(farm: FarmPlay) -> list[str]:
    """Return the names of these events."""
    return [name for event in told(farm) for name in event["events"]]


def test_the_life_of_a_job_is_told(play: FarmPlay) -> None:
    shot = play.submit(job(block(first=1, last=2), user="bob", custom_data=ASK, folders={"out": "/prj"}))
    play.register(cores=4)
    first, second = play.solve()
    play.report(first, RunStatus.PARSER_FATAL)
    play.report(second, RunStatus.PARSER_FATAL)
    play.do(ChangeTasks(shot.id, "restart"))
    play.run_all()
    play.do(DeleteJobs([shot.id]))
    assert names(play) == ["JOB_CREATED", "JOB_ERROR", "JOB_DONE", "JOB_DELETED"], "the second failure is no news"
    event = told(play)[1]
    assert event["user"]["name"] == "bob" and event["job"]["name"] == "shot"
    assert event["job"]["custom_data"] == ASK and event["job"]["folders"] == {"out": "/prj"}
    assert event["job"]["blocks"][0]["p_tasks_error"] == 1 and event["job"]["blocks"][0]["tasks_num"] == 2


def test_retries_that_are_left_are_no_error(play: FarmPlay) -> None:
    play.submit(job(custom_data=ASK))
    play.register("a", cores=1)
    play.register("b", cores=1)
    for key in play.solve():
        play.report(key, RunStatus.ERROR)
    assert "JOB_ERROR" not in names(play)


def test_nothing_is_told_where_nobody_asked(play: FarmPlay) -> None:
    shot = play.submit(job(user="bob"))
    play.register(cores=4)
    play.run_all()
    play.do(DeleteJobs([shot.id]))
    play.tick(100)
    assert told(play) == []
    play.do(SetUsers(["bob"], {"custom_data": ASK}))
    play.submit(job(user="bob"))
    assert names(play) == ["JOB_CREATED"] and told(play)[0]["user"]["custom_data"] == ASK


def test_the_command_goes_to_the_events_block_in_the_name_of_its_user(play: FarmPlay) -> None:
    play.do(SetJobs([SYSTEM_JOB], {"hosts_mask": ""}))
    play.submit(job(user="bob", custom_data=ASK, offline=True))
    play.register(cores=1)
    (key,) = play.solve()
    fields = run_fields(play.core.farm, key)
    assert (key.block, fields["service"], fields["user_name"]) == (SystemBlock.EVENTS, "events", "bob")
    assert (fields["task_name"], fields["job_name"]) == ("JOB_CREATED", "shot")
    assert json.loads(fields["task_command"])["events"] == ["JOB_CREATED"]


def pools(play: FarmPlay) -> Render:
    """Return a render in a pool below a pool whose custom data asks for events."""
    play.do(AddPool("/cpu"))
    play.do(SetPools(["/"], {"custom_data": ASK}))
    render = play.register("r1", cores=2)
    play.do(MoveRenders(["r1"], "/cpu"))
    return render


def test_a_lost_render_is_told_with_its_pools(play: FarmPlay) -> None:
    pools(play)
    play.tick(100)
    (event,) = told(play)
    assert event["events"] == ["RENDER_ZOMBIE"] and event["render"]["name"] == "r1"
    assert [pool["name"] for pool in event["pools"]] == ["/cpu", "/"]
    assert event["pools"][1]["custom_data"] == ASK
    assert event["job"]["id"] == SYSTEM_JOB and event["user"]["name"] == "afadmin"
    assert event["host_resources"]["cpu_num"] == 2


def test_a_sick_render_is_told_once(play: FarmPlay) -> None:
    pools(play)
    play.do(SetPools(["/"], {"sick_errors_count": 2}))
    for user in ("ann", "bob"):
        play.submit(job(block(first=1, last=1), user=user))
    for key in play.solve():
        play.report(key, RunStatus.ERROR)
    assert names(play) == ["RENDER_SICK"]
    play.do(SetRenders(["r1"], {"priority": 3}))
    play.do(HealRenders(["r1"]))
    assert names(play) == ["RENDER_SICK"]


def hear(play: FarmPlay, render: Render, seconds: float, **resources: Any) -> None:
    """Let time pass while a render speaks every ten seconds."""
    end = play.at + seconds
    while play.at < end:
        deadline = play.core.deadline()
        step = min(10.0, end - play.at, max(0.0, (deadline or play.at + 10) - play.at))
        play.at += step - 1 if step > 1 else 0.0
        play.do(MeasureRender(render.id, render.session, {"cpu_num": 2, **resources}))
        if (play.core.deadline() or play.at + 1) <= play.at:
            play.tick()


def test_a_render_without_tasks_is_told_after_a_time_that_doubles(play: FarmPlay) -> None:
    render = pools(play)
    play.do(SetPools(["/"], {"no_task_event_time": 100}))
    begin, seen = play.at, []
    while play.at < begin + 900:
        before = len(names(play))
        hear(play, render, 10)
        if len(names(play)) > before:
            seen.append(round((play.at - begin) / 100))
    assert names(play) == ["RENDER_NO_TASK"] * 4 and seen == [1, 2, 4, 8]
    play.submit(job(block(first=1, last=1)))
    (key,) = play.solve()
    hear(play, render, 1000)
    assert len(names(play)) == 4, "it has a task"
    play.report(key)
    hear(play, render, 150)
    assert len(names(play)) == 5, "it counts from the last task"


def test_overload_is_told_at_once_and_again_while_it_lasts(play: FarmPlay) -> None:
    render = pools(play)
    hear(play, render, 20, overload=["mem"])
    assert names(play) == [], "its pools do not ask"
    hear(play, render, 20, overload=[])
    play.do(SetPools(["/"], {"overload_event_time": 100}))
    hear(play, render, 20, overload=["mem"])
    assert names(play) == ["RENDER_OVERLOAD"]
    hear(play, render, 250, overload=["mem"])
    assert len(names(play)) == 3
    assert told(play)[0]["host_resources"]["overload"] == ["mem"]
    hear(play, render, 20, overload=[])
    hear(play, render, 20, overload=["hdd"])
    assert len(names(play)) == 4, "it was over in between"
