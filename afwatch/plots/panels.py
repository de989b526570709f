"""What pages of plots show, as data: which curves stand in which panel, in which colour, to which top, in which unit.

Rules of this file:
- No Qt: a panel is made from the columns of ``history.resources`` (or of the live rings, which have the same shape).
- A curve of another unit than its panel's is drawn by its own top; its words tell the true value.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from afwatch import words
from afwatch.models.rendercolumns import rate_text
from afwatch.texts import tr

__all__ = ["Curve", "Panel", "Readings", "farm_panels", "figure_text", "render_panels", "write_table"]

Numbers = numpy.ndarray[Any, Any]

_DEVICES = ("net_send", "disk_read", "cpu_system", "mem_used", "disk_write", "cpu_user", "net_recv", "gpu_mem")
"""Colours of single GPUs, in turn."""
_ROUND = (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Readings:
    """An answer as arrays."""

    begin: float
    step: float
    """Seconds of a point."""
    count: int
    columns: dict[str, dict[str, Any]]
    """By the key of the series: ``title``, ``unit``, ``group``, ``limit``, and ``min``, ``mean``, ``max`` as arrays."""

    @staticmethod
    def of(answer: Mapping[str, Any]) -> Readings:
        """Return an answer of ``history.resources`` as arrays; what is not known is NaN."""
        columns = {}
        for each in answer["columns"]:
            arrays = {name: numpy.array(each[name], dtype=numpy.float64) for name in ("min", "mean", "max")}
            columns[each["key"]] = {**each, **arrays}
        return Readings(float(answer["begin"]), float(answer["step"]), int(answer["count"]), columns)

    @property
    def times(self) -> Numbers:
        """The middle of each point, unix seconds."""
        return self.begin + (numpy.arange(self.count) + 0.5) * self.step

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known at all."""
        return all(numpy.isnan(column["mean"]).all() for column in self.columns.values())

    def known(self) -> Any:
        """Return for each point whether anything is known of it."""
        found = numpy.zeros(self.count, dtype=bool)
        for column in self.columns.values():
            found |= ~numpy.isnan(column["mean"])
        return found

    def gaps(self, latest: float) -> list[tuple[float, float]]:
        """Return the spans of which nothing is known, at most until ``latest``: unix seconds, in order."""
        end = min(self.begin + self.count * self.step, latest)
        found: list[tuple[float, float]] = []
        for place in numpy.flatnonzero(~self.known()):
            since = self.begin + int(place) * self.step
            until = min(since + self.step, end)
            if until <= since:
                break
            if found and abs(found[-1][1] - since) < 1e-6:
                found[-1] = (found[-1][0], until)
            else:
                found.append((since, until))
        return found

    def place_of(self, at: float) -> int:
        """Return the point that a time lies in, -1 outside."""
        place = math.floor((at - self.begin) / self.step)
        return place if 0 <= place < self.count else -1


def write_table(path: Path, readings: Readings) -> None:
    """Write readings as CSV: a row a point of which something is known, three columns a series; OSError."""
    parts = ("min", "mean", "max")
    columns = [
        (f"{key} {part} {one['unit']}".strip(), one[part]) for key, one in readings.columns.items() for part in parts
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        # Meters are named by their hosts, and no name is to be a formula.
        titles = (f"'{title}" if title.startswith(("=", "+", "-", "@")) else title for title, _ in columns)
        writer.writerow(["time", *titles])
        for place in range(readings.count):
            row = ["" if numpy.isnan(values[place]) else f"{values[place]:.6g}" for _, values in columns]
            if any(row):
                writer.writerow([f"{readings.begin + place * readings.step:.0f}", *row])


@dataclass(slots=True)
class Curve:
    """One series in a panel."""

    key: str
    title: str
    unit: str
    ink: str
    """Name of a colour: of ``Look.plots``, of a family of states (``live``, ``bad``), or a colour itself."""
    mean: Numbers
    peak: Numbers
    is_filled: bool = False
    top: float = 0.0
    """Its own top, where its unit is not the panel's; 0: as the panel."""
    is_dashed: bool = False
    on: Numbers | None = None
    """What it stands on, in a stack."""
    limit: float = 0.0

    def drawn(self, top: float) -> Numbers:
        """Return its values in the panel's unit."""
        scaled = self.mean * (top / self.top) if self.top else self.mean
        return scaled if self.on is None else scaled + self.on


@dataclass(slots=True)
class Panel:
    """Curves over one axis."""

    key: str
    title: str
    unit: str
    top: float
    curves: list[Curve] = field(default_factory=list)
    least_height: int = 84
    threshold: float = 0.0
    """A dashed line here; 0 for none."""


def figure_text(value: float, unit: str) -> str:
    """Return a value with its unit as people read it; a dash when it is not known."""
    if math.isnan(value):
        return words.UNKNOWN
    if unit == "%":
        return f"{value:.0f} %"
    if unit == "MiB":
        return words.memory_text(value)
    if unit == "GiB":
        return words.memory_text(value * 1024)
    if unit == "KiB/s":
        return rate_text(value)
    if unit == "°C":
        return f"{value:.0f} °C"
    if unit == "processes":
        return f"{value:.1f}"
    shown = words.number(round(value)) if value >= 10 or value == round(value) else f"{value:.1f}"
    return f"{shown}{' ' + unit if unit in ('tasks/min',) else ''}".replace("tasks/min", "/min")


def round_top(value: float) -> float:
    """Return a round number at or above a value, at least 1."""
    if not value > 1:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in _ROUND if step * power >= value * 0.999))


def _largest(curves: Sequence[Curve]) -> float:
    values = [numpy.nanmax(curve.peak) for curve in curves if curve.peak.size and not numpy.isnan(curve.peak).all()]
    return float(max(values, default=0.0))


def _curve(readings: Readings, key: str, ink: str = "", **more: Any) -> Curve | None:
    column = readings.columns.get(key)
    if column is None:
        return None
    limit = float(column.get("limit") or 0.0)
    return Curve(key, column["title"], column["unit"], ink or key, column["mean"], column["max"], limit=limit, **more)


def _there(*curves: Curve | None) -> list[Curve]:
    return [curve for curve in curves if curve is not None]


def render_panels(readings: Readings, meters: Mapping[str, str] | None = None) -> list[Panel]:
    """Return the panels of a render; ``meters``: the colours of its own meters by name."""
    panels = []
    cpu = _there(
        _curve(readings, "cpu_user", is_filled=True), _curve(readings, "cpu_nice"),
        _curve(readings, "cpu_system"), _curve(readings, "cpu_irq"), _curve(readings, "cpu_iowait"),
        _curve(readings, "load", "text"),
    )  # fmt: skip
    if cpu:
        load = cpu[-1]
        load.top, load.is_dashed = max(load.limit, 1.0, _largest([load])), True
        panels.append(Panel("cpu", "CPU", "%", 100.0, cpu, 136))
    panels += _memory(readings)
    for key, title, names in (("network", tr("Network"), ("net_recv", "net_send")),):
        curves = _there(*(_curve(readings, name, is_filled=place == 0) for place, name in enumerate(names)))
        if curves:
            panels.append(Panel(key, title, "KiB/s", _rate_top(curves), curves))
    panels += _disk(readings)
    panels += _gpus(readings)
    devices = [key for key in readings.columns if _is_of_device(key, "temp")]
    heat = _there(
        _curve(readings, "cpu_temp", "temp"), None if devices else _curve(readings, "gpu_temp", "gpu_util"),
        *(_curve(readings, key, _DEVICES[place % len(_DEVICES)]) for place, key in enumerate(devices)),
    )  # fmt: skip
    if heat:
        panels.append(Panel("temperature", tr("Temperature"), "°C", max(100.0, round_top(_largest(heat))), heat, 72))
    for key in readings.columns:
        if key.startswith("meter."):
            curve = _curve(readings, key, (meters or {}).get(key[6:], "custom"), is_filled=True)
            if curve is not None:
                name, curve.title = curve.title, "value"
                panels.append(Panel(key, name, "", curve.limit or round_top(_largest([curve])), [curve], 64))
    return panels


def _memory(readings: Readings) -> list[Panel]:
    used, buffers, cached = (_curve(readings, key) for key in ("mem_used", "mem_buffers", "mem_cached"))
    swap = _curve(readings, "swap")
    if used is None:
        return []
    used.is_filled = True
    below = used.mean
    for curve in (buffers, cached):
        if curve is not None:
            curve.on, below = below, below + curve.mean
    top = used.limit or round_top(_largest([used]))
    curves = _there(used, buffers, cached, swap)
    if swap is not None and swap.limit:
        swap.top = swap.limit
    return [Panel("memory", tr("Memory"), "MiB", top, curves, 118, top * 0.9 if used.limit else 0.0)]


def _rate_top(curves: Sequence[Curve]) -> float:
    largest = max(1024.0, _largest(curves))
    unit = 1048576.0 if largest >= 1048576 else 1024.0
    return round_top(largest / unit) * unit


def _disk(readings: Readings) -> list[Panel]:
    rates = _there(_curve(readings, "disk_read", is_filled=True), _curve(readings, "disk_write"))
    if not rates:
        return []
    shares = _there(_curve(readings, "disk_busy"), _curve(readings, "disk_used"))
    for curve in shares:
        curve.top = 100.0 if curve.unit == "%" else curve.limit or round_top(_largest([curve]))
        curve.is_dashed = curve.key == "disk_used"
    return [Panel("disk", tr("Disk"), "KiB/s", _rate_top(rates), [*rates, *shares], 92)]


def _is_of_device(key: str, part: str) -> bool:
    return key.startswith("gpu") and key[3:4].isdigit() and key.endswith(f"_{part}")


def _gpus(readings: Readings) -> list[Panel]:
    busy = _curve(readings, "gpu_util", is_filled=True)
    if busy is None:
        return []
    curves = [busy]
    devices = [key for key in readings.columns if _is_of_device(key, "util")]
    for place, key in enumerate(devices):
        curves += _there(_curve(readings, key, _DEVICES[place % len(_DEVICES)]))
    if devices:
        busy.title = "busiest"
    memory = _curve(readings, "gpu_mem")
    if memory is not None:
        memory.top = memory.limit or round_top(_largest([memory]))
        curves.append(memory)
    return [Panel("gpu", "GPU", "%", 100.0, curves, 92)]


def farm_panels(readings: Readings) -> list[Panel]:
    """Return the panels of the farm as a whole."""
    panels = []
    for key, title, names, inks in (
        ("slots", tr("Slots used"), ("slots_used", "slots"), ("live", "text")),
        ("tasks", tr("Tasks a minute"), ("done", "started"), ("good", "text")),
        ("queue", tr("Queue"), ("queue",), ("held",)),
        ("failures", tr("Failures a minute"), ("failed",), ("bad",)),
    ):
        curves = _there(
            *(_curve(readings, name, ink, is_filled=place == 0) for place, (name, ink) in enumerate(zip(names, inks)))
        )
        if curves:
            unit = curves[0].unit if key in ("slots", "queue") else ""
            top = max(4.0, round_top(_largest(curves) * 1.05))
            panels.append(Panel(key, title, unit, top, curves, 150))
            if len(curves) > 1:
                curves[1].is_dashed = key == "slots"
    return panels
