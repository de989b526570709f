"""What is plotted: the series that a reading of a host holds and those of the farm as a whole, with names and units.

Rules of this file:
- The keys are kept on disk and asked for by programs: they are added, never renamed.
- A reading comes from outside: what is no finite number counts as 0, and there are at most ``MOST`` series of a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["FARM", "HOST", "MOST", "Series", "limits_of", "meters_of", "read_values", "series_of"]

_GPUS_MOST = 16
_METERS_MOST = 16
_NAME_MOST = 64
MOST = 19 + 3 * _GPUS_MOST + _METERS_MOST
"""Series of one host."""


class Series(NamedTuple):
    """One series."""

    title: str
    unit: str
    """``%``, ``MiB``, ``GiB``, ``KiB/s``, ``°C``, a word for what is counted, or empty."""
    group: str
    """What it is plotted with: cpu, memory, network, disk, gpu, temperature, meters, slots, tasks, queue, failures."""


HOST: dict[str, Series] = {
    "cpu_user": Series("user", "%", "cpu"),
    "cpu_nice": Series("nice", "%", "cpu"),
    "cpu_system": Series("system", "%", "cpu"),
    "cpu_iowait": Series("iowait", "%", "cpu"),
    "cpu_irq": Series("interrupts", "%", "cpu"),
    "load": Series("load", "processes", "cpu"),
    "mem_used": Series("used", "MiB", "memory"),
    "mem_cached": Series("cached", "MiB", "memory"),
    "mem_buffers": Series("buffers", "MiB", "memory"),
    "swap": Series("swap", "MiB", "memory"),
    "net_recv": Series("in", "KiB/s", "network"),
    "net_send": Series("out", "KiB/s", "network"),
    "disk_read": Series("read", "KiB/s", "disk"),
    "disk_write": Series("write", "KiB/s", "disk"),
    "disk_busy": Series("busy", "%", "disk"),
    "disk_used": Series("space", "GiB", "disk"),
    "slots_used": Series("tasks", "tasks", "slots"),
    "cpu_temp": Series("processor", "°C", "temperature"),
    "gpu_temp": Series("GPU", "°C", "temperature"),
    "gpu_util": Series("busy", "%", "gpu"),
    "gpu_mem": Series("memory", "MiB", "gpu"),
}
"""Series of every host; with more than one GPU there are ``gpu0_util``, ``gpu0_mem``, ``gpu0_temp`` and so on, and
``meter.NAME`` for each meter of the studio's own."""

FARM: dict[str, Series] = {
    "slots_used": Series("used", "slots", "slots"),
    "slots": Series("of", "slots", "slots"),
    "started": Series("started", "tasks/min", "tasks"),
    "done": Series("done", "tasks/min", "tasks"),
    "queue": Series("ready", "tasks", "queue"),
    "failed": Series("failed", "tasks/min", "failures"),
}
"""Series of the farm as a whole."""

_ALWAYS = (
    "cpu_user", "cpu_nice", "cpu_system", "cpu_iowait", "cpu_irq", "load", "mem_used", "mem_cached", "mem_buffers",
    "swap", "net_recv", "net_send", "disk_read", "disk_write", "disk_busy", "disk_used", "slots_used",
)  # fmt: skip
_PARTS = {"util": "util", "mem": "mem_used_mb", "temp": "temp"}


def series_of(key: str) -> Series:
    """Return what a series of a host is; also of single GPUs and meters."""
    known = HOST.get(key)
    if known is not None:
        return known
    if key.startswith("meter."):
        return Series(key[6:], "", "meters")
    device, _, part = key.partition("_")
    whole = HOST.get(f"gpu_{part}")
    if whole is None or not device.startswith("gpu"):
        return Series(key, "", "meters")
    number = device[3:]
    title = f"GPU {number}" if part != "mem" else f"GPU {number} memory"
    return Series(title, whole.unit, whole.group)


def _number(value: Any) -> float:
    kind = type(value)
    return value if (kind is int or kind is float) and -1e30 < value < 1e30 else 0


def meters_of(resources: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the meters of a reading that have a name and a value."""
    found = resources.get("custom")
    if not found or not isinstance(found, list):
        return []
    return [
        meter
        for meter in found[:_METERS_MOST]
        if isinstance(meter, Mapping) and meter.get("valid", True) and isinstance(meter.get("name"), str)
    ]


@lru_cache(maxsize=256)
def _keys(temperature: bool, gpus: int, meters: tuple[str, ...]) -> tuple[str, ...]:
    keys = [*_ALWAYS]
    if temperature:
        keys.append("cpu_temp")
    if gpus:
        keys += ["gpu_util", "gpu_mem", "gpu_temp"]
    if gpus > 1:
        keys += [f"gpu{number}_{part}" for number in range(gpus) for part in _PARTS]
    return (*keys, *(f"meter.{name[:_NAME_MOST]}" for name in meters))


def read_values(resources: Mapping[str, Any], running: int) -> tuple[tuple[str, ...], list[float]]:
    """Return keys and values of a reading, side by side; ``running`` is how many tasks the host has."""
    get, number = resources.get, _number
    load = get("cpu_loadavg")
    values = [
        number(get("cpu_user", 0)),
        number(get("cpu_nice", 0)),
        number(get("cpu_system", 0)),
        number(get("cpu_iowait", 0)),
        number(get("cpu_irq", 0)) + number(get("cpu_softirq", 0)),
        number(load[0]) if isinstance(load, list | tuple) and load else 0,
        number(get("mem_total_mb", 0)) - number(get("mem_free_mb", 0)),
        number(get("mem_cached_mb", 0)),
        number(get("mem_buffers_mb", 0)),
        number(get("swap_used_mb", 0)),
        number(get("net_recv_kbsec", 0)),
        number(get("net_send_kbsec", 0)),
        number(get("hdd_rd_kbsec", 0)),
        number(get("hdd_wr_kbsec", 0)),
        number(get("hdd_busy", 0)),
        number(get("hdd_total_gb", 0)) - number(get("hdd_free_gb", 0)),
        running,
    ]
    temperature = number(get("cpu_temp", 0))
    if temperature:
        values.append(temperature)
    devices = get("gpus")
    gpus = [one for one in devices[:_GPUS_MOST] if isinstance(one, Mapping)] if isinstance(devices, list) else []
    if gpus:
        values += [number(get("gpu_gpu_util")), number(get("gpu_mem_used_mb")), number(get("gpu_gpu_temp"))]
        if len(gpus) > 1:
            values += [number(one.get(name)) for one in gpus for name in _PARTS.values()]
    meters = meters_of(resources)
    values += [number(meter.get("value")) for meter in meters]
    return _keys(bool(temperature), len(gpus), tuple(meter["name"] for meter in meters)), values


def limits_of(resources: Mapping[str, Any]) -> dict[str, float]:
    """Return the top of what has one, by the key of its series: memory, swap, disk, GPU memory, processors, meters."""
    found = {
        "load": _number(resources.get("cpu_num", 0)),
        "mem_used": _number(resources.get("mem_total_mb", 0)),
        "swap": _number(resources.get("swap_total_mb", 0)),
        "disk_used": _number(resources.get("hdd_total_gb", 0)),
        "gpu_mem": _number(resources.get("gpu_mem_total_mb", 0)),
    }
    found.update({f"meter.{one['name'][:_NAME_MOST]}": _number(one.get("value_max")) for one in meters_of(resources)})
    devices = resources.get("gpus")
    if isinstance(devices, list) and len(devices) > 1:
        for number, one in enumerate(devices[:_GPUS_MOST]):
            if isinstance(one, Mapping):
                found[f"gpu{number}_mem"] = _number(one.get("mem_total_mb"))
    return {key: value for key, value in found.items() if value > 0}
