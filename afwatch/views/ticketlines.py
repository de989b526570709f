"""Tickets of a pool or render in the inspector: how many there are of each, how many are in use, and when no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QHBoxLayout

from afwatch import words
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Glyph, Shrinking, label

__all__ = ["lines_of_tickets", "ticket_words"]


def ticket_words(figures: Sequence[int]) -> tuple[str, str]:
    """Return the family of state and the words for ``[count, used]``, of a pool with ``hosts, most hosts`` too.

    A count of -1 is of a ticket that is used here and limited elsewhere or nowhere.
    """
    count, used = figures[0], figures[1]
    hosts, most = (figures[2], figures[3]) if len(figures) > 3 else (0, -1)
    if count < 0:
        return ("live" if used else "held"), tr("{0} in use, no limit here", words.number(used))
    said = tr("{0} of {1} in use", words.number(used), words.number(count))
    if most >= 0:
        said = tr("{0}, {1} of {2} hosts", said, words.number(hosts), words.number(most))
    if used >= count or 0 <= most <= hosts:
        return "attn", tr("{0}: none left", said)
    return ("live" if used else "ready"), said


def lines_of_tickets(theme: Theme, tickets: Mapping[str, Sequence[int]]) -> list[QHBoxLayout]:
    """Return a line for each ticket, by name."""
    made = []
    for name in sorted(tickets):
        family, said = ticket_words(tickets[name])
        ink = theme.look.families[family].ink
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(Glyph(theme, "ticket", ink, size=16))
        row.addWidget(Shrinking(name, tone=""), 1)
        if family == "attn":
            row.addWidget(Glyph(theme, "glyph-triangle-bang", ink))
        text = label(said, tone="quiet")
        text.setAccessibleName(f"{name}: {said}")
        row.addWidget(text)
        made.append(row)
    return made
