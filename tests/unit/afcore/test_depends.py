"""What waits for what: jobs, blocks, tasks by their frames, running tasks by their progress."""

from __future__ import annotations

import random

import pytest

from afcore.commands import (
    AddUser,
    ChangeTasks,
    DeleteJobs,
    MeasureRender,
    ProgressReading,
    RestartJobs,
    SetBlocks,
    SetJobs,
)
from afcore.events import TasksHeld, TasksReleased
from afcore.frames import waiting_range
from afcore.jobspec import BlockSpec, TaskTexts
from afcore.model.job import Job
from afcore.rules import depends
from afcore.rules.depends import is_clear
from afcore.states import RunStatus, TaskState
from tests.unit.afcore.plays import FarmPlay, block, job


def listed(name: str, tasks: int, **values: object) -> BlockSpec:
    """Return a block of listed tasks."""
    texts = TaskTexts()
    for task in range(tasks):
        texts.append(f"t{task}", str(task))
    return BlockSpec(name=name, service="generic", command="run", tasks=texts, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on", "of", "after_first_done"),
    [
        (block("a", 1, 8), block("b", 1, 8, frames_per_task=4), "WW"),
        (block("a", 1, 8, frames_per_task=4), block("b", 1, 8), "RRRRWWWW"),
        (block("a", 1, 8, frames_per_task=3), block("b", 1, 8, frames_per_task=2), "RWWW"),
        (block("a", 5, 8), block("b", 1, 8), "RRRRRWWW"),
        (listed("a", 6), block("b", 11, 16), "RWWWWW"),
        (block("a", 11, 16), listed("b", 6), "RWWWWW"),
        (block("a", 1, 9, frames_inc=2), block("b", 1, 9), "RRWWWWWWW"),
        (listed("a", 2, frames_per_task=3), listed("b", 6), "RRRWWW"),
    ],
)
def test_tasks_wait_by_their_frames(farm: FarmPlay, on: BlockSpec, of: BlockSpec, after_first_done: str) -> None:
    of.tasks_depend_mask = "a"
    shot = farm.submit(job(on, of))
    assert set(farm.states(shot, 1)) == {"W"}
    farm.do(ChangeTasks(shot.id, "done", [0], [(0, 0)]))
    assert farm.states(shot, 1) == after_first_done
    farm.do(ChangeTasks(shot.id, "done", [0]))
    assert set(farm.states(shot, 1)) == {"R"}
    farm.do(ChangeTasks(shot.id, "restart", [0]))
    assert set(farm.states(shot, 1)) == {"W"}


def test_a_task_may_wait_for_two_blocks(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a1", 1, 4), block("a2", 1, 4), block("b", 1, 4, tasks_depend_mask="a.")))
    farm.do(ChangeTasks(shot.id, "skip", [0], [(0, 2)]))
    assert farm.states(shot, 2) == "WWWW"
    farm.do(ChangeTasks(shot.id, "skip", [1], [(1, 3)]))
    assert farm.states(shot, 2) == "WRRW"
    assert farm.last(TasksReleased).ranges == [(1, 2)]


def test_a_restarted_obstacle_holds_again(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 3), block("b", 1, 3, tasks_depend_mask="a")))
    farm.do(ChangeTasks(shot.id, "done", [0]))
    farm.do(ChangeTasks(shot.id, "restart", [0], [(1, 1)]))
    assert farm.last(TasksHeld) == TasksHeld(shot.id, 1, [(1, 1)])
    assert farm.states(shot, 1) == "RWR"


def test_a_running_task_that_returns_waits_when_its_obstacle_was_restarted(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 1), block("b", 1, 1, tasks_depend_mask="a")))
    farm.do(ChangeTasks(shot.id, "done", [0]))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(ChangeTasks(shot.id, "restart", [0]))
    assert farm.states(shot, 1) == "*"
    farm.report(key, RunStatus.NEVER_STARTED)
    assert farm.states(shot, 1) == "W"


def test_suspended_tasks_continue_into_waiting(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2), block("b", 1, 2, tasks_depend_mask="a", flags=1024)))
    assert farm.states(shot, 1) == "UU"
    farm.do(ChangeTasks(shot.id, "skip", [0], [(0, 0)]))
    farm.do(ChangeTasks(shot.id, "continue", [1]))
    assert farm.states(shot, 1) == "RW"


def test_a_block_waits_for_whole_blocks(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2), block("b", 1, 2, depend_mask="a")))
    farm.register(cores=4)
    first, second = farm.solve()
    assert shot.blocks[1].waiting
    farm.report(first)
    assert not farm.core.wants_solve
    farm.report(second)
    assert not shot.blocks[1].waiting
    assert farm.core.wants_solve
    assert [key.block for key in farm.solve()] == [1, 1]
    farm.do(ChangeTasks(shot.id, "restart", [0]))
    assert shot.blocks[1].waiting


def test_a_chain_runs_through(farm: FarmPlay) -> None:
    shot = farm.submit(
        job(block("a", 1, 2), block("b", 1, 2, tasks_depend_mask="a"), block("c", 1, 1, depend_mask="b"))
    )
    farm.register(cores=1)
    farm.run_all()
    assert shot.time_done


def sub_task_job(farm: FarmPlay) -> Job:
    """Return a job whose frames follow the frames of one running simulation."""
    return farm.submit(
        job(block("sim", 1, 6, frames_per_task=6, flags=16), block("frames", 1, 6, tasks_depend_mask="sim"))
    )


def test_frames_start_as_the_simulation_reports_them(farm: FarmPlay) -> None:
    shot = sub_task_job(farm)
    render = farm.register(cores=1)
    (key,) = farm.solve()

    def told(frame: int) -> str:
        farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, frame=frame)]))
        return farm.states(shot, 1)

    assert told(0) == "WWWWWW"
    assert told(1) == "RWWWWW"
    assert told(4) == "RRRRWW"
    assert farm.last(TasksReleased).ranges == [(0, 3)], "tasks inside that are ready stay so"
    assert told(4) == "RRRRWW" and farm.names() == ["RenderMeasured", "RunProgressed"]
    farm.report(key)
    assert farm.states(shot, 1) == "RRRRRR"


def test_a_failed_simulation_holds_its_frames_again(farm: FarmPlay) -> None:
    shot = sub_task_job(farm)
    render = farm.register(cores=1)
    farm.register("other")
    (key, *_) = farm.solve()
    runs = farm.core.farm.renders[farm.core.farm.runs[key].render]
    farm.do(MeasureRender(runs.id, runs.session, {}, [ProgressReading(*key, frame=3)]))
    assert farm.states(shot, 1) == "RRRWWW"
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot, 1) == "WWWWWW"
    assert render.name == "host1"


def test_a_released_frame_that_is_over_stays_over(farm: FarmPlay) -> None:
    shot = sub_task_job(farm)
    render = farm.register(cores=2)
    (key,) = farm.solve()
    farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, frame=1)]))
    (frame,) = farm.solve()
    farm.report(frame)
    farm.report(key, RunStatus.NEVER_STARTED)
    assert farm.states(shot, 1) == "DWWWWW"


def test_editing_a_mask_settles_every_task(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 3), block("b", 1, 3)))
    farm.do(SetBlocks(shot.id, [1], {"tasks_depend_mask": "a"}))
    assert farm.states(shot, 1) == "WWW"
    farm.do(ChangeTasks(shot.id, "skip", [0], [(1, 1)]))
    assert farm.states(shot, 1) == "WRW"
    farm.do(SetBlocks(shot.id, [1], {"tasks_depend_mask": ""}))
    assert farm.states(shot, 1) == "RRR"


@pytest.mark.parametrize("seed", range(40))
def test_every_way_of_asking_gives_the_same_answer(farm: FarmPlay, seed: int) -> None:
    """Search, sums and great numbers agree with asking each task, and so do both directions of the arithmetic."""
    dice = random.Random(seed)

    def some(name: str) -> BlockSpec:
        if dice.random() < 0.3:
            return listed(name, dice.randint(1, 40), frames_per_task=dice.choice((1, 2, 3, -2)))
        first = dice.randint(-5, 5)
        last = first + dice.randint(0, 40)
        return block(name, first, last, frames_per_task=dice.randint(1, 4), frames_inc=dice.randint(1, 3))

    on, of = some("a"), some("b")
    if dice.random() < 0.3 and of.tasks is None and on.tasks is None:
        of.frame_first, of.frame_last = on.frame_first, on.frame_last
        of.frames_per_task, of.frames_inc = on.frames_per_task, on.frames_inc
    of.tasks_depend_mask = "a"
    shot = farm.submit(job(on, of))
    obstacle, waiter = shot.blocks
    for task in range(obstacle.tasks.size):
        expected = waiting_range(task, of=waiter.frames, on=obstacle.frames)
        found = depends._waiting(waiter, obstacle, task)
        assert found == expected or (found[0] > found[1] and expected[0] > expected[1])
    size = waiter.tasks.size
    for _ in range(4):
        task = dice.randrange(obstacle.tasks.size)
        farm.do(ChangeTasks(shot.id, dice.choice(("skip", "restart", "done")), [0], [(0, task)]))
        farm.do(ChangeTasks(shot.id, dice.choice(("skip", "restart")), [0], [(task // 2, task // 2)]))
        state = waiter.tasks.state
        right = [is_clear(farm.core.farm, shot, waiter, each) for each in range(size)]
        assert [each == TaskState.READY for each in state] == right
        turned = bytes(TaskState.READY + TaskState.WAIT_DEP - each for each in state)
        kept, state[:] = bytes(state), turned
        waiter.tasks.counts = waiter.tasks.recount()
        answers = [
            depends._searched(farm.core.farm, shot, waiter, 0, size - 1),
            depends._summed(shot, waiter, 0, size - 1),
        ]
        if depends._in_step(shot, waiter):
            answers.append(depends._compared(shot, waiter, 0, size - 1))
        for released, held in answers:
            freed = {each for first, last in released for each in range(first, last + 1)}
            stopped = {each for first, last in held for each in range(first, last + 1)}
            for each in range(size):
                assert (each in freed) >= right[each] and (each in stopped) >= (not right[each])
                if state[each] == TaskState.WAIT_DEP:
                    assert (each in freed) == right[each]
                if state[each] == TaskState.READY:
                    assert (each in stopped) == (not right[each])
        state[:] = kept
        waiter.tasks.counts = waiter.tasks.recount()


def test_one_finished_task_of_a_million_looks_at_its_own_dependants_only(
    farm: FarmPlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = farm.submit(job(block("a", 1, 1_000_000), block("b", 1, 1_000_000, tasks_depend_mask="a")))
    asked = []
    monkeypatch.setattr(depends, "is_clear", lambda *words: asked.append(words[-1]) or is_clear(*words))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key)
    assert asked == [0]
    assert farm.count(shot, TaskState.READY, 1) == 1


def test_one_simulation_releases_a_million_frames_in_one_event(farm: FarmPlay) -> None:
    shot = farm.submit(
        job(
            block("sim", 1, 1_000_000, frames_per_task=1_000_000),
            block("frames", 1, 1_000_000, tasks_depend_mask="sim"),
        )
    )
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key)
    assert farm.last(TasksReleased).ranges == [(0, 999_999)]
    assert farm.count(shot, TaskState.READY, 1) == 1_000_000


def test_jobs_wait_for_jobs_of_their_user(farm: FarmPlay) -> None:
    sim = farm.submit(job(name="sim"))
    other = farm.submit(job(name="sim2", user="ben"))
    frames = farm.submit(job(name="frames", depend_mask="sim.*"))
    assert frames.waits_for == {sim.id}
    farm.do(SetJobs([frames.id], {"depend_mask_global": "sim.*"}))
    assert frames.waits_for == {sim.id, other.id}
    farm.do(ChangeTasks(sim.id, "done"))
    assert frames.waits_for == {other.id}
    farm.do(DeleteJobs([other.id]))
    assert frames.waits_for == set()
    farm.do(RestartJobs([sim.id]))
    assert frames.waits_for == {sim.id}


def test_a_job_that_waits_is_not_offered_until_the_other_is_done(farm: FarmPlay) -> None:
    sim = farm.submit(job(block(first=1, last=1), name="sim"))
    frames = farm.submit(job(block(first=1, last=1), name="frames", depend_mask="sim"))
    farm.register(cores=4)
    (key,) = farm.solve()
    assert key.job == sim.id and not farm.core.wants_solve
    farm.report(key)
    assert [key.job for key in farm.solve()] == [frames.id]


def test_a_job_does_not_wait_for_itself_and_waits_for_later_ones(farm: FarmPlay) -> None:
    all_of_them = farm.submit(job(name="last", depend_mask_global=".*"))
    assert all_of_them.waits_for == set()
    later = farm.submit(job(name="later"))
    assert all_of_them.waits_for == {later.id}


def test_a_running_job_starts_nothing_more_while_a_later_job_is_in_its_mask(farm: FarmPlay) -> None:
    first = farm.submit(job(block("frames", 1, 4), name="comp", depend_mask="plate"))
    farm.register(cores=1)
    (key,) = farm.solve()
    plate = farm.submit(job(block("frames", 1, 1), name="plate"))
    assert first.waits_for == {plate.id}
    farm.report(key)
    (other,) = farm.solve()
    assert other.job == plate.id
    # Another user's plate is none that the mask means.
    farm.do(AddUser("ben"))
    farm.do(SetJobs([plate.id], {"user_name": "ben"}))
    assert first.waits_for == set()
    farm.report(other)
    assert [key.job for key in farm.solve()] == [first.id]
