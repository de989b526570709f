"""Taking a job: names made unique, owner and branch found or made, defaults filled in.

Rules of this file:
- A refused job leaves nothing behind: everything is checked before the first event.
- The spec that is journaled is the one that counts: repaired names, resolved branch, creation time.
"""

import dataclasses
from collections.abc import Container, Iterator
from typing import Any

from afcore.commands import SubmitJob
from afcore.errors import BadSpec
from afcore.events import BranchAdded, Event, JobSubmitted, UserAdded
from afcore.jobcheck import check_job
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.farm import Farm
from afcore.queued import check_room
from afcore.rules.base import Context, Steps

__all__ = ["filter_branch", "submit_job", "unique_name"]

_ROOT = 1
_FORBIDDEN = frozenset("\"\\/|!$&?()[]{}*^<>%`',:;")


def submit_job(context: Context, command: SubmitJob) -> Steps:
    """Take a job.  Reply: ``{"id": job id, "serial": serial, "name": the name it got}``."""
    farm, spec = context.farm, command.spec
    if not spec.user_name and context.principal.name:
        spec = dataclasses.replace(spec, user_name=context.principal.name)
    problems = check_job(spec, strict=not command.lenient)
    if problems:
        raise BadSpec(problems)
    path = filter_branch(spec.branch)
    found, missing = _walk(farm, path)
    job, serial = farm.next_job, farm.next_serial
    user = farm.users_by_name.get(spec.user_name)
    check_room(farm, context.queued, user or 0, jobs=1, tasks=sum(block.tasks_num for block in spec.blocks))
    if user is None:
        user = farm.next_user
        yield UserAdded(user, spec.user_name, dict(farm.defaults.user))
    branch = farm.branches_by_path[found]
    if missing:
        yield from _add_branch(farm, found, missing[0])
        found = found.rstrip("/") + "/" + missing[0]
        branch = farm.branches_by_path[found]
    spec = dataclasses.replace(
        spec,
        name=unique_name(spec.name, farm.jobs_by_name),
        branch=found,
        time_creation=spec.time_creation or int(context.at),
        hosts_mask_type=spec.hosts_mask_type or farm.users[user].hosts_mask_type,
        blocks=_named_blocks(spec),
    )
    yield JobSubmitted(job, serial, user, branch, spec)
    return {"id": job, "serial": serial, "name": spec.name}


def unique_name(name: str, taken: Container[str]) -> str:
    """Return ``name``, or the first of ``name-1``, ``name-2``, ... that is free."""
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _named_blocks(spec: JobSpec) -> list[BlockSpec]:
    """Return the blocks with names that differ inside the job; a block without a name is called ``block``."""
    taken: set[str] = set()
    blocks = []
    for block in spec.blocks:
        name = unique_name(block.name or "block", taken)
        taken.add(name)
        blocks.append(block if name == block.name else dataclasses.replace(block, name=name))
    return blocks


def filter_branch(path: str) -> str:
    """Return a branch path in its one normal form: ``/`` at the front, no empty parts, no odd characters."""
    parts = []
    for part in path.replace("\\", "/").split("/"):
        if part in ("", ".", ".."):
            continue
        parts.append("".join("_" if each <= " " or each > "z" or each in _FORBIDDEN else each for each in part))
    return "/" + "/".join(parts)


def _walk(farm: Farm, path: str) -> tuple[str, list[str]]:
    """Return the deepest branch of ``path`` that exists, and the parts below it that may be made.

    A branch is made only under a parent with ``create_childs``, which new branches do not have: at most one part.
    """
    found = "/"
    parts = [part for part in path.split("/") if part]
    for place, part in enumerate(parts):
        below = found.rstrip("/") + "/" + part
        if below not in farm.branches_by_path:
            parent = farm.branches[farm.branches_by_path[found]]
            return found, parts[place : place + 1] if parent.create_childs else []
        found = below
    return found, []


def _add_branch(farm: Farm, parent_path: str, name: str) -> Iterator[Event]:
    parent = farm.branches[farm.branches_by_path[parent_path]]
    parameters: dict[str, Any] = {"solve_method": parent.solve_method, "solve_need": parent.solve_need}
    if parent.id != _ROOT:
        parameters["solve_jobs"] = parent.solve_jobs
    yield BranchAdded(farm.next_branch, parent_path.rstrip("/") + "/" + name, parent.id, parameters)
