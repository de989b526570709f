"""What an empty view says: why there is nothing, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afwatch import words
from afwatch.actions import Asking
from afwatch.texts import tr

__all__ = ["CLEAR", "Nothing", "words_of_nothing"]

CLEAR = tr("Clear filter")
COMMAND_LINE = " ".join(("afcmd", "job", "submit", "JOB.json"))


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
            return Nothing("info", tr("The farm is telling its {0}s.", noun))
        trouble = state.trouble or tr("Looking for the farm.")
        return Nothing("farm", trouble, tr("The monitor connects by itself as soon as it answers."))
    if total:
        return Nothing(
            "search", tr("No {0} matches. {1} without the filter.", noun, words.plural(total, noun)), action=CLEAR
        )
    if kind == "renders":
        return Nothing(
            "farm", tr("No render has joined this farm. On a machine that should work for it run the line below."),
            tr("afrender --server {0}", state.server),
            tr("Start an agent on this machine") if window.offers_agent else "", window.start_agent,
        )  # fmt: skip
    if kind == "jobs":
        return Nothing(
            "jobs", tr("There are no jobs here yet. Submit one here, or from your program, or by the line below."),
            COMMAND_LINE, tr("Submit a job"), window.open_submit,
        )  # fmt: skip
    return Nothing("info", tr("There are no {0}s yet.", noun))
