"""Renders and what their hosts measure, as the classic dialect writes them.

Rules of this file:
- Reads the farm, changes nothing; keys come in the order of the reference.
"""

from typing import Any

from afcore.model.farm import Farm
from afcore.model.render import Render, Run
from afcore.states import RenderState
from afnet.classic.json_jobs import put
from afnet.classic.json_nodes import farm_part
from afnet.classic.json_tasks import short_execution
from afnet.classic.states import render_state

__all__ = ["render_object", "resources_object", "whole_render"]

_RESOURCES = (
    "cpu_num", "cpu_mhz", "cpu_temp", "cpu_loadavg", "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_iowait",
    "cpu_irq", "cpu_softirq", "mem_total_mb", "mem_free_mb", "mem_cached_mb", "mem_buffers_mb", "swap_total_mb",
    "swap_used_mb", "hdd_total_gb", "hdd_free_gb", "hdd_rd_kbsec", "hdd_wr_kbsec", "hdd_busy", "net_recv_kbsec",
    "net_send_kbsec", "gpu_gpu_util", "gpu_gpu_temp", "gpu_mem_total_mb", "gpu_mem_used_mb",
)  # fmt: skip
"""Numbers that the dialect always has, in its order; those not measured are 0."""


def _own_runs(render: Render) -> list[Run]:
    return [run for run in render.runs.values() if run.render == render.id]


def _percents(farm: Farm, runs: list[Run]) -> list[int]:
    found = (farm.jobs[run.key.job].blocks[run.key.block].tasks.percent[run.key.task] for run in runs)
    return [percent or -1 for percent in found]


def render_object(farm: Farm, render: Render, *, now: float) -> dict[str, Any]:
    """Return a render with what it runs; ``now`` is unix seconds."""
    data: dict[str, Any] = {}
    runs = _own_runs(render)
    put(data, "tasks_percents", _percents(farm, runs), [])
    data.update(name=render.name, id=render.id, priority=render.priority)
    put(data, "hidden", render.hidden, False)
    put(data, "annotation", render.annotation, "")
    put(data, "custom_data", render.custom_data, "")
    services: dict[str, int] = {}
    for run in runs:
        service = farm.jobs[run.key.job].blocks[run.key.block].spec.service
        services[service] = services.get(service, 0) + 1
    put(data, "running_services", services, {})
    data["user_name"] = render.user_name
    data["time_register"] = int(render.registered)
    data["time_launch"] = int(render.launched)
    data["time_update"] = int(render.seen or render.registered)
    data["os"] = render.os
    if render.address:
        data["address"] = {"family": render.family, "ip": render.address, "port": 0}
    put(data, "netifs", [_interface(each) for each in render.interfaces], [])
    put(data, "engine", render.engine, "")
    data["pool"] = farm.pools[render.pool].path
    changed = render.capacity_host != -1 or render.max_tasks_host >= 0
    data["st"], data["state"] = render_state(render.state, busy=bool(render.runs), changed=changed)
    data["capacity_used"] = render.used_capacity
    data["task_start_finish_time"] = int(render.task_changed)
    put(data, "wol_operation_time", int(render.wol_operation_time), 0)
    data.update(_since(render, now))
    put(data, "tasks", [short_execution(farm, run) for run in runs], [])
    farm_part(data, render, {})
    return data


def _interface(own: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"name": own.get("name", ""), "mac": own.get("mac", "")}
    addresses = [{"family": 6 if ":" in ip else 4, "ip": ip, "port": 0} for ip in own.get("ips", ())]
    put(data, "addresses", addresses, [])
    return data


def _since(render: Render, now: float) -> dict[str, int]:
    """Return since when a render has been idle, and busy; the moment itself for what it is not."""
    since = int(max(render.task_changed, render.registered))
    busy = bool(render.runs)
    return {"idle_time": int(now) if busy else since, "busy_time": since if busy else int(now)}


def _measured(render: Render) -> dict[str, Any]:
    told = render.resources
    data: dict[str, Any] = {}
    for key in _RESOURCES:
        if key == "cpu_loadavg":
            data[key] = [round(10 * each) for each in told.get(key, (0, 0, 0))]
        else:
            data[key] = int(told.get(key, 0))
    data["gpu_string"] = told.get("gpu_string", "")
    data["hw_info"] = told.get("hw_info", "")
    put(data, "logged_in_users", told.get("logged_in_users", []), [])
    put(data, "custom", told.get("custom", []), [])
    return data


def resources_object(farm: Farm, render: Render, *, now: float) -> dict[str, Any]:
    """Return what the host of a render measures; of one that is offline the name only."""
    data: dict[str, Any] = {}
    if not render.state & RenderState.ONLINE:
        return {"id": render.id, "host_name": render.name}
    put(data, "tasks_percents", _percents(farm, _own_runs(render)), [])
    data.update(id=render.id, host_name=render.name, **_since(render, now))
    data["host_resources"] = _measured(render)
    return data


def whole_render(farm: Farm, render: Render, *, now: float) -> dict[str, Any]:
    """Return everything about one render."""
    data: dict[str, Any] = {"name": render.name, "id": render.id, "render": render_object(farm, render, now=now)}
    data["custom_data"] = render.custom_data
    if render.state & RenderState.ONLINE:
        data["host_resources"] = _measured(render)
    return {"object": data}
