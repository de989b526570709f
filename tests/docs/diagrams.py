"""``python -m tests.docs.diagrams``: write ``docs/states.md``, the transition tables of the product as diagrams."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

import afnet.wire.states
import afrender.states
from afcore.rules.transitions import TABLE

__all__ = ["PAGE", "states_page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "states.md"


def _name(value: Any) -> str:
    text = value.name if isinstance(value, Enum) else value.__name__
    return str(text)


def _words(value: Any) -> str:
    return str(value.value).replace("_", " ") if isinstance(value, Enum) else _name(value)


def _diagram(rows: Iterable[tuple[Any, Any, Any]]) -> list[str]:
    """Return one diagram: an arrow for each pair of states, with everything that leads along it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, event, after in rows:
        arrows.setdefault((_name(state), _name(after)), []).append(_words(event))
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    return [*lines, "```", ""]


def states_page() -> str:
    """Return the page."""
    lines = [
        "# States",
        "",
        "What can happen to tasks, to runs on an agent, and to a conversation. The diagrams are made from the tables",
        "that the program itself goes by (`python -m tests.docs.diagrams` writes this page); what has no arrow cannot",
        "happen.",
        "",
        "## A task",
        "",
        "`afcore/rules/transitions.py`. To `READY` means: ready, or waiting for tasks of other blocks. What a person",
        "asks of a task that runs (restart, skip, done, suspend) becomes true when its run has ended.",
        "",
        *_diagram((state, event, after) for (state, event), after in TABLE.items()),
        "## A run on its agent",
        "",
        "`afrender/states.py`. The server gives a run; the agent starts its process, and keeps the report of its end",
        "until the server has acknowledged it or does not want it any more.",
        "",
        *_diagram((state, event, after) for (state, event), (after, _) in afrender.states.TRANSITIONS.items()),
        "## A conversation",
        "",
        "`afnet/wire/states.py`, as `docs/protocol.md` tells it. In `OPEN` every other message leaves it open.",
        "",
        *_diagram((state, kind, after) for (state, kind), after in afnet.wire.states.TRANSITIONS.items()),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(states_page(), encoding="utf-8")
