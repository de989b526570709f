"""The farm file in the running farm: pools of its patterns, renders in them, limits, export and reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from afcore import commands
from afcore.errors import BadSpec
from afcore.farmexport import farm_text
from afcore.farmfile import parse_farm
from afcore.hostpatterns import described
from afcore.model.effective import capacity_of, host_ticket, max_tasks_of, power_of, properties_of, service_allowed
from afcore.model.render import Render
from tests.unit.afcore.plays import FarmPlay, block, job

TEXT = (Path(__file__).parents[2] / "data" / "farm.xml").read_text()


def load(farm: FarmPlay, text: str = TEXT) -> dict[str, int]:
    reply: dict[str, int] = farm.do(commands.DescribeFarm(described(parse_farm(text)))).reply
    return reply


def host(farm: FarmPlay, name: str) -> Render:
    core = farm.core.farm
    if name not in core.renders_by_name:
        farm.register(name, instance=name)
    return core.renders[core.renders_by_name[name]]


def pool_of(farm: FarmPlay, name: str) -> str:
    return farm.core.farm.pools[host(farm, name).pool].path


def test_a_host_takes_from_every_pattern_the_later_over_the_earlier(farm: FarmPlay) -> None:
    load(farm)
    core = farm.core.farm
    for name, path, capacity, tasks, services in (
        ("pc1", "/Some_Host", 1100, 10, {"generic": True, "max": True, "nuke": False, "system": False}),
        ("lrf07", "/Some_Host/Large", 8800, 80, {"generic": True, "max": False, "nuke": False}),
        ("srv1", "/Some_Host/Servers", 1100, 10, {"generic": False, "max": False, "system": True}),
    ):
        render = host(farm, name)
        assert pool_of(farm, name) == path
        assert (capacity_of(core, render), max_tasks_of(core, render)) == (capacity, tasks), name
        assert (power_of(core, render), properties_of(core, render)) == (1000, "intel nvidiagpu")
        assert {service: service_allowed(core, render, service) for service in services} == services, name
    assert host_ticket(core, host(farm, "pc1"), "service:max") == 1


def test_every_pattern_has_a_pool_before_any_host_has_come(farm: FarmPlay) -> None:
    assert load(farm) == {"patterns": 3, "limits": 2, "pools": 3, "renders": 0}
    assert sorted(farm.core.farm.pools_by_path) == ["/", "/Some_Host", "/Some_Host/Large", "/Some_Host/Servers"]
    assert farm.core.farm.pools[1].tickets == {"service:nuke": [50, -1], "service:prman": [1_000_000, 10]}


def test_the_system_that_a_pattern_names_is_edited_like_all_it_says(farm: FarmPlay) -> None:
    load(farm)
    host(farm, "pc1")
    farm.submit(job(block(first=1, last=1), need_os="windows"))
    assert farm.solve() == []
    farm.do(commands.SetPools(["/Some_Host"], {"os_host": "windows 10"}))
    assert len(farm.solve()) == 1
    assert "<os>windows 10</os>" in farm_text(farm.core.farm)


def test_the_same_file_again_changes_nothing(farm: FarmPlay) -> None:
    load(farm)
    host(farm, "lrf1")
    digest = farm.core.digest()
    assert load(farm) == {"patterns": 3, "limits": 2, "pools": 0, "renders": 0}
    assert farm.core.digest() == digest


def test_a_reload_moves_busy_renders_and_their_tasks_go_on(farm: FarmPlay) -> None:
    host(farm, "pc1")
    load(farm)
    assert pool_of(farm, "pc1") == "/Some_Host"
    farm.submit(job(block(last=3)))
    farm.solve()
    runs = list(farm.core.farm.runs)
    assert runs
    text = '<farm><pattern name="New"><mask>pc.*</mask><service name="generic"/></pattern></farm>'
    assert load(farm, text) == {"patterns": 1, "limits": 0, "pools": 4, "renders": 1}
    pools = {pool.path: pool.running_tasks for pool in farm.core.farm.pools.values()}
    assert pools == {"/": len(runs), "/New": len(runs)}, "old pools are gone, what runs is counted in the new one"
    assert sorted(farm.core.farm.runs) == sorted(runs) and farm.core.farm.pools[1].tickets == {}


def test_what_was_made_by_hand_is_left_alone(farm: FarmPlay) -> None:
    farm.do(commands.AddPool("/mine", {"pattern": "mine.*"}))
    load(farm)
    assert pool_of(farm, "mine1") == "/mine"
    load(farm)
    assert pool_of(farm, "mine1") == "/mine"
    farm.do(commands.AddPool("/Other"))
    with pytest.raises(BadSpec, match="/Other: is a pool that was made by hand"):
        load(farm, '<farm><pattern name="Other"><mask>.*</mask></pattern></farm>')
    assert "/Some_Host" in farm.core.farm.pools_by_path, "a refused file changes nothing"


def test_hosts_that_no_pattern_takes_have_no_services(farm: FarmPlay) -> None:
    text = '<farm><pattern name="Only"><mask>pc.*</mask><service name="generic"/></pattern></farm>'
    load(farm, text)
    assert pool_of(farm, "laptop") == "/unmatched"
    assert not service_allowed(farm.core.farm, host(farm, "laptop"), "generic")
    load(farm, "<farm></farm>")
    assert pool_of(farm, "laptop") == "/" and "/unmatched" not in farm.core.farm.pools_by_path
    assert service_allowed(farm.core.farm, host(farm, "laptop"), "generic")


def test_a_pool_that_holds_others_made_by_hand_stays(farm: FarmPlay) -> None:
    load(farm)
    farm.do(commands.AddPool("/Some_Host/special"))
    load(farm, "<farm></farm>")
    left = sorted(farm.core.farm.pools_by_path)
    assert left == ["/", "/Some_Host", "/Some_Host/special"]
    assert farm.core.farm.pools[farm.core.farm.pools_by_path["/Some_Host"]].patterns == []


def test_an_export_is_what_was_loaded(farm: FarmPlay) -> None:
    load(farm)
    host(farm, "lrf1")
    again = described(parse_farm(farm_text(farm.core.farm)))
    assert again == described(parse_farm(TEXT))
    assert load(farm, farm_text(farm.core.farm)) == {"patterns": 3, "limits": 2, "pools": 0, "renders": 0}


def test_an_export_knows_what_was_edited(farm: FarmPlay) -> None:
    load(farm)
    farm.do(commands.SetPools(["/Some_Host/Large"], {"capacity_host": 7, "annotation": "a < b"}))
    farm.do(commands.SetPools(["/"], {"tickets": {"service:nuke": [20, 3]}}))
    exported = parse_farm(farm_text(farm.core.farm))
    large = next(each for each in exported.patterns if each.name == "Large")
    assert (large.capacity, large.description, large.maxtasks) == (7, "a < b", 80)
    assert next(each for each in exported.limits if each.name == "nuke") == ("nuke", 20, 3)
    load(farm)
    assert farm.core.farm.pools[farm.core.farm.pools_by_path["/Some_Host/Large"]].capacity_host == 8800


def test_a_limit_is_lifted_by_a_later_pattern(farm: FarmPlay) -> None:
    load(
        farm,
        '<farm><pattern name="all"><mask>.*</mask><service name="max" count="1"/></pattern>'
        '<pattern name="two"><mask>pc.*</mask><service name="max"/></pattern></farm>',
    )
    assert host_ticket(farm.core.farm, host(farm, "pc1"), "service:max") >= 1_000_000
    assert host_ticket(farm.core.farm, host(farm, "other"), "service:max") == 1
    assert described(parse_farm(farm_text(farm.core.farm))).patterns[1].services == {"max": 0}


def test_patterns_of_one_name_are_told_apart(farm: FarmPlay) -> None:
    one, two = (f'<pattern name="x y"><mask>{mask}</mask></pattern>' for mask in ("a.*", "b.*"))
    load(farm, f"<farm>{one}{two}</farm>")
    assert (pool_of(farm, "a1"), pool_of(farm, "b1")) == ("/x_y", "/x_y_2")


def test_a_pattern_says_what_system_a_host_has(farm: FarmPlay) -> None:
    load(farm, '<farm><pattern name="w"><mask>win.*</mask><os>windows old</os></pattern></farm>')
    for name in ("win1", "lin1"):
        host(farm, name)
    farm.submit(job(block("w", 1, 9), need_os="old"))
    assert {farm.core.farm.runs[key].render for key in farm.solve()} == {host(farm, "win1").id}
