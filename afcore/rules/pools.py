"""What people ask of the tree and of the renders in it: make, remove, move, services, restore, heal, eject.

Rules of this file:
- Names are looked up before the first event: one that is not there refuses the whole command.
- Only what is empty is removed; only a render that runs nothing is moved.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from afcore.commands import (
    AddPool,
    ChangePoolServices,
    ChangeRenderServices,
    DeleteBranches,
    DeletePools,
    DeleteUsers,
    EjectTasks,
    HealRenders,
    MoveRenders,
    RestoreRenders,
)
from afcore.errors import BadSpec, Conflict, NotFound, Problem, did_you_mean
from afcore.events import (
    BranchDeleted,
    PoolAdded,
    PoolDeleted,
    PoolEdited,
    RenderEdited,
    RunStopRequested,
    UserDeleted,
)
from afcore.ids import RunKey
from afcore.masks import Mask, mask_problem
from afcore.model.effective import pool_chain
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.rules.base import Context, Steps
from afcore.rules.captured import eject_service
from afcore.rules.parameters import POOL, edit
from afcore.rules.places import move_render, pool_of_host
from afcore.rules.tree import named
from afcore.states import RenderState, RunStatus, TaskState

__all__ = [
    "add_pool",
    "change_pool_services",
    "change_render_services",
    "delete_branches",
    "delete_pools",
    "delete_users",
    "eject_tasks",
    "heal_renders",
    "move_renders",
    "restore_renders",
]

_ROOT = 1


def add_pool(context: Context, command: AddPool) -> Steps:
    """Make a pool.  Reply: ``{"id", "path"}``.  Raises NotFound without a parent, Conflict when it is there."""
    farm = context.farm
    parts = [part for part in command.path.split("/") if part]
    if not parts:
        raise BadSpec([Problem("path", f'"{command.path}" is no path of a pool', "write it as /farm/linux")])
    # Path characters are those the reference takes, so that paths in old jobs go on to mean the same pools.
    name = "".join("_" if each < "0" or each > "z" else each for each in parts[-1])
    parent_path = "/" + "/".join(parts[:-1])
    if parent_path not in farm.pools_by_path:
        hint = did_you_mean(parent_path, farm.pools_by_path) or "Make the pools above it first."
        raise NotFound(f'There is no pool "{parent_path}".', hint=hint)
    path = parent_path.rstrip("/") + "/" + name
    if path in farm.pools_by_path:
        raise Conflict(f'There is a pool "{path}" already.', hint="`afcmd pool show` shows it.")
    new: dict[str, Any] = {}
    if command.parameters:
        fresh = Pool(id=0, path=path)
        _, new = edit(POOL, command.parameters, read=lambda name: getattr(fresh, name), what="pool")
    pool = farm.next_pool
    yield PoolAdded(pool, path, farm.pools_by_path[parent_path], new)
    return {"id": pool, "path": path}


def delete_pools(context: Context, command: DeletePools) -> Steps:
    """Remove pools.  Reply: ``{"pools": how many}``.  Raises Conflict for the root or one that is not empty."""
    farm = context.farm
    ids = named("pool", command.paths, farm.pools_by_path)
    for id in ids:
        pool = farm.pools[id]
        if id == _ROOT:
            raise Conflict("The root pool cannot be removed.")
        if pool.renders:
            raise Conflict(f'Pool "{pool.path}" has {len(pool.renders)} renders.', hint="Move them first.")
        _refuse_children("pool", pool.path, set(pool.children) - set(ids), farm.pools)
    for id in _deepest_first(ids, farm.pools):
        yield PoolDeleted(id, farm.pools[id].path)
    return {"pools": len(ids)}


def delete_branches(context: Context, command: DeleteBranches) -> Steps:
    """Remove branches.  Reply: ``{"branches": how many}``.  Raises Conflict for the root or one that is not empty."""
    farm = context.farm
    ids = named("branch", command.paths, farm.branches_by_path)
    for id in ids:
        branch = farm.branches[id]
        if id == _ROOT:
            raise Conflict("The root branch cannot be removed.")
        if branch.jobs:
            raise Conflict(f'Branch "{branch.path}" has {len(branch.jobs)} jobs.', hint="Move or delete them first.")
        _refuse_children("branch", branch.path, set(branch.children) - set(ids), farm.branches)
    for id in _deepest_first(ids, farm.branches):
        yield BranchDeleted(id, farm.branches[id].path)
    return {"branches": len(ids)}


def _refuse_children(kind: str, path: str, left: set[int], index: Mapping[int, Any]) -> None:
    if left:
        names = ", ".join(sorted(index[id].path for id in left))
        raise Conflict(f'The {kind} "{path}" has others below it: {names}.', hint="Remove them first.")


def _deepest_first(ids: list[int], index: Mapping[int, Any]) -> list[int]:
    return sorted(ids, key=lambda id: (-index[id].path.count("/"), id))


def delete_users(context: Context, command: DeleteUsers) -> Steps:
    """Remove users.  Reply: ``{"users": how many}``.  Raises Conflict for one that has jobs."""
    farm = context.farm
    ids = named("user", command.names, farm.users_by_name)
    for id in ids:
        user = farm.users[id]
        if user.jobs:
            raise Conflict(f'User "{user.name}" has {len(user.jobs)} jobs.', hint="Delete them, or give them away.")
    for id in ids:
        yield UserDeleted(id, farm.users[id].name)
    return {"users": len(ids)}


def move_renders(context: Context, command: MoveRenders) -> Steps:
    """Put renders into a pool.  Reply: ``{"renders": how many moved}``.  Raises Conflict for one that is busy."""
    farm = context.farm
    ids = named("render", command.names, farm.renders_by_name)
    target = named("pool", [command.path], farm.pools_by_path)[0] if command.path else 0
    for id in ids:
        render = farm.renders[id]
        if render.runs:
            raise Conflict(
                f'Render "{render.name}" runs {len(render.runs)} tasks.', hint="Eject them, or pause it and wait."
            )
    moved = 0
    for id in ids:
        render = farm.renders[id]
        pool = target or (yield from pool_of_host(farm, render.name))
        moved += yield from move_render(context, render, pool)
    return {"renders": moved}


_ACTIONS = ("add", "remove", "enable", "disable", "clear")


def change_pool_services(context: Context, command: ChangePoolServices) -> Steps:
    """Change the services of pools.  Reply: ``{"pools": how many changed}``."""
    farm = context.farm
    _check_action(command)
    edits = []
    for id in named("pool", command.paths, farm.pools_by_path):
        old, new = _services(farm.pools[id], list(pool_chain(farm, id)), command)
        if new:
            edits.append(PoolEdited(id, old, new))
    yield from edits
    return {"pools": len(edits)}


def change_render_services(context: Context, command: ChangeRenderServices) -> Steps:
    """Change the services of renders.  Reply: ``{"renders": how many changed}``."""
    farm = context.farm
    _check_action(command)
    edits = []
    for id in named("render", command.names, farm.renders_by_name):
        render = farm.renders[id]
        chain: list[Pool | Render] = [render, *pool_chain(farm, render.pool)]
        old, new = _services(render, chain, command)
        if new:
            edits.append(RenderEdited(id, old, new))
    yield from edits
    return {"renders": len(edits)}


def _check_action(command: ChangePoolServices | ChangeRenderServices) -> None:
    problems = []
    if command.action not in _ACTIONS:
        hint = did_you_mean(command.action, _ACTIONS) or "one of: " + ", ".join(_ACTIONS)
        problems.append(Problem("action", f'services cannot be changed by "{command.action}"', hint))
    elif command.action != "clear" and not command.service:
        problems.append(Problem("service", "no service is named", "name the service, or a mask of services"))
    elif command.action not in ("add", "clear") and mask_problem(command.service):
        problems.append(Problem("service", mask_problem(command.service)))
    if problems:
        raise BadSpec(problems)


def _services(
    level: Pool | Render, chain: list[Pool | Render] | list[Pool], command: ChangePoolServices | ChangeRenderServices
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return old and new values of the two lists of one level that really change."""
    listed, disabled, action = list(level.services), list(level.services_disabled), command.action
    if action == "clear":
        listed, disabled = [], []
    elif action == "add":
        if command.service not in listed:
            listed.append(command.service)
    else:
        mask = Mask(command.service)
        if action == "remove":
            listed = [name for name in listed if not mask.matches(name)]
        elif action == "enable":
            disabled = [name for name in disabled if not mask.matches(name)]
        else:
            known = dict.fromkeys(name for each in chain for name in each.services)
            matched = [name for name in known if mask.matches(name)] or [command.service]
            disabled.extend(name for name in matched if name not in disabled)
    new = {"services": listed, "services_disabled": disabled}
    new = {name: value for name, value in new.items() if value != getattr(level, name)}
    return {name: getattr(level, name) for name in new}, new


_OF_POOLS: dict[str, Any] = {
    "capacity_host": -1,
    "max_tasks_host": -1,
    "power_host": -1,
    "properties_host": "",
    "services": [],
    "services_disabled": [],
    "tickets_host": {},
}
"""What a render may have of its own, and the values with which it asks its pools."""


def restore_renders(context: Context, command: RestoreRenders) -> Steps:
    """Let renders ask their pools again.  Reply: ``{"renders": how many had something of their own}``."""
    farm = context.farm
    edits = []
    for id in named("render", command.names, farm.renders_by_name):
        render = farm.renders[id]
        old = {name: getattr(render, name) for name, none in _OF_POOLS.items() if getattr(render, name) != none}
        if old:
            edits.append(RenderEdited(id, old, {name: _OF_POOLS[name] for name in old}))
    yield from edits
    return {"renders": len(edits)}


def heal_renders(context: Context, command: HealRenders) -> Steps:
    """Let sick renders work.  Reply: ``{"renders": how many were sick}``."""
    farm = context.farm
    ids = named("render", command.names, farm.renders_by_name)
    sick = [farm.renders[id] for id in ids if farm.renders[id].state & RenderState.SICK]
    for render in sick:
        yield RenderEdited(render.id, {"state": render.state}, {"state": int(render.state & ~RenderState.SICK)})
    return {"renders": len(sick)}


def eject_tasks(context: Context, command: EjectTasks) -> Steps:
    """Stop what runs on renders.  Reply: ``{"stopping": tasks asked to stop}``."""
    farm = context.farm
    stops: list[RunStopRequested] = []
    renders = [farm.renders[id] for id in named("render", command.names, farm.renders_by_name)]
    keep = context.principal.name if command.not_mine else ""
    for render in renders:
        stops.extend(_ejected(farm, render, keep))
    yield from stops
    for render in renders:
        for key in sorted(key for key, run in render.runs.items() if run.render != render.id and run.stopping < 0):
            if not _is_kept(farm, key, keep):
                yield from eject_service(farm, farm.runs[key], render.id)
    return {"stopping": len(stops)}


def _is_kept(farm: Farm, key: RunKey, keep: str) -> bool:
    return bool(keep) and farm.users[farm.jobs[key.job].user].name == keep


def _ejected(farm: Farm, render: Render, keep: str) -> Iterator[RunStopRequested]:
    for key in sorted(render.runs):
        run = render.runs[key]
        if run.render == render.id and run.stopping < 0 and not _is_kept(farm, key, keep):
            yield RunStopRequested(*key, int(TaskState.READY), int(RunStatus.STOPPED))
