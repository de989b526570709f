"""What the farm did between two times, by itself too: entries of its journal in words, newest first.

Rules of this file:
- An answer looks at a bounded number of events and says where to go on; a batch of the journal is read at a time.
- One entry is one row: what a command made happen belongs together.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from afcore import events
from afcore.codec import decode_entries
from afcore.outcome import Entry
from afcore.states import Role, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB
from afnet.server.audit import words_of

if TYPE_CHECKING:
    from afcore.store.past import View

__all__ = ["action_of", "event_words", "find_events"]

_LOOKED_MOST = 20_000
"""Events looked at for one answer; who wants more goes on from there."""
_TOLD_MOST = 8
_PLACE = 1 << 20
"""Entries of one batch that have numbers of their own."""

Names = Mapping[int, str]
"""Names of renders by id."""


def find_events(view: "View", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of what happened from ``since`` to before ``until`` (0: now).

    ``asked`` has the filters of ``past.changes``, ``render`` as an id, ``names`` of renders, and whether what is about
    the system job and where people are is told (``system``).
    """
    names: dict[int, str] = dict(asked["names"])
    rows: list[dict[str, Any]] = []
    looked, last = 0, 0
    for number, entry in _entries(view, asked["since"], asked["until"], asked["before"]):
        if len(rows) >= asked["limit"] or looked >= _LOOKED_MOST:
            return {"rows": rows, "next": last}
        last, looked = number, looked + len(entry.events)
        if asked["who"] and entry.principal != asked["who"]:
            continue
        told = [(event, event_words(event, names)) for event in entry.events if _wanted(event, asked)]
        told = [(event, words) for event, words in told if words and asked["text"].lower() in words.lower()]
        if told:
            rows.append(_row(number, entry, told, asked["system"]))
    return {"rows": rows, "next": None}


def _entries(view: "View", since: float, until: float, before: int) -> Iterator[tuple[int, Entry]]:
    """Yield the entries of a span with their numbers, the newest first; ``before`` is a number (0: from the end)."""
    first, end = view.between(since, until)
    if before:
        end = min(end, before // _PLACE)
    for seq in range(end, first - 1, -1):
        batch = view.batch(seq)
        if batch is None:
            continue
        entries = decode_entries(batch.body)
        for place in range(len(entries) - 1, -1, -1):
            entry, number = entries[place], seq * _PLACE + min(place, _PLACE - 1)
            if since <= entry.at and (not until or entry.at < until) and (not before or number < before):
                yield number, entry


def _wanted(event: events.Event, asked: Mapping[str, Any]) -> bool:
    job = getattr(event, "job", 0)
    if job == SYSTEM_JOB and not asked["system"]:
        return False
    if asked["action"] and not action_of(type(event)).startswith(asked["action"].lower()):
        return False
    if asked["job"] and job != asked["job"]:
        return False
    return not asked["render"] or getattr(event, "render", 0) == asked["render"]


def _row(number: int, entry: Entry, told: list[tuple[events.Event, str]], system: bool) -> dict[str, Any]:
    more = len(told) - _TOLD_MOST
    what = "; ".join(words for _, words in told[:_TOLD_MOST]) + (f"; and {more} more" if more > 0 else "")
    return {
        "seq": number, "at": entry.at, "who": entry.principal, "role": Role(entry.role).name.lower(),
        "origin": entry.origin if system else "", "action": action_of(type(told[0][0])), "what": what,
    }  # fmt: skip


def action_of(kind: type) -> str:
    """Return what a kind of event is called, as operations are called: ``run.started``, ``render.went-online``."""
    first, *rest = re.findall("[A-Z][a-z]+", kind.__name__)
    return f"{first.lower()}.{'-'.join(rest).lower()}"


def event_words(event: events.Event, names: Names) -> str:
    """Return what an event says to a person; empty where another of the same entry says it."""
    if isinstance(event, events.JobEdited | events.BlockEdited):
        return words_of(event)  # when it started and ended is no edit
    make = _WORDS.get(type(event))
    return make(event, names) if make is not None else words_of(event) or _plainly(event)


def _plainly(event: Any) -> str:
    """Return an event of which nothing better is said: its kind and the thing that it is about."""
    about = [f"{name} {getattr(event, name)}" for name in ("job", "block", "task", "render") if hasattr(event, name)]
    return f"{' '.join(about)}: {action_of(type(event)).replace('.', ' ').replace('-', ' ')}".removeprefix(": ")


def _render(event: Any, names: Names) -> str:
    return names.get(event.render, f"render {event.render}")


def _task(event: Any) -> str:
    return f"job {event.job}: task {event.task} of block {event.block}"


def _many(event: Any) -> str:
    count = sum(last - first + 1 for first, last in event.ranges)
    return f"job {event.job}: {count} task{'' if count == 1 else 's'} of block {event.block}"


def _ended(event: events.RunFinished, names: Names) -> str:
    status = RunStatus(event.status).name.lower().replace("_", " ")
    code = f" (exit {event.exit_status})" if event.exit_status else ""
    then = TaskState(event.state).name.lower().replace("_", " ")
    return f"{_task(event)} ended on {_render(event, names)}: {status}{code}, now {then}"


_WORDS: dict[type, Callable[[Any, Names], str]] = {
    events.RunStarted: lambda event, names: f"{_task(event)} started on {_render(event, names)} (run {event.run})",
    events.RunFinished: _ended,
    events.RunStopRequested: lambda event, names: f"{_task(event)} is to stop",
    events.RunAdopted: lambda event, names: f"{_task(event)} goes on after the server's restart",
    events.TaskWarned: lambda event, names: f"{_task(event)} was warned of",
    events.TasksReleased: lambda event, names: f"{_many(event)} wait for nothing any more",
    events.TasksHeld: lambda event, names: f"{_many(event)} wait for others",
    events.RenderAdded: lambda event, names: f"render {event.name} was added",
    events.RenderWentOnline: lambda event, names: f"{_render(event, names)} went online",
    events.RenderWentOffline: lambda event, names: (
        f"{_render(event, names)} {'was lost' if event.status == RunStatus.RENDER_LOST else 'left'}"
    ),
    events.RenderInstructed: lambda event, names: f"{_render(event, names)} was told to {event.what}",
    events.RenderWakeAsked: lambda event, names: f"{_render(event, names)} is to be woken",
    events.RenderWolFailed: lambda event, names: f"{_render(event, names)}: {event.sentence}",
    events.HostForgiven: lambda event, names: (
        f"job {event.job}: {_render(event, names)} was forgiven its errors in block {event.block}"
    ),
    events.FarmFounded: lambda event, names: "the farm was founded",
    events.FarmRecovered: lambda event, names: "the server was started again",
}
