"""Pools and renders as people edit them: made, filled, emptied, removed; services, sickness, ejecting."""

from __future__ import annotations

import pytest

from afcore import commands
from afcore.envelope import Principal
from afcore.errors import BadSpec, Conflict, NotFound
from afcore.model.effective import capacity_of
from afcore.states import RenderState, Role, RunStatus
from afcore.views import render_row
from tests.unit.afcore.plays import FarmPlay, block, job


def pool_of(farm: FarmPlay, name: str) -> str:
    core = farm.core.farm
    return core.pools[core.renders[core.renders_by_name[name]].pool].path


def test_a_pool_is_made_below_one_that_is_there(farm: FarmPlay) -> None:
    assert farm.do(commands.AddPool("/linux", {"capacity_host": 500})).reply == {"id": 2, "path": "/linux"}
    assert farm.do(commands.AddPool("/linux/bad name-x.y")).reply["path"] == "/linux/bad_name_x_y"
    assert farm.core.farm.pools[2].capacity_host == 500
    with pytest.raises(Conflict):
        farm.do(commands.AddPool("/linux"))
    with pytest.raises(NotFound, match="/windows"):
        farm.do(commands.AddPool("/windows/old"))
    for path, parameters in (("/", {}), ("/x", {"capacity": 1}), ("/x", {"pattern": "("})):
        with pytest.raises(BadSpec):
            farm.do(commands.AddPool(path, parameters))


def test_a_new_render_goes_where_its_name_belongs(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/linux", {"pattern": "lin.*", "new_paused": True}))
    farm.do(commands.AddPool("/linux/big", {"pattern": ".*big"}))
    for name in ("linux1", "LINbig", "mac"):
        farm.register(name, instance=name)
    assert [pool_of(farm, name) for name in ("linux1", "LINbig", "mac")] == ["/linux", "/linux/big", "/"]
    assert farm.core.farm.renders[1].state & RenderState.PAUSED


def test_renders_are_moved_by_hand_and_back_by_pattern_online_or_not(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/a", {"capacity_host": 300}))
    render = farm.register("one")
    assert farm.do(commands.MoveRenders(["one"], "/a")).reply == {"renders": 1}
    assert pool_of(farm, "one") == "/a" and capacity_of(farm.core.farm, render) == 300
    farm.do(commands.DeregisterRender(1, 1))
    assert farm.do(commands.MoveRenders(["one"])).reply == {"renders": 1}
    assert pool_of(farm, "one") == "/"
    assert farm.do(commands.MoveRenders(["one"], "/")).reply == {"renders": 0}


def test_a_busy_render_is_not_moved(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/a"))
    farm.register("one")
    farm.submit()
    farm.solve()
    with pytest.raises(Conflict, match="runs 2 tasks"):
        farm.do(commands.MoveRenders(["one"], "/a"))


def test_a_moved_render_is_offered_to_who_waits_for_its_new_pool(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/a"))
    farm.register("one")
    farm.submit(job(pools={"/a": 100}))
    assert farm.solve() == []
    farm.do(commands.MoveRenders(["one"], "/a"))
    assert len(farm.solve()) == 2


def test_only_what_is_empty_is_removed(farm: FarmPlay) -> None:
    for path in ("/a", "/a/b", "/c"):
        farm.do(commands.AddPool(path))
    farm.register("one")
    farm.do(commands.MoveRenders(["one"], "/c"))
    for paths in (["/"], ["/a"], ["/c"]):
        with pytest.raises(Conflict):
            farm.do(commands.DeletePools(paths))
    assert farm.do(commands.DeletePools(["/a", "/a/b"])).reply == {"pools": 2}
    assert farm.do(commands.AddPool("/a")).reply["id"] == 5, "ids are never used again"


def test_branches_and_users_are_removed_when_nothing_is_in_them(farm: FarmPlay) -> None:
    shot = farm.submit(job(branch="/show"))
    for command in (
        commands.DeleteBranches(["/"]),
        commands.DeleteBranches(["/show"]),
        commands.DeleteUsers(["anna"]),
    ):
        with pytest.raises(Conflict):
            farm.do(command)
    farm.do(commands.DeleteJobs([shot.id]))
    farm.do(commands.DeleteBranches(["/show"]))
    farm.do(commands.DeleteUsers(["anna"]))
    assert list(farm.core.farm.branches_by_path) == ["/"] and not farm.core.farm.users


@pytest.mark.parametrize(
    ("root", "child", "root_disabled", "generic_runs_on"),
    [
        ([], [], "", {"root", "child"}),
        (["nuke"], [], "", set()),
        (["nuke"], ["generic"], "", {"child"}),
        (["nuke"], ["generic"], "generic", {"child"}),
        ([], ["generic"], "", {"root", "child"}),
    ],
)
def test_services_add_up_and_the_nearest_level_wins(
    farm: FarmPlay, root: list[str], child: list[str], root_disabled: str, generic_runs_on: set[str]
) -> None:
    farm.do(commands.AddPool("/child"))
    for name in ("root", "child"):
        farm.register(name, cores=1, instance=name)
    farm.do(commands.MoveRenders(["child"], "/child"))
    for path, names in (("/", root), ("/child", child)):
        for name in names:
            farm.do(commands.ChangePoolServices([path], "add", name))
    if root_disabled:
        farm.do(commands.ChangePoolServices(["/"], "disable", root_disabled))
    farm.submit(job(block(last=5)))
    farm.solve()
    renders = farm.core.farm.renders
    assert {renders[run.render].name for run in farm.core.farm.runs.values()} == generic_runs_on


def test_services_are_edited_by_masks(farm: FarmPlay) -> None:
    pool = farm.core.farm.pools
    farm.register("r")
    for name in ("nuke", "nukex", "maya"):
        farm.do(commands.ChangePoolServices(["/"], "add", name))
    assert farm.do(commands.ChangePoolServices(["/"], "add", "maya")).reply == {"pools": 0}
    farm.do(commands.ChangePoolServices(["/"], "disable", "nuke.*"))
    assert pool[1].services_disabled == ["nuke", "nukex"]
    farm.do(commands.ChangePoolServices(["/"], "enable", "nuke"))
    farm.do(commands.ChangePoolServices(["/"], "remove", "ma.a"))
    assert (pool[1].services, pool[1].services_disabled) == (["nuke", "nukex"], ["nukex"])
    farm.do(commands.ChangeRenderServices(["r"], "disable", "houdini"))
    assert farm.core.farm.renders[1].services_disabled == ["houdini"]
    assert "dirty" in render_row(farm.core.farm, farm.core.farm.renders[1]).words
    farm.do(commands.ChangePoolServices(["/"], "clear"))
    assert (pool[1].services, pool[1].services_disabled) == ([], [])
    for action, service in (("ad", "x"), ("add", ""), ("remove", "(")):
        with pytest.raises(BadSpec):
            farm.do(commands.ChangePoolServices(["/"], action, service))


def test_a_render_gives_up_what_it_has_of_its_own(farm: FarmPlay) -> None:
    render = farm.register("r", cores=2)
    farm.do(commands.SetRenders(["r"], {"capacity_host": 5, "max_tasks_host": 1, "tickets_host": {"X": 3}}))
    farm.do(commands.ChangeRenderServices(["r"], "add", "nuke"))
    assert "dirty" in render_row(farm.core.farm, render).words
    assert farm.do(commands.RestoreRenders(["r"])).reply == {"renders": 1}
    assert (render.capacity_host, render.max_tasks_host, render.services, render.tickets_host) == (-1, -1, [], {})
    assert "dirty" not in render_row(farm.core.farm, render).words
    assert farm.do(commands.RestoreRenders(["r"])).reply == {"renders": 0}


def fail_for(farm: FarmPlay, user: str, status: RunStatus = RunStatus.ERROR) -> None:
    farm.submit(job(block(last=1, errors_retries=0), user=user, name=user))
    (key,) = farm.solve()
    farm.report(key, status, exit_status=1)


def test_errors_of_different_users_make_a_render_sick(farm: FarmPlay) -> None:
    render = farm.register("r")
    farm.do(commands.SetPools(["/"], {"sick_errors_count": 2}))
    fail_for(farm, "one")
    fail_for(farm, "one")
    assert not render.state & RenderState.SICK
    fail_for(farm, "two")
    assert render.state & RenderState.SICK
    farm.submit()
    assert farm.solve() == []
    farm.crash()
    assert farm.do(commands.HealRenders(["r"])).reply == {"renders": 1}
    farm.register("r")
    assert len(farm.solve()) == 2


def test_any_other_end_wipes_the_slate(farm: FarmPlay) -> None:
    render = farm.register("r")
    farm.do(commands.SetPools(["/"], {"sick_errors_count": 2}))
    fail_for(farm, "one")
    fail_for(farm, "two", RunStatus.SUCCESS)
    fail_for(farm, "three")
    assert not render.state & RenderState.SICK


def test_tasks_are_ejected_and_ready_again(farm: FarmPlay) -> None:
    farm.register("r", cores=4)
    mine, theirs = farm.submit(job(user="anna")), farm.submit(job(block(last=1), user="ben", name="other"))
    farm.solve()
    anna = Principal("anna", Role.GOD)
    assert farm.do(commands.EjectTasks(["r"], not_mine=True), anna).reply == {"stopping": 1}
    assert farm.do(commands.EjectTasks(["r"]), anna).reply == {"stopping": 3}
    for key in list(farm.core.farm.runs):
        farm.report(key, RunStatus.STOPPED)
    assert (farm.states(mine), farm.states(theirs)) == ("RRR", "R")
    assert not any(mine.blocks[0].tasks.errors)


def test_a_pool_that_is_gone_is_not_asked_for_room(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/a"))
    farm.register("one")
    farm.do(commands.MoveRenders(["one"], "/a"))
    farm.submit(job(pools={"/": 1}))
    farm.do(commands.MoveRenders(["one"], "/"))
    farm.do(commands.DeletePools(["/a"]))
    assert len(farm.solve()) == 2
