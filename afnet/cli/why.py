"""What ``afcmd why`` prints: one sentence, then what is in the way, then the commands to type."""

import textwrap
from collections.abc import Iterator
from typing import Any

from afnet.cli.text import clock_time, one_line, table
from afnet.cli.typed import command_line

__all__ = ["why_lines"]

_NARROW = 72
_TITLES = {"now": "To start it now:", "next": "To let it be the next:", "wake": "To wake a render for it:"}
"""By when the task starts; the mildest comes first."""
_LONG = 6
"""Names of renders in one line."""


def why_lines(answer: dict[str, Any], *, width: int = 0) -> list[str]:
    """Return the lines of an answer; with ``width`` sentences are broken and tables cut to fit."""
    return list(_lines(answer, width))


def _lines(answer: dict[str, Any], width: int) -> Iterator[str]:
    yield from _wrapped(answer["sentence"], width)
    if len(answer["reasons"]) > 1:
        yield ""
        for reason in answer["reasons"]:
            yield from _wrapped(reason["text"], width, first="  - ", rest="    ")
    for reason in answer["reasons"]:
        if reason["until"]:
            yield ""
            yield f"Until: {clock_time(reason['until'])}"
        if reason["held_by"]:
            yield from _holders("Running now:", reason["held_by"], width)
    if answer["renders"]:
        yield from ("", "Renders:")
        rows = [[f" {each['count']}", each["text"], _names(each)] for each in answer["renders"]]
        yield from table(None, rows, width=width)
    for group in answer["renders"]:
        if group["held_by"] and not answer["reasons"]:
            yield from _holders("Held by:", group["held_by"], width)
            break
    if answer["ahead"]:
        yield from ("", "First come:")
        rows = [[f" job {each['job']}", each["name"], each["user"], each["text"]] for each in answer["ahead"][:10]]
        yield from table(None, rows, width=width)
        if len(answer["ahead"]) > 10:
            yield "  and more"
    yield from _reservation(answer, width)
    yield from _proposals(answer, width)


def _reservation(answer: dict[str, Any], width: int) -> Iterator[str]:
    """Tell by when renders that are kept for the task let it begin."""
    if answer["kept"]:
        more = len(answer["kept"]) - _LONG
        names = ", ".join(answer["kept"][:_LONG]) + (f" and {more} more" if more > 0 else "")
        yield ""
        yield from _wrapped(f"Kept for it: {names}.", width)
    if answer["begins_by"]:
        yield ""
        how = "" if answer["promised"] else " (an estimate: not all that runs has a task_max_run_time)"
        yield from _wrapped(f"It begins by {clock_time(answer['begins_by'])} at the latest{how}.", width)


def _proposals(answer: dict[str, Any], width: int) -> Iterator[str]:
    if not answer["waits"]:
        return
    if not answer["proposals"]:
        yield ""
        if answer["until"] or answer["begins_by"]:
            yield "It goes on by itself then; nothing has to be done."
        else:
            yield from _wrapped(answer["hint"] or "Nothing was found that starts it.", width)
        return
    if answer["no_single"]:
        yield from ("", *_wrapped("No single change starts it now: every one was tried.", width))
    for when in dict.fromkeys(each["when"] for each in answer["proposals"]):
        chosen = [each for each in answer["proposals"] if each["when"] == when]
        title = _TITLES[when]
        yield from ("", title)
        for each in chosen:
            operations = [each, *each["also"]]
            if len(operations) > 1:
                yield f"  {len(operations)} changes together:"
            for one in operations:
                yield "  " + command_line(one["operation"], one["arguments"])
            if each["text"]:
                yield from _wrapped(each["text"], width, first="      (", rest="       ", end=")")


def _holders(title: str, holders: list[dict[str, Any]], width: int) -> Iterator[str]:
    yield from ("", title)
    rows = [
        [f" job {each['job']}", each["name"], each["user"], f"{each['tasks']} task{'s' * (each['tasks'] != 1)}"]
        for each in holders
    ]
    yield from table(None, rows, width=width)


def _names(group: dict[str, Any]) -> str:
    more = group["count"] - min(_LONG, len(group["names"]))
    return ", ".join(group["names"][:_LONG]) + (f" and {more} more" if more else "")


def _wrapped(text: str, width: int, *, first: str = "", rest: str = "", end: str = "") -> list[str]:
    whole = one_line(text) + end
    if not width:
        return [first + whole]
    return textwrap.wrap(whole, max(_NARROW // 2, width), initial_indent=first, subsequent_indent=rest)
