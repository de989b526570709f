"""Asking a person whether something that cannot be taken back is meant."""

import sys
from typing import Any

from afcore.errors import Conflict

__all__ = ["ask_if_sure"]

_WHAT = {
    "statistics.reset": "This empties {what} of the statistics for ever.",
    "statistics.delete": "This deletes the records of {folder}{before} from the statistics for ever.",
}


def ask_if_sure(name: str, given: dict[str, Any]) -> bool:
    """Return True when the person says yes.  Raises Conflict when they do not, or there is nobody to ask."""
    sentence = _WHAT[name].format_map(
        {"what": "", "folder": given.get("folder") or "every folder",
         "before": f" that ended before {given['before']}" if given.get("before") else "",
         **{name: value for name, value in given.items() if name == "what"}}
    )  # fmt: skip
    if not sys.stdin.isatty():
        raise Conflict(f"It has to be confirmed. {sentence}", hint="Say it again with --yes.", code="unconfirmed")
    sys.stderr.write(f"{sentence} Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise Conflict("Nothing was changed.", code="unconfirmed")
    return True
