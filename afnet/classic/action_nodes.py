"""Classic actions on renders, pools, users and branches."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from afcore import commands
from afcore.errors import Rejected
from afcore.masks import Mask
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.states import RenderState
from afnet.classic.framing import info
from afnet.classic.plan import Plan, finish, read_parameters, text_of, with_mask_type

__all__ = ["plan_branches", "plan_pools", "plan_renders", "plan_users"]

_ROOT = 1


def _log(text: str) -> dict[str, Any]:
    return info(text, kind="log")


def _launch_refused() -> Rejected:
    return Rejected(
        "Afwatch runs no command that comes with a request (launch_cmd): make it a task of a maintenance job, or set "
        "af_render_cmd_reboot, af_render_cmd_shutdown and af_render_cmd_wolsleep in the configuration of the hosts."
    )


_TOLD: dict[str, Callable[[list[str]], Any]] = {
    "exit": commands.ExitRenders,
    "reboot": lambda names: commands.PowerRenders(names, "reboot"),
    "shutdown": lambda names: commands.PowerRenders(names, "shutdown"),
    "wol_sleep": commands.SleepRenders,
    "wol_wake": commands.WakeRenders,
}
"""Instructions to renders, by operation."""


def _can(render: Render, kind: str) -> bool:
    online = bool(render.state & RenderState.ONLINE)
    if kind == "wol_wake":
        return not online or bool(render.state & RenderState.WOL_SLEEPING)
    return online and not (kind == "wol_sleep" and render.runs)


# Renders


def plan_renders(farm: Farm, ids: list[int], operation: dict[str, Any] | None, given: dict[str, Any]) -> Plan:
    """Return what an action on renders comes to: parameters first, then the operation.  Raises Rejected."""
    renders = [farm.renders[id] for id in ids]
    names = [render.name for render in renders]
    found, later = read_parameters("renders", given)
    edits: list[Any] = [commands.SetRenders(names, found)] if found else []
    if operation is None:
        return finish(edits, later)
    kind = operation["type"]
    if kind == "farm":
        return _services(edits, renders, operation)
    if kind == "tickets":
        return _tickets(edits, renders, operation)
    return finish([*edits, *_render_commands(farm, renders, operation)], [])


def _render_commands(farm: Farm, renders: list[Render], operation: dict[str, Any]) -> list[Any]:
    kind, names = operation["type"], [render.name for render in renders]
    if kind in ("eject_tasks", "eject_tasks_keep_my"):
        return [commands.EjectTasks(names, not_mine=kind == "eject_tasks_keep_my")]
    if kind == "heal_sick":
        return [commands.HealRenders(names)]
    if kind == "delete":
        if any(render.state & RenderState.ONLINE for render in renders):
            raise Rejected("Can`t delete online render.")
        return [commands.DeleteRenders(names)]
    if kind in ("set_pool", "reassign_pool"):
        path = text_of(operation, "name")
        if kind == "set_pool" and path not in farm.pools_by_path:
            raise Rejected(f"Pool '{path}' does not exist.")
        for render in renders:
            if kind == "set_pool" and render.pool == farm.pools_by_path[path]:
                raise Rejected(f"Render '{render.name}' already in a poll '{path}'.")
            if render.runs:
                raise Rejected(f"Can't change pool. Render '{render.name}' is busy.")
        return [commands.MoveRenders(names, path if kind == "set_pool" else "")]
    if kind in _TOLD:
        # Who cannot is passed over, as the reference does it.
        able = [render.name for render in renders if _can(render, kind)]
        return [_TOLD[kind](able)] if able else []
    if kind == "launch_cmd":
        raise _launch_refused()
    raise Rejected(f"Unknown operation: {kind}")


# Pools


def _renders_below(farm: Farm, pool: Pool) -> Iterator[Render]:
    for id in pool.renders:
        yield farm.renders[id]
    for id in pool.children:
        yield from _renders_below(farm, farm.pools[id])


def plan_pools(farm: Farm, ids: list[int], operation: dict[str, Any] | None, given: dict[str, Any]) -> Plan:
    """Return what an action on pools comes to.  Raises Rejected."""
    pools = [farm.pools[id] for id in ids]
    paths = [pool.path for pool in pools]
    found, later = read_parameters("node" if operation is not None else "pools", given)
    edits: list[Any] = [commands.SetPools(paths, found)] if found else []
    if operation is None:
        return finish(edits, later)
    kind = operation["type"]
    if kind == "farm":
        return _services(edits, pools, operation)
    if kind == "tickets":
        return _tickets(edits, pools, operation)
    if kind == "add_pool":
        return _add_pools(farm, edits, pools, operation)
    if kind == "delete":
        for pool in pools:
            if pool.id == _ROOT:
                raise Rejected("Can`t delete ROOT pool.")
            if pool.children or pool.renders:
                raise Rejected(f"Pool '{pool.path}' has child pools/renders.")
        return finish([*edits, commands.DeletePools(paths)], [])
    if kind == "launch_cmd":
        raise _launch_refused()
    names = list({render.name: None for pool in pools for render in _renders_below(farm, pool)})
    if kind == "exit":
        names = [name for name in names if farm.renders[farm.renders_by_name[name]].state & RenderState.ONLINE]
    if kind == "delete_renders":
        names = [name for name in names if not farm.renders[farm.renders_by_name[name]].state & RenderState.ONLINE]
    known: dict[str, type] = {
        "heal_sick": commands.HealRenders,
        "eject_tasks": commands.EjectTasks,
        "delete_renders": commands.DeleteRenders,
        "exit": commands.ExitRenders,
    }
    if kind not in known:
        raise Rejected(f"Unknown operation: {kind}")
    return finish([*edits, known[kind](names)] if names else edits, [])


def _add_pools(farm: Farm, edits: list[Any], pools: list[Pool], operation: dict[str, Any]) -> Plan:
    if not isinstance(operation.get("name"), str):
        raise Rejected("add_pool operation should have a new pools name string.")
    if not operation["name"]:
        raise Rejected("New pool name should not have a zero length.")
    name = "".join("_" if each < "0" or each > "z" else each for each in operation["name"])
    made, text = [], ""
    for pool in pools:
        path = f"{pool.path.rstrip('/')}/{name}"
        if path in farm.pools_by_path:
            raise Rejected(f"Pool '{pool.path}' already has a pool '{path}'")
        made.append(commands.AddPool(path))
        text = f"Pool '{path}' added to pool '{pool.path}'"
    return Plan([*edits, *made], info(text, kind="info"))


# What renders and pools share


def _services(edits: list[Any], things: list[Any], operation: dict[str, Any]) -> Plan:
    mode = operation.get("mode")
    if not isinstance(mode, str) or not mode:
        raise Rejected("Service operation mode is not set.")
    modes = {"service_add": "add", "service_remove": "remove", "service_disable": "disable", "service_enable": "enable"}
    made: list[Any] = []
    if mode == "clear_services":
        if not any(thing.services or thing.services_disabled for thing in things):
            raise Rejected("No services to clear")
        made = [_change(thing, "clear", "") for thing in things]
        return Plan([*edits, *made], info("Services cleared", kind="info"))
    if mode not in modes:
        raise Rejected(f"Unknown farm operation mode: {mode}")
    name = text_of(operation, "mask" if mode != "service_add" else "name") or text_of(operation, "name")
    if not name:
        given = isinstance(operation.get("name"), str)
        raise Rejected("Service name is empty." if given else "Service name is not specified.")
    for thing in things:
        if mode == "service_add" and name in thing.services:
            raise Rejected(f"Service '{name}' already exists.")
        made.append(_change(thing, modes[mode], name if mode == "service_add" else _matched(thing, mode, name)))
    words = {"add": "added", "remove": "removed", "disable": "disabled", "enable": "enabled"}
    return Plan([*edits, *made], _log(f'Service "{name}" {words[modes[mode]]}.'))


def _matched(thing: Any, mode: str, pattern: str) -> str:
    """Return a regular expression of the services that a pattern of the find kind means.  Raises Rejected."""
    mask = Mask(pattern, mode="find")
    names = thing.services_disabled if mode == "service_enable" else thing.services
    found = [name for name in names if mask.matches(name)]
    if not found and mode != "service_disable":
        raise Rejected(f"No services found mathing pattern {pattern}")
    return "|".join(re.escape(name) for name in found) or re.escape(pattern)


def _change(thing: Any, action: str, service: str) -> Any:
    if isinstance(thing, Render):
        return commands.ChangeRenderServices([thing.name], action, service)
    return commands.ChangePoolServices([thing.path], action, service)


def _tickets(edits: list[Any], things: list[Any], operation: dict[str, Any]) -> Plan:
    name, count = text_of(operation, "name"), operation.get("count")
    if not name:
        raise Rejected("Ticket name is not specified.")
    if not isinstance(count, int) or isinstance(count, bool):
        raise Rejected("Ticket count is not specified.")
    most = operation.get("max_hosts")
    most = most if isinstance(most, int) and not isinstance(most, bool) else -1
    made: list[Any] = []
    text = ""
    for thing in things:
        host = operation.get("host") is True
        label = thing.name if isinstance(thing, Render) else thing.path
        if isinstance(thing, Render) and not host:
            raise Rejected(f"Node['{label}'] is not a pool.")
        present = name in (thing.tickets_host if host else thing.tickets)
        if count < 0 and not present:
            raise Rejected(f"Node['{label}'] has no '{name}' ticket.")
        value = {"tickets_host": {name: count}} if host else {"tickets": {name: [max(-1, count), most]}}
        if isinstance(thing, Render):
            made.append(commands.SetRenders([label], value))
        else:
            made.append(commands.SetPools([label], value))
        text = f"Ticket {name} {'erased' if count < 0 else 'modified' if present else 'added'}"
    return Plan([*edits, *made], _log(text))


# Users and branches


def plan_users(farm: Farm, ids: list[int], operation: dict[str, Any] | None, given: dict[str, Any]) -> Plan:
    """Return what an action on users comes to; operations that are unknown are passed over, as the dialect has it."""
    found, later = read_parameters("users", given)
    made: list[Any] = []
    kind = operation["type"] if operation is not None else ""
    if operation is not None and kind == "delete":
        names = [farm.users[id].name for id in ids if not farm.users[id].jobs]
        return finish([commands.DeleteUsers(names)] if names else [], [])
    if operation is not None and kind in ("move_jobs_up", "move_jobs_down", "move_jobs_top", "move_jobs_bottom"):
        asked = operation.get("jids")
        own = {job for id in ids for job in farm.users[id].jobs}
        jobs = [job for job in asked if job in own] if isinstance(asked, list) else []
        if jobs:
            made.append(commands.MoveJobs(jobs, kind.removeprefix("move_jobs_")))
    for id in ids:
        own_edit = with_mask_type(found, farm.users[id].hosts_mask_type)
        if own_edit:
            made.append(commands.SetUsers([farm.users[id].name], own_edit))
    return finish(made, later)


def plan_branches(farm: Farm, ids: list[int], operation: dict[str, Any] | None, given: dict[str, Any]) -> Plan:
    """Return what an action on branches comes to.  Raises Rejected."""
    branches = [farm.branches[id] for id in ids]
    paths = [branch.path for branch in branches]
    found, later = read_parameters("node" if operation is not None else "branches", given)
    made: list[Any] = []
    for branch in branches:
        own = with_mask_type(found, branch.hosts_mask_type)
        if own:
            made.append(commands.SetBranches([branch.path], own))
    if operation is None:
        plan = finish(made, later)
        return plan if later else Plan(plan.commands, _log("Branch(es) parameter(s) changed."))
    kind = operation["type"]
    if kind in ("pause", "start"):
        return finish([*made, commands.SetBranches(paths, {"paused": kind == "pause"})], [])
    if kind == "delete":
        for branch in branches:
            if branch.id == _ROOT:
                raise Rejected("Can`t delete ROOT branch.")
            if branch.children or branch.jobs:
                raise Rejected(f"Branch['{branch.path}'] has child branches/jobs.")
        return finish([*made, commands.DeleteBranches(paths)], [])
    if kind == "delete_done_jobs":
        done = [job for branch in branches for job in branch.jobs if farm.jobs[job].over]
        return Plan([*made, commands.DeleteJobs(done)] if done else made, _log(f"Deleting {len(done)} jobs."))
    raise Rejected(f"Unknown operation '{kind}'")
