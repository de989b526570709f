"""What an empty view says: why there is nothing, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afwatch import words
from afwatch.actions import Asking

__all__ = ["CLEAR", "Nothing", "words_of_nothing"]

CLEAR = "Clear filter"


@dataclass(frozen=True, slots=True)
class Nothing:
    """Words for an empty view."""

    icon: str
    text: str
    more: str = ""
    """A line to copy."""
    action: str = ""
    done: Callable[[], object] | None = None


def words_of_nothing(window: Asking, kind: str, noun: str, total: int) -> Nothing:
    """Return what a view of ``total`` rows of a kind says when it shows none."""
    state = window.session.state
    if not state.is_complete(kind):
        if state.connected:
            return Nothing("info", f"The farm is telling its {noun}s.")
        trouble = state.trouble or "Looking for the farm."
        return Nothing("farm", trouble, "The monitor connects by itself as soon as it answers.")
    if total:
        return Nothing(
            "search", f"No {noun} matches. {words.plural(total, noun)} without the filter.", action=CLEAR
        )
    if kind == "renders":
        return Nothing(
            "farm", "No render has joined this farm. On a machine that should work for it run the line below.",
            f"afrender --server {state.server}",
            "Start an agent on this machine" if window.offers_agent else "", window.start_agent,
        )  # fmt: skip
    if kind == "jobs":
        return Nothing(
            "jobs", "There are no jobs here yet. Submit one here, or from your program, or by the line below.",
            "afcmd job submit JOB.json", "Submit a job", window.open_submit,
        )  # fmt: skip
    return Nothing("info", f"There are no {noun}s yet.")
