"""What happens to users, branches and pools, and to the farm as a whole."""

from collections.abc import Callable
from typing import Any

from afcore.events import (
    BranchAdded,
    BranchDeleted,
    BranchEdited,
    FarmDescribed,
    FarmFounded,
    JobsReordered,
    PoolAdded,
    PoolDeleted,
    PoolEdited,
    UserAdded,
    UserDeleted,
    UserEdited,
)
from afcore.evolve.tickets import limit_services
from afcore.model.farm import Farm
from afcore.model.tree import Branch, Pool, User

__all__ = ["HANDLERS"]


def _farm_founded(farm: Farm, event: FarmFounded, at: float) -> None:
    """Fix the second from which the task columns count."""
    farm.epoch = event.epoch


def _farm_described(farm: Farm, event: FarmDescribed, at: float) -> None:
    """Keep what the farm file says."""
    farm.description = event.new


def _user_added(farm: Farm, event: UserAdded, at: float) -> None:
    """Add a user."""
    user = User(id=event.user, name=event.name, version=farm.version)
    _set(user, event.parameters)
    farm.users[user.id] = user
    farm.users_by_name[user.name] = user.id
    farm.next_user = max(farm.next_user, user.id + 1)


def _branch_added(farm: Farm, event: BranchAdded, at: float) -> None:
    """Add a branch below its parent."""
    branch = Branch(id=event.branch, path=event.path, parent=event.parent, version=farm.version)
    _set(branch, event.parameters)
    farm.branches[branch.id] = branch
    farm.branches_by_path[branch.path] = branch.id
    farm.next_branch = max(farm.next_branch, branch.id + 1)
    if branch.parent:
        farm.branches[branch.parent].children.append(branch.id)


def _pool_added(farm: Farm, event: PoolAdded, at: float) -> None:
    """Add a pool below its parent."""
    pool = Pool(id=event.pool, path=event.path, parent=event.parent, version=farm.version)
    _set(pool, event.parameters)
    farm.pools[pool.id] = pool
    farm.pools_by_path[pool.path] = pool.id
    farm.next_pool = max(farm.next_pool, pool.id + 1)
    if pool.parent:
        farm.pools[pool.parent].children.append(pool.id)
    if "tickets" in event.parameters or "tickets_host" in event.parameters:
        limit_services(farm)


def _user_edited(farm: Farm, event: UserEdited, at: float) -> None:
    """Change parameters of a user."""
    user = farm.users[event.user]
    user.version = farm.version
    _set(user, event.new)


def _branch_edited(farm: Farm, event: BranchEdited, at: float) -> None:
    """Change parameters of a branch."""
    branch = farm.branches[event.branch]
    branch.version = farm.version
    _set(branch, event.new)


def _pool_edited(farm: Farm, event: PoolEdited, at: float) -> None:
    """Change parameters of a pool."""
    pool = farm.pools[event.pool]
    pool.version = farm.version
    _set(pool, event.new)
    if "tickets" in event.new or "tickets_host" in event.new:
        limit_services(farm)


def _set(thing: User | Branch | Pool, parameters: dict[str, Any]) -> None:
    for name, value in parameters.items():
        setattr(thing, name, value)


def _pool_deleted(farm: Farm, event: PoolDeleted, at: float) -> None:
    """Forget a pool."""
    pool = farm.pools.pop(event.pool)
    del farm.pools_by_path[pool.path]
    farm.pools[pool.parent].children.remove(pool.id)
    if pool.tickets or pool.tickets_host:
        limit_services(farm)


def _branch_deleted(farm: Farm, event: BranchDeleted, at: float) -> None:
    """Forget a branch."""
    branch = farm.branches.pop(event.branch)
    del farm.branches_by_path[branch.path]
    farm.branches[branch.parent].children.remove(branch.id)


def _user_deleted(farm: Farm, event: UserDeleted, at: float) -> None:
    """Forget a user."""
    user = farm.users.pop(event.user)
    del farm.users_by_name[user.name]
    for render in farm.renders.values():
        if user.id in render.failed_users:
            render.failed_users.remove(user.id)


def _jobs_reordered(farm: Farm, event: JobsReordered, at: float) -> None:
    """Give a user's jobs another order."""
    user = farm.users[event.user]
    user.version = farm.version
    user.jobs = list(event.new)


HANDLERS: dict[type, Callable[[Farm, Any, float], None]] = {
    FarmFounded: _farm_founded,
    FarmDescribed: _farm_described,
    UserAdded: _user_added,
    BranchAdded: _branch_added,
    PoolAdded: _pool_added,
    UserEdited: _user_edited,
    BranchEdited: _branch_edited,
    PoolEdited: _pool_edited,
    PoolDeleted: _pool_deleted,
    BranchDeleted: _branch_deleted,
    UserDeleted: _user_deleted,
    JobsReordered: _jobs_reordered,
}
"""By event type; part of ``afcore.evolve.HANDLERS``."""
