"""Starts per second: a bucket each for job, user and branch, filled by the core's own time."""

from __future__ import annotations

from collections import Counter

import pytest

from afcore import commands
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from tests.unit.afcore.plays import FarmPlay, block, job


def solve_at(farm: FarmPlay, at: float) -> list[int]:
    """Solve at an exact time; return the jobs of what was started."""
    farm.at = at - 1.0
    return [key.job for key in farm.solve()]


def test_a_job_with_a_rate_beside_a_free_one(farm: FarmPlay) -> None:
    farm.register("a", cores=9)
    slow = farm.submit(job(block(last=20), name="slow", max_tasks_per_second=2))
    free = farm.submit(job(block(last=20), name="free"))
    assert Counter(solve_at(farm, farm.at + 1)) == {slow.id: 2, free.id: 7}


def test_a_branch_gives_as_many_every_second(farm: FarmPlay) -> None:
    farm.register("a", cores=40)
    farm.submit(job(block(last=40)))
    farm.do(commands.SetBranches(["/"], {"max_tasks_per_second": 3}))
    begun = farm.at + 1
    assert [len(solve_at(farm, begun + second)) for second in range(4)] == [3, 3, 3, 3]


def test_a_user_has_a_rate_too(farm: FarmPlay) -> None:
    farm.register("a", cores=40)
    farm.submit(job(block(last=40)))
    farm.do(commands.SetUsers(["anna"], {"max_tasks_per_second": 5}))
    assert len(farm.solve()) == 5


def test_who_waits_for_a_token_is_asked_again_when_it_is_there(farm: FarmPlay) -> None:
    farm.register("a", cores=9)
    farm.submit(job(block(last=9), max_tasks_per_second=2))
    begun = farm.at + 1
    assert len(solve_at(farm, begun)) == 2
    assert not farm.core.wants_solve
    deadline = farm.core.deadline()
    assert deadline == pytest.approx(begun + 0.5, abs=1e-3)
    assert deadline is not None
    farm.core.apply(Envelope(commands.Tick(), SYSTEM_PRINCIPAL, deadline))
    assert farm.core.wants_solve
    assert len(solve_at(farm, deadline)) == 1
    assert not farm.core.wants_solve


@pytest.mark.parametrize("rate", [0, -1])
def test_no_rate_is_never_or_no_limit(farm: FarmPlay, rate: int) -> None:
    farm.register("a", cores=9)
    farm.submit(job(block(last=9), max_tasks_per_second=rate))
    assert len(farm.solve()) == (0 if rate == 0 else 9)


def test_a_deleted_job_is_not_waited_for(farm: FarmPlay) -> None:
    farm.register("a", cores=2)
    slow = farm.submit(job(block(last=9), max_tasks_per_second=1))
    (key,) = farm.solve()
    farm.report(key)
    assert farm.solve() != [] or farm.core.deadline() is not None
    farm.do(commands.DeleteJobs([slow.id]))
    for run in list(farm.core.farm.runs):
        farm.report(run)
    assert farm.core.scheduler.deadline() is None
