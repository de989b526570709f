"""Rings of live readings, and panels made of readings: values by place, gaps, tops, words; no window."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from afwatch.plots.panels import Readings, farm_panels, figure_text, render_panels, round_top
from afwatch.plots.ring import PERIOD, SAMPLES, LiveRings
from afwatch.plots.times import time_ticks
from tests.unit.afwatch.rows import render_row

_T = 1_790_000_000.0


def row(id: int, slot: int, cpu: float, **resources: Any) -> Any:
    told = {"cpu_user": cpu, "cpu_num": 8, "mem_total_mb": 1000, "mem_free_mb": 400, **resources}
    return render_row(id, f"r{id}", seen=_T + slot * PERIOD, resources=told)


def tail(rings: LiveRings, id: int, count: int, key: str = "cpu_user") -> list[float | None]:
    values = rings.values(id, key)
    assert values is not None
    return [None if numpy.isnan(value) else float(value) for value in values[-count:]]


def test_renders_share_one_axis_and_what_is_missing_is_not_zero() -> None:
    rings = LiveRings()
    rings.take(row(1, 0, 10))
    rings.take(row(2, 1, 70))
    rings.take(row(1, 2, 30))
    assert tail(rings, 1, 4) == [None, 10, 30, 30], "a late reading holds for the slots it was due in"
    assert tail(rings, 2, 4) == [None, None, 70, None]
    assert rings.last(1, "mem_used") == 600
    assert rings.limit(1, "mem_used") == 1000
    assert rings.values(9, "cpu_user") is None


def test_a_silence_of_more_than_a_minute_is_a_gap() -> None:
    rings = LiveRings()
    rings.take(row(1, 0, 10))
    rings.take(row(1, 20, 30))
    assert tail(rings, 1, 22) == [None, 10, *[None] * 19, 30]
    rings.take(row(1, 19, 99))
    assert tail(rings, 1, 2) == [None, 30], "an older reading than the newest changes nothing"


def test_old_slots_are_forgotten_and_the_size_stays() -> None:
    rings = LiveRings()
    for slot in range(3 * SAMPLES):
        rings.take(row(1, slot, slot % 100))
    assert tail(rings, 1, SAMPLES) == [slot % 100 for slot in range(2 * SAMPLES, 3 * SAMPLES)]
    rings.take(row(2, 10 * SAMPLES, 5))
    assert tail(rings, 1, SAMPLES) == [None] * SAMPLES
    size = rings._values.size
    for turn in range(200):
        rings.follow([], [1000 + turn - 1], {})
        rings.take(row(1000 + turn, 10 * SAMPLES, 1))
    assert rings._values.size == size, "places of renders that are gone are taken again"
    for id in range(300):
        rings.take(row(id, 10 * SAMPLES, id))
    assert tail(rings, 299, 1) == [299]
    assert tail(rings, 1, 1) == [1]


def test_meters_come_and_go() -> None:
    rings = LiveRings()
    assert not rings.has_meters
    meter = {"name": "licenses", "value": 7, "value_max": 20, "valid": True}
    rings.take(row(1, 0, 10, custom=[meter, {"name": "broken", "valid": False}]))
    ((told, values),) = rings.meters(1)
    assert (told["name"], float(values[-1])) == ("licenses", 7)
    rings.take(row(1, 1, 10))
    assert rings.meters(1) == []
    assert rings.has_meters


def test_the_largest_of_the_view_is_that_of_all_renders() -> None:
    rings = LiveRings()
    assert rings.largest("net_recv") == 0
    rings.take(row(1, 0, 1, net_recv_kbsec=500))
    rings.take(row(2, 1, 1, net_recv_kbsec=900, net_send_kbsec=7))
    assert rings.largest("net_recv", "net_send") == 900


def answer(**columns: list[float | None]) -> Readings:
    units = {"cpu_user": "%", "load": "processes", "net_recv": "KiB/s"}
    return Readings.of({
        "begin": 600.0, "step": 60.0, "count": 3,
        "columns": [
            {"key": key, "title": key, "unit": units.get(key, "MiB"), "group": "",
             "limit": {"mem_used": 1000.0}.get(key), "min": values, "mean": values, "max": values}
            for key, values in columns.items()
        ],
    })  # fmt: skip


def test_panels_stack_memory_and_give_each_unit_its_top() -> None:
    found = {
        panel.key: panel
        for panel in render_panels(
            answer(cpu_user=[10.0, None, 30.0], load=[2.0, 2.0, 2.0], mem_used=[100.0, 200.0, 300.0],
                   mem_buffers=[10.0, 10.0, 10.0], mem_cached=[5.0, 5.0, 5.0], net_recv=[100.0, 3_000_000.0, None])
        )
    }  # fmt: skip
    cpu, memory, network = found["cpu"], found["memory"], found["network"]
    user, load = cpu.curves
    assert list(user.drawn(cpu.top))[0] == 10
    assert numpy.isnan(user.drawn(cpu.top)[1])
    assert list(load.drawn(cpu.top)) == [100, 100, 100], "a load of as many as there ever were reaches the top"
    assert [list(curve.drawn(memory.top))[0] for curve in memory.curves] == [100, 110, 115]
    assert (memory.top, memory.threshold) == (1000, 900)
    assert network.top == 3 * 1048576
    assert "disk" not in found


def test_the_farm_has_four_panels() -> None:
    names = ("slots_used", "slots", "started", "done", "queue", "failed")
    panels = farm_panels(answer(**{name: [1.0, None, 3.0] for name in names}))
    assert [panel.title for panel in panels] == ["Slots used", "Tasks a minute", "Queue", "Failures a minute"]
    assert all(panel.top >= 3 for panel in panels)


def test_what_is_known_where() -> None:
    readings = answer(cpu_user=[None, 1.0, None], load=[None, None, 2.0])
    assert list(readings.known()) == [False, True, True]
    assert [readings.place_of(at) for at in (599, 600, 719, 779, 780)] == [-1, 0, 1, 2, -1]
    assert not readings.is_empty
    assert answer(cpu_user=[None, None, None]).is_empty


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(61.4, "%", "61 %"), (2048, "MiB", "2.0 GB"), (1536, "KiB/s", "1.5 MB/s"), (float("nan"), "%", "—"),
     (7.25, "processes", "7.2"), (3, "tasks/min", "3 /min"), (1234, "slots", "1\u2009234")],
)  # fmt: skip
def test_figures_have_units(value: float, unit: str, text: str) -> None:
    assert figure_text(value, unit) == text


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0, 7.2, 99.0, 101.0, 1_234_567.0, float("nan")])
def test_a_top_is_round_and_above(value: float) -> None:
    top = round_top(value)
    assert top >= 1
    assert not top < value * 0.999
    assert not top > max(1.0, value) * 2.01


@pytest.mark.parametrize("span", [60, 600, 3600, 43200, 86400, 604800, 2592000])
def test_ticks_are_few_even_and_inside(span: int) -> None:
    ticks = time_ticks(_T, _T + span, 8)
    assert 2 <= len(ticks) <= 9
    assert all(_T <= at <= _T + span for at, _ in ticks)
    assert len({round(later - sooner) for (sooner, _), (later, _) in zip(ticks, ticks[1:])}) == 1
