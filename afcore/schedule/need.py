"""How much a branch, user or job needs a render now: the number by which candidates are ranked.

Source of the formula: need = 1.1 to the power of the priority, divided by what the candidate has already plus one.
"""

__all__ = ["PRIORITY_POWER", "Rank", "rank_by_need", "rank_by_order"]

PRIORITY_POWER = tuple(1.1**priority for priority in range(256))
"""The weight of each priority."""

Rank = tuple[float, float, int, int]
"""Sorts ascending: the smallest rank is served first."""


def rank_by_need(*, priority: int, resources: int, last_solved: int, place: int) -> Rank:
    """Rank by need, then by who was served longest ago, then by place."""
    return (-PRIORITY_POWER[priority] / (resources + 1), 0.0, last_solved, place)


def rank_by_order(*, priority: int, created: float, last_solved: int, place: int) -> Rank:
    """Rank by priority, then by age, then by who was served longest ago, then by place."""
    return (-float(priority), created, last_solved, place)
