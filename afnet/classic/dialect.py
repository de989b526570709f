"""What a classic request asks for: the first of its known keys decides, the rest says that it is not there yet."""

from typing import Any

from afcore.commands import SubmitJob
from afcore.errors import AfError
from afnet.classic.framing import info
from afnet.classic.json_action import Action, read_action
from afnet.classic.json_get import Get, read_get
from afnet.classic.json_job import read_job, refused_answer

__all__ = ["Wish", "error_answer", "read_request"]

Wish = SubmitJob | Action | Get
"""What this version understands."""

_LATER = ("monitor", "user", "reload_config", "announce", "save")


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
    for key in _LATER:
        if key in request:
            return info(
                f'Afwatch does not answer "{key}" in the classic dialect yet; so far it takes "job", "get" and '
                '"action". Use afcmd instead.'
            )
    return info("Invalid action.")


def error_answer(wish: object, error: AfError) -> dict[str, Any]:
    """Return the answer to a wish that the farm refused."""
    return refused_answer(error) if isinstance(wish, SubmitJob) else info(str(error))
