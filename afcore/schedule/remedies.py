"""Which edit of which thing would take an obstacle away.

Rules of this file:
- A remedy is data: the thing to edit (its scope) and parameters by name; ``why.changes`` makes an operation of it.
- Obstacles that share a scope go by one edit: their parameters are joined.
- It says what would take this obstacle away, never that the task starts then.
"""

from typing import Any, NamedTuple

from afcore.model.effective import (
    block_tickets,
    capacity_of,
    host_ticket,
    max_tasks_of,
    pool_chain,
    properties_of,
)
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Branch, Pool, User
from afcore.schedule.explain import Obstacle, Thing
from afcore.schedule.fit import minimum_capacity
from afcore.schedule.reasons import NEUTRAL, Reason
from afcore.states import RenderState

__all__ = ["WHOLE_JOB", "Remedy", "Scope", "named_properties", "remedies", "scope_of"]

Scope = tuple[str, int, int]
"""Kind of thing, its id, and the block's index where there is one."""
WHOLE_JOB = -1
"""Instead of the block's index, where a job may be held as a whole."""


class Remedy(NamedTuple):
    """An edit: parameters as small as they may be."""

    scope: Scope
    parameters: dict[str, Any]


_KINDS: dict[type, str] = {Job: "job", User: "user", Branch: "branch", Render: "render", Pool: "pool"}


def scope_of(thing: Thing) -> Scope:
    """Return what an edit of a thing is about."""
    if isinstance(thing, Block):
        return "block", thing.job, thing.index
    return _KINDS[type(thing)], thing.id, 0


def remedies(farm: Farm, obstacle: Obstacle, job: Job, block: Block) -> list[Remedy]:
    """Return every edit that would take an obstacle away from a task of a block, each by itself."""
    reason, thing, render = obstacle.reason, obstacle.thing, obstacle.render
    of_job, of_block = scope_of(job), scope_of(block)
    found: list[Remedy] = []
    if reason in _BY_STATE:
        kind, parameters = _BY_STATE[reason]
        return [Remedy((kind, job.id, block.index if kind != "job" else 0), dict(parameters))]
    if reason in _OF_HOST and render is not None:
        return _on_host(reason, render, of_job)
    if reason is Reason.WAITS_FOR_JOBS:
        masks = {"depend_mask": job.depend_mask, "depend_mask_global": job.depend_mask_global}
        return [Remedy(of_job, {name: "" for name, mask in masks.items() if mask})]
    if reason in (Reason.POOL_PAUSED, Reason.POOL_PRIORITY_ZERO, Reason.RENDER_PRIORITY_ZERO):
        return [Remedy(scope_of(thing), {"paused": False} if reason is Reason.POOL_PAUSED else {"priority": 99})]
    if reason in (Reason.SLOTS, Reason.FULL, Reason.CAPACITY) and render is not None:
        found = _room(farm, obstacle, block, render)
        if reason is Reason.CAPACITY and capacity_of(farm, render) > render.used_capacity:
            left = capacity_of(farm, render) - render.used_capacity
            least = max(1, block.spec.capacity_coeff_min)
            if left >= least:
                found.append(Remedy(of_block, {"capacity": left // least}))
        return found
    if reason is Reason.SERVICE and render is not None:
        return _service(obstacle.name, farm, render)
    if reason in (Reason.POOL_TICKET, Reason.HOST_TICKET) and render is not None:
        found = _ticket(farm, obstacle, block, render)
        if obstacle.name in block.spec.tickets:
            found.append(Remedy(of_block, {"tickets": {obstacle.name: 0}}))
        return found
    if reason in (Reason.AVOIDED_BY_BLOCK, Reason.AVOIDED_BY_TASK):
        return _avoided(farm, reason, job, block)
    if reason is Reason.RESERVED:
        kept_for, its_block, spare = map(int, obstacle.name.split())
        if spare:
            found.append(Remedy(of_block, {"task_max_run_time": spare}))
        found.append(Remedy(("hold", kept_for, its_block), {"hold": True}))
        if kept_for != job.id:
            found.append(Remedy(("hold", kept_for, WHOLE_JOB), {"hold": True, "whole_job": True}))
        return found
    if reason in NEUTRAL:
        found.append(Remedy(scope_of(thing), _neutral(obstacle)))
        if render is not None and reason in (Reason.PROPERTIES, Reason.POWER):
            found.extend(_given(farm, obstacle, render))
    return found


_BY_STATE: dict[Reason, tuple[str, dict[str, Any]]] = {
    Reason.SUSPENDED: ("task.continue", {}),
    Reason.FAILED: ("task.restart", {}),
    Reason.WAITS_FOR_TASKS: ("block", {"tasks_depend_mask": ""}),
    Reason.WAITS_FOR_BLOCKS: ("block", {"depend_mask": ""}),
    Reason.JOB_PAUSED: ("job", {"offline": False}),
    Reason.WAIT_TIME: ("job", {"time_wait": 0}),
    Reason.APPROVAL: ("job", {"ppa": False}),
    Reason.NOT_NAMED: ("job", {"maintenance": False}),
}

_OF_HOST = frozenset({Reason.SICK, Reason.PAUSED, Reason.NIMBY})


def _on_host(reason: Reason, render: Render, of_job: Scope) -> list[Remedy]:
    """Return what opens a render that is sick, paused or in use by a person."""
    if reason is Reason.SICK:
        return [Remedy(("heal", render.id, 0), {})]
    if reason is Reason.PAUSED:
        return [Remedy(scope_of(render), {"paused": False}), Remedy(of_job, {"ignorepaused": True})]
    name = "NIMBY" if render.state & RenderState.NIMBY else "nimby"
    return [Remedy(scope_of(render), {name: False}), Remedy(of_job, {"ignorenimby": True})]


def _neutral(obstacle: Obstacle) -> dict[str, Any]:
    """Return the parameters that bound least more than now: one task more where a number bounds."""
    reason, thing, render = obstacle.reason, obstacle.thing, obstacle.render
    if reason is Reason.RUNNING_LIMIT and isinstance(thing, Job | User | Branch):
        return {"max_running_tasks": thing.running_tasks + 1}
    if reason is Reason.BLOCK_LIMIT and isinstance(thing, Block):
        return {"max_running_tasks": thing.running_tasks + 1}
    if reason is Reason.PER_HOST_LIMIT and render is not None:
        assert isinstance(thing, Job | User | Branch | Block)
        return {"max_running_tasks_per_host": thing.running_per_host.get(render.id, 0) + 1}
    return dict(NEUTRAL[reason])


def _room(farm: Farm, obstacle: Obstacle, block: Block, render: Render) -> list[Remedy]:
    """Return how a render gets room for one task more: by its own numbers, or its pools' where it has none."""
    found = []
    if obstacle.reason is Reason.SLOTS:
        name, value = "max_tasks_host", max(len(render.runs), max_tasks_of(farm, render)) + 1
    else:
        name, value = "capacity_host", render.used_capacity + minimum_capacity(block)
    found.append(Remedy(scope_of(render), {name: value}))
    if getattr(render, name) < 0:
        pool = next((each for each in pool_chain(farm, render.pool) if getattr(each, name) >= 0), None)
        found.append(Remedy(scope_of(pool or farm.pools[render.pool]), {name: value}))
    return found


def _service(service: str, farm: Farm, render: Render) -> list[Remedy]:
    """Return how a service comes to be allowed on a render: there, or in one of its pools."""
    found = []
    levels: list[Render | Pool] = [render, *pool_chain(farm, render.pool)]
    for level in levels:
        listed = [] if service in level.services else [*level.services, service]
        if service in level.services_disabled:
            enabled = {"services_disabled": [each for each in level.services_disabled if each != service]}
            found.append(Remedy(scope_of(level), enabled))
            if listed:
                found.append(Remedy(scope_of(level), {**enabled, "services": listed}))
            # What is disabled here stays so whatever the pools above say.
            break
        if listed:
            found.append(Remedy(scope_of(level), {"services": listed}))
    # A level that has a list already comes first: adding there changes nothing for other services.
    return sorted(found, key=lambda remedy: len(remedy.parameters.get("services", (1, 2))) < 2)


def _ticket(farm: Farm, obstacle: Obstacle, block: Block, render: Render) -> list[Remedy]:
    """Return how there come to be enough tickets."""
    name, wanted = obstacle.name, block_tickets(farm, block.spec).get(obstacle.name, 0)
    if obstacle.reason is Reason.POOL_TICKET:
        pool = obstacle.thing
        assert isinstance(pool, Pool)
        count, most_hosts = pool.tickets[name]
        hosts = pool.ticket_hosts.get(name, {})
        count = max(count, pool.tickets_used.get(name, 0) + wanted)
        if 0 <= most_hosts < len(hosts) + (render.id not in hosts):
            most_hosts = len(hosts) + (render.id not in hosts)
        return [Remedy(scope_of(pool), {"tickets": {name: [count, most_hosts]}})]
    count = wanted + render.tickets_used.get(name, 0)
    found = [Remedy(scope_of(render), {"tickets_host": {name: count}})]
    if name not in render.tickets_host and host_ticket(farm, render, name) >= 0:
        pool = next(each for each in pool_chain(farm, render.pool) if name in each.tickets_host)
        found.append(Remedy(scope_of(pool), {"tickets_host": {name: count}}))
    return found


def _avoided(farm: Farm, reason: Reason, job: Job, block: Block) -> list[Remedy]:
    """Return how a host that failed a block or task is tried again."""
    name = "errors_avoid_host" if reason is Reason.AVOIDED_BY_BLOCK else "errors_task_same_host"
    found = [Remedy(("errors", job.id, block.index), {}), Remedy(scope_of(block), {name: 0})]
    if getattr(block.spec, name) < 0:
        found.append(Remedy(scope_of(farm.users[job.user]), {name: 0}))
    return found


def named_properties(need: str) -> list[str]:
    """Return the properties that a need speaks of; any one of them may be enough."""
    return need.replace("|", " ").replace(",", " ").split()


def _given(farm: Farm, obstacle: Obstacle, render: Render) -> list[Remedy]:
    """Return how a render gets the properties or the power that somebody asks for."""
    thing = obstacle.thing
    wanted = thing.spec if isinstance(thing, Block) else thing
    if obstacle.reason is Reason.POWER:
        parameters: dict[str, Any] = {"power_host": getattr(wanted, "need_power", 0)}
    else:
        parts = named_properties(str(getattr(wanted, "need_properties", "")))
        parameters = {"properties_host": " ".join([properties_of(farm, render), *parts[:1]]).strip()}
    return [Remedy(scope_of(render), parameters)]
