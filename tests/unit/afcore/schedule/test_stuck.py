"""A job that found no render by its own counts waits in no queue; whatever it lacked there offers it everything again.

In each of these plays one render refuses a job for a reason of the job alone and another one for a second reason. The
second one goes away without that render changing.
"""

from __future__ import annotations

from typing import Any

from afcore import commands
from afcore.ids import RunKey
from afcore.jobspec import JobSpec
from tests.unit.afcore.plays import FarmPlay, block, job


def _lacking_a_ticket(farm: FarmPlay) -> tuple[int, RunKey]:
    """Let a job wait that may use two renders: its user runs as much as he may on one, the other is one too many for
    its ticket. Return the job, and the run that holds the ticket on a third render."""
    for name in ("near", "far", "held"):
        farm.register(name)
    farm.do(commands.SetPools(["/"], {"tickets": {"NUKE": [4, 1]}}))
    farm.submit(job(block(last=1, tickets={"NUKE": 1}), name="holder", user="anna", hosts_mask="held"))
    (holding,) = farm.solve()
    farm.submit(job(block(last=1), name="here", user="ben", hosts_mask="near"))
    farm.do(commands.SetUsers(["ben"], {"max_running_tasks_per_host": 1}))
    farm.solve()
    waits = farm.submit(job(block(last=1, tickets={"NUKE": 1}), user="ben", hosts_mask="near|far"))
    assert farm.solve() == []
    return waits.id, holding


def test_more_hosts_for_a_ticket_start_it(farm: FarmPlay) -> None:
    waits, _ = _lacking_a_ticket(farm)
    farm.do(commands.SetPools(["/"], {"tickets": {"NUKE": [4, 2]}}))
    assert farm.solve() == [RunKey(waits, 0, 0, 1)]


def test_a_ticket_that_is_given_back_elsewhere_starts_it(farm: FarmPlay) -> None:
    waits, holding = _lacking_a_ticket(farm)
    farm.report(holding)
    assert farm.solve() == [RunKey(waits, 0, 0, 1)]


def test_a_ticket_that_another_block_lacked_starts_it(farm: FarmPlay) -> None:
    farm.register("far")
    farm.register("held")
    farm.do(commands.SetPools(["/"], {"tickets": {"NUKE": [1, -1]}}))
    farm.submit(job(block(last=1, tickets={"NUKE": 1}), name="holder", user="anna", hosts_mask="held"))
    (holding,) = farm.solve()
    # The first block runs as much as it may on that host, the second lacks the ticket.
    mine = farm.submit(
        job(
            block("one", last=2, max_running_tasks_per_host=1),
            block("two", last=1, tickets={"NUKE": 1}),
            user="ben", hosts_mask="far",
        )
    )  # fmt: skip
    assert farm.solve() == [RunKey(mine.id, 0, 0, 1)]
    farm.report(holding)
    assert farm.solve() == [RunKey(mine.id, 1, 0, 1)]


def test_a_block_that_has_room_again_starts_where_its_job_was_refused_before(farm: FarmPlay) -> None:
    for name in ("a", "b"):
        farm.register(name, cores=1)
    mine = farm.submit(job(block("one", last=2, max_running_tasks=1), block("two", last=1, hosts_mask="nowhere")))
    (first,) = farm.solve()
    assert farm.core.farm.runs[first].render == farm.core.farm.renders_by_name["a"]
    farm.do(commands.SetRenders(["a"], {"paused": True}))
    assert farm.solve() == []
    farm.report(first)
    assert farm.solve() == [RunKey(mine.id, 0, 1, 1)]


def test_a_render_that_a_multihost_task_keeps_no_more_is_offered_to_others(farm: FarmPlay) -> None:
    for name in ("a", "b", "c", "d"):
        farm.register(name, cores=1)
    farm.submit(job(block(last=4), name="busy", user="carl"))
    ends = {farm.core.farm.renders[farm.core.farm.runs[key].render].name: key for key in farm.solve()}
    several = block(last=1, multihost_min=3, multihost_max=4)
    several.settle()
    gathers = farm.submit(job(several, name="gathers"))
    farm.report(ends["a"])
    assert farm.solve() == []
    waits = farm.submit(job(block(last=1), name="waits", user="ben", hosts_mask="c"))
    farm.report(ends["c"])
    assert farm.solve() == [], "it is kept for the task that gathers renders"
    farm.do(commands.SetJobs([gathers.id], {"hosts_mask": "a|b|d"}))
    assert farm.solve() == [RunKey(waits.id, 0, 0, 1)]


def test_a_multihost_task_that_was_asked_too_soon_looks_for_more_renders_again(farm: FarmPlay) -> None:
    farm.register("a", cores=1)
    farm.register("b", cores=1)
    farm.submit(job(block(last=2), name="busy", user="carl"))
    ends = farm.solve()
    several = block(last=1, multihost_min=2, multihost_max=3, multihost_max_wait=3600)
    several.settle()
    gathers = farm.submit(job(several, name="gathers"))
    farm.report(ends[0])
    assert farm.solve() == []
    # A third render comes less than a second after the two were looked for.
    looked = farm.at
    farm.at = looked - 0.9
    farm.register("c", cores=1)
    farm.at = looked - 0.8
    assert farm.solve() == []
    (claim,) = farm.core.scheduler.reserved.claims.values()
    assert len(claim.renders) == 2 and farm.core.deadline() == claim.looked + 1.0
    farm.at = claim.looked
    assert farm.solve() == []
    (claim,) = farm.core.scheduler.reserved.claims.values()
    assert claim.key == (gathers.id, 0) and len(claim.renders) == 3


def _several(least: int, most: int, **values: Any) -> JobSpec:
    """Return a job of one task that needs several renders at once."""
    needs = block(last=1, multihost_min=least, multihost_max=most, **values)
    needs.settle()
    return job(needs, name="gathers")


def _busy(farm: FarmPlay, name: str, seconds: int, **words: Any) -> None:
    """Let a render run a task of half a machine that ends within some seconds."""
    farm.register(name, **words)
    farm.submit(job(block(last=1, task_max_run_time=seconds), name=name, user="carl", hosts_mask=name))
    assert len(farm.solve()) == 1


def test_who_was_asked_before_is_asked_again_when_renders_are_given_back_in_the_same_pass(farm: FarmPlay) -> None:
    _busy(farm, "b", 400)
    _busy(farm, "c", 500)
    gathers = farm.submit(_several(2, 2, capacity=2000))
    assert farm.solve() == []
    waits = farm.submit(job(block(last=1, task_max_run_time=900), user="ben", hosts_mask="c"))
    farm.do(commands.SetUsers(["ben"], {"priority": 200}))
    assert farm.solve() == [], "it would end after what the render is kept for has begun"
    # The other job takes this one instead of the slower one, after the first job had its turn.
    farm.register("d")
    assert farm.solve() == [RunKey(waits.id, 0, 0, 1)]
    (claim,) = farm.core.scheduler.reserved.claims.values()
    names = {farm.core.farm.renders[id].name for id in claim.renders}
    assert claim.key == (gathers.id, 0) and names == {"b", "d"}


def test_what_is_kept_for_longer_is_offered_anew_to_what_ends_before(farm: FarmPlay) -> None:
    farm.register("a")
    _busy(farm, "b", 100)
    _busy(farm, "c", 500)
    farm.submit(_several(2, 3, capacity=2000))
    assert farm.solve() == []
    waits = farm.submit(job(block(last=1, task_max_run_time=200), user="ben", hosts_mask="a"))
    assert farm.solve() == [], "two renders have room in a hundred seconds"
    # Without the second one it is the third one that is waited for.
    farm.do(commands.SetRenders(["b"], {"paused": True}))
    assert farm.solve() == [RunKey(waits.id, 0, 0, 1)]
