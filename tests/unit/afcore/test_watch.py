"""Nimby and free by themselves: thresholds of pools, measure by measure, and the clocks behind them."""

from __future__ import annotations

from typing import Any

import pytest

from afcore.commands import AcceptRestart, MeasureRender, SetPools, SetRenders
from afcore.model.render import Render
from afcore.views import render_words
from tests.unit.afcore.plays import FarmPlay, block, job

QUIET: dict[str, Any] = {
    "cpu_num": 2,
    "cpu_idle": 99,
    "mem_total_mb": 1000,
    "mem_free_mb": 900,
    "swap_total_mb": 1000,
    "swap_used_mb": 0,
    "hdd_free_gb": 500,
    "hdd_busy": 0,
    "net_recv_kbsec": 0,
    "net_send_kbsec": 0,
}
MEASURES = [
    ("cpu", 40, {"cpu_idle": 50}),
    ("mem", 40, {"mem_free_mb": 500}),
    ("swp", 40, {"swap_used_mb": 500}),
    ("hddgb", 100, {"hdd_free_gb": 50}),
    ("hddio", 40, {"hdd_busy": 50}),
    ("netmbs", 40, {"net_recv_kbsec": 30 * 1024, "net_send_kbsec": 20 * 1024}),
]
"""Each measure with a threshold, and readings that pass it."""


@pytest.fixture
def render(farm: FarmPlay) -> Render:
    """A render that is never lost."""
    farm.do(AcceptRestart())
    farm.do(SetPools(["/"], {"zombie_time": 100_000}))
    return farm.register("r1")


def lasts(farm: FarmPlay, render: Render, seconds: int, **loud: Any) -> list[str]:
    """Let a host read the same for some seconds; return the state of its render."""
    for _ in range(seconds // 5):
        farm.at += 4
        farm.do(MeasureRender(render.id, render.session, {**QUIET, **loud}))
        while (farm.core.deadline() or farm.at + 1) <= farm.at:
            farm.tick()
    return render_words(render)


@pytest.mark.parametrize(("measure", "value", "loud"), MEASURES)
def test_a_busy_host_leaves_the_farm(
    farm: FarmPlay, render: Render, measure: str, value: int, loud: dict[str, Any]
) -> None:
    farm.do(SetPools(["/"], {"busy_nimby_time": 60, f"busy_{measure}": value}))
    assert lasts(farm, render, 200) == ["online"]
    assert lasts(farm, render, 50, **loud) == ["online"], "not yet"
    assert lasts(farm, render, 10) == ["online"]
    assert lasts(farm, render, 50, **loud) == ["online"], "it was quiet in between"
    assert lasts(farm, render, 30, **loud) == ["online", "NIMBY"]


@pytest.mark.parametrize(("measure", "value", "loud"), MEASURES)
def test_an_idle_host_comes_back(
    farm: FarmPlay, render: Render, measure: str, value: int, loud: dict[str, Any]
) -> None:
    farm.do(SetPools(["/"], {"idle_free_time": 60, f"idle_{measure}": value}))
    farm.do(SetRenders(["r1"], {"NIMBY": True}))
    assert lasts(farm, render, 200, **loud) == ["online", "NIMBY"]
    assert lasts(farm, render, 50) == ["online", "NIMBY"], "not yet"
    assert lasts(farm, render, 30) == ["online"]


def test_every_enabled_measure_counts(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"idle_free_time": 20, "idle_cpu": 40, "idle_mem": 40}))
    farm.do(SetRenders(["r1"], {"nimby": True}))
    assert lasts(farm, render, 60, mem_free_mb=100) == ["online", "nimby"]
    assert lasts(farm, render, 60) == ["online"]


def test_without_a_threshold_nothing_happens(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"idle_free_time": 20, "busy_nimby_time": 20}))
    assert lasts(farm, render, 60, cpu_idle=0) == ["online"]
    farm.do(SetRenders(["r1"], {"nimby": True}))
    assert lasts(farm, render, 60) == ["online", "nimby"]


def test_a_pause_is_nobodys_but_a_persons(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"idle_free_time": 20, "idle_cpu": 40}))
    farm.do(SetRenders(["r1"], {"paused": True, "nimby": True}))
    assert lasts(farm, render, 60) == ["online", "paused"]


def test_a_render_with_tasks_stays(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"busy_nimby_time": 30, "busy_cpu": 40}))
    farm.submit(job(block(first=1, last=1)))
    (key,) = farm.solve()
    assert lasts(farm, render, 100, cpu_idle=0) == ["online", "busy"]
    farm.report(key)
    assert lasts(farm, render, 25, cpu_idle=0) == ["online"], "its own task is not counted against it"
    assert lasts(farm, render, 20, cpu_idle=0) == ["online", "NIMBY"]


def test_nimby_and_free_begin_the_clocks_anew(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"idle_free_time": 60, "idle_cpu": 40}))
    assert lasts(farm, render, 100) == ["online"]
    farm.do(SetRenders(["r1"], {"NIMBY": True}))
    assert lasts(farm, render, 50) == ["online", "NIMBY"], "idle for long, but nimby for a minute only"
    assert lasts(farm, render, 20) == ["online"]


def test_a_pool_asks_its_parent_and_zero_is_off(farm: FarmPlay, render: Render) -> None:
    farm.do(SetPools(["/"], {"busy_nimby_time": 20, "busy_cpu": 0, "busy_mem": 40}))
    assert lasts(farm, render, 60, cpu_idle=0) == ["online"]
    assert lasts(farm, render, 60, mem_free_mb=0) == ["online", "NIMBY"]


def test_a_farm_without_such_settings_is_not_watched(farm: FarmPlay, render: Render) -> None:
    farm.do(MeasureRender(render.id, render.session, QUIET))
    assert not farm.core.deadlines._watches
