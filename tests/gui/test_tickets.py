"""Tickets are seen in the inspector: of each how many there are, how many are used, and when none is left."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from afcore.rows import PoolRow
from afwatch.app import Watch
from afwatch.views.ticketlines import ticket_words
from tests.gui.layouts import fill
from tests.unit.afwatch.rows import render_row


@pytest.mark.parametrize(
    ("figures", "family", "said"),
    [
        ([5, 0], "ready", "0 of 5 in use"),
        ([5, 3], "live", "3 of 5 in use"),
        ([5, 5], "attn", "5 of 5 in use: none left"),
        ([5, 3, 2, 4], "live", "3 of 5 in use, 2 of 4 hosts"),
        ([5, 3, 2, 2], "attn", "3 of 5 in use, 2 of 2 hosts: none left"),
        ([5, 3, 2, -1], "live", "3 of 5 in use"),
        ([-1, 3], "live", "3 in use, no limit here"),
        ([0, 0], "attn", "0 of 0 in use: none left"),
    ],
)
def test_words_of_a_ticket(figures: list[int], family: str, said: str) -> None:
    assert ticket_words(figures) == (family, said)


def said_by(watch: Watch, row: Any, noun: str) -> set[str]:
    overview = watch.window.inspector.widget("overview")
    overview.show_rows([row], noun)
    return {each.accessibleName() or each.text() for each in overview.findChildren(QLabel)}


def test_a_pool_and_a_render_show_their_tickets(alone: Watch) -> None:
    fill(alone, 2, False)
    alone.window.turn_inspector("overview")
    pool = PoolRow(2, 7, "/linux", 99, 0, 0, 0, 0, 0, tickets={"NUKE": [4, 4, 3, -1], "ARNOLD": [9, 1, 1, -1]},
                   tickets_host={"LICENCE": 2})  # fmt: skip
    said = said_by(alone, pool, "pool")
    assert {"NUKE: 4 of 4 in use: none left", "ARNOLD: 1 of 9 in use", "2 of LICENCE"} <= said
    render = render_row(1, "pc1", tickets={"LICENCE": [2, 1]})
    assert "LICENCE: 1 of 2 in use" in said_by(alone, render, "render")
    assert "Tickets" not in said_by(alone, render_row(1, "pc1"), "render")
