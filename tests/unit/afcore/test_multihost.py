"""Multihost tasks: several renders at once, their services, and what happens when one of them is lost."""

from __future__ import annotations

from typing import Any

import pytest

from afcore import commands
from afcore.effects import DropRun, StartRun, StopRun
from afcore.envelope import Principal
from afcore.errors import BadSpec
from afcore.events import HostReleased, RunFinished, RunStarted
from afcore.ids import RunKey
from afcore.jobspec import BlockFlag, BlockSpec
from afcore.model.render import Render
from afcore.states import Role, RunStatus, TaskState
from afcore.views import run_row
from afnet.server.runspec import make_run_spec
from tests.unit.afcore.plays import FarmPlay, block, job

GOD = Principal("gina", Role.GOD)


@pytest.fixture
def farm() -> FarmPlay:
    return FarmPlay()


def several(least: int = 3, most: int = 3, **values: Any) -> BlockSpec:
    """Return a block whose tasks want several renders."""
    made = block(multihost_min=least, multihost_max=most, **{"last": 1, "command": "render @AF_HOSTS@", **values})
    made.settle()
    return made


def started(farm: FarmPlay) -> RunStarted | None:
    found = [event for event in farm.outcome.events if type(event) is RunStarted]
    return found[0] if found else None


def hosts_of(farm: FarmPlay, key: RunKey) -> list[str]:
    renders = farm.core.farm.renders
    return [renders[id].name for id in farm.core.farm.runs[key].hosts]


def launch(farm: FarmPlay, number: int = 3, **values: Any) -> tuple[RunKey, Render, list[Render]]:
    """Start a task on ``number`` renders; return its run, its master and the others."""
    for each in range(number):
        farm.register(f"host{each + 1}", cores=1)
    farm.submit(job(several(number, number, **values)))
    farm.do(commands.Solve())
    (key,) = farm.core.farm.runs
    run, renders = farm.core.farm.runs[key], farm.core.farm.renders
    return key, renders[run.render], [renders[held.render] for held in run.captured]


def later(farm: FarmPlay, seconds: float) -> None:
    """Let time pass in which every render that is there is heard of."""
    for render in list(farm.core.farm.renders.values()):
        if render.session:
            farm.do(commands.MeasureRender(render.id, render.session, {}))
    farm.tick(seconds)


# Beginning


def test_nothing_starts_with_fewer_renders_than_the_least(farm: FarmPlay) -> None:
    farm.submit(job(several(3, 3)))
    farm.register("host1", cores=1)
    farm.register("host2", cores=1)
    assert farm.solve() == [] and farm.core.farm.runs == {}
    farm.register("host3", cores=1)
    (key,) = farm.solve()
    assert sorted(hosts_of(farm, key)) == ["host1", "host2", "host3"]
    assert [render.used_capacity for render in farm.core.farm.renders.values()] == [1000] * 3


def test_as_many_as_allowed_begin_at_once_and_fewer_when_no_more_came_for_the_wait(farm: FarmPlay) -> None:
    farm.submit(job(several(2, 4, multihost_max_wait=30)))
    for number in range(3):
        farm.register(f"host{number}", cores=1)
    assert farm.solve() == []
    due = farm.core.deadline()
    assert due == farm.at + 30, "half a minute after the last one came"
    farm.at += 20
    farm.register("late", cores=1)
    (key,) = farm.solve()
    assert len(hosts_of(farm, key)) == 4, "the most there may be: no more waiting"


def test_the_wait_begins_anew_with_each_further_render(farm: FarmPlay) -> None:
    farm.submit(job(several(2, 4, multihost_max_wait=30)))
    for name in ("a", "b"):
        farm.register(name, cores=1)
    farm.solve()
    farm.at += 20
    farm.register("c", cores=1)
    farm.solve()
    later(farm, 5.0)
    assert farm.solve() == []
    later(farm, 30.0)
    assert farm.core.wants_solve
    (key,) = farm.solve()
    assert sorted(hosts_of(farm, key)) == ["a", "b", "c"]


def test_small_tasks_do_not_take_the_renders_one_by_one(farm: FarmPlay) -> None:
    for number in range(3):
        farm.register(f"host{number}", cores=1)
    small = farm.submit(job(block(last=60, name="small"), name="many", user="ben"))
    keys = farm.solve()
    assert len(keys) == 3
    big = farm.submit(job(several(3, 3), name="big"))
    for turn in range(9):  # noqa: B007
        if big.running_tasks:
            break
        key = next(iter(farm.core.farm.runs))
        farm.report(key)
        farm.solve()
    assert big.running_tasks == 1 and turn <= 4, "each render that was freed stayed free for it"
    assert small.running_tasks == 0


@pytest.mark.parametrize("edit", [commands.PauseJobs([2]), commands.SetUsers(["anna"], {"max_running_tasks": 0})])
def test_what_is_kept_is_given_back_when_its_holder_can_start_nothing_more(
    farm: FarmPlay, edit: commands.Command
) -> None:
    for number in range(3):
        farm.register(f"host{number}", cores=1)
    farm.submit(job(block("small", last=1), name="before", user="ben"))
    (busy,) = farm.solve()
    farm.do(commands.PauseJobs([2]))
    farm.submit(job(several(3, 3), name="big"))
    farm.solve()
    farm.submit(job(block("small", last=2), name="behind", user="cleo"))
    assert farm.solve() == []
    farm.do(commands.PauseJobs([3]) if isinstance(edit, commands.PauseJobs) else edit)
    assert farm.core.wants_solve
    assert {key.job for key in farm.solve()} == {4}
    assert busy in farm.core.farm.runs


def test_what_is_kept_is_given_back_when_too_few_renders_are_left_for_it(farm: FarmPlay) -> None:
    kept = [farm.register(f"host{number}", cores=1) for number in range(3)]
    farm.submit(job(block("small", last=1), name="before", user="ben"))
    (busy,) = farm.solve()
    farm.do(commands.PauseJobs([2]))
    farm.submit(job(several(3, 3), name="big"))
    behind = farm.submit(job(block("small", last=1), name="behind", user="cleo"))
    assert farm.solve() == []
    gone = next(render for render in kept if render.id != farm.core.farm.runs[busy].render)
    farm.do(commands.DeregisterRender(gone.id, gone.session))
    assert farm.core.wants_solve, "nothing else happens on this farm"
    assert [key.job for key in farm.solve()] == [behind.id]


def test_what_is_tried_next_begins_before_the_multihost_tasks_of_its_job(farm: FarmPlay) -> None:
    for number in range(2):
        farm.register(f"host{number}", cores=1)
    both = farm.submit(job(several(2, 2, last=3), block("plain", last=4), block("nowhere", last=1, hosts_mask="x.*")))
    farm.do(commands.TryNext(both.id, [2], [(0, 0)]))
    farm.do(commands.TryNext(both.id, [1], [(3, 3)]))
    first, *_ = farm.solve()
    assert first[1:3] == (1, 3)
    farm.report(first)
    farm.run_all()
    assert farm.states(both, 0) == "DDD", "what is tried next and may run nowhere holds nobody up"
    assert farm.states(both, 2) == "R"


def test_two_that_want_all_renders_do_not_wait_for_each_other(farm: FarmPlay) -> None:
    for number in range(4):
        farm.register(f"host{number}", cores=1)
    farm.submit(job(block(last=4, name="first"), name="before", user="ben"))
    farm.solve()
    farm.submit(job(several(3, 3, last=2), name="one"))
    farm.submit(job(several(3, 3, last=2), name="two", user="carl"))
    for _ in range(40):
        runs = list(farm.core.farm.runs)
        if not runs:
            break
        farm.report(runs[0])
        farm.solve()
    assert all(each.over for each in farm.core.farm.jobs.values())


def test_one_that_cannot_be_served_keeps_nobody_waiting(farm: FarmPlay) -> None:
    for number in range(2):
        farm.register(f"host{number}", cores=1)
    farm.submit(job(several(5, 5), name="too much"))
    other = farm.submit(job(several(2, 2), name="enough", user="ben"))
    third = farm.submit(job(block(last=1), name="plain", user="carl"))
    farm.run_all()
    assert other.over and third.over


def test_limits_tickets_masks_and_avoided_hosts_count_on_every_render(farm: FarmPlay) -> None:
    for number in range(5):
        farm.register(f"host{number}", cores=1)
    farm.do(commands.SetPools(["/"], {"tickets": {"LIC": [3, -1]}}))
    farm.submit(job(several(2, 4, multihost_max_wait=5, tickets={"LIC": 1}, hosts_mask="host[1-4]")))
    farm.solve()
    farm.tick(6.0)
    (key,) = farm.solve()
    assert len(hosts_of(farm, key)) == 3 and "host0" not in hosts_of(farm, key)
    assert farm.core.farm.pools[1].tickets_used == {"LIC": 3}
    farm.report(key)
    assert farm.core.farm.pools[1].tickets_used == {}


# The command


def test_the_master_is_told_the_captured_hosts_and_itself_when_it_works_too(farm: FarmPlay) -> None:
    key, master, others = launch(farm)
    spec = make_run_spec(farm.core.farm, key)
    assert spec is not None and spec.hosts == [render.name for render in others]
    assert farm.effects(StartRun) == [StartRun(master.id, key)], "nothing runs on the others"
    farm.report(key)
    own = several(2, 2, flags=BlockFlag.MASTER_ON_SLAVE)
    farm.submit(job(own, name="both"))
    (key,) = farm.solve()
    spec = make_run_spec(farm.core.farm, key)
    assert spec is not None and len(spec.hosts) == 2 and spec.hosts[-1] == hosts_of(farm, key)[0]


def test_services_begin_on_the_captured_hosts_and_the_master_when_they_had_their_time(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve --port 7", multihost_service_wait=10)
    assert {effect.render for effect in farm.effects(StartRun)} == {render.id for render in others}
    spec = make_run_spec(farm.core.farm, key, others[0].id)
    assert spec is not None and (spec.command, spec.hosts, spec.parser) == ("serve --port 7", [], "")
    assert spec.task_name.endswith(": service")
    farm.tick(5.0)
    assert farm.effects(StartRun) == []
    farm.tick(10.0)
    assert farm.effects(StartRun) == [StartRun(master.id, key)]
    farm.report(key)
    assert {effect.render for effect in farm.effects(DropRun)} == {render.id for render in others}
    assert [render.used_capacity for render in farm.core.farm.renders.values()] == [0] * 3


def test_without_a_wait_services_and_master_begin_together(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    assert {effect.render for effect in farm.effects(StartRun)} == {master.id, *(render.id for render in others)}


# Losing hosts


def test_a_service_that_ends_stops_the_task_which_begins_anew_and_counts_against_its_render(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    shot = next(iter(farm.core.farm.jobs.values()))
    lost = others[0]
    answer = farm.report(key, RunStatus.ERROR, render=lost.id)
    assert answer == {"known": False} and farm.effects(DropRun) == [DropRun(lost.id, key)]
    assert farm.last(HostReleased).host_error and lost.runs == {} and lost.used_capacity == 0
    assert farm.effects(StopRun) == [StopRun(master.id, key)]
    assert shot.blocks[0].error_hosts[lost.id].count == 1
    assert shot.blocks[0].task_error_hosts.count(0, lost.id) == 1
    farm.report(key, RunStatus.STOPPED)
    assert farm.effects(DropRun) == [DropRun(others[1].id, key)]
    assert farm.states(shot) == "R" and shot.blocks[0].tasks.errors[0] == 0, "no error of the task"
    (again,) = {effect.key for effect in farm.do(commands.Solve()).effects if type(effect) is StartRun}
    assert again.run == 2


def test_with_slave_lost_ignored_the_task_goes_on_while_somebody_is_left(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve", flags=BlockFlag.SLAVE_LOST_IGNORE)
    farm.report(key, RunStatus.SUCCESS, render=others[0].id)
    assert farm.effects(StopRun) == [] and len(farm.core.farm.runs[key].captured) == 1
    farm.report(key, RunStatus.ERROR, render=others[1].id)
    assert farm.effects(StopRun) == [StopRun(master.id, key)], "nobody is left to work for it"


def test_a_captured_render_that_falls_silent_is_to_blame_and_one_that_leaves_is_not(farm: FarmPlay) -> None:
    key, master, others = launch(farm)
    shot = next(iter(farm.core.farm.jobs.values()))
    farm.do(commands.DeregisterRender(others[0].id, others[0].session))
    assert shot.blocks[0].error_hosts == {} and farm.effects(StopRun) == [StopRun(master.id, key)]
    farm.report(key, RunStatus.STOPPED)
    farm.register(others[0].name, cores=1, instance="b")
    (key,) = farm.solve()
    silent = farm.core.farm.renders[farm.core.farm.runs[key].hosts[1]]
    farm.do(commands.LoseRender(silent.id, silent.session))
    later(farm, 50.0)
    later(farm, 20.0)
    assert shot.blocks[0].error_hosts[silent.id].count == 1


def test_losing_the_master_ends_the_run_and_its_services(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    farm.do(commands.DeregisterRender(master.id, master.session))
    assert farm.last(RunFinished).status == RunStatus.RENDER_LEFT and farm.core.farm.runs == {}
    assert {effect.render for effect in farm.effects(DropRun)} == {render.id for render in others}
    assert all(not render.runs for render in others)


def test_eject_of_a_captured_render_ends_its_service_and_without_one_nothing(farm: FarmPlay) -> None:
    key, _, others = launch(farm)
    farm.do(commands.EjectTasks([others[0].name]))
    assert farm.outcome.events == [] and len(farm.core.farm.runs[key].captured) == 2
    farm.do(commands.ChangeTasks(key.job, "skip"))
    farm.report(key, RunStatus.STOPPED)
    farm.submit(job(several(3, 3, multihost_service="serve"), name="served"))
    farm.do(commands.Solve())
    (key,) = farm.core.farm.runs
    ejected = farm.core.farm.renders[farm.core.farm.runs[key].captured[0].render]
    farm.do(commands.EjectTasks([ejected.name]))
    assert farm.effects(DropRun) == [DropRun(ejected.id, key)] and ejected.runs == {}
    assert farm.core.farm.jobs[key.job].blocks[0].error_hosts == {}


def test_a_task_whose_hosts_all_fail_it_becomes_an_error_and_does_not_wait_for_ever(farm: FarmPlay) -> None:
    key, _, _ = launch(farm, number=2, multihost_service="serve", errors_task_same_host=1)
    shot = next(iter(farm.core.farm.jobs.values()))
    bad = farm.core.farm.runs[key].captured[0].render
    farm.report(key, RunStatus.ERROR, render=bad)
    farm.report(key, RunStatus.STOPPED)
    farm.run_all()
    assert farm.states(shot) == "E", "one render is left, and two are needed"


# Restarts


def test_over_a_restart_of_the_server_master_and_services_are_brought_back(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    names = (master.name, *(render.name for render in others))
    farm.crash()
    assert farm.states(next(iter(farm.core.farm.jobs.values()))) == "?"
    for name in names:
        farm.register(name, cores=1, running=[key])
        assert farm.effects(StartRun) == [] and farm.outcome.reply["drop"] == []
    for _ in range(4):
        later(farm, 50.0)
    assert len(farm.core.farm.runs[key].captured) == 2, "all came back"
    farm.report(key)
    assert all(not render.runs for render in farm.core.farm.renders.values())


def test_a_captured_render_that_does_not_come_back_is_waited_for_as_long_as_a_master(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    names = (master.name, others[0].name)
    gone = others[1].id
    farm.crash()
    for name in names:
        farm.register(name, cores=1, running=[key])
    later(farm, 20.0)
    assert len(farm.core.farm.runs[key].captured) == 2
    later(farm, 55.0)
    assert len(farm.core.farm.runs[key].captured) == 1 and gone not in farm.core.farm.runs[key].hosts
    assert farm.core.farm.runs[key].stopping == TaskState.READY


def test_an_agent_that_lost_the_order_starts_its_service_again_and_one_that_restarted_lost_it(farm: FarmPlay) -> None:
    key, _, others = launch(farm, multihost_service="serve", flags=BlockFlag.SLAVE_LOST_IGNORE)
    farm.register(others[0].name, cores=1, instance="a")
    assert farm.effects(StartRun) == [StartRun(others[0].id, key)]
    farm.do(commands.LoseRender(others[1].id, others[1].session))
    farm.register(others[1].name, cores=1, instance="b")
    assert farm.last(HostReleased).render == others[1].id and not farm.last(HostReleased).host_error


def test_deleting_the_job_ends_everything_it_holds(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    farm.do(commands.DeleteJobs([key.job]))
    farm.report(key, RunStatus.STOPPED)
    assert farm.core.farm.jobs == {} and {effect.render for effect in farm.effects(DropRun)} == {
        render.id for render in others
    }


def test_progress_of_a_service_is_nobodys_progress(farm: FarmPlay) -> None:
    key, _, others = launch(farm, multihost_service="serve")
    reading = commands.ProgressReading(*key, percent=50)
    farm.do(commands.MeasureRender(others[0].id, others[0].session, {}, [reading]))
    assert farm.effects(DropRun) == [] and farm.core.farm.jobs[key.job].blocks[0].tasks.percent[0] == 0


def test_what_a_running_task_holds_hosts_by_is_edited_when_nothing_runs(farm: FarmPlay) -> None:
    key, master, others = launch(farm, multihost_service="serve")
    row = run_row(farm.core.farm, farm.core.farm.runs[key])
    assert (row.render, row.captured) == (master.name, [other.name for other in others])
    wanted = {"multihost_service": "", "multihost_service_wait": 3, "gpus_shared": True}
    with pytest.raises(BadSpec) as refused:
        farm.do(commands.SetBlocks(key.job, [], wanted))
    assert {problem.path for problem in refused.value.problems} == set(wanted)
    farm.report(key)
    assert not farm.core.farm.runs
    for wrong in ({"multihost_service_wait": -1}, {"gpus_shared": 1}, {"multihost_service": 7}):
        with pytest.raises(BadSpec):
            farm.do(commands.SetBlocks(key.job, [], wrong))
    farm.do(commands.SetBlocks(key.job, [], wanted))
    spec = farm.core.farm.jobs[key.job].blocks[0].spec
    assert {name: getattr(spec, name) for name in wanted} == wanted


def test_an_edit_is_not_taken_back_while_tasks_run_by_it(farm: FarmPlay) -> None:
    for name in ("host1", "host2", "host3"):
        farm.register(name, cores=1)
    wide = farm.submit(job(several(3, 3)))
    farm.do(commands.SetBlocks(wide.id, [], {"multihost_service": "serve"}), GOD)
    farm.do(commands.Solve())
    assert farm.core.farm.runs
    reply = farm.do(commands.UndoOperation(), GOD).reply
    assert reply["restored"] == 0 and "multihost_service" in reply["left"][0]
    assert wide.blocks[0].spec.multihost_service == "serve"
