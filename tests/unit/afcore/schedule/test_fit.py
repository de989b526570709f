"""Where a task may run: limits, masks, capacity, errors and the states of renders."""

from typing import Any

import pytest

from afcore.events import JobEdited, PoolEdited, RenderEdited, RenderMeasured, TasksReleased, UserEdited
from afcore.model.effective import NO_LIMIT
from afcore.states import RenderState, TaskState
from afcore.views import render_row
from tests.unit.afcore.schedule.kit import NOW, SmallFarm


def started(small: SmallFarm) -> list[tuple[int, int]]:
    """One pass, as (render, task)."""
    return [(each.render, each.task) for each in small.solve()]


@pytest.mark.parametrize(
    ("capacity", "least", "most", "factors"),
    [
        (4500, 1, 3, [3, 1]),
        (4500, 2, 3, [3]),
        (4500, 0, 0, [4]),
        (4500, 5, 8, []),
        (4500, -1, 2, [2, 2]),
    ],
)
def test_variable_capacity_takes_what_is_free(capacity: int, least: int, most: int, factors: list[int]) -> None:
    small = SmallFarm()
    small.render("a", slots=9, capacity=capacity)
    small.job("A", block={"capacity": 1000, "capacity_coeff_min": least, "capacity_coeff_max": most})
    assert [(each.coefficient, each.capacity) for each in small.solve()] == [(f, 1000 * f) for f in factors]


@pytest.mark.parametrize("by_pool", [False, True])
@pytest.mark.parametrize(
    ("least", "most", "factors"),
    [(-1, -1, [0, 0, 0]), (1, 3, [3, 3, 3]), (2, 0, [2, 2, 2]), (0, 0, [1, 1, 1]), (5, 8, [8, 8, 8])],
)
def test_a_render_without_limit_gives_what_the_block_takes_at_most(
    least: int, most: int, factors: list[int], by_pool: bool
) -> None:
    """Without a greatest factor nothing says where to end: the least one is taken then."""
    small = SmallFarm()
    host = small.render("a", slots=3, capacity=-1 if by_pool else NO_LIMIT)
    if by_pool:
        small.happen(PoolEdited(1, {"capacity_host": -1}, {"capacity_host": NO_LIMIT}))
    small.job("A", block={"capacity": 100_000, "capacity_coeff_min": least, "capacity_coeff_max": most})
    starts = small.solve()
    assert [(each.coefficient, each.capacity) for each in starts] == [(f, 100_000 * max(1, f)) for f in factors]
    assert render_row(small.farm, small.farm.renders[host]).capacity == -1


@pytest.mark.parametrize(("capacity", "count"), [(999, 0), (1000, 1), (2500, 2)])
def test_capacity_bounds_a_render(capacity: int, count: int) -> None:
    small = SmallFarm()
    small.render("a", slots=9, capacity=capacity)
    small.job("A")
    assert len(small.solve()) == count


@pytest.mark.parametrize(
    ("fields", "block", "count"),
    [
        ({"max_running_tasks": 2}, {}, 2),
        ({"max_running_tasks": 0}, {}, 0),
        ({"max_running_tasks_per_host": 1}, {}, 2),
        ({"max_running_tasks_per_host": 0}, {}, 0),
        ({"priority": 0}, {}, 0),
        ({"offline": True}, {}, 0),
        ({}, {"max_running_tasks": 3}, 3),
        ({}, {"max_running_tasks": 0}, 0),
        ({}, {"max_running_tasks_per_host": 1}, 2),
        ({"hosts_mask": "solve0.*"}, {}, 4),
        ({"hosts_mask": "solve0"}, {}, 0),
        ({"hosts_mask": "solve0", "hosts_mask_type": "find"}, {}, 4),
        ({"hosts_mask_exclude": "solve01"}, {}, 4),
        ({}, {"hosts_mask": "solve11"}, 4),
        ({"need_properties": "small big"}, {}, 4),
        ({"need_os": "linux"}, {}, 8),
        ({"need_os": "windows"}, {}, 0),
        ({"need_memory": 8000}, {}, 4),
        ({}, {"need_memory": 8000}, 4),
        ({}, {"need_cpu_cores": 5}, 0),
    ],
)
def test_limits_and_masks(fields: dict[str, Any], block: dict[str, Any], count: int) -> None:
    small = SmallFarm()
    first = small.render("solve01", os="unix linux 64", resources={"cpu_num": 4, "mem_free_mb": 9000})
    small.render("solve11", os="unix linux 64", resources={"cpu_num": 4, "mem_free_mb": 900})
    small.happen(RenderEdited(render=first, old={"properties_host": ""}, new={"properties_host": "gpu big"}))
    small.job("A", block=block, **fields)
    assert len(small.solve()) == count


def test_limits_of_the_user_count() -> None:
    small = SmallFarm(solve_jobs=True)
    small.render("a", slots=9, capacity=9000)
    small.user("anna", max_running_tasks=2)
    small.job("A")
    assert len(small.solve()) == 2


@pytest.mark.parametrize(
    ("state", "fields", "count"),
    [
        (RenderState.NIMBY, {}, 0),
        (RenderState.NIMBY, {"ignorenimby": True}, 4),
        (RenderState.NIMBY_USER, {}, 0),
        (RenderState.NIMBY_USER, {"user_name": "root"}, 4),
        (RenderState.PAUSED, {}, 0),
        (RenderState.PAUSED, {"ignorepaused": True}, 4),
        (RenderState.PAUSED | RenderState.NIMBY, {"ignorepaused": True}, 0),
        (RenderState.SICK, {"ignorepaused": True, "ignorenimby": True}, 0),
    ],
)
def test_states_of_a_render(state: RenderState, fields: dict[str, Any], count: int) -> None:
    small = SmallFarm()
    small.render("a", state=RenderState.ONLINE | state)
    small.job("A", user=fields.pop("user_name", "anna"), **fields)
    assert len(small.solve()) == count


def test_a_task_that_avoids_a_host_does_not_hold_back_the_tasks_behind_it() -> None:
    small = SmallFarm()
    small.render("a", slots=1)
    small.job("A", frames=3, block={"errors_task_same_host": 1, "errors_avoid_host": 0})
    (first,) = small.solve()
    small.finish(first, TaskState.READY, error=True)
    assert started(small) == [(1, 1)]


def test_a_block_avoids_a_host_that_failed_it() -> None:
    small = SmallFarm()
    small.render("a", slots=1)
    small.job("A", frames=3, block={"errors_avoid_host": 1, "errors_task_same_host": 0})
    (first,) = small.solve()
    small.finish(first, TaskState.READY, error=True)
    assert started(small) == []
    small.render("b", slots=1)
    assert started(small) == [(2, 0)]


@pytest.mark.parametrize(
    ("listed", "disabled", "count"),
    [([], [], 4), (["nuke"], [], 0), (["nuke", "generic"], [], 4), ([], ["generic"], 0)],
)
def test_services_of_a_render(listed: list[str], disabled: list[str], count: int) -> None:
    small = SmallFarm()
    id = small.render("a")
    small.happen(RenderEdited(render=id, old={"services": []}, new={"services": listed, "services_disabled": disabled}))
    small.job("A")
    assert len(small.solve()) == count


def test_a_finished_task_frees_its_slot_and_the_limit_it_counted_in() -> None:
    small = SmallFarm()
    small.render("a", slots=1)
    small.render("b", slots=1)
    small.job("A", max_running_tasks=1)
    (first,) = small.solve()
    assert not small.scheduler.wanted
    small.finish(first)
    assert small.scheduler.wanted
    assert len(small.solve()) == 1


def test_a_raised_limit_of_a_user_is_used_at_once() -> None:
    small = SmallFarm()
    small.render("a")
    user = small.user("anna", max_running_tasks=1)
    small.job("A")
    assert len(small.solve()) == 1
    small.happen(UserEdited(user=user, old={"max_running_tasks": 1}, new={"max_running_tasks": 3}))
    assert len(small.solve()) == 2


def test_a_farm_where_nothing_changes_wants_no_pass() -> None:
    small = SmallFarm()
    small.render("a")
    small.job("A", hosts_mask="nobody")
    assert small.solve() == []
    assert not small.scheduler.wanted
    small.happen(RenderMeasured(render=1, resources={"cpu_num": 4, "mem_free_mb": 5}))
    assert not small.scheduler.wanted


def test_a_reading_is_a_change_once_memory_was_missing() -> None:
    small = SmallFarm()
    small.render("a", resources={"cpu_num": 4, "mem_free_mb": 10})
    small.job("A", need_memory=100)
    assert small.solve() == []
    small.happen(RenderMeasured(render=1, resources={"cpu_num": 4, "mem_free_mb": 500}))
    assert len(small.solve()) == 4


def test_waiting_for_a_time_ends_by_itself() -> None:
    small = SmallFarm()
    small.render("a")
    small.job("A", time_wait=int(NOW) + 50)
    assert small.solve() == []
    assert small.scheduler.deadline() == NOW + 50
    small.now = NOW + 50
    small.scheduler.wake(small.now)
    assert small.scheduler.deadline() is None
    assert len(small.solve()) == 4


def test_a_pass_that_was_left_goes_on_later() -> None:
    small = SmallFarm()
    small.render("a")
    small.job("A")
    assert len(small.solve(budget=3)) == 3
    assert small.scheduler.wanted
    assert len(small.solve()) == 1
    assert not small.scheduler.wanted


def test_released_tasks_are_offered_to_renders_that_were_idle() -> None:
    small = SmallFarm()
    small.render("a", slots=9, capacity=9000)
    id = small.job("A", blocks=[{"frame_last": 2}, {"frame_last": 2, "tasks_depend_mask": "b0"}])
    assert [(each.block, each.task) for each in small.solve()] == [(0, 0), (0, 1)]
    small.happen(TasksReleased(job=id, block=1, ranges=[(1, 1)]))
    assert [(each.block, each.task) for each in small.solve()] == [(1, 1)]


def test_blocks_are_offered_in_their_order_and_tasks_in_theirs() -> None:
    small = SmallFarm()
    small.render("a", slots=20, capacity=20000)
    small.job("A", blocks=[{"frame_last": 3, "sequential": -1}, {"frame_last": 5, "sequential": 0}])
    assert [(each.block, each.task) for each in small.solve()] == [
        (0, 2), (0, 1), (0, 0), (1, 0), (1, 4), (1, 2), (1, 1), (1, 3),
    ]  # fmt: skip


def test_a_job_waits_for_one_that_comes_later() -> None:
    small = SmallFarm()
    small.job("first", depend_mask_global="late.*")
    small.job("late", offline=True)
    small.render("a")
    assert started(small) == []


def test_a_job_waits_no_more_for_one_that_another_user_gets() -> None:
    small = SmallFarm()
    small.user("ben")
    first = small.job("first", depend_mask="other")
    other = small.job("other", offline=True)
    small.render("a")
    assert started(small) == []
    small.happen(JobEdited(job=other, old={"user_name": "anna"}, new={"user_name": "ben"}))
    assert {each.job for each in small.solve()} == {first}


def test_a_user_at_the_limit_goes_on_when_another_job_of_theirs_ends() -> None:
    small = SmallFarm(solve_jobs=True)
    small.render("a", slots=9, capacity=9000)
    small.user("anna", max_running_tasks=1)
    small.job("A", frames=1, priority=120)
    second = small.job("B", frames=1)
    (first,) = small.solve()
    assert small.solve() == []
    small.finish(first)
    assert [each.job for each in small.solve()] == [second]
