"""Live plots in the monitor: 1,200 renders that report every five seconds, watched, scrolled, and opened one by one.

Offscreen.  The rows are given to the window's session as the link gives them, 240 a second.  A stall is the longest
that the window's thread computes without turning its loop; on a machine that is busy with other things more time
passes, which is told beside it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop

from afcore.rows import PoolRow, RenderRow
from afwatch.app import Watch, make_application
from afwatch.changes import RowsCame
from afwatch.plots.panels import Readings, render_panels
from afwatch.plots.ring import SAMPLES, LiveRings
from benchmarks.harness import CheckFailed, Target
from benchmarks.readings import Host

NAME = "live plots, 1,200 renders"
RENDERS, PERIOD = 1200, 5.0
_SECONDS = 8.0
_BEGUN = 1_790_000_000.0
TARGETS = (
    Target("taking_us_per_reading", most=100),
    Target("reporting_stall_ms", most=50),
    Target("reporting_cpu_percent", most=30),
    Target("scroll_worst_ms", most=50),
)


def _rows(hosts: list[Host], ids: range, at: float, version: int) -> list[RenderRow]:
    return [
        RenderRow(id, version, f"rnd-{id:04}", "/linux", "render", 1, ["online"], 99, 1000, 0, 8, 0, [],
                  hosts[id % len(hosts)].reading(), seen=at)
        for id in ids
    ]  # fmt: skip


def run(folder: Path) -> dict[str, float]:
    """Measure."""
    chance = random.Random(3)
    hosts = [Host(chance) for _ in range(50)]
    figures = _rings(hosts)
    application = make_application()
    watch = Watch([], user="bench", settings_file=folder / "watch.json", scheme="dark")
    try:
        figures.update(_window(application, watch, hosts, chance))
    finally:
        watch.leave()
        watch.close()
    return figures


def _rings(hosts: list[Host]) -> dict[str, float]:
    rings = LiveRings()
    rows = _rows(hosts, range(1, RENDERS + 1), _BEGUN, 1)
    for row in rows:
        rings.take(row)
    later = _rows(hosts, range(1, RENDERS + 1), _BEGUN + PERIOD, 2)
    begun = time.thread_time()
    for row in later:
        rings.take(row)
    return {
        "taking_us_per_reading": (time.thread_time() - begun) / RENDERS * 1e6,
        "rings_mb": rings._values.nbytes / 1e6,
    }


def _window(application: Any, watch: Watch, hosts: list[Host], chance: random.Random) -> dict[str, float]:
    session, window = watch.session, watch.window
    window.resize(1900, 1000)
    window.show()
    window.go("farm")
    pane = window.pane("farm")
    pools = [PoolRow(1, 1, "/", 99, 0, 0, RENDERS, 0, 0), PoolRow(2, 1, "/linux", 99, 0, 0, RENDERS, 0, 0)]
    session.receive([RowsCame(4, 1, pools, [], True, [])])
    for slot in range(SAMPLES):  # a full window of plots
        some = range(1, RENDERS + 1) if slot in (0, SAMPLES - 1) else range(1, 80)
        session.receive([RowsCame(2, slot + 1, _rows(hosts, some, _BEGUN + slot * PERIOD, slot), [], slot == 0, [])])
    _spin(application, lambda: pane.model.rowCount() == RENDERS + 2)
    pane.table.viewport().repaint()
    figures = {"empty_step_ms": _step(application)[0]}
    made = [_rows(hosts, range(1 + part * 24, 25 + part * 24), 0.0, 0) for part in range(50)]
    stall, version = (0.0, 0.0), 1000
    cpu, wall = time.process_time(), time.monotonic()
    part = 0
    while time.monotonic() - wall < _SECONDS:
        due = wall + (part + 1) * 0.1
        # Of every render in turn: 24 in a tenth of a second are all 1,200 in five.
        at = _BEGUN + (SAMPLES + part // 50) * PERIOD
        rows = [_seen(row, at) for row in made[part % 50]]
        begun = _now()
        session.receive([RowsCame(2, version + part, rows, [], False, [])])
        stall = _worse(stall, _since(begun))
        part += 1
        while time.monotonic() < due:
            stall = _worse(stall, _step(application))
            time.sleep(0.002)
    figures["reporting_stall_ms"], figures["reporting_stall_wall_ms"] = stall
    figures["reporting_cpu_percent"] = 100 * (time.process_time() - cpu) / (time.monotonic() - wall)
    figures["reported_per_second"] = part * 24 / (time.monotonic() - wall)
    worst, bar, whole = (0.0, 0.0), pane.table.verticalScrollBar(), 0.0
    cells = pane.table.itemDelegate()._painters["plot"].__self__
    for _ in range(60):
        begun = _now()
        bar.setValue(chance.randrange(bar.maximum()))
        pane.table.viewport().repaint()
        worst, wall = _worse(worst, _since(begun)), time.perf_counter()
        while cells.is_behind:
            worst = _worse(worst, _step(application))
        whole = max(whole, (time.perf_counter() - wall) * 1000)
    figures["scroll_whole_wall_ms"] = whole
    figures["scroll_worst_ms"], figures["scroll_worst_wall_ms"] = worst
    figures["page_made_ms"] = _page(hosts)
    return figures


def _seen(row: RenderRow, at: float) -> RenderRow:
    from msgspec import structs

    return structs.replace(row, seen=at)


def _now() -> tuple[float, float]:
    return time.thread_time(), time.perf_counter()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    """Return milliseconds that this thread computed, and those that passed."""
    return (time.thread_time() - begun[0]) * 1000, (time.perf_counter() - begun[1]) * 1000


def _worse(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one[0], other[0]), max(one[1], other[1])


def _step(application: Any) -> tuple[float, float]:
    begun = _now()
    application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
    return _since(begun)


def _spin(application: Any, condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise CheckFailed("the farm did not come to show every render")
        application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)


def _page(hosts: list[Host]) -> float:
    """Return how long it takes to make panels of an answer with 600 points."""
    keys = ("cpu_user", "cpu_system", "load", "mem_used", "mem_cached", "net_recv", "net_send", "disk_read")
    column = [float(place % 97) for place in range(600)]
    answer = {
        "begin": 0.0, "step": 60.0, "count": 600,
        "columns": [{"key": key, "title": key, "unit": "%", "group": "", "limit": None, "min": column, "mean": column,
                     "max": column} for key in keys],
    }  # fmt: skip
    begun = time.perf_counter()
    if len(render_panels(Readings.of(answer))) != 4:
        raise CheckFailed("the answer makes other panels than it should")
    return (time.perf_counter() - begun) * 1000
