"""Tickets: the recorded examples, who holds what, and that nothing is ever left over."""

from __future__ import annotations

from collections import Counter

import pytest

from afcore import commands
from afcore.errors import BadSpec
from afcore.states import RenderState, RunStatus
from afcore.views import pool_row, render_row
from tests.unit.afcore.plays import FarmPlay, block, job


def hosts(farm: FarmPlay) -> list[int]:
    """Return how many runs each busy render has, most first."""
    return sorted(Counter(run.render for run in farm.core.farm.runs.values()).values(), reverse=True)


def set_pool(farm: FarmPlay, **tickets: list[int]) -> None:
    farm.do(commands.SetPools(["/"], {"tickets": tickets}))


def three_renders(farm: FarmPlay, **words: int) -> None:
    for name in ("a", "b", "c"):
        farm.register(name, cores=words.get("cores", 4), instance=name)


def test_a_pool_ticket_bounds_the_whole_farm(farm: FarmPlay) -> None:
    three_renders(farm)
    set_pool(farm, LIC=[3, -1])
    farm.submit(job(block(last=20, tickets={"LIC": 1})))
    assert len(farm.solve()) == 3
    assert pool_row(farm.core.farm, farm.core.farm.pools[1]).tickets == {"LIC": [3, 3, 3, -1]}
    assert not farm.core.wants_solve


def test_most_hosts_keep_a_ticket_on_as_many_renders(farm: FarmPlay) -> None:
    three_renders(farm)
    set_pool(farm, LIC=[20, 2])
    farm.submit(job(block(last=20, tickets={"LIC": 1})))
    farm.solve()
    assert hosts(farm) == [4, 4]
    assert pool_row(farm.core.farm, farm.core.farm.pools[1]).tickets == {"LIC": [20, 8, 2, 2]}


def test_a_host_ticket_is_each_renders_own(farm: FarmPlay) -> None:
    three_renders(farm)
    farm.do(commands.SetPools(["/"], {"tickets_host": {"MEM": 64}}))
    farm.submit(job(block(last=20, tickets={"MEM": 32})))
    farm.solve()
    assert hosts(farm) == [2, 2, 2]
    render = farm.core.farm.renders[1]
    assert render_row(farm.core.farm, render).tickets == {"MEM": [64, 64]}


def test_the_renders_own_count_is_nearer_than_its_pools(farm: FarmPlay) -> None:
    farm.register("a", cores=4)
    farm.do(commands.SetPools(["/"], {"tickets_host": {"MEM": 1}}))
    farm.do(commands.SetRenders(["a"], {"tickets_host": {"MEM": 3}}))
    farm.submit(job(block(last=20, tickets={"MEM": 1})))
    assert len(farm.solve()) == 3


def test_a_ticket_nobody_defines_is_no_limit(farm: FarmPlay) -> None:
    farm.register("a", cores=4)
    farm.submit(job(block(last=20, tickets={"UNKNOWN": 7})))
    assert len(farm.solve()) == 4
    assert pool_row(farm.core.farm, farm.core.farm.pools[1]).tickets == {"UNKNOWN": [-1, 28, 1, -1]}


def test_both_kinds_of_one_name_must_have_enough(farm: FarmPlay) -> None:
    three_renders(farm)
    set_pool(farm, LIC=[5, -1])
    farm.do(commands.SetPools(["/"], {"tickets_host": {"LIC": 1}}))
    farm.submit(job(block(last=20, tickets={"LIC": 1})))
    assert len(farm.solve()) == 3


def test_a_ticket_given_back_starts_who_waited_for_it_on_an_idle_render(farm: FarmPlay) -> None:
    three_renders(farm)
    set_pool(farm, LIC=[1, -1])
    farm.submit(job(block(last=1, tickets={"LIC": 1}), name="first"))
    second = farm.submit(job(block(last=1, tickets={"LIC": 1}), name="second", hosts_mask="c"))
    (key,) = farm.solve()
    assert farm.solve() == []
    farm.report(key)
    (after,) = farm.solve()
    assert after.job == second.id
    farm.report(after)
    assert farm.core.farm.pools[1].tickets_used == {} == farm.core.farm.pools[1].ticket_hosts


def test_raising_a_count_starts_who_waited(farm: FarmPlay) -> None:
    three_renders(farm)
    set_pool(farm, LIC=[1, -1])
    farm.submit(job(block(last=9, tickets={"LIC": 1})))
    assert len(farm.solve()) == 1
    set_pool(farm, LIC=[4, -1])
    assert len(farm.solve()) == 3
    set_pool(farm, LIC=[-1, -1])
    assert farm.core.farm.pools[1].tickets == {}
    assert len(farm.solve()) == 5


def test_what_a_run_took_is_given_back_though_its_block_was_edited(farm: FarmPlay) -> None:
    farm.register("a", cores=4)
    set_pool(farm, LIC=[9, -1])
    shot = farm.submit(job(block(last=2, tickets={"LIC": 3})))
    first, second = farm.solve()
    farm.do(commands.SetBlocks(shot.id, [0], {"tickets": {"LIC": 1}}))
    farm.report(first)
    assert farm.core.farm.pools[1].tickets_used == {"LIC": 3}
    farm.report(second, RunStatus.ERROR, exit_status=1)
    assert farm.core.farm.pools[1].tickets_used == {}


def test_tickets_are_held_over_a_crash_until_the_run_is_given_up(farm: FarmPlay) -> None:
    farm.register("a", cores=4)
    set_pool(farm, LIC=[1, -1])
    farm.submit(job(block(last=2, tickets={"LIC": 1})))
    assert len(farm.solve()) == 1
    farm.crash()
    assert farm.core.farm.pools[1].tickets_used == {"LIC": 1}
    farm.tick(100)
    assert farm.core.farm.pools[1].tickets_used == {}
    assert not farm.core.farm.renders[1].state & RenderState.ONLINE


@pytest.mark.parametrize("value", [3, [1], [1, 2, 3], ["a", 1], [1, -2]])
def test_a_ticket_that_is_no_pair_is_refused(farm: FarmPlay, value: object) -> None:
    farm.register("a")
    with pytest.raises(BadSpec, match="LIC"):
        farm.do(commands.SetPools(["/"], {"tickets": {"LIC": value}}))


def test_a_pool_ticket_on_a_render_is_refused(farm: FarmPlay) -> None:
    farm.register("a")
    with pytest.raises(BadSpec, match="no such parameter"):
        farm.do(commands.SetRenders(["a"], {"tickets": {"LIC": [1, -1]}}))


def test_a_limit_of_a_service_holds_for_blocks_that_ask_for_no_ticket(farm: FarmPlay) -> None:
    farm.do(commands.SetPools(["/"], {"tickets": {"service:nuke": [3, 2]}}))
    for name in ("a", "b", "c"):
        farm.register(name, instance=name, cores=4)
    farm.submit(job(block("n", 1, 9, service="nuke"), block("g", 1, 2)))
    started = farm.solve()
    assert [key.block for key in started].count(0) == 3 and [key.block for key in started].count(1) == 2
    root = farm.core.farm.pools[1]
    assert root.tickets_used == {"service:nuke": 3} and len(root.ticket_hosts["service:nuke"]) <= 2
    farm.report(next(key for key in started if key.block == 0))
    assert [key.block for key in farm.solve()] == [0], "a task that ends gives its place to the next"


def test_a_limit_set_later_counts_what_runs_already(farm: FarmPlay) -> None:
    for name in ("a", "b"):
        farm.register(name, instance=name, cores=4)
    farm.submit(job(block("n", 1, 9, service="nuke", max_running_tasks=5)))
    running = farm.solve()
    assert len(running) == 5
    farm.do(commands.SetPools(["/"], {"tickets": {"service:nuke": [2, -1]}}))
    assert farm.core.farm.pools[1].tickets_used == {"service:nuke": 5}, "nobody is stopped"
    for key in running[:3]:
        farm.report(key)
        assert farm.solve() == []
    farm.report(running[3])
    assert len(farm.solve()) == 1, "two at once from now on"
    farm.do(commands.SetPools(["/"], {"tickets": {"service:nuke": [-1, -1]}}))
    assert len(farm.solve()) == 3, "without the limit the block's own counts"
    farm.run_all()


def test_a_limit_of_a_service_on_one_host(farm: FarmPlay) -> None:
    farm.register("a", cores=4)
    farm.submit(job(block("n", 1, 9, service="max")))
    farm.do(commands.SetRenders(["a"], {"tickets_host": {"service:max": 1}}))
    assert len(farm.solve()) == 1
    farm.do(commands.SetRenders(["a"], {"tickets_host": {"service:max": -1}}))
    assert len(farm.solve()) == 3
