"""Renders that fall silent, and servers that come back: nothing is given away while its process may still live."""

from __future__ import annotations

import pytest

from afcore.commands import ChangeTasks, DeleteJobs, MeasureRender, SetPools, Tick
from afcore.config import Config, parse_file
from afcore.effects import CutRender, DropRun, StopRun, TuneRender
from afcore.events import RenderWentOffline, RunAdopted, RunFinished, UserAdded
from afcore.ids import RunKey
from afcore.model.defaults import Defaults
from afcore.model.effective import capacity_of, tempo_of
from afcore.states import RunStatus
from afnet.server.defaults import defaults_of
from tests.unit.afcore.plays import FarmPlay, block, job


def one_running(farm: FarmPlay, **words: object) -> RunKey:
    farm.submit(job(block(last=1, **words)))
    farm.register(cores=1)
    (key,) = farm.solve()
    return key


def test_a_silent_render_loses_its_tasks_after_the_zombie_time_of_its_pool(farm: FarmPlay) -> None:
    key = one_running(farm)
    farm.do(SetPools(["/"], {"zombie_time": 20}))
    farm.do(MeasureRender(1, 1, {}))
    farm.tick(18)
    assert key in farm.core.farm.runs
    farm.tick(5)
    assert farm.last(RunFinished).status == RunStatus.RENDER_LOST
    assert farm.last(RunFinished).errors == 0 and not farm.last(RunFinished).host_error
    assert farm.last(RenderWentOffline).render == 1
    # Its connection may still stand: without a cut it would speak to a server that does not hear it, for ever.
    assert farm.effects(CutRender) == [CutRender(1)]
    farm.register("host2", cores=1)
    (second,) = farm.solve()
    assert second == key._replace(run=2)
    farm.register("host1", cores=1, running=[key])
    assert farm.outcome.reply["drop"] == [tuple(key)]
    assert farm.report(key, render=1) == {"known": False}
    assert farm.effects(DropRun) == [DropRun(1, key)]
    assert second in farm.core.farm.runs, "the late report counts for nothing"


def test_after_a_restart_a_run_is_waited_for_as_long_as_its_render_may_be_silent(farm: FarmPlay) -> None:
    key = one_running(farm)
    farm.do(SetPools(["/"], {"zombie_time": 100}))
    farm.crash()
    farm.tick(90)
    assert farm.core.farm.runs[key].waiting_since
    farm.tick(20)
    assert farm.last(RunFinished).status == RunStatus.NOT_RECONNECTED


def test_a_short_zombie_time_leaves_the_reconnect_time(farm: FarmPlay) -> None:
    key = one_running(farm)
    farm.do(SetPools(["/"], {"zombie_time": 5}))
    farm.crash()
    farm.tick(25)
    assert key in farm.core.farm.runs
    farm.tick(10)
    assert key not in farm.core.farm.runs


@pytest.mark.parametrize(("action", "end"), [("restart", "R"), ("skip", "S"), ("done", "D"), ("suspend", "U")])
def test_an_order_to_a_run_that_is_waited_for_is_done_when_its_process_is_over(
    farm: FarmPlay, action: str, end: str
) -> None:
    key = one_running(farm)
    farm.crash()
    farm.do(ChangeTasks(key.job, action))
    assert farm.states(farm.core.farm.jobs[key.job]) == "?"
    farm.register("host2", cores=1)
    assert farm.solve() == [], "its first process may still live"
    farm.register("host1", cores=1, running=[key])
    assert farm.effects(StopRun) == [StopRun(1, key)]
    assert farm.last(RunAdopted).run == key.run
    farm.report(key, RunStatus.STOPPED)
    assert farm.states(farm.core.farm.jobs[key.job]) == end


def test_an_order_to_a_run_that_does_not_come_back_is_done_in_the_end(farm: FarmPlay) -> None:
    key = one_running(farm)
    farm.crash()
    farm.do(ChangeTasks(key.job, "skip"))
    farm.tick(70)
    assert farm.states(farm.core.farm.jobs[key.job]) == "S"


def test_a_job_whose_runs_are_waited_for_is_deleted_at_once(farm: FarmPlay) -> None:
    key = one_running(farm)
    farm.crash()
    farm.do(DeleteJobs([key.job]))
    assert key.job not in farm.core.farm.jobs
    farm.register("host1", cores=1, running=[key])
    assert farm.outcome.reply["drop"] == [tuple(key)]


def test_agents_are_told_the_times_of_their_pool_when_they_change(farm: FarmPlay) -> None:
    render = farm.register()
    gone = farm.register("host2")
    farm.core.farm.renders[gone.id].session = 0
    assert tempo_of(farm.core.farm, render) == {
        "heartbeat": 5.0,
        "resources_period": 5.0,
        "zombie_time": 60.0,
        "exit_no_task_time": 0.0,
    }
    farm.do(SetPools(["/"], {"zombie_time": 9, "heartbeat_sec": 2, "exit_no_task_time": 600}))
    assert farm.effects(TuneRender) == [TuneRender(render.id)]
    tempo = tempo_of(farm.core.farm, render)
    assert (tempo["heartbeat"], tempo["zombie_time"], tempo["exit_no_task_time"]) == (2.0, 9.0, 600.0)
    farm.do(SetPools(["/"], {"priority": 50}))
    assert farm.effects(TuneRender) == []


def settings(text: str) -> Defaults:
    return defaults_of(Config([parse_file(text, file="config.json")]))


def test_the_configuration_decides_where_nobody_says_otherwise(farm: FarmPlay) -> None:
    assert settings("{}") == Defaults(), "the defaults of both places agree"
    farm.core.farm.defaults = settings(
        '{"capacity_per_core": 10, "zombie_time": 70, "af_task_progress_change_timeout": 3, "af_task_error_retries": 0}'
    )
    key = one_running(farm, capacity=1)
    assert capacity_of(farm.core.farm, farm.core.farm.renders[1]) == 10
    assert farm.core.farm.users[1].errors_retries == 0
    farm.tick(5)
    assert farm.core.farm.runs[key].stop_status == RunStatus.NO_PROGRESS
    farm.report(key, RunStatus.STOPPED)
    assert farm.states(farm.core.farm.jobs[key.job]) == "E"


def test_what_a_new_user_may_is_kept_whatever_the_configuration_says_later(farm: FarmPlay) -> None:
    farm.core.farm.defaults = Defaults(user={"errors_retries": 9})
    farm.submit()
    assert farm.last(UserAdded).parameters == {"errors_retries": 9}
    assert farm.replayed().farm.users[1].errors_retries == 9


def test_nobody_is_silent_because_the_server_did_not_run(farm: FarmPlay) -> None:
    key = one_running(farm, task_progress_change_timeout=20, errors_retries=0)
    farm.at += 500
    farm.do(Tick(returned=farm.at + 1))
    assert key in farm.core.farm.runs and farm.core.farm.runs[key].stopping < 0
    returned = farm.at
    deadline = farm.core.deadline()
    assert deadline is not None and returned < deadline <= returned + 20
    farm.at = deadline
    farm.do(Tick(returned=returned))
    assert farm.last(RunFinished).status == RunStatus.RENDER_LOST, "but it is, when it is not heard after the return"
