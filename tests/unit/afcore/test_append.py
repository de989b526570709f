"""Jobs change while they are there: more blocks, more tasks, another place in their user's order."""

from __future__ import annotations

import pytest

from afcore import commands
from afcore.errors import BadSpec, Conflict, NotFound
from afcore.jobspec import BlockSpec, JobSpec, TaskTexts
from tests.unit.afcore.plays import FarmPlay, block, job


def listed(*names: str, **values: object) -> BlockSpec:
    texts = TaskTexts()
    for name in names:
        texts.append(name, f"do {name}")
    return BlockSpec(name="list", service="generic", command="@#@", tasks=texts, frames_per_task=1, **values)  # type: ignore[arg-type]


def test_a_finished_job_runs_the_blocks_it_gets(farm: FarmPlay) -> None:
    farm.register("r", cores=4)
    shot = farm.submit()
    farm.run_all()
    assert shot.time_done
    reply = farm.do(commands.AppendBlocks(shot.id, JobSpec(blocks=[block("frames"), block("more")]))).reply
    assert reply == {"block_ids": [1, 2]}
    assert [each.spec.name for each in shot.blocks] == ["frames", "frames-1", "more"]
    assert not shot.time_done
    farm.run_all()
    assert shot.time_done and farm.states(shot, 2) == "DDD"


def test_new_blocks_depend_on_old_ones_and_old_ones_on_new_ones(farm: FarmPlay) -> None:
    farm.register("r", cores=4)
    shot = farm.submit(job(block("a", last=2), block("b", last=2)))
    farm.do(commands.AppendBlocks(shot.id, JobSpec(blocks=[block("c", last=2, tasks_depend_mask="a")])))
    assert farm.states(shot, 2) == "WW"
    farm.run_all()
    farm.do(commands.AppendBlocks(shot.id, JobSpec(blocks=[block("d", last=2, tasks_depend_mask="a")])))
    assert farm.states(shot, 3) == "RR"
    farm.run_all()
    assert shot.time_done


def test_bad_blocks_are_refused(farm: FarmPlay) -> None:
    shot = farm.submit()
    for spec in (JobSpec(), JobSpec(blocks=[block("x", hosts_mask="(")])):
        with pytest.raises(BadSpec):
            farm.do(commands.AppendBlocks(shot.id, spec))


def test_a_finished_job_runs_the_tasks_it_gets(farm: FarmPlay) -> None:
    farm.register("r", cores=4)
    shot = farm.submit(job(listed("a", "b"), block("after", last=2, depend_mask="list")))
    farm.run_all()
    reply = farm.do(commands.AppendTasks(shot.id, 0, JobSpec(blocks=[listed("c", "d")]))).reply
    assert reply == {"task_ids": [2, 3]}
    assert farm.states(shot) == "DDRR" and not shot.time_done
    assert shot.blocks[0].spec.task_name(3) == "d" and shot.blocks[0].spec.task_command(3) == "do d"
    farm.crash()
    shot = farm.core.farm.jobs[shot.id]
    farm.tick(100)
    farm.register("r", cores=4)
    farm.run_all()
    assert shot.time_done


def test_tasks_wait_and_are_suspended_as_new_ones(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", last=4), listed("x", tasks_depend_mask="a")))
    farm.do(commands.AppendTasks(shot.id, 1, JobSpec(blocks=[listed("y")])))
    assert farm.states(shot, 1) == "WW"
    held = farm.submit(job(listed("x", flags=1024), name="held"))
    farm.do(commands.AppendTasks(held.id, 0, JobSpec(blocks=[listed("y")])))
    assert farm.states(held) == "UU"


def test_a_block_of_frames_gets_no_tasks(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(), listed("a")))
    with pytest.raises(Conflict, match="counts frames"):
        farm.do(commands.AppendTasks(shot.id, 0, JobSpec(blocks=[listed("y")])))
    with pytest.raises(BadSpec):
        farm.do(commands.AppendTasks(shot.id, 1, JobSpec()))


def order(farm: FarmPlay) -> str:
    core = farm.core.farm
    return "".join(core.jobs[id].name for id in core.users[core.users_by_name["anna"]].jobs)


@pytest.mark.parametrize(
    ("where", "moved", "expected"),
    [
        ("up", "c", "acbd"),
        ("up", "ab", "abcd"),
        ("up", "bd", "badc"),
        ("down", "b", "acbd"),
        ("down", "cd", "abcd"),
        ("top", "bd", "bdac"),
        ("bottom", "ab", "cdab"),
    ],
)
def test_jobs_move_in_their_users_order(farm: FarmPlay, where: str, moved: str, expected: str) -> None:
    ids = {name: farm.submit(job(name=name)).id for name in "abcd"}
    farm.do(commands.MoveJobs([ids[name] for name in moved], where))
    assert order(farm) == expected


@pytest.mark.parametrize(
    ("where", "target", "moved", "expected"),
    [
        ("before", "a", "d", "dabc"),
        ("before", "c", "da", "badc"),
        ("after", "c", "ab", "cabd"),
        ("after", "d", "c", "abdc"),
        ("before", "d", "c", "abcd"),
    ],
)
def test_jobs_move_beside_another(farm: FarmPlay, where: str, target: str, moved: str, expected: str) -> None:
    ids = {name: farm.submit(job(name=name)).id for name in "abcd"}
    farm.do(commands.MoveJobs([ids[name] for name in moved], where, ids[target]))
    assert order(farm) == expected


def test_jobs_move_beside_those_of_their_user_and_priority_only(farm: FarmPlay) -> None:
    ids = {name: farm.submit(job(name=name, priority=50 if name == "d" else 99)).id for name in "abcd"}
    wrong = (("a", 0, "not said which"), ("ab", ids["a"], "among those"), ("ad", ids["b"], '"d" has'))
    for moved, target, told in wrong:
        with pytest.raises(BadSpec, match=told):
            farm.do(commands.MoveJobs([ids[name] for name in moved], "before", target))
    with pytest.raises(NotFound):
        farm.do(commands.MoveJobs([ids["a"]], "after", 999))
    assert order(farm) == "abcd"
    farm.do(commands.MoveJobs([ids["c"]], "before", ids["a"]))
    assert order(farm) == "cabd", "those of another priority stay"


def test_jobs_move_among_equal_priorities_only(farm: FarmPlay) -> None:
    ids = {name: farm.submit(job(name=name, priority=50 if name in "cd" else 99)).id for name in "abcd"}
    farm.do(commands.MoveJobs([ids["d"]], "top"))
    assert order(farm) == "abdc"
    with pytest.raises(BadSpec, match="did you mean|one of"):
        farm.do(commands.MoveJobs([ids["d"]], "upp"))


def test_the_first_in_a_users_order_is_served_first(farm: FarmPlay) -> None:
    ids = {name: farm.submit(job(name=name)).id for name in "abc"}
    farm.do(commands.MoveJobs([ids["c"]], "top"))
    farm.register("r", cores=4)
    assert [key.job for key in farm.solve()] == [ids["c"]] * 3 + [ids["a"]]
    farm.crash()
    assert order(farm) == "cab"


def test_a_job_that_moves_takes_its_counts_along(farm: FarmPlay) -> None:
    farm.register("r", cores=2)
    shot = farm.submit()
    farm.submit(job(user="ben", name="other", branch="/show"))
    farm.solve()
    farm.do(commands.SetJobs([shot.id], {"user_name": "ben", "branch": "/show"}))
    core = farm.core.farm
    assert core.users[core.users_by_name["ben"]].running_tasks == 2
    assert core.branches[core.branches_by_path["/show"]].running_tasks == 2
