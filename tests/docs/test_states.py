"""The diagrams of the documents are those of the tables."""

from __future__ import annotations

from tests.docs.diagrams import PAGE, states_page


def test_the_diagrams_show_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == states_page(), "write it again: python -m tests.docs.diagrams"


def test_a_diagram_has_an_arrow_for_every_row() -> None:
    page = states_page()
    assert "WAIT_RECONNECT --> RUNNING: brought back" in page
    assert "FINISHED --> GONE: dropped, acknowledged" in page
    assert "AWAIT_HELLO --> OPEN: Hello" in page
