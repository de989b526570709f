"""What a classic request asks for: the first of its known keys decides, the rest says that it is not there yet."""

from typing import Any, NamedTuple

from afcore.commands import SubmitJob
from afcore.errors import AfError
from afnet.classic.framing import info
from afnet.classic.json_action import Action, read_action
from afnet.classic.json_get import Get, read_get
from afnet.classic.json_job import read_job, refused_answer

__all__ = ["SMALL", "Small", "Wish", "error_answer", "read_request"]

SMALL = ("monitor", "user", "reload_config", "announce", "save")
"""The messages beside get, action and job, in the order in which they are looked for."""


class Small(NamedTuple):
    """One of the small messages, by its key."""

    key: str


Wish = SubmitJob | Action | Get | Small
"""What this version understands."""


def read_request(request: dict[str, Any]) -> "Wish | dict[str, Any]":
    """Return the wish of a request, or the answer to one that is wrong or not there yet.

    Answers are made by ``get_answer``, ``submitted_answer`` and ``plan_action``; errors by ``error_answer``.
    """
    if isinstance(request.get("get"), dict):
        return read_get(request)
    if "action" in request:
        return read_action(request)
    if "job" in request:
        try:
            return read_job(request)
        except AfError as wrong:
            return refused_answer(wrong)
    for key in SMALL:
        if key in request:
            return Small(key)
    return info("Invalid action.")


def error_answer(wish: object, error: AfError) -> dict[str, Any]:
    """Return the answer to a wish that the farm refused."""
    return refused_answer(error) if isinstance(wish, SubmitJob) else info(str(error))
