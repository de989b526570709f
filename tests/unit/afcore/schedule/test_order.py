"""Whose turn it is: the orders recorded in the scheduling facts, with the settings they were recorded with."""

import pytest

from afcore.events import BranchAdded, PoolAdded
from tests.unit.afcore.schedule.kit import SmallFarm

RECORDED = {"solve_jobs": True, "solve_method": "solve_priority"}
"""The reference's root ranks jobs directly."""


def two_jobs(branch: dict[str, object], first: dict[str, object], second: dict[str, object]) -> SmallFarm:
    small = SmallFarm(**branch)
    small.render("r", slots=12, capacity=100_000)
    small.job("A", **first)  # type: ignore[arg-type]
    small.job("B", **second)  # type: ignore[arg-type]
    return small


def test_equal_jobs_take_turns() -> None:
    assert two_jobs(RECORDED, {}, {}).order() == "AB" * 6


def test_need_by_priority_gives_the_recorded_share() -> None:
    assert two_jobs(RECORDED, {"priority": 99}, {"priority": 106}).order() == "BABBABBABBAB"


def test_solve_order_serves_the_greater_priority_first() -> None:
    branch = {**RECORDED, "solve_method": "solve_order"}
    assert two_jobs(branch, {"priority": 99}, {"priority": 100}).order() == "B" * 12


def test_solve_order_serves_the_older_job_first() -> None:
    branch = {**RECORDED, "solve_method": "solve_order"}
    assert two_jobs(branch, {"time_creation": 500}, {"time_creation": 400}).order() == "B" * 12


def test_solve_order_falls_to_taking_turns_in_the_same_second() -> None:
    branch = {**RECORDED, "solve_method": "solve_order"}
    assert two_jobs(branch, {"time_creation": 400}, {"time_creation": 400}).order() == "AB" * 6


@pytest.mark.parametrize("jobs", [True, False])
def test_what_is_equal_in_all_else_goes_by_its_number_and_not_by_who_came_first(*, jobs: bool) -> None:
    """A farm that was recovered makes its places in another order than the one that grew; both must go on alike."""
    orders = []
    for first in ("inner", "outer"):
        small = SmallFarm(solve_jobs=jobs)
        small.happen(BranchAdded(branch=2, path="/show", parent=1))
        small.render("r", slots=6, capacity=6000)
        for user in ("anna", "ben"):
            small.user(user)
        # The user, the branch and the job are each the second of their kind.
        ids = {"inner": 2, "outer": 1}
        names = ["inner", "outer"] if first == "inner" else ["outer", "inner"]
        small.farm.next_job = 2
        for name in names:
            small.job(name[0], user="ben", branch=ids[name])
        orders.append(small.order())
    assert orders[0] == orders[1] == "ioioio"


def test_need_by_capacity_counts_units() -> None:
    branch = {**RECORDED, "solve_need": "solve_capacity"}
    small = two_jobs(branch, {}, {"block": {"capacity": 2000}})
    assert small.order() == "ABABAABAABAA"


@pytest.mark.parametrize(("method", "order"), [("solve_order", "BABABABABABA"), ("solve_priority", "BACABACABACA")])
def test_users_are_ranked_before_their_jobs(method: str, order: str) -> None:
    small = SmallFarm(solve_jobs=False)
    small.render("r", slots=12, capacity=12000)
    small.user("two", solve_method=method)
    small.user("one", solve_method=method)
    small.job("B", user="two")
    small.job("A", user="one")
    small.job("C", user="two")
    assert small.order() == order


def test_a_user_with_greater_priority_gets_more_of_the_farm() -> None:
    small = SmallFarm(solve_jobs=False)
    small.render("r", slots=12, capacity=12000)
    small.user("one")
    small.user("two", priority=106)
    small.job("A", user="one")
    small.job("B", user="two")
    assert small.order() == "BABBABBABBAB"


def test_users_by_order_leave_the_rest_waiting() -> None:
    small = SmallFarm(solve_jobs=False, solve_method="solve_order")
    small.render("r", slots=12, capacity=12000)
    small.user("two", priority=106)
    small.job("A", user="one")
    small.job("B", user="two")
    assert small.order() == "B" * 12


def test_tasks_spread_over_equal_renders() -> None:
    small = SmallFarm()
    for name in ("a", "b", "c"):
        small.render(name)
    small.job("A", frames=6)
    assert [started.render for started in small.solve()] == [1, 2, 3, 1, 2, 3]


def test_the_better_pool_is_filled_first() -> None:
    small = SmallFarm()
    small.happen(PoolAdded(pool=2, path="/low", parent=1, parameters={"priority": 60}))
    low = small.render("a", slots=2, pool=2)
    high = small.render("b", slots=2)
    small.job("A", frames=3)
    assert [started.render for started in small.solve()] == [high, high, low]


@pytest.mark.parametrize(
    ("pools", "expected"), [({"/p": 10}, [1, 1, 2, 2]), ({"/p": 100}, [1, 1]), ({"/p": -100}, [2, 2])]
)
def test_a_pools_map_prefers_restricts_or_forbids(pools: dict[str, int], expected: list[int]) -> None:
    small = SmallFarm()
    small.happen(PoolAdded(pool=2, path="/p", parent=1))
    small.render("a", slots=2, pool=2)
    small.render("b", slots=2)
    small.job("A", frames=9, pools=pools)
    assert [started.render for started in small.solve()] == expected
