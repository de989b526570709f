"""The columns of the table of renders, as data: who and how it is, whose tasks it has, and plots of its readings.

Rules of this file:
- No Qt, and no history: ``text`` is the newest reading in words, for who cannot see the plot beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from afcore.rows import RenderRow
from afcore.series import meters_of
from afwatch import words
from afwatch.models.columns import Column, Shown, fields_of, words_of
from afwatch.models.filters import Field
from afwatch.texts import tr
from afwatch.theme.tokens import state_look

__all__ = ["RENDERS", "cpu_share", "disk_share", "memory_share", "memory_used", "rate_text", "swap_share"]

_NEED = {
    state: place
    for place, state in enumerate(("SICK", "BUSY", "FREE", "NIMBY_OWN", "NIMBY_ALL", "PAUSED", "WAKING",
                                   "FALLING_ASLEEP", "ASLEEP", "OFFLINE"))
}


def _resource(name: str) -> Callable[[RenderRow], float]:
    def get(row: RenderRow) -> float:
        value = row.resources.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0

    return get


def cpu_share(row: RenderRow) -> float:
    """Return the percentage of the processors in use."""
    resources = row.resources
    for name in ("cpu_percent", "cpu"):
        if isinstance(resources.get(name), int | float):
            return float(resources[name])
    idle = resources.get("cpu_idle")
    return 100.0 - float(idle) if isinstance(idle, int | float) else 0.0


def _share(used: float, total: float) -> float:
    return 100.0 * used / total if total > 0 else 0.0


def memory_used(row: RenderRow) -> float:
    """Return the megabytes of memory in use, 0 when unknown."""
    total, free = _resource("mem_total_mb")(row), _resource("mem_free_mb")(row)
    return total - free if total else 0.0


def memory_share(row: RenderRow) -> float:
    """Return the percentage of memory in use."""
    return _share(memory_used(row), _resource("mem_total_mb")(row))


def swap_share(row: RenderRow) -> float:
    """Return the percentage of swap in use."""
    return _share(_resource("swap_used_mb")(row), _resource("swap_total_mb")(row))


def disk_share(row: RenderRow) -> float:
    """Return the percentage of the disk that is full."""
    total = _resource("hdd_total_gb")(row)
    return _share(total - _resource("hdd_free_gb")(row), total)


def rate_text(kib: float) -> str:
    """Return KiB a second in the unit that suits it."""
    for unit, size in (("GB/s", 1048576.0), ("MB/s", 1024.0)):
        if kib >= 0.97 * size:  # 1000 MB/s is one of the next
            return f"{kib / size:.1f} {unit}" if kib < 10 * size else f"{kib / size:.0f} {unit}"
    return f"{kib:.0f} kB/s"


def _sum(*names: str) -> Callable[[RenderRow], float]:
    reads = [_resource(name) for name in names]
    return lambda row: sum(read(row) for read in reads)


_traffic, _disk = _sum("net_recv_kbsec", "net_send_kbsec"), _sum("hdd_rd_kbsec", "hdd_wr_kbsec")
_gpu = _resource("gpu_gpu_util")


def _cpu_text(row: RenderRow, now: float) -> str:
    load = row.resources.get("cpu_loadavg")
    first = load[0] if isinstance(load, list | tuple) and load else 0
    parts = [(name, _resource(f"cpu_{name}")(row)) for name in ("user", "nice", "system", "iowait")]
    parts.append(("interrupts", _sum("cpu_irq", "cpu_softirq")(row)))
    said = [f"{name} {value:.0f} %" for name, value in parts if value >= 1 or name == "user"]
    return ", ".join([*said, f"load {first:.1f}"])


def _memory_text(row: RenderRow, now: float) -> str:
    said = [tr("{0} of {1}", words.memory_text(memory_used(row)), words.memory_text(_resource("mem_total_mb")(row)))]
    for title, name in (("cached", "mem_cached_mb"), ("buffers", "mem_buffers_mb"), ("swap", "swap_used_mb")):
        value = _resource(name)(row)
        if value:
            said.append(f"{title} {words.memory_text(value)}")
    return ", ".join(said)


def _network_text(row: RenderRow, now: float) -> str:
    received, sent = rate_text(_resource("net_recv_kbsec")(row)), rate_text(_resource("net_send_kbsec")(row))
    return tr("in {0}, out {1}", received, sent)


def _disk_text(row: RenderRow, now: float) -> str:
    read, write = rate_text(_resource("hdd_rd_kbsec")(row)), rate_text(_resource("hdd_wr_kbsec")(row))
    busy, full = round(_resource("hdd_busy")(row)), round(disk_share(row))
    return tr("read {0}, write {1}, busy {2} %, {3} % full", read, write, busy, full)


def _gpu_text(row: RenderRow, now: float) -> str:
    devices = row.resources.get("gpus")
    if not devices or not isinstance(devices, list):
        return tr("no GPU")
    if len(devices) > 1:
        return ", ".join(f"{one.get('index', at)}: {one.get('util', 0)} %" for at, one in enumerate(devices))
    used, total = _resource("gpu_mem_used_mb")(row), _resource("gpu_mem_total_mb")(row)
    return tr("{0} %, {1} of {2}", f"{_gpu(row):.0f}", words.memory_text(used), words.memory_text(total))


def _meters_text(row: RenderRow, now: float) -> str:
    meters = meters_of(row.resources)
    said = [tr("{0} {1} of {2}", one["name"], one.get("value", 0), one.get("value_max", 0)) for one in meters]
    return ", ".join(said)


def _host(row: RenderRow, now: float) -> str:
    cores, memory = int(_resource("cpu_num")(row)), _resource("mem_total_mb")(row)
    return tr("{0} cores · {1}", cores, words.memory_text(memory)) if cores else row.os or row.engine


def _state(row: RenderRow, now: float) -> str:
    return words.render_state(row)


def _since(row: RenderRow, now: float) -> str:
    if "offline" in row.words:
        return tr("since {0}", words.clock_text(row.seen, now))
    if row.runs:
        return words.duration(max(0.0, now - min(run.started for run in row.runs)))
    return ""


def _whose(row: RenderRow, now: float) -> str:
    return ", ".join(sorted({run.user for run in row.runs})) or words.UNKNOWN


def _now_text(row: RenderRow, now: float) -> str:
    return words.UNKNOWN if "offline" in row.words else f"{cpu_share(row):.0f} %"


def _now_memory(row: RenderRow, now: float) -> str:
    return "" if "offline" in row.words else words.memory_text(memory_used(row))


RENDERS = Shown(
    kind="renders",
    look="render",
    columns=(
        Column("name", tr("Render"), 200, "two", lambda row, now: row.name, lambda row, now: row.name, second=_host,
               stretch=True),
        Column("state", tr("State"), 116, "state", lambda row, now: state_look("render", words.render_state(row)).word,
               lambda row, now: (_NEED[words.render_state(row)], row.name), second=_since, short=tr("St"),
               widths=(150, 0)),
        Column("slots", tr("Slots, whose"), 116, "pips",
               lambda row, now: tr("{0} of {1} slots", row.running, row.max_tasks), lambda row, now: -row.running,
               second=_whose, full=tr("Slots, and whose tasks"), short=tr("Slots"), widths=(160, 0)),
        Column("cpu", "CPU", 100, "plot", _cpu_text, lambda row, now: cpu_share(row),
               tip=tr("User, nice, system, interrupts and iowait in percent, one on the other; the line is the load "
                   "average")),
        Column("memory", tr("Memory"), 100, "plot", _memory_text, lambda row, now: memory_share(row), short=tr("Mem"),
               tip=tr("Used, buffers and cached, one on the other, of all memory; the line is swap of all swap")),
        Column("network", tr("Network"), 100, "plot", _network_text, lambda row, now: _traffic(row), rank=2,
               short=tr("Net"),
               tip=tr("In and out; the top is the largest of all renders")),
        Column("disk", tr("Disk"), 100, "plot", _disk_text, lambda row, now: _disk(row), rank=3,
               tip=tr("Read and write, the top is the largest of all renders; behind them how busy it is, at the right "
                   "how full")),
        Column("gpu", "GPU", 92, "plot", _gpu_text, lambda row, now: _gpu(row), rank=4,
               tip=tr("How busy the GPUs are; the line is their memory")),
        Column("meters", tr("Meters"), 168, "plot", _meters_text, lambda row, now: row.name, rank=6,
               tip=tr("Meters of the studio's own")),
        Column("now", tr("Now"), 76, "now", _now_text, lambda row, now: cpu_share(row), right=True, second=_now_memory,
               rank=1, tip=tr("Processors and memory in use"), full=tr("In use now"), widths=(100, 0)),
        Column("priority", tr("Prio"), 60, "number", lambda row, now: str(row.priority), lambda row, now: row.priority,
               right=True, rank=7, full=tr("Priority"), short=tr("P"), widths=(80, 0)),
        Column("pool", tr("Pool"), 110, "text", lambda row, now: row.pool, lambda row, now: row.pool, rank=8),
    ),
    state=_state,
    fields=fields_of(
        Field("state", "word", lambda row: words_of("render", words.render_state(row))),
        Field("name", "text", lambda row: row.name),
        Field("pool", "text", lambda row: row.pool),
        Field("user", "text", lambda row: " ".join(run.user for run in row.runs)),
        Field("job", "text", lambda row: " ".join(run.job_name for run in row.runs)),
        Field("cpu", "number", cpu_share),
        Field("mem", "number", memory_share),
        Field("run", "number", lambda row: row.running),
    ),
    bare=lambda row: row.name,
    chips=("BUSY", "FREE", "NIMBY_OWN", "NIMBY_ALL", "PAUSED", "SICK", "OFFLINE"),
    placeholder="state:  pool:  user:  job~  cpu>  mem>  run>0",
)  # fmt: skip
"""Renders."""
