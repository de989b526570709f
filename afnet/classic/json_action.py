"""The classic ``action`` message: which nodes it means, and the commands and the answer it comes to.

Rules of this file:
- Reads the farm, changes nothing: an action becomes a ``Plan``, or the answer that says what is wrong with it.
- The order of the checks, and their words, are the reference's.
"""

from typing import Any, NamedTuple

from afcore.errors import Rejected
from afcore.masks import Mask, mask_problem
from afcore.model.farm import Farm
from afcore.systemcommand import SYSTEM_JOB
from afnet.classic.action_jobs import plan_blocks, plan_jobs
from afnet.classic.action_nodes import plan_branches, plan_pools, plan_renders, plan_users
from afnet.classic.framing import info
from afnet.classic.json_get import TYPES, whole_numbers
from afnet.classic.plan import Plan, check_operation

__all__ = ["Action", "chosen_ids", "done_answer", "plan_action", "read_action"]


class Action(NamedTuple):
    """An action, as far as it can be checked without a farm."""

    kind: str
    ids: list[int]
    mask: str
    user_name: str
    host_name: str
    given: dict[str, Any]
    """The whole object."""


def read_action(request: dict[str, Any]) -> Action | dict[str, Any]:
    """Return the action, or the answer that says what is wrong with it."""
    action = request["action"]
    if not isinstance(action, dict) or not isinstance(action.get("type"), str):
        return info("Invalid action.")
    mask = action.get("mask")
    ids = whole_numbers(action.get("ids")) or []
    if not ids and not (isinstance(mask, str) and mask):
        return info("JSON action should have nodes ids or mask to operate with.")
    for key in ("user_name", "host_name"):
        if not isinstance(action.get(key), str) or not action[key]:
            return info(f'Action should have a not empty "{key}" string.')
    kind = action["type"]
    if kind not in TYPES:
        return info(f"Action has unknown type: '{kind}'")
    return Action(kind, ids, mask if isinstance(mask, str) else "", action["user_name"], action["host_name"], action)


def chosen_ids(action: Action, names: dict[int, str]) -> list[int]:
    """Return the nodes that are meant: by ids, else by a regular expression over whole names.  Raises Rejected."""
    if action.ids:
        for id in action.ids:
            if id not in names and not (id == 1 and action.kind == "jobs"):
                raise Rejected(f"Action node ID not found: {id}.")
        return list(dict.fromkeys(action.ids))
    if mask_problem(action.mask):
        raise Rejected(f"AfContainer::action: Name pattern '{action.mask}' is invalid: {mask_problem(action.mask)}")
    mask = Mask(action.mask)
    found = [id for id, name in names.items() if mask.matches(name)]
    if not found:
        raise Rejected(f"{action.kind.capitalize()}: No node matches '{action.mask}' found.")
    return found


def plan_action(farm: Farm, action: Action) -> Plan | dict[str, Any]:
    """Return what an action on anything but monitors comes to, or the answer that says what is wrong with it."""
    things: dict[int, Any] = getattr(farm, action.kind)
    attribute = "path" if action.kind in ("branches", "pools") else "name"
    given = action.given
    try:
        ids = chosen_ids(action, {id: getattr(thing, attribute) for id, thing in things.items()})
        operation, parameters = check_operation(given)
        if action.kind == "jobs":
            if SYSTEM_JOB in ids:
                ids = _without_system_job(farm, action, ids, operation)
            if given.get("block_ids") is not None or given.get("block_mask"):
                return plan_blocks(farm, ids, given, operation, parameters)
            return plan_jobs(farm, ids, operation, parameters)
        if action.kind == "renders":
            return plan_renders(farm, ids, operation, parameters)
        if action.kind == "users":
            return plan_users(farm, ids, operation, parameters)
        if action.kind == "branches":
            return plan_branches(farm, ids, operation, parameters)
        return plan_pools(farm, ids, operation, parameters)
    except Rejected as wrong:
        return info(str(wrong))


def _without_system_job(farm: Farm, action: Action, ids: list[int], operation: dict[str, Any] | None) -> list[int]:
    """Return the jobs that are meant; the job of the system is never deleted, and a mask for many passes it over."""
    deletes = operation is not None and operation["type"] == "delete"
    if deletes and not action.ids and len(ids) > 1:
        return [id for id in ids if id != SYSTEM_JOB]
    if deletes:
        raise Rejected("System job can't be deleted.")
    if SYSTEM_JOB not in farm.jobs:
        raise Rejected("Action node ID not found: 1.")
    return ids


def done_answer() -> dict[str, Any]:
    """Return the answer to an action that was done."""
    return info("Action processed.", kind="log")
