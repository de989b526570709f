"""Readings for pictures and tests of plots: machines whose numbers are a function of the time, kept as servers do.

The same seconds give the same numbers, so that history and live readings meet.
"""

from __future__ import annotations

import json
import math
import random
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from afcore.series import FARM, read_values
from afnet.server.seriespack import Gathered, MinuteBody, Part
from afnet.server.seriesstore import SeriesStore

__all__ = ["fake_host", "reading", "seed_history"]


def _wave(at: float, period: float, seed: int) -> float:
    """Return 0 to 1, smooth, with a little noise."""
    noise = random.Random(f"{seed} {int(at)}").random()
    return min(1.0, max(0.0, 0.5 + 0.42 * math.sin(2 * math.pi * (at / period + seed * 0.37)) + 0.12 * (noise - 0.5)))


def reading(name: str, at: float, *, cores: int = 64, gpus: int = 0, meters: bool = False) -> dict[str, Any]:
    """Return what a machine measures at a time (unix seconds): busy for hours, idle between them."""
    seed = sum(map(ord, name))
    phase = (at / 3600 + seed) % 7
    busy = phase < 5
    user = int((78 if busy else 6) * (0.8 + 0.2 * _wave(at, 900, seed)))
    wait = 24 if busy and 2.0 < phase < 2.6 else int(3 * _wave(at, 70, seed))
    system = 4 + int(6 * _wave(at, 200, seed + 1))
    total = 4096 * cores
    used = total * (0.12 + (0.13 * phase if busy else 0.0))
    rate = (1.0 if busy else 0.06) * (2.5 if wait > 20 else 1.0)
    devices = [
        {"index": place, "name": "RTX 6000", "util": int(96 * _wave(at, 1300, seed + place)) if busy else 2,
         "temp": 42 + int(34 * _wave(at, 4000, seed + place)), "mem_total_mb": 49152,
         "mem_used_mb": int(42000 * (phase / 5 if busy else 0.02))}
        for place in range(gpus)
    ]  # fmt: skip
    custom = [{
        "name": "licenses", "value": int(19 * _wave(at, 5000, seed)), "value_max": 20, "width": 0, "height": 50,
        "label": f"{int(19 * _wave(at, 5000, seed))} of 20 licenses", "label_size": 10, "tooltip": "", "valid": True,
        "graph_clr": [0, 200, 120], "label_clr": [255, 255, 0], "back_clr": [10, 20, 5],
    }]  # fmt: skip
    return {
        "cpu_num": cores, "cpu_mhz": 3400, "cpu_temp": 38 + user // 3, "cpu_user": user,
        "cpu_nice": 2 * (busy and phase < 1),
        "cpu_system": system, "cpu_iowait": wait, "cpu_irq": 0, "cpu_softirq": 1,
        "cpu_idle": max(0, 99 - user - system - wait),
        "cpu_loadavg": [round(cores * (user + wait) / 100, 2), 0.0, 0.0], "mem_total_mb": total,
        "mem_free_mb": int(total - used), "mem_cached_mb": int(total * 0.07), "mem_buffers_mb": int(total * 0.015),
        "swap_total_mb": 16384, "swap_used_mb": int(9000 * max(0.0, phase - 4)) if busy else 0, "hdd_total_gb": 1900,
        "hdd_free_gb": 60 if seed % 5 == 0 else 900, "hdd_rd_kbsec": int(420_000 * rate * _wave(at, 500, seed)),
        "hdd_wr_kbsec": int(120_000 * rate * _wave(at, 800, seed + 3)), "hdd_busy": min(99, int(34 * rate + wait)),
        "net_recv_kbsec": int(300_000 * rate * _wave(at, 620, seed + 5)),
        "net_send_kbsec": int(90_000 * rate * _wave(at, 410, seed + 6)), "gpus": devices,
        "gpu_gpu_util": max((one["util"] for one in devices), default=0),
        "gpu_gpu_temp": max((one["temp"] for one in devices), default=0),
        "gpu_mem_total_mb": sum(one["mem_total_mb"] for one in devices),
        "gpu_mem_used_mb": sum(one["mem_used_mb"] for one in devices), "custom": custom if meters else [],
    }  # fmt: skip


def fake_host(folder: Path, name: str, begun: float, **machine: Any) -> Path:
    """Write the file of a machine whose readings, one every five seconds, go on from ``begun``."""
    path = folder / f"{name}.host.json"
    steps = [reading(name, begun + 5 * step, **machine) for step in range(400)]
    path.write_text(json.dumps({"identity": {"name": name, "os": "unix linux 64"}, "resources": steps}))
    return path


def seed_history(folder: Path, machines: Mapping[str, dict[str, Any]], until: float, hours: float,
                 *, gap: Iterable[str] = ()) -> None:  # fmt: skip
    """Keep the minutes of some hours before ``until``; machines of ``gap`` were away for 40 minutes of them."""
    store = SeriesStore(folder, keep_days=60, keep_bytes=1 << 40)
    away = frozenset(gap)
    last = int(until // 60)
    for minute in range(last - int(hours * 60), last):
        gathered = Gathered()
        for name, machine in machines.items():
            if name in away and 65 < last - minute < 105:
                continue
            for second in range(0, 60, 20):
                keys, values = read_values(reading(name, minute * 60 + second, **machine), 3)
                gathered.note(name, keys, values)
        body = gathered.body()
        of_farm = array("f", [value for _ in range(3) for value in _of_farm(minute, len(machines))]).tobytes()
        shape = len(body.shapes)
        store.add(minute, MinuteBody([*body.shapes, list(FARM)], [*body.parts, Part("", shape, 1, of_farm)]))
    store.close()


def _of_farm(minute: int, machines: int) -> list[float]:
    at = minute * 60.0
    slots = 3.0 * machines
    used = round(slots * (0.35 + 0.6 * _wave(at, 30_000, 2)))
    done = round(14 * _wave(at, 7000, 4) * (0.5 + _wave(at, 97, 9)))
    failed = 5.0 if minute % 131 < 4 else float(minute % 61 == 0)
    row = {
        "slots_used": used, "slots": slots, "started": done + failed, "done": done, "failed": failed,
        "queue": round(2600 * _wave(at, 60_000, 1)),
    }  # fmt: skip
    return [float(row[key]) for key in FARM]
