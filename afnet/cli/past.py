"""``afcmd at WHEN VIEW`` and ``afcmd changes FROM TO``: the farm as it was, and who changed what.

Rules of this file:
- Times are read and shown in the zone of the terminal; the server is asked in unix seconds.
- A view of the past is printed by what prints the same view of now, below a line that says which instant it is.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from afnet.cli.asking import ask
from afnet.cli.parse import SHORT_WORDS, UsageError, given_arguments, parse
from afnet.moments import Instant, parse_instant, say_instant
from afnet.registry import OPERATIONS, PAST_VIEWS

if TYPE_CHECKING:
    from afnet.client.blocking import BlockingClient

__all__ = ["show_changes", "show_past", "wants_past"]

_WITH_VALUE = ("--server", "--config", "--timeout")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?([+-]\d{2}:?\d{2})?$")
_FILTERS = ("who", "action", "text", "job", "render", "nodes", "all", "limit", "before")


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the common options before the first word, and the words from there on."""
    at = 0
    while at < len(words) and words[at].startswith("--"):
        at += 2 if words[at] in _WITH_VALUE else 1
    return list(words[:at]), list(words[at:])


def wants_past(words: Sequence[str]) -> bool:
    """Say whether a command line is ``at WHEN …``."""
    _, rest = _split(words)
    return rest[:1] == ["at"] and rest[1:2] not in (["-h"], ["--help"])


def show_past(words: Sequence[str]) -> int:
    """Print a view of the farm as it was."""
    from afnet.cli.main import do_operation, open_client

    options, rest = _split(words)
    if len(rest) < 2:
        raise UsageError('when? `afcmd at "2026-01-31 03:12" jobs` shows the jobs as they were.')
    when, view = rest[1], rest[2:]
    if view and _CLOCK.match(view[0]):
        when, view = f"{when} {view[0]}", view[1:]
    while view and view[0].startswith("--") and "=" not in view[0]:
        options.append(view.pop(0))  # as in `at 2h --json jobs`
    view = view or ["jobs"]
    view = [*SHORT_WORDS.get(view[0], view[:1]), *view[1:]]
    parsed = parse([*options, *view])
    name = getattr(parsed, "operation", "")
    if name not in PAST_VIEWS:
        shown = ", ".join([*SHORT_WORDS, "job show", "job spec", "task show", "why"])
        raise UsageError(f"of the past there are views of the farm alone: {shown}, …")
    instant = parse_instant(when, now=time.time())
    given = given_arguments(OPERATIONS[name], parsed)
    OPERATIONS[name].bind(given)
    with open_client(parsed) as client:
        past = _PastClient(client, instant, quiet=getattr(parsed, "json", False))
        return do_operation(cast("BlockingClient", past), name, given, parsed)


class _PastClient:
    """Asks for the past what it is asked, and says once which instant it is."""

    def __init__(self, client: "BlockingClient", instant: Instant, *, quiet: bool) -> None:
        self._client = client
        self._instant = instant
        self._quiet = quiet
        self._told = False

    def request(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Ask for an operation as of the instant."""
        reply = ask(
            self._client, "past.show", {"at": self._instant.at, "view": operation, "arguments": arguments}
        )
        if not self._quiet:
            print("\n".join([*_heading(reply.pop("past"), self._instant.note), ""]))
            self._quiet = self._told = True
        elif self._told:
            reply.pop("past")
        return reply


def _heading(past: dict[str, Any], note: str) -> list[str]:
    """Return the lines above a view of the past."""
    lines = [f"As it was at {say_instant(past['at'])}."]
    if note:
        lines.append(note)
    if past["restarted"]:
        lines.append(
            f"Nothing happened from {say_instant(past['changed'])} to {say_instant(past['restarted'])},"
            " when the server was started anew."
        )
    days = f"{past['keep_days']:g} days"
    lines.append(f"The past is kept since {say_instant(past['since'])}, for {days} at most (journal_keep_days).")
    return lines


def show_changes(client: "BlockingClient", options: argparse.Namespace) -> int:
    """Print who changed what between two times."""
    from afnet.cli.pages import print_pages

    now = time.time()
    since = parse_instant(options.since, now=now, name="FROM")
    given: dict[str, Any] = {"since": since.at}
    notes = [since.note]
    if options.until is not None:
        until = parse_instant(options.until, now=now, name="TO")
        given["until"] = until.at
        notes.append(until.note)
    for name in _FILTERS:
        value = getattr(options, name)
        if value:
            given[name] = value
    for note in filter(None, notes):
        print(f"afcmd: {note}", file=sys.stderr)
    OPERATIONS["past.changes"].bind(given)
    return print_pages(client, "past.changes", given, json=getattr(options, "json", False))
