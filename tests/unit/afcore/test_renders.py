"""Renders: they come, reconnect, restart, leave, and are edited; what they ran is agreed on."""

from __future__ import annotations

import pytest

from afcore.commands import (
    AcceptRestart,
    ChangeTasks,
    DeleteRenders,
    DeregisterRender,
    LoseRender,
    MeasureRender,
    ProgressReading,
    SetPools,
    SetRenders,
)
from afcore.effects import DropRun, StartRun, StopRun
from afcore.errors import BadSpec, Conflict, NotFound
from afcore.events import PoolAdded, RenderAdded, RunAdopted, RunFinished, TaskWarned
from afcore.evolve import evolve
from afcore.ids import RunKey
from afcore.rules.places import pool_for
from afcore.states import RenderState, RunStatus, TaskFlag
from tests.unit.afcore.plays import FarmPlay, block, job


def one_running(farm: FarmPlay) -> tuple[RunKey, str]:
    """Start the only task of a job on host1; return its key, and the job's states."""
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    (key,) = farm.solve()
    return key, farm.states(shot)


def states(farm: FarmPlay, key: RunKey) -> str:
    """Return the states of a job by a run of it."""
    return farm.states(farm.core.farm.jobs[key.job])


def test_a_render_is_known_for_ever(farm: FarmPlay) -> None:
    render = farm.register(cores=8)
    assert farm.names()[-2:] == ["RenderAdded", "RenderWentOnline"]
    farm.do(DeregisterRender(render.id, render.session))
    assert render.state == 0 and render.session == 0
    again = farm.register(cores=8, instance="b")
    assert again is render and farm.names() == ["RenderWentOnline"]


def test_nimby_asked_for_at_launch_counts_for_a_new_render_only(farm: FarmPlay) -> None:
    render = farm.register(nimby="NIMBY")
    assert render.state == RenderState.ONLINE | RenderState.NIMBY
    farm.do(SetRenders(["host1"], {"NIMBY": False}))
    farm.do(DeregisterRender(render.id, render.session))
    farm.register(nimby="nimby")
    assert render.state == RenderState.ONLINE
    farm.do(SetPools(["/"], {"new_nimby": True, "new_paused": True}))
    newcomer = farm.register("host2")
    assert newcomer.state == RenderState.ONLINE | RenderState.NIMBY_USER | RenderState.PAUSED


def test_a_new_render_goes_to_the_pool_whose_pattern_fits(farm: FarmPlay) -> None:
    farm.register("first")
    for event in (
        PoolAdded(2, "/cpu", 1, {"pattern": "cpu.*"}),
        PoolAdded(3, "/cpu/big", 2, {"pattern": ".*big"}),
        PoolAdded(4, "/all", 1, {"pattern": ".*"}),
    ):
        evolve(farm.core.farm, event, farm.at)
    assert [pool_for(farm.core.farm, name) for name in ("cpu1", "CPU-big", "gpu1")] == [2, 3, 4]
    farm.entries.clear()
    farm.core = type(farm.core)()


def test_a_second_agent_of_a_connected_name_is_refused(farm: FarmPlay) -> None:
    farm.register("host1", instance="a", address="10.0.0.5")
    before = farm.core.digest()
    with pytest.raises(Conflict, match=r'"host1" is connected already at 10\.0\.0\.5.*--name'):
        farm.register("host1", instance="b")
    assert farm.core.digest() == before


def test_the_same_agent_replaces_its_own_connection(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    old = farm.core.farm.renders[1].session
    render = farm.register(cores=1, instance="a", running=[key])
    assert render.session != old and farm.names() == ["RenderWentOnline"]
    assert farm.outcome.reply["adopted"] == 1 and states(farm, key) == "*"
    farm.do(LoseRender(render.id, old))
    assert farm.outcome.events == [], "the end of the old connection does not matter"


def test_a_start_that_was_lost_is_sent_again(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.register(cores=1, instance="a")
    assert farm.effects(StartRun) == [StartRun(1, key)] and states(farm, key) == "*"


def test_an_agent_that_restarted_lost_its_runs_without_an_error(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    render = farm.core.farm.renders[1]
    farm.do(LoseRender(render.id, render.session))
    farm.register(cores=1, instance="b")
    assert farm.last(RunFinished).status == RunStatus.NEVER_STARTED
    assert states(farm, key) == "R" and farm.core.wants_solve


def test_an_agent_that_restarted_with_a_report_on_disk_keeps_its_run(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    render = farm.core.farm.renders[1]
    farm.do(LoseRender(render.id, render.session))
    farm.register(cores=1, instance="b", running=[key])
    assert states(farm, key) == "*"
    farm.report(key)
    assert states(farm, key) == "D"


def test_a_stop_that_was_lost_is_sent_again(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.do(ChangeTasks(key.job, "skip"))
    farm.register(cores=1, instance="a", running=[key])
    assert farm.effects(StopRun) == [StopRun(1, key)]
    farm.register(cores=1, instance="a")
    assert states(farm, key) == "S", "what is to be stopped is not started again"


def test_a_run_the_farm_does_not_know_is_dropped(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.report(key)
    strange = RunKey(9, 9, 9, 9)
    farm.register(cores=1, instance="a", running=[strange])
    assert farm.outcome.reply["drop"] == [tuple(strange)]


def test_after_a_server_restart_renders_bring_their_runs_back(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.crash()
    assert states(farm, key) == "?"
    assert not farm.core.farm.renders[1].state & RenderState.ONLINE
    farm.register(cores=1, running=[key])
    assert farm.last(RunAdopted).run == 1 and states(farm, key) == "*"
    farm.report(key)
    assert states(farm, key) == "D"


def test_a_report_may_come_before_its_render_registered_again(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.do(AcceptRestart())
    farm.report(key)
    assert states(farm, key) == "D"


def test_after_a_server_restart_a_start_that_was_never_sent_is_sent(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.crash()
    farm.register(cores=1, instance="a")
    assert farm.effects(StartRun) == [StartRun(1, key)] and states(farm, key) == "*"


def test_a_run_nobody_brings_back_is_ready_after_a_minute(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    farm.crash()
    farm.tick(50)
    assert states(farm, key) == "?"
    farm.tick(20)
    assert farm.last(RunFinished).status == RunStatus.NOT_RECONNECTED and states(farm, key) == "R"
    farm.register(cores=1, running=[key])
    assert farm.outcome.reply["drop"] == [tuple(key)]


def test_a_render_that_leaves_gives_its_tasks_back(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    render = farm.core.farm.renders[1]
    farm.do(DeregisterRender(render.id, 99))
    assert farm.outcome.events == []
    farm.do(DeregisterRender(render.id, render.session))
    assert farm.names() == ["RunFinished", "RenderWentOffline"]
    assert farm.last(RunFinished).status == RunStatus.RENDER_LEFT and states(farm, key) == "R"


def test_reports_are_idempotent(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    assert farm.report(key) == {"known": True}
    assert farm.report(key) == {"known": True} and farm.outcome.events == []
    farm.do(ChangeTasks(key.job, "restart"))
    (second,) = farm.solve()
    assert farm.report(key) == {"known": False}
    assert farm.effects(DropRun) == [DropRun(1, key)]
    assert states(farm, second) == "*"
    assert farm.report(second, render=7) == {"known": False}, "another render's run"
    for strange in (RunKey(99, 0, 0, 1), RunKey(key.job, 9, 0, 1), RunKey(key.job, 0, 9, 1)):
        assert farm.report(strange) == {"known": False}


def test_readings(farm: FarmPlay) -> None:
    key, _ = one_running(farm)
    render = farm.core.farm.renders[1]
    reading = ProgressReading(*key, percent=40, frame=1, activity="rendering", last_line="40 %", warning=True)
    farm.do(MeasureRender(render.id, render.session, {"cpu_num": 1, "mem_free_mb": 5}, [reading]))
    run = farm.core.farm.runs[key]
    table = farm.core.farm.jobs[key.job].blocks[0].tasks
    assert (run.activity, run.last_line, table.percent[0]) == ("rendering", "40 %", 40)
    assert table.flags[0] == TaskFlag.WARNING and farm.last(TaskWarned)
    assert render.resources["mem_free_mb"] == 5
    farm.do(MeasureRender(render.id, render.session, {}, [reading, ProgressReading(8, 0, 0, 1)]))
    assert farm.names() == ["RenderMeasured", "RunProgressed"], "warned once"
    assert farm.effects(DropRun) == [DropRun(1, RunKey(8, 0, 0, 1))]
    assert render.resources["mem_free_mb"] == 5, "empty resources are no news"
    farm.do(MeasureRender(render.id, 99, {}, [reading]))
    assert farm.outcome.reply == {"known": False}
    farm.report(key)
    farm.do(MeasureRender(render.id, render.session, {}, [reading]))
    assert farm.effects(DropRun) == [], "its report is on the way to the disk: it must not be thrown away"
    with pytest.raises(NotFound):
        farm.do(MeasureRender(5, 1))


def test_edits_of_a_render(farm: FarmPlay) -> None:
    render = farm.register()
    farm.do(SetRenders(["host1"], {"nimby": True, "priority": 5}))
    assert render.state & RenderState.NIMBY_USER and render.priority == 5
    farm.do(SetRenders(["host1"], {"NIMBY": True}))
    assert render.state & RenderState.NIMBY and not render.state & RenderState.NIMBY_USER
    farm.do(SetRenders(["host1"], {"NIMBY": True}))
    assert farm.outcome.events == []
    farm.do(SetRenders(["host1"], {"nimby": True}))
    assert render.state & RenderState.NIMBY_USER and not render.state & RenderState.NIMBY
    with pytest.raises(BadSpec, match="capacity_hots.*did you mean"):
        farm.do(SetRenders(["host1"], {"capacity_hots": 1}))
    with pytest.raises(NotFound, match='no render "hots1".*did you mean "host1"'):
        farm.do(SetRenders(["hots1"], {"priority": 1}))


def test_only_an_offline_render_is_deleted(farm: FarmPlay) -> None:
    render = farm.register()
    with pytest.raises(Conflict, match='"host1" is online'):
        farm.do(DeleteRenders(["host1"]))
    farm.do(DeregisterRender(render.id, render.session))
    farm.do(DeleteRenders(["host1"]))
    assert farm.core.farm.renders == {} and farm.core.farm.pools[1].renders == []
    assert farm.register().id == 2, "ids are never used again"
    assert farm.last(RenderAdded).render == 2


def test_a_render_needs_a_name(farm: FarmPlay) -> None:
    with pytest.raises(BadSpec, match="--name"):
        farm.register(" ")
