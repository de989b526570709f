"""What people ask of users, pools and branches: make and edit.

Rules of this file:
- Names are looked up before the first event: one that is not there refuses the whole command.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from afcore.commands import AddUser, SetBranches, SetPools, SetUsers
from afcore.effects import TuneRender
from afcore.errors import BadSpec, Conflict, NotFound, Problem, did_you_mean
from afcore.events import BranchEdited, PoolEdited, UserAdded, UserEdited
from afcore.model.farm import Farm
from afcore.rules.base import Context, Steps
from afcore.rules.parameters import BRANCH, POOL, USER, edit

__all__ = ["add_user", "named", "set_branches", "set_pools", "set_users"]


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


def _read(thing: Any) -> Any:
    return lambda name: getattr(thing, name)


def set_users(context: Context, command: SetUsers) -> Steps:
    """Edit users.  Reply: ``{"users": how many really changed}``."""
    farm, edits = context.farm, []
    for id in named("user", command.names, farm.users_by_name):
        user = farm.users[id]
        settings = {"hosts_mask_type": user.hosts_mask_type}
        old, new = edit(USER, command.parameters, read=_read(user), what="user", settings=settings)
        if new:
            edits.append(UserEdited(id, old, new))
    yield from edits
    return {"users": len(edits)}


def set_branches(context: Context, command: SetBranches) -> Steps:
    """Edit branches.  Reply: ``{"branches": how many really changed}``."""
    farm, edits = context.farm, []
    for id in named("branch", command.paths, farm.branches_by_path):
        branch = farm.branches[id]
        settings = {"hosts_mask_type": branch.hosts_mask_type}
        old, new = edit(BRANCH, command.parameters, read=_read(branch), what="branch", settings=settings)
        if new:
            edits.append(BranchEdited(id, old, new))
    yield from edits
    return {"branches": len(edits)}


_TIMES = frozenset({"heartbeat_sec", "resources_update_period", "zombie_time", "exit_no_task_time"})


def set_pools(context: Context, command: SetPools) -> Steps:
    """Edit pools.  Reply: ``{"pools": how many really changed}``."""
    farm, edits = context.farm, []
    for id in named("pool", command.paths, farm.pools_by_path):
        old, new = edit(POOL, command.parameters, read=_read(farm.pools[id]), what="pool")
        if new:
            edits.append(PoolEdited(id, old, new))
    yield from edits
    tuned = [each.pool for each in edits if not _TIMES.isdisjoint(each.new)]
    for render in sorted({render for pool in tuned for render in _renders_in(farm, pool)}):
        if farm.renders[render].session:
            yield TuneRender(render)
    return {"pools": len(edits)}


def _renders_in(farm: Farm, pool: int) -> Iterator[int]:
    """Yield the renders of a pool and of the pools below it."""
    yield from farm.pools[pool].renders
    for child in farm.pools[pool].children:
        yield from _renders_in(farm, child)
