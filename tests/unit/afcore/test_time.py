"""What time alone causes, through one timer."""

from __future__ import annotations

import pytest

from afcore.commands import ChangeTasks, MeasureRender, ProgressReading, SetBlocks, SetJobs, SetPools, SetUsers
from afcore.effects import StopRun
from afcore.events import RenderWentOffline, RunStopRequested
from afcore.states import RunStatus
from tests.unit.afcore.plays import FarmPlay, block, job


def alive(farm: FarmPlay, seconds: float) -> None:
    """Let time pass on a farm whose renders are heard of all the time."""
    for render in farm.core.farm.renders.values():
        render.seen = farm.at + seconds
    farm.tick(seconds)


def test_a_job_waits_for_its_time(farm: FarmPlay) -> None:
    farm.submit(job(time_wait=int(farm.at) + 100))
    farm.register(cores=1)
    assert not farm.core.wants_solve
    assert farm.core.deadline() is not None
    alive(farm, 101)
    assert farm.core.wants_solve and len(farm.solve()) == 1


def test_a_run_that_takes_too_long_is_stopped_and_has_failed(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, task_max_run_time=30, errors_retries=0)))
    farm.register(cores=1)
    (key,) = farm.solve()
    assert farm.core.deadline() == farm.at + 30
    alive(farm, 20)
    assert farm.outcome.events == []
    alive(farm, 20)
    assert farm.last(RunStopRequested).status == RunStatus.RUN_TIME_EXCEEDED
    assert farm.effects(StopRun) == [StopRun(1, key)]
    farm.report(key, RunStatus.STOPPED)
    assert farm.states(shot) == "E" and farm.outcome.runs[0]["status"] == "run_time_exceeded"
    assert farm.outcome.runs[0]["error"] == 1


def test_a_run_without_progress_is_stopped(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=1, task_progress_change_timeout=10)))
    render = farm.register(cores=1)
    (key,) = farm.solve()
    farm.at += 8
    farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, percent=5)]))
    alive(farm, 5)
    assert farm.outcome.events == [], "progress moved the limit"
    farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, percent=5, changed=False)]))
    alive(farm, 6)
    assert farm.last(RunStopRequested).status == RunStatus.NO_PROGRESS


def test_a_limit_edited_while_running_counts(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    farm.solve()
    farm.do(SetBlocks(shot.id, [], {"task_max_run_time": 5}))
    alive(farm, 10)
    assert farm.last(RunStopRequested)


def test_a_stopping_run_is_not_stopped_again(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, task_max_run_time=5)))
    farm.register(cores=1)
    farm.solve()
    farm.do(ChangeTasks(shot.id, "skip"))
    alive(farm, 10)
    assert farm.outcome.events == []


def test_a_job_is_deleted_by_its_age(farm: FarmPlay) -> None:
    shot = farm.submit(job(time_life=50))
    alive(farm, 40)
    assert shot.id in farm.core.farm.jobs
    alive(farm, 20)
    assert farm.names() == ["JobDeletionRequested", "JobDeleted"]


def test_the_age_of_jobs_may_be_the_users(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(SetUsers(["anna"], {"jobs_life_time": 50}))
    farm.do(SetJobs([shot.id], {"time_life": 500}))
    alive(farm, 60)
    assert shot.id in farm.core.farm.jobs
    farm.do(SetJobs([shot.id], {"time_life": -1}))
    alive(farm, 1)
    assert shot.id not in farm.core.farm.jobs


def test_an_old_job_is_deleted_when_its_runs_have_ended(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1), time_life=50))
    farm.register(cores=1)
    (key,) = farm.solve()
    alive(farm, 60)
    assert farm.names() == ["JobDeletionRequested", "RunStopRequested"]
    farm.report(key, RunStatus.STOPPED)
    assert shot.id not in farm.core.farm.jobs


@pytest.mark.parametrize("connected", [True, False])
def test_a_silent_render_is_lost_and_its_tasks_are_ready(farm: FarmPlay, connected: bool) -> None:
    from afcore.commands import LoseRender

    shot = farm.submit(job(block(first=1, last=1)))
    render = farm.register(cores=1)
    (key,) = farm.solve()
    if not connected:
        farm.do(LoseRender(render.id, render.session))
    farm.tick(50)
    assert farm.states(shot) == "*"
    farm.tick(20)
    assert farm.names() == ["RunFinished", "RenderWentOffline"]
    assert farm.last(RenderWentOffline).status == RunStatus.RENDER_LOST
    assert farm.states(shot) == "R" and shot.blocks[0].tasks.errors[0] == 0
    assert farm.report(key, render=render.id)["known"], "the newest run of its task: its end is known"


def test_zombie_time_is_the_pools(farm: FarmPlay) -> None:
    render = farm.register(cores=1)
    farm.do(SetPools(["/"], {"zombie_time": 5}))
    farm.tick(7)
    assert farm.last(RenderWentOffline).render == render.id


def test_a_render_that_is_heard_of_is_not_lost(farm: FarmPlay) -> None:
    render = farm.register(cores=1)
    for _ in range(10):
        farm.at += 30
        farm.do(MeasureRender(render.id, render.session, {"cpu_num": 1}))
        farm.tick()
        assert "RenderWentOffline" not in farm.names()


def test_the_timer_holds_no_more_than_what_lives(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=20_000, task_max_run_time=1_000_000)))
    farm.register(cores=100)
    from afcore import core as module
    from afcore.commands import ReportRun, Solve
    from afcore.envelope import SYSTEM_PRINCIPAL, Envelope

    apply = farm.core.apply
    assert module
    for _ in range(50):
        outcome = apply(Envelope(Solve(), SYSTEM_PRINCIPAL, farm.at))
        for effect in outcome.effects:
            command = ReportRun(1, *effect.key, RunStatus.SUCCESS)  # type: ignore[union-attr]
            entry = apply(Envelope(command, SYSTEM_PRINCIPAL, farm.at))
            assert entry.reply["known"]
    assert len(farm.core.deadlines) < 2000
    farm.entries.clear()
    farm.core = type(farm.core)()
