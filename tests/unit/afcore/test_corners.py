"""What happens seldom: things that are gone when their time comes, moved, or empty."""

from __future__ import annotations

import pytest

from afcore import views
from afcore.codec import decode_entries, encode_entries
from afcore.commands import (
    ChangeTasks,
    DeleteJobs,
    DeleteRenders,
    DeregisterRender,
    LoseRender,
    MeasureRender,
    ProgressReading,
    SetBlocks,
    SetJobs,
)
from afcore.deadlines import Deadlines, Due
from afcore.errors import BadSpec, NotFound
from afcore.events import PoolAdded, RenderEdited, RunProgressed
from afcore.evolve import evolve
from afcore.invariants import check, over_full
from afcore.model.farm import Farm
from afcore.replay import recover
from afcore.states import RunStatus
from tests.unit.afcore.plays import FarmPlay, block, job
from tests.unit.afcore.test_time import alive


def test_what_is_gone_when_its_time_comes_is_passed_over(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=2, task_max_run_time=30), time_life=100))
    render = farm.register(cores=1)
    (key,) = farm.solve()
    farm.register("other", cores=1)
    farm.report(key, RunStatus.ERROR)
    farm.do(DeleteJobs([key.job]))
    farm.do(DeregisterRender(render.id, render.session))
    farm.do(DeleteRenders([render.name]))
    alive(farm, 30_000)
    assert farm.outcome.events == []


def test_a_locked_job_is_not_deleted_twice_by_its_age(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1), time_life=100))
    farm.register(cores=1)
    farm.solve()
    farm.do(DeleteJobs([shot.id]))
    alive(farm, 200)
    assert farm.outcome.events == []


def test_time_limits_leave_alone_what_waits_for_its_render(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=1, task_max_run_time=10)))
    farm.register(cores=1)
    farm.solve()
    farm.core.deadlines.push(farm.at + 15, Due.RUN_TIME, (*next(iter(farm.core.farm.runs)),))
    farm.crash()
    farm.core.deadlines.push(farm.at + 5, Due.RUN_TIME, (*next(iter(farm.core.farm.runs)),))
    farm.tick(10)
    assert farm.outcome.events == []


def test_two_crashes_in_a_row_wait_from_the_last_one(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    farm.solve()
    farm.crash()
    farm.core.deadlines.push(farm.at + 5, Due.RECONNECT, ())

    def state() -> str:
        return farm.states(farm.core.farm.jobs[shot.id])

    farm.tick(20)
    assert state() == "?"
    farm.crash()
    farm.tick(45)
    assert state() == "?"
    farm.tick(20)
    assert state() == "R"


def test_forgiving_asks_again_when_the_host_failed_again(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_forgive_time=100, errors_avoid_host=0, errors_retries=5)))
    farm.register("host1", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    alive(farm, 60)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    alive(farm, 60)
    assert "HostForgiven" not in farm.names() and shot.blocks[0].error_hosts
    farm.do(SetBlocks(shot.id, [], {"errors_forgive_time": 0}))
    alive(farm, 1000)
    assert shot.blocks[0].error_hosts, "never is never"


def test_a_job_moves_before_its_run_ends(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1), host_name="workstation"))
    assert farm.core.farm.users[1].host_name == "workstation"
    farm.submit(job(user="ben"))
    farm.register(cores=1)
    farm.solve()
    farm.do(SetJobs([shot.id], {"user_name": "ben"}))
    farm.do(DeleteJobs([shot.id]))
    assert views.job_word(shot) == "deleting"


def test_an_edit_may_move_a_render(farm: FarmPlay) -> None:
    render = farm.register()
    evolve(farm.core.farm, PoolAdded(2, "/cpu", 1), farm.at)
    evolve(farm.core.farm, RenderEdited(render.id, {"pool": 1}, {"pool": 2}), farm.at)
    assert farm.core.farm.pools[2].renders == [render.id] and farm.core.farm.pools[1].renders == []
    assert check(farm.core.farm) == []
    farm.entries.clear()


def test_a_parser_reports_to_the_job(farm: FarmPlay) -> None:
    shot = farm.submit()
    render = farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, report="42 samples")]))
    assert shot.report == "42 samples" and farm.last(RunProgressed)


def test_nobody_warned_means_nothing_to_do(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(ChangeTasks(shot.id, "restart", only="warning"))
    assert farm.outcome.events == []


def test_a_command_may_become_a_line(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(command=["a", "b"])))
    farm.do(SetBlocks(shot.id, [], {"command": "a b"}))
    assert shot.blocks[0].spec.command == "a b"


def test_a_render_that_is_not_there_may_not_speak(farm: FarmPlay) -> None:
    for command in (LoseRender(5, 1), DeregisterRender(5, 1)):
        with pytest.raises(NotFound, match="There is no render 5"):
            farm.do(command)


def test_hope_does_not_count_renders_the_job_may_not_use(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_task_same_host=1), hosts_mask="host.*"))
    farm.register("host1", cores=1)
    farm.register("other", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "E"


def test_many_scattered_obstacles_are_summed(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2000), block("b", 1, 2000, frames_per_task=2, tasks_depend_mask="a")))
    farm.do(ChangeTasks(shot.id, "skip", [0], [(task, task) for task in range(0, 2000, 2)]))
    assert set(farm.states(shot, 1)) == {"W"}
    farm.do(ChangeTasks(shot.id, "done", [0], [(task, task) for task in range(1, 2000, 4)]))
    assert farm.states(shot, 1) == "RW" * 500


def test_full_renders_are_told_apart_from_wrong_ones(farm: FarmPlay) -> None:
    from afcore.commands import SetRenders

    farm.submit()
    farm.register(cores=2)
    farm.solve()
    assert over_full(farm.core.farm) == []
    farm.do(SetRenders(["host1"], {"capacity_host": 500}))
    assert over_full(farm.core.farm) == ["render host1 holds 2 tasks of 2000 units"]


def test_a_batch_is_an_array_of_entries(farm: FarmPlay) -> None:
    farm.submit()
    entries = decode_entries(bytes([0x91]) + farm.entries[0])
    assert recover(None, [encode_entries(entries)]).farm.users_by_name == farm.core.farm.users_by_name or entries


def test_a_heap_of_old_times_is_built_again() -> None:
    deadlines = Deadlines(Farm())
    assert deadlines.next() is None and len(deadlines) == 0


def test_invariants_name_what_is_wrong(farm: FarmPlay) -> None:
    first = farm.submit(
        job(block("a", 1, 3), block("b", 1, 3, tasks_depend_mask="a"), block("c", 1, 1, depend_mask="a"))
    )
    farm.submit(job(name="second", depend_mask="shot"))
    render = farm.register(cores=2)
    key, _ = farm.solve()
    whole = farm.replayed

    def complaints(*, about: str) -> bool:
        found = check(core.farm)
        return any(about in each for each in found)

    def fresh() -> None:
        nonlocal core, state, shot
        core = whole()
        state = core.farm
        shot = state.jobs[first.id]

    core, state, shot = farm.core, farm.core.farm, first
    fresh()
    shot.time_done = 5.0
    assert complaints(about="is done, but not all of its tasks are over")
    fresh()
    shot.blocks[0].tasks.state[:] = shot.blocks[1].tasks.state[:] = b"\4\4\4"
    shot.blocks[2].tasks.state[:] = b"\4"
    shot.blocks[0].tasks.percent[0] = 5
    for each in shot.blocks:
        each.tasks.counts = each.tasks.recount()
    assert complaints(about="is not done, but all") and complaints(about="but its task is DONE")
    assert complaints(about="shows a percentage without running") and complaints(about="says waiting True")
    fresh()
    shot.deleting, shot.running_tasks = True, 0
    assert complaints(about="being deleted with nothing left") and complaints(about=f"job {shot.id} counts 0")
    fresh()
    shot.blocks[0].tasks.state[2] = 77
    assert complaints(about="its column holds")
    shot.blocks[0].tasks.counts = shot.blocks[0].tasks.recount()
    assert complaints(about="states that there are not")
    fresh()
    shot.blocks[0].tasks.errors.append(0)
    assert complaints(about="columns of sizes")
    fresh()
    shot.blocks[1].tasks.state[0] = 1
    shot.blocks[0].tasks.finished[key.task] = 9
    assert complaints(about="a task it waits for is not over") and complaints(about="runs and has ended")
    fresh()
    shot.blocks[0].tasks.state[2] = 0
    assert complaints(about="waits for tasks of no block")
    fresh()
    shot.blocks[0].tasks.state[:] = b"\4\4\4"
    assert complaints(about="waits for tasks that are over")
    fresh()
    run = state.runs[key]
    run.key = key._replace(run=9)
    shot.blocks[0].tasks.starts[key.task] = 3
    assert complaints(about="says that it is") and complaints(about="is not the newest")
    fresh()
    state.runs[key].render = 9
    assert complaints(about="which there is not")
    fresh()
    state.renders[render.id].state = 0
    assert complaints(about="which is offline") is True
    state.renders[render.id].session = 4
    assert complaints(about="offline with a connection")
    fresh()
    state.renders[render.id].runs.clear()
    state.renders[render.id].used_capacity = 5
    assert complaints(about="lists [], its runs are") and complaints(about="used units")
    fresh()
    state.pools[1].renders.clear()
    state.users_by_name["eve"] = 9
    state.users[1].jobs.reverse()
    state.users[1].jobs.append(99)
    state.branches[1].jobs.clear()
    assert complaints(about="not in its pool") and complaints(about="the index of users")
    assert complaints(about="user anna lists jobs") and complaints(about="branch / lists jobs")
    fresh()
    shot.priority = 5
    assert complaints(about="not in order of priority")
    shot.running_per_host = {5: 1}
    assert complaints(about="per host")
    fresh()
    second = state.jobs[3]
    state.waiters.clear()
    assert complaints(about="does not know that job 3 waits")
    second.waits_for = {99}
    state.waiters[shot.id] = {3}
    assert complaints(about="which is done or gone") and complaints(about="thinks that job 3 waits")
    fresh()
    state.runs[key] = state.runs.pop(key)
    del state.jobs[3]
    state.runs[key._replace(job=3)] = state.runs[key]
    with pytest.raises(KeyError):
        check(state)


def test_of_a_million_parameters_that_there_are_not_the_first_are_told() -> None:
    play = FarmPlay()
    id = play.submit().id
    with pytest.raises(BadSpec) as refused:
        play.do(SetJobs([id], {f"priorty{number}": 1 for number in range(10_000)}))
    assert len(refused.value.problems) == 100
