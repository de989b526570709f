"""How long a render has been idle, busy with other things, or overloaded, and when that may matter next.

Rules of this file:
- Thresholds are settings of pools: the nearest value that is at least 0 counts, 0 and less switches a measure off.
- A render is idle while every enabled measure is quieter than its idle value, and busy while any is louder than its
  busy value; with no idle value at all it is never idle.  Free disk counts the other way round.
- Clocks stand in fields of the render and are readings: after a restart they begin anew.
"""

from typing import Any, NamedTuple

from afcore.model.effective import pool_chain, pool_number
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.states import RenderState

__all__ = [
    "FALL_TIME",
    "WAKE_TIME",
    "busy_start",
    "cards_of",
    "doubled",
    "idle_start",
    "is_busy",
    "is_idle",
    "next_watch",
    "unused_start",
    "watched_pools",
]

FALL_TIME = 120.0
"""Seconds after which a render that was told to sleep and still speaks counts as not having obeyed."""
WAKE_TIME = 300.0
"""Seconds after which a render that was woken and did not come counts as not to be woken."""

_MEASURES = ("cpu", "mem", "swp", "hddgb", "hddio", "netmbs")
_NAMES = {side: [(each, f"{side}_{each}") for each in _MEASURES] for side in ("idle", "busy")}
_TIMES = ("idle_free_time", "busy_nimby_time", "idle_wolsleep_time", "no_task_event_time", "overload_event_time")
_NIMBY = RenderState.NIMBY | RenderState.NIMBY_USER


class _Limit(NamedTuple):
    measure: str
    value: int


def _limits(farm: Farm, pool: int, side: str) -> list[_Limit]:
    found = []
    for measure, name in _NAMES[side]:
        value = pool_number(farm, pool, name)
        if value > 0:
            found.append(_Limit(measure, value))
    return found


def _percent(part: float, whole: float) -> int:
    return int(100 * part / whole) if whole > 0 else 0


def _value(resources: dict[str, Any], measure: str) -> float:
    """Return a measure in the unit of its thresholds: percent used, free gigabytes, megabytes a second."""
    read = resources.get
    if measure == "cpu":
        return 100 - int(read("cpu_idle", 100))
    if measure == "mem":
        total = int(read("mem_total_mb", 0))
        return _percent(total - int(read("mem_free_mb", total)), total)
    if measure == "swp":
        return _percent(int(read("swap_used_mb", 0)), int(read("swap_total_mb", 0)))
    if measure == "hddgb":
        return int(read("hdd_free_gb", 0))
    if measure == "hddio":
        return int(read("hdd_busy", 0))
    return (int(read("net_recv_kbsec", 0)) + int(read("net_send_kbsec", 0))) / 1024


def is_idle(farm: Farm, pool: int, resources: dict[str, Any]) -> bool:
    """Say whether a host with these readings does nothing, by the idle thresholds of its pools."""
    limits = _limits(farm, pool, "idle")
    return bool(limits) and all(
        _value(resources, measure) >= value if measure == "hddgb" else _value(resources, measure) <= value
        for measure, value in limits
    )


def is_busy(farm: Farm, pool: int, resources: dict[str, Any]) -> bool:
    """Say whether a host with these readings works for somebody else, by the busy thresholds of its pools."""
    return any(
        _value(resources, measure) <= value if measure == "hddgb" else _value(resources, measure) >= value
        for measure, value in _limits(farm, pool, "busy")
    )


def unused_start(render: Render) -> float:
    """Return since when an online render has run nothing, 0 when that is not so."""
    if not render.state & RenderState.ONLINE or render.runs:
        return 0.0
    return max(render.task_changed, render.registered)


def idle_start(render: Render) -> float:
    """Return since when a render has been idle without a task, 0 when it is not."""
    unused = unused_start(render)
    return max(render.idle_since, unused, render.state_changed) if unused and render.idle_since else 0.0


def busy_start(render: Render) -> float:
    """Return since when a free render without a task has been busy with other things, 0 when it is not."""
    unused = unused_start(render)
    if not unused or not render.busy_since or render.state & _NIMBY:
        return 0.0
    return max(render.busy_since, unused, render.state_changed)


def cards_of(render: Render) -> list[str]:
    """Return the numbers of the network cards by which a render can be woken."""
    cards = (str(one.get("mac", "")).replace(":", "").replace("-", "").lower() for one in render.interfaces)
    return [card for card in dict.fromkeys(cards) if len(card) == 12 and card.strip("0")]


def doubled(start: float, first: float, after: float) -> float:
    """Return the first of ``start`` + ``first`` × 1, 2, 4, … that is later than ``after``."""
    step = first
    while start + step <= after:
        step *= 2
    return start + step


def watched_pools(farm: Farm) -> bool:
    """Say whether any pool has a setting that makes time matter for its renders."""
    return any(getattr(pool, name) > 0 for pool in farm.pools.values() for name in _TIMES)


def next_watch(farm: Farm, render: Render, after: float) -> float | None:
    """Return when, later than ``after`` or overdue, a render is to be looked at because of its clocks; or None."""
    times = []
    if render.state & RenderState.WOL_FALLING and render.state & RenderState.ONLINE:
        times.append(render.wol_operation_time + FALL_TIME)
    if render.state & RenderState.WOL_WAKING:
        times.append(render.wol_operation_time + WAKE_TIME)
    settings = {name: pool_number(farm, render.pool, name) for name in _TIMES} if _has_times(farm, render) else {}
    idle, busy, unused = idle_start(render), busy_start(render), unused_start(render)
    if idle and settings.get("idle_free_time", 0) > 0 and render.state & _NIMBY:
        times.append(idle + settings["idle_free_time"])
    may_sleep = not render.state & RenderState.WOL_FALLING and bool(cards_of(render))
    if idle and settings.get("idle_wolsleep_time", 0) > 0 and may_sleep:
        times.append(max(idle, render.wol_operation_time) + settings["idle_wolsleep_time"])
    if busy and settings.get("busy_nimby_time", 0) > 0:
        times.append(busy + settings["busy_nimby_time"])
    if unused and settings.get("no_task_event_time", 0) > 0:
        times.append(doubled(unused, settings["no_task_event_time"], after))
    if render.overload_since and settings.get("overload_event_time", 0) > 0:
        times.append(doubled(render.overload_since, settings["overload_event_time"], after))
    return min(times, default=None)


def _has_times(farm: Farm, render: Render) -> bool:
    return any(getattr(pool, name) > 0 for pool in pool_chain(farm, render.pool) for name in _TIMES)
