"""The classic ``action`` message, as far as it is there: setting the slots of the root pool."""

from typing import Any

from afcore.commands import SetPools
from afnet.classic.framing import info

__all__ = ["POOL_PARAMETERS", "done_answer", "read_action"]

POOL_PARAMETERS = ("capacity_host", "max_tasks_host")
"""What may be set on pools so far."""

_TYPES = ("jobs", "renders", "users", "branches", "pools", "monitors")


def read_action(request: dict[str, Any]) -> SetPools | dict[str, Any]:
    """Return the command of an action, or the answer that says what is wrong with it or not there yet.

    The order of the checks, and their words, are the reference's.
    """
    action = request["action"]
    if not isinstance(action, dict) or not isinstance(action.get("type"), str):
        return info("Invalid action.")
    mask = action.get("mask")
    if not action.get("ids") and not (isinstance(mask, str) and mask):
        return info("JSON action should have nodes ids or mask to operate with.")
    for key in ("user_name", "host_name"):
        if not isinstance(action.get(key), str) or not action[key]:
            return info(f'Action should have a not empty "{key}" string.')
    kind = action["type"]
    if kind not in _TYPES:
        return info(f"Action has unknown type: '{kind}'")
    parameters = action.get("params")
    if "operation" in action or kind != "pools":
        return info(_not_yet(f"actions on {kind}" if kind != "pools" else "operations on pools"))
    if parameters is None:
        return info('Action should have an "operation" or(and) "params" object.')
    if not isinstance(parameters, dict):
        return info('Action "params" should be an object.')
    if action.get("ids") or mask != "/":
        return info(_not_yet("actions on pools by ids or by another mask than /"))
    unknown = sorted(set(parameters) - set(POOL_PARAMETERS))
    if unknown:
        return info(_not_yet(f"setting {', '.join(unknown)} of pools"))
    wrong = [key for key, value in parameters.items() if not isinstance(value, int) or isinstance(value, bool)]
    if wrong:
        return info(f"{', '.join(wrong)} of a pool must be a whole number.")
    return SetPools(paths=["/"], parameters=dict(parameters))


def done_answer() -> dict[str, Any]:
    """Return the answer to an action that was done."""
    return info("Action processed.", kind="log")


def _not_yet(what: str) -> str:
    return (
        f"Afwatch does not answer {what} in the classic dialect yet; "
        'so far it takes "params" capacity_host and max_tasks_host of the pool /. Use afcmd instead.'
    )
