"""Back and forth among the places one has been."""

from __future__ import annotations

from afwatch.trail import DWELL_S, Spot, Trail


def test_one_goes_back_and_forth_and_what_is_ahead_is_forgotten_by_going_elsewhere() -> None:
    trail = Trail()
    jobs, farm, job = Spot("jobs"), Spot("farm"), Spot("jobs", "job", 4)
    for at, spot in enumerate((jobs, job, farm)):
        trail.visit(spot, at)
    assert not trail.can_go_forward
    assert [trail.step(-1, 9), trail.step(-1, 9), trail.step(-1, 9)] == [job, jobs, None]
    assert trail.step(1, 9) == job and trail.can_go_forward
    trail.visit(Spot("users"), 10)
    assert not trail.can_go_forward
    assert [trail.step(-1, 11), trail.step(-1, 11)] == [job, jobs]


def test_what_was_chosen_for_a_while_is_a_spot_and_what_was_passed_over_none() -> None:
    trail, now = Trail(), 0.0
    trail.visit(Spot("jobs"), now)
    trail.visit(Spot("jobs", chosen=1), now + 60)
    for at, row in enumerate((2, 3, 4, 5)):
        # Arrow keys, begun after the first was looked at.
        trail.visit(Spot("jobs", chosen=row), now + 70 + at * 0.1)
    trail.visit(Spot("jobs", chosen=9), now + 70 + DWELL_S + 1)
    assert [trail.step(-1, 99), trail.step(-1, 99), trail.step(-1, 99)] == [
        Spot("jobs", chosen=5), Spot("jobs", chosen=1), None,
    ]  # fmt: skip


def test_choosing_nothing_and_being_told_again_are_no_visits() -> None:
    trail = Trail()
    trail.visit(Spot("jobs", chosen=1), 0)
    trail.visit(Spot("farm"), 10)
    trail.step(-1, 20)
    for spot in (Spot("jobs"), Spot("jobs", chosen=1)):
        trail.visit(spot, 60)
    assert trail.can_go_forward and trail.here == Spot("jobs", chosen=1)


def test_a_trail_ends_somewhere() -> None:
    trail = Trail()
    for at in range(1000):
        trail.visit(Spot("jobs", "job", at), at)
    steps = 0
    while trail.step(-1, 2000):
        steps += 1
    assert steps == 99
