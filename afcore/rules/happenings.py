"""Events for people and programs: what is told, with which data, and to whom it matters.

Rules of this file:
- An event is a command of the system job: the service of its block decides what is done about it.
- It carries everything the service needs, as the trade names it: job and user, or render, its pools, the system job
  and its user.  It is as large as its things have blocks and pools, never as they have tasks.
- Nothing is told where nobody asked: somebody's ``custom_data`` must be there.
"""

import json
from collections.abc import Iterator
from typing import Any

from afcore.events import Event
from afcore.model.effective import pool_chain
from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Render
from afcore.rules.sysjob import queue
from afcore.states import RenderState, TaskState
from afcore.systemcommand import SYSTEM_JOB, SystemBlock, SystemCommand

__all__ = ["job_happened", "render_data", "render_happened"]


def job_happened(farm: Farm, job: Job, name: str, at: float) -> Iterator[Event]:
    """Yield the command that tells of an event of a job."""
    user = farm.users[job.user]
    if job.id == SYSTEM_JOB or not (job.custom_data or user.custom_data):
        return
    told = {"user": _user(farm, job), "job": _job(farm, job), "events": [name], "time": int(at)}
    yield from _tell(farm, name, told, user.name, job.name, at)


def render_happened(farm: Farm, render: Render, name: str, at: float) -> Iterator[Event]:
    """Yield the command that tells of an event of a render."""
    pools = list(pool_chain(farm, render.pool))
    system = farm.jobs.get(SYSTEM_JOB)
    asked = [render.custom_data, *(pool.custom_data for pool in pools)]
    if system is not None:
        asked += [system.custom_data, farm.users[system.user].custom_data]
    if not any(asked):
        return
    told: dict[str, Any] = {
        "render": render_data(render),
        "host_resources": render.resources,
        "pools": [_pool(pool.path, pool.annotation, pool.custom_data) for pool in pools],
    }
    if system is not None:
        told.update({"user": _user(farm, system), "job": _job(farm, system)})
    told.update({"events": [name], "time": int(at)})
    yield from _tell(farm, name, told, render.user_name, render.name, at)


def _tell(farm: Farm, name: str, told: dict[str, Any], user: str, of: str, at: float) -> Iterator[Event]:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str)
    yield from queue(farm, at, SystemBlock.EVENTS, [SystemCommand(text, name, user, of)])


def _user(farm: Farm, job: Job) -> dict[str, Any]:
    user = farm.users[job.user]
    return {
        "id": user.id,
        "name": user.name,
        "host_name": user.host_name,
        "annotation": user.annotation,
        "custom_data": user.custom_data,
    }


def _job(farm: Farm, job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "serial": job.serial,
        "name": job.name,
        "user_name": farm.users[job.user].name,
        "host_name": job.spec.host_name,
        "branch": farm.branches[job.branch].path,
        "priority": job.priority,
        "description": job.spec.description,
        "annotation": job.annotation,
        "report": job.report,
        "folders": job.spec.folders,
        "time_creation": int(job.time_creation),
        "time_started": int(job.time_started),
        "time_done": int(job.time_done),
        "custom_data": job.custom_data,
        "blocks": [
            {
                "block_num": block.index,
                "name": block.spec.name,
                "service": block.spec.service,
                "tasks_num": block.tasks.size,
                "p_tasks_done": block.tasks.counts[TaskState.DONE] + block.tasks.counts[TaskState.SKIPPED],
                "p_tasks_error": block.tasks.counts[TaskState.ERROR],
            }
            for block in job.blocks
        ],
    }


def render_data(render: Render) -> dict[str, Any]:
    """Return what services are told of a render."""
    return {
        "id": render.id,
        "name": render.name,
        "user_name": render.user_name,
        "priority": render.priority,
        "state": [str(bit.name).lower() for bit in RenderState if render.state & bit],
        "os": render.os,
        "engine": render.engine,
        "address": {"ip": render.address, "family": render.family},
        "netifs": render.interfaces,
        "annotation": render.annotation,
        "time_register": int(render.registered),
        "tasks": len(render.runs),
        "custom_data": render.custom_data,
    }


def _pool(path: str, annotation: str, custom_data: str) -> dict[str, Any]:
    return {"name": path, "annotation": annotation, "custom_data": custom_data}
