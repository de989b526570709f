"""What people ask of users, pools and branches: make and edit.

Rules of this file:
- Names are looked up before the first event: one that is not there refuses the whole command.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from afcore.commands import AddUser, SetBranches, SetPools, SetUsers
from afcore.effects import TuneRender
from afcore.errors import BadSpec, Conflict, NotFound, Problem, did_you_mean
from afcore.events import BranchEdited, PoolEdited, UserAdded, UserEdited
from afcore.model.farm import Farm
from afcore.rules.base import Context, Steps
from afcore.rules.parameters import BRANCH, POOL, USER, edit

__all__ = ["TIMES", "add_user", "named", "renders_in", "set_branches", "set_pools", "set_users"]


def named(kind: str, names: list[str], index: Mapping[str, int]) -> list[int]:
    """Return ids by name.  Raises NotFound naming the first that is not there, with the nearest that is."""
    if not names:
        raise BadSpec([Problem("names", f"no {kind} is named", f"give at least one {kind}")])
    for name in names:
        if name not in index:
            hint = did_you_mean(name, index) or f"`afcmd {kind} list` shows what there is."
            raise NotFound(f'There is no {kind} "{name}".', hint=hint)
    return [index[name] for name in dict.fromkeys(names)]


def add_user(context: Context, command: AddUser) -> Steps:
    """Make a user.  Reply: ``{"id": user id}``.  Raises Conflict when the name is taken."""
    farm, name = context.farm, command.name.strip()
    if not name or not name.isprintable() or len(name) > 512:
        raise BadSpec([Problem("name", "a user's name is 1 to 512 printable characters", "choose another name")])
    if name in farm.users_by_name:
        raise Conflict(f'There is a user "{name}" already.', hint="`afcmd user show` shows it.")
    user = farm.next_user
    yield UserAdded(user, name, dict(farm.defaults.user))
    return {"id": user}


def _changes(
    kind: str, names: list[str], index: Mapping[str, int], things: Mapping[int, Any], parameters: dict[str, Any]
) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Return (id, old values, new values) of each named thing of a kind that really changes."""
    found = []
    for id in named(kind, names, index):
        thing = things[id]
        settings = {"hosts_mask_type": getattr(thing, "hosts_mask_type", "")}
        read = partial(getattr, thing)
        old, new = edit(_TABLES[kind], parameters, read=read, what=kind, settings=settings)
        if new:
            found.append((id, old, new))
    return found


_TABLES = {"user": USER, "branch": BRANCH, "pool": POOL}


def set_users(context: Context, command: SetUsers) -> Steps:
    """Edit users.  Reply: ``{"users": how many really changed}``."""
    farm = context.farm
    changes = _changes("user", command.names, farm.users_by_name, farm.users, command.parameters)
    for change in changes:
        yield UserEdited(*change)
    return {"users": len(changes)}


def set_branches(context: Context, command: SetBranches) -> Steps:
    """Edit branches.  Reply: ``{"branches": how many really changed}``."""
    farm = context.farm
    changes = _changes("branch", command.paths, farm.branches_by_path, farm.branches, command.parameters)
    for change in changes:
        yield BranchEdited(*change)
    return {"branches": len(changes)}


TIMES = frozenset({"heartbeat_sec", "resources_update_period", "zombie_time", "exit_no_task_time"})
"""Settings of a pool that its agents are told."""


def set_pools(context: Context, command: SetPools) -> Steps:
    """Edit pools, and tell their agents when times changed.  Reply: ``{"pools": how many really changed}``."""
    farm = context.farm
    changes = _changes("pool", command.paths, farm.pools_by_path, farm.pools, command.parameters)
    for change in changes:
        yield PoolEdited(*change)
    tuned = [pool for pool, _, new in changes if not TIMES.isdisjoint(new)]
    for render in sorted({render for pool in tuned for render in renders_in(farm, pool)}):
        if farm.renders[render].session:
            yield TuneRender(render)
    return {"pools": len(changes)}


def renders_in(farm: Farm, pool: int) -> Iterator[int]:
    """Yield the renders of a pool and of the pools below it."""
    yield from farm.pools[pool].renders
    for child in farm.pools[pool].children:
        yield from renders_in(farm, child)
