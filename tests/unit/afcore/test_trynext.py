"""What is offered first or not at all: try next, preview approval, maintenance jobs, restart with obstacles."""

from __future__ import annotations

import pytest

from afcore import commands
from afcore.errors import BadSpec, Conflict, LimitReached
from afcore.jobspec import BlockSpec, TaskTexts
from afcore.model.job import Job
from afcore.states import TaskFlag
from afcore.views import job_row
from tests.unit.afcore.plays import FarmPlay, block, job


def tasks(farm: FarmPlay) -> list[tuple[int, int]]:
    return [(key.block, key.task) for key in farm.solve()]


def test_wanted_tasks_come_first_in_the_order_they_were_asked_for(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", last=5), block("b", last=5)))
    farm.do(commands.TryNext(shot.id, [1], [(3, 4)]))
    farm.do(commands.TryNext(shot.id, [0], [(2, 2)]))
    assert shot.try_next == [(1, 3), (1, 4), (0, 2)]
    farm.register("r", cores=5)
    assert tasks(farm) == [(1, 3), (1, 4), (0, 2), (0, 0), (0, 1)]
    assert shot.try_next == []


def test_a_job_may_come_with_what_is_tried_next(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=5), try_this_blocks_num=[0, 0], try_this_tasks_num=[4, 2]))
    assert job_row(farm.core.farm, shot).try_next == [(0, 4), (0, 2)]
    farm.crash()
    farm.register("r", cores=3)
    assert tasks(farm) == [(0, 4), (0, 2), (0, 0)]


def test_what_is_tried_next_is_taken_back(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=5)))
    farm.do(commands.TryNext(shot.id, [0], [(2, 4)]))
    assert farm.do(commands.TryNext(shot.id, [0], [(3, 3)], remove=True)).reply == {"tasks": 1}
    assert shot.try_next == [(0, 2), (0, 4)]
    farm.do(commands.TryNext(shot.id, remove=True))
    assert shot.try_next == [] and not any(shot.blocks[0].tasks.flags)


def test_what_cannot_run_any_more_is_off_the_list(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=5)))
    farm.do(commands.TryNext(shot.id, [0], [(1, 3)]))
    farm.do(commands.ChangeTasks(shot.id, "skip", [0], [(2, 2)]))
    assert shot.try_next == [(0, 1), (0, 3)]
    assert farm.do(commands.TryNext(shot.id, [0], [(2, 2)])).reply == {"tasks": 0}
    assert shot.blocks[0].tasks.flags[1] & TaskFlag.TRY_NEXT


def test_a_wanted_task_that_cannot_start_holds_nobody_back(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", last=2), block("b", last=2, depend_mask="a")))
    farm.do(commands.TryNext(shot.id, [1], [(0, 0)]))
    farm.register("r", cores=1)
    assert tasks(farm) == [(0, 0)]


def test_orders_to_try_next_that_make_no_sense_are_refused(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=2000)))
    with pytest.raises(BadSpec, match="no task is named"):
        farm.do(commands.TryNext(shot.id, [0]))
    with pytest.raises(LimitReached):
        farm.do(commands.TryNext(shot.id, [0], [(0, 1500)]))
    farm.do(commands.TryNext(shot.id, [0], [(0, 900)]))
    with pytest.raises(LimitReached):
        farm.do(commands.TryNext(shot.id, [0], [(1000, 1500)]))
    service = farm.submit(job(block(last=2), maintenance=True))
    with pytest.raises(Conflict, match="maintenance"):
        farm.do(commands.TryNext(service.id, [0], [(0, 0)]))


def test_a_job_that_waits_for_approval_stops_behind_its_steps(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=10, sequential=4), ppa=True))
    assert not job_row(farm.core.farm, shot).ppa
    farm.register("r", cores=9)
    assert tasks(farm) == [(0, 0), (0, 9), (0, 3), (0, 7)]
    assert job_row(farm.core.farm, shot).ppa
    farm.do(commands.SetJobs([shot.id], {"ppa": False}))
    assert not job_row(farm.core.farm, shot).ppa
    assert tasks(farm) == [(0, 1), (0, 2), (0, 4), (0, 5), (0, 6)]


@pytest.mark.parametrize("sequential", [1, -1, 0, -4])
def test_other_orders_need_no_approval(farm: FarmPlay, sequential: int) -> None:
    shot = farm.submit(job(block(last=10, sequential=sequential), ppa=True))
    farm.register("r", cores=10)
    assert len(farm.solve()) == 10
    assert not job_row(farm.core.farm, shot).ppa


def maintenance(farm: FarmPlay, **values: object) -> Job:
    texts = TaskTexts()
    for name in ("a", "b", "nobody", "b"):
        texts.append(name, "clean up")
    listed = BlockSpec(name="all", service="generic", command="@#@", tasks=texts, frames_per_task=1)
    return farm.submit(job(listed, maintenance=True, **values))


def test_a_maintenance_job_runs_each_task_on_the_render_it_is_named_after(farm: FarmPlay) -> None:
    for name in ("c", "b", "a"):
        farm.register(name, instance=name)
    service = maintenance(farm)
    farm.solve()
    names = farm.core.farm.renders
    where = {run.key.task: names[run.render].name for run in farm.core.farm.runs.values()}
    assert where == {0: "a", 1: "b", 3: "b"}
    assert farm.states(service) == "**R*"


def test_flags_let_a_job_on_renders_that_others_may_not_use(farm: FarmPlay) -> None:
    farm.register("a")
    farm.do(commands.SetRenders(["a"], {"NIMBY": True, "paused": True}))
    service = maintenance(farm, ignorenimby=True)
    assert farm.solve() == []
    farm.do(commands.SetJobs([service.id], {"ignorepaused": True}))
    assert tasks(farm) == [(0, 0)]


def four_to_two(farm: FarmPlay, **values: object) -> Job:
    shot = farm.submit(
        job(block("a", last=4), block("b", last=4, frames_per_task=2, tasks_depend_mask="a", **values))
    )
    farm.register("r", cores=4)
    farm.run_all()
    return shot


def test_a_restart_may_reach_what_a_task_waits_for(farm: FarmPlay) -> None:
    shot = four_to_two(farm)
    farm.do(commands.ChangeTasks(shot.id, "restart", [1], [(1, 1)], depends=True))
    assert (farm.states(shot), farm.states(shot, 1)) == ("DDRR", "DW")
    farm.run_all()
    assert shot.time_done


def test_it_reaches_over_several_blocks(farm: FarmPlay) -> None:
    shot = farm.submit(
        job(
            block("a", last=4),
            block("b", last=4, tasks_depend_mask="a"),
            block("c", last=4, frames_per_task=2, tasks_depend_mask="b"),
        )
    )
    farm.register("r", cores=4)
    farm.run_all()
    farm.do(commands.ChangeTasks(shot.id, "restart", [2], [(0, 0)], depends=True))
    assert [farm.states(shot, index) for index in range(3)] == ["RRDD", "WWDD", "WD"]


def test_without_it_a_restart_stays_where_it_is(farm: FarmPlay) -> None:
    shot = four_to_two(farm)
    farm.do(commands.ChangeTasks(shot.id, "restart", [1], [(1, 1)]))
    assert (farm.states(shot), farm.states(shot, 1)) == ("DDDD", "DR")


def test_new_tasks_may_begin_suspended_until_they_are_continued(farm: FarmPlay) -> None:
    farm.register("r", cores=4)
    shot = farm.submit(job(block(last=3, flags=1024)))
    assert farm.solve() == [] and farm.states(shot) == "UUU"
    farm.do(commands.ChangeTasks(shot.id, "continue"))
    assert len(farm.solve()) == 3
