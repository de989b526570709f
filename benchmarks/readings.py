"""The history of readings: 1,200 renders that report every 5 seconds, kept by the minute, packed, and asked for.

The loop's part (adding up), the thread's part (columns, packing, writing), the size on disk and the answers are
measured apart, in one process without a network: what is asked is what keeping costs beside a farm.  The hosts work:
their numbers wander, so that they compress as badly as real ones.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from afcore.series import read_values
from afnet.server.seriespack import Gathered, MinuteBody, resample
from afnet.server.seriesstore import SeriesStore
from benchmarks.harness import CheckFailed, Target

NAME = "history of readings, 1,200 renders"
RENDERS, PERIOD, DAYS = 1200, 5, 30
TARGETS = (
    Target("loop_percent_of_a_core", most=2),
    Target("thread_percent_of_a_core", most=2),
    Target("disk_30_days_mb", most=4096),
    Target("answer_day_ms", most=200),
    Target("answer_30_days_ms", most=1000),
)
_FIRST = 460_000 * 60
_DIFFERENT = 100
"""Hosts whose readings are made; each stands for twelve of the farm."""


class Host:
    """A busy host whose numbers wander."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._at = {name: chance.random() for name in ("user", "mem", "recv", "send", "read", "write")}

    def reading(self) -> dict[str, Any]:
        """Measure."""
        chance, at = self._chance, self._at
        for name in at:
            at[name] = min(1.0, max(0.0, at[name] + chance.gauss(0, 0.03)))
        user, system = int(90 * at["user"]), chance.randrange(9)
        return {
            "cpu_num": 64, "cpu_user": user, "cpu_nice": 0, "cpu_system": system, "cpu_iowait": chance.randrange(3),
            "cpu_irq": 0, "cpu_softirq": chance.randrange(2), "cpu_idle": 100 - user - system,
            "cpu_temp": 40 + user // 3,
            "cpu_loadavg": [round(64 * at["user"], 2), 0.0, 0.0], "mem_total_mb": 262144,
            "mem_free_mb": int(262144 * (1 - at["mem"])), "mem_cached_mb": int(9000 * at["read"]),
            "mem_buffers_mb": 812,
            "swap_total_mb": 8192, "swap_used_mb": 0, "hdd_total_gb": 1000, "hdd_free_gb": 412,
            "hdd_rd_kbsec": int(200_000 * at["read"]), "hdd_wr_kbsec": int(90_000 * at["write"]),
            "hdd_busy": int(100 * at["read"]), "net_recv_kbsec": int(120_000 * at["recv"]),
            "net_send_kbsec": int(60_000 * at["send"]), "gpus": [], "custom": [],
        }  # fmt: skip


def run(folder: Path) -> dict[str, float]:
    """Measure, in processor time: the machine may be busy with other things."""
    chance = random.Random(5)
    store = SeriesStore(folder / "resources", keep_days=DAYS, keep_bytes=1 << 40)
    hosts = [(f"rnd-{number:03}", Host(chance)) for number in range(_DIFFERENT)]
    per_minute = 60 // PERIOD
    loop, thread = 0.0, []
    for minute in range(61):
        gathered = Gathered()
        for _ in range(per_minute):
            readings = [host.reading() for _, host in hosts]
            begun = time.thread_time()
            for (name, _), reading in zip(hosts, readings):
                gathered.note(name, *read_values(reading, 3))
            loop += time.thread_time() - begun
        begun = time.thread_time()
        body = gathered.body()
        columns = (time.thread_time() - begun) * RENDERS / _DIFFERENT
        parts = [
            structs.replace(part, render=f"{part.render}-{copy:02}")
            for part in body.parts
            for copy in range(RENDERS // _DIFFERENT)
        ]
        begun = time.thread_time()
        store.add(_FIRST + minute, MinuteBody(body.shapes, parts))
        thread.append(columns + time.thread_time() - begun)
    size = sum(path.stat().st_size for path in (folder / "resources").glob("????-??-??.db"))
    per_reading = loop / 61 / per_minute / _DIFFERENT
    figures = {
        "loop_us_per_reading": per_reading * 1e6,
        "loop_percent_of_a_core": 100 * per_reading * RENDERS / PERIOD,
        "thread_percent_of_a_core": 100 * sum(thread) / 3660,
        "minute_kept_ms": 1000 * sorted(thread)[30],
        "hour_packed_ms": 1000 * thread[-1],
        "disk_render_hour_bytes": size / RENDERS,
        "disk_30_days_mb": size * 24 * DAYS / 1e6,
    }
    figures.update(_answers(folder, chance))
    store.close()
    return figures


def _answers(folder: Path, chance: random.Random) -> dict[str, float]:
    """Ask for one render among some, over a day and over 30."""
    store = SeriesStore(folder / "month", keep_days=DAYS + 1, keep_bytes=1 << 40)
    hosts = [(f"rnd-{number:04}", Host(chance)) for number in range(4)]
    first, minutes = _FIRST, DAYS * 1440
    for hour in range(DAYS * 24 + 1):
        for minute in range(0, 60, 1):
            gathered = Gathered()
            for name, host in hosts:
                gathered.note(name, *read_values(host.reading(), 3))
            store.add(first + hour * 60 + minute, gathered.body())
    figures = {}
    for name, begin, step in (("day", minutes - 1440, 3), ("30_days", 0, 72)):
        best = 1e9
        for _ in range(3):
            begun = time.thread_time()
            count = (minutes - begin) // step
            found = resample(store.read("rnd-0002", first + begin, first + minutes), first=first + begin, step=step,
                             count=count)  # fmt: skip
            best = min(best, time.thread_time() - begun)
        if None in found["cpu_user"].mean or len(found) < 17:
            raise CheckFailed(f"the answer over {name} has holes")
        figures[f"answer_{name}_ms"] = best * 1000
    store.close()
    return figures
