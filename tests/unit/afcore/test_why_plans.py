"""What starts a task where one change is not enough, and what is said to tasks for which renders are kept."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from afcore import commands
from afcore.events import RunFinished
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec
from afcore.model.job import Job
from afcore.schedule.explain import Explainer, Obstacle
from afcore.schedule.reasons import Reason
from afcore.schedule.reserve import PATIENCE
from afcore.schedule.solver import Scheduler
from afcore.states import RunStatus, TaskState
from afcore.why.answer import why
from afcore.why.plans import Plans
from afcore.why.raises import raise_to_front
from afcore.why.trials import Trials
from afcore.why.whatif import Sandbox
from afnet.cli.why import why_lines
from afnet.registry import OPERATIONS
from tests.unit.afcore.plays import FarmPlay, block, job


@pytest.fixture
def farm() -> FarmPlay:
    return FarmPlay()


def several(least: int, most: int, **values: Any) -> BlockSpec:
    made = block(multihost_min=least, multihost_max=most, **{"last": 1, **values})
    made.settle()
    return made


def ask(farm: FarmPlay, of: int, **about: int) -> dict[str, Any]:
    before = farm.core.digest()
    answer = why(farm.core.farm, farm.core.scheduler, farm.at, job=of, **about)
    assert farm.core.digest() == before, "asking changes nothing"
    return answer


def operations(proposal: dict[str, Any]) -> list[str]:
    return [each["operation"] for each in (proposal, *proposal["also"])]


def now(answer: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in answer["proposals"] if each["when"] == "now")


def make(farm: FarmPlay, proposal: dict[str, Any]) -> None:
    """Do what is proposed, with everybody else starting what they can in between; stopped runs end."""
    for each in (proposal, *proposal["also"]):
        farm.do(OPERATIONS[each["operation"]].make_command(each["arguments"]))
        for run in [run for run in farm.core.farm.runs.all() if run.stopping >= 0]:
            farm.report(run.key, RunStatus.STOPPED)
        while farm.core.wants_solve:
            farm.solve()


def runs(of: Job) -> bool:
    return any(each.tasks.counts[TaskState.RUNNING] for each in of.blocks)


def full(farm: FarmPlay, **rival: Any) -> list[RunKey]:
    """Fill two slots with a job of ben, who has more to do."""
    farm.register(cores=2)
    farm.submit(job(block(last=9), name="bens", user="ben", **rival))
    return farm.solve()


# In the place of another


def test_the_next_place_is_had_by_raising_just_as_much_as_it_takes(farm: FarmPlay) -> None:
    busy = full(farm)
    farm.do(commands.SetUsers(["ben"], {"priority": 120}))
    mine = farm.submit(job(name="mine", user="anna"))
    farm.submit(job(name="other", user="anna", priority=150))
    farm.solve()
    proposal = next(each for each in ask(farm, mine.id)["proposals"] if each["when"] == "next")
    assert operations(proposal) == ["job.set", "user.set"]
    assert proposal["arguments"]["parameters"] == {"priority": 151}
    raised = proposal["also"][0]["arguments"]["parameters"]["priority"]
    assert 99 < raised <= 121
    make(farm, proposal)
    assert not runs(mine)
    assert tuple(proposal["ends"]) in busy
    farm.report(RunKey(*proposal["ends"]))
    farm.solve()
    assert runs(mine)


def test_one_less_than_what_is_proposed_is_not_enough(farm: FarmPlay) -> None:
    full(farm)
    farm.do(commands.SetUsers(["ben"], {"priority": 120}))
    mine = farm.submit(job(name="mine", user="anna"))
    farm.solve()
    proposal = next(each for each in ask(farm, mine.id)["proposals"] if each["when"] == "next")
    assert operations(proposal) == ["user.set"]
    less = proposal["arguments"]["parameters"]["priority"] - 1
    farm.do(commands.SetUsers(["anna"], {"priority": less}))
    farm.report(RunKey(*proposal["ends"]))
    farm.solve()
    assert not runs(mine)


def test_to_start_now_the_run_that_comes_last_is_stopped_and_named(farm: FarmPlay) -> None:
    farm.register(cores=2)
    farm.submit(job(block(last=1), name="dear", user="ben", priority=150))
    farm.submit(job(block(last=1), name="cheap", user="ben", priority=20))
    farm.solve()
    mine = farm.submit(job(name="mine", user="anna"))
    farm.solve()
    core = farm.core
    explainer = Explainer(core.farm, core.scheduler, farm.at)
    trials = Trials(core.farm, core.scheduler, farm.at, explainer, mine, mine.blocks[0], 0)
    render = core.farm.renders[1]
    groups = [(Obstacle(Reason.SLOTS, render, render), [render])]
    (plan,) = Plans(trials).found([], groups, now=True, then=False)
    proposal = plan.told()
    assert operations(proposal) == ["task.restart"]
    assert proposal["arguments"]["job"] == 3
    assert 'task 0 of job 3 "cheap" on host1 begins anew later' in proposal["text"]
    make(farm, proposal)
    assert runs(mine)


def test_two_things_of_two_owners_go_by_two_changes(farm: FarmPlay) -> None:
    farm.register(cores=2)
    farm.do(commands.SetPools(["/"], {"tickets": {"NONE": [0, -1]}}))
    farm.submit(job(name="first", user="anna"))
    farm.do(commands.PauseJobs([2]))
    farm.do(commands.SetUsers(["anna"], {"max_running_tasks": 0}))
    mine = farm.submit(job(block(tickets={"NONE": 1}), name="mine", user="anna", offline=True))
    answer = ask(farm, mine.id)
    assert answer["no_single"]
    proposal = now(answer)
    assert len(operations(proposal)) == 3
    assert {"job.start", "user.set"} <= set(operations(proposal))
    lines = why_lines(answer)
    assert "No single change starts it now: every one was tried." in lines
    assert "  3 changes together:" in lines
    make(farm, proposal)
    assert runs(mine)


# What it is made of


def test_a_copy_ranks_as_the_farm_below_it_without_counting_all_jobs(farm: FarmPlay) -> None:
    full(farm)
    mine = farm.submit(job(name="mine", user="anna"))
    farm.solve()
    core = farm.core
    box = Sandbox(core.farm, core.scheduler, farm.at, jobs=[mine.id, 2], renders=[1])
    box.scheduler.rank_now()

    def order(scheduler: Scheduler) -> list[int]:
        root = scheduler.ranking.root
        assert root is not None
        return [place.order for place in scheduler.ranking.places_of(root)]

    assert order(box.scheduler) == order(core.scheduler)
    for key in list(core.farm.runs):
        box.end(key)
    root = box.scheduler.ranking.root
    assert root is not None
    ranks = [box.scheduler.ranking.rank_place(place)[0] for place in root.places]
    assert ranks[0] == ranks[1], "with nothing running both need the same"
    assert len(core.farm.runs) == 2, "the farm below is as it was"


def test_a_copy_takes_no_job_that_a_change_does_not_touch(farm: FarmPlay) -> None:
    full(farm)
    mine = farm.submit(job(name="mine", user="anna"))
    others = {farm.submit(job(name=f"other{number}", user="carl")).id for number in range(20)}
    farm.solve()
    box = Sandbox(farm.core.farm, farm.core.scheduler, farm.at, jobs=[mine.id], renders=[1])
    box.do(commands.SetJobs([mine.id], {"priority": 200}))
    for key in list(farm.core.farm.runs):
        box.end(key)
    box.starts((mine.id, 0, 1))
    copied: Any = box.farm.jobs
    assert not others & {each.id for each in copied.own()}, "a great farm is not copied for every question"


def test_raising_is_not_needed_where_it_comes_first_and_impossible_past_the_highest(farm: FarmPlay) -> None:
    (key, _) = full(farm)
    mine = farm.submit(job(name="mine", user="ben", priority=100))
    farm.solve()

    def raised() -> list[Any] | None:
        box = Sandbox(farm.core.farm, farm.core.scheduler, farm.at, jobs=[2, mine.id], renders=[1])
        box.end(key)
        return raise_to_front(box, farm.at, (mine.id, 0, 0), 1)

    assert raised() == []
    farm.do(commands.SetJobs([2], {"priority": 255}))
    assert raised() is None


# Renders that are kept


def small_ones(farm: FarmPlay) -> None:
    """Let small tasks overtake a big one until a render is kept for it."""
    for _ in range(int(PATIENCE) + 5):
        if farm.core.scheduler.reserved.claims:
            return
        ends = [key for key in farm.core.farm.runs if key.job == 2][:1]
        for key in ends:
            farm.report(key)
        farm.solve()


def test_a_big_task_is_told_by_when_it_begins(farm: FarmPlay) -> None:
    farm.register(cores=2)
    farm.submit(job(block(last=200, task_max_run_time=300), name="small", user="ben"))
    farm.solve()
    big = farm.submit(job(block(last=1, capacity=2000, task_max_run_time=60), name="big", user="anna"))
    small_ones(farm)
    answer = ask(farm, big.id)
    assert answer["kept"] == ["host1"]
    assert answer["promised"]
    assert farm.at < answer["begins_by"] <= farm.at + PATIENCE + 300
    lines = why_lines(answer)
    assert "Kept for it: host1." in lines
    (told,) = [line for line in lines if line.startswith("It begins by ")]
    assert told.endswith("at the latest.")
    make(farm, now(answer))
    assert runs(big)


def test_without_limits_the_time_is_said_to_be_an_estimate(farm: FarmPlay) -> None:
    farm.register(cores=2)
    farm.submit(job(block(last=200), name="small", user="ben"))
    farm.solve()
    big = farm.submit(job(block(last=1, capacity=2000), name="big", user="anna"))
    small_ones(farm)
    answer = ask(farm, big.id)
    assert answer["begins_by"] and not answer["promised"]
    assert any("an estimate" in line for line in why_lines(answer))


@pytest.mark.parametrize(("limit", "offered"), [(500, "block.set"), (0, "job.suspend")])
def test_a_task_that_waits_behind_a_reservation_is_offered_a_limit_or_the_others_pause(
    farm: FarmPlay, limit: int, offered: str
) -> None:
    farm.register("host1", cores=2)
    farm.submit(job(block(last=1, task_max_run_time=limit), name="long", user="ben"))
    farm.solve()
    farm.submit(job(block("fit", last=200, task_max_run_time=5), name="feed", user="ben"))
    farm.submit(job(block(last=1, capacity=2000), name="big", user="anna"))
    for _ in range(int(PATIENCE) + 5):
        farm.solve()
        for key in [key for key in farm.core.farm.runs if key.job == 3]:
            farm.report(key)
    farm.do(commands.PauseJobs([3]))
    mine = farm.submit(job(block(last=1), name="mine", user="cleo"))
    farm.solve()
    answer = ask(farm, mine.id)
    assert [each["code"] for each in answer["renders"]] == ["reserved"]
    proposal = now(answer)
    assert operations(proposal) == [offered]
    if offered == "block.set":
        assert 0 < proposal["arguments"]["parameters"]["task_max_run_time"] <= 500
    else:
        assert proposal["arguments"] == {"job": 4, "blocks": [0]}
    make(farm, proposal)
    assert runs(mine)


# Several renders at once


def test_a_multihost_task_begins_with_fewer_or_with_what_others_give_up(farm: FarmPlay) -> None:
    for number in range(3):
        farm.register(f"host{number}", cores=1)
    farm.submit(job(block(last=1, task_max_run_time=100), name="small", user="ben"))
    farm.solve()
    mine = farm.submit(job(several(3, 3), name="mine", user="anna"))
    farm.solve()
    answer = ask(farm, mine.id)
    assert sorted(answer["kept"]) == ["host0", "host1", "host2"]
    assert answer["promised"] and farm.at < answer["begins_by"] <= farm.at + 100
    assert [operations(each) for each in answer["proposals"]] == [["block.set"], ["render.eject-tasks"]]
    fewer, ejected = answer["proposals"]
    assert fewer["arguments"]["parameters"] == {"multihost_min": 2}
    assert len(ejected["arguments"]["names"]) == 1
    make(farm, ejected)
    assert runs(mine)


def test_a_multihost_task_that_only_waits_for_more_need_not(farm: FarmPlay) -> None:
    for number in range(2):
        farm.register(f"host{number}", cores=1)
    mine = farm.submit(job(several(2, 5, multihost_max_wait=60), name="mine", user="anna"))
    farm.solve()
    proposal = now(ask(farm, mine.id))
    assert proposal["arguments"]["parameters"] == {"multihost_max_wait": 0}
    make(farm, proposal)
    assert runs(mine)


def test_renders_that_are_paused_are_opened_together_for_a_multihost_task(farm: FarmPlay) -> None:
    names = [f"host{number}" for number in range(3)]
    for name in names:
        farm.register(name, cores=1)
    farm.do(commands.SetRenders(names, {"paused": True}))
    mine = farm.submit(job(several(3, 3), name="mine", user="anna", offline=True))
    farm.do(commands.StartJobs([mine.id]))
    farm.solve()
    proposal = now(ask(farm, mine.id))
    assert (proposal["operation"], sorted(proposal["arguments"]["names"])) == ("render.set", names)
    make(farm, proposal)
    assert runs(mine)
    assert not any(type(event) is RunFinished for event in farm.outcome.events)


def test_an_answer_leaves_nothing_for_the_collector(farm: FarmPlay) -> None:
    # Copies of a farm that were tried out are large; a server's collector looks at what is old hardly ever.
    farm.register()
    for number in range(6):
        farm.submit(job(name=f"busy{number}"))
    farm.solve()
    last = farm.submit(job(name="last"))
    gc.collect()
    gc.disable()
    try:
        assert why(farm.core.farm, farm.core.scheduler, farm.at, job=last.id)["proposals"]
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        # Other threads of the process that runs tests may have left something of theirs meanwhile.
        left = [each for each in gc.garbage if str(getattr(each, "__module__", "")).startswith("afcore")]
        assert left == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
