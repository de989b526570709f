"""Names and output of others obey nobody: not in a log, not on a terminal, not in a spreadsheet."""

from __future__ import annotations

import logging

import pytest

from afnet.cli.statistics import show_lines
from afnet.cli.text import safe_output
from afnet.loglines import LineFormatter


def test_a_message_is_one_line_whatever_names_are_in_it() -> None:
    names = ("r1\n2026 CRITICAL all is lost\x1b[2J",)
    record = logging.LogRecord("x", logging.INFO, "f", 1, "render %s left", names, None)
    assert LineFormatter("%(message)s").format(record) == "render r1\\n2026 CRITICAL all is lost\\x1b[2J left"
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord("x", logging.INFO, "f", 1, "it broke", (), (type(error), error, error.__traceback__))
    lines = LineFormatter("%(message)s").format(record).splitlines()
    assert lines[0] == "it broke" and lines[1].startswith("Traceback") and lines[-1] == "lines"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("frame 1\r\n\tdone\n", "frame 1\r\n\tdone\n"),
        ("\x1b[31;1mred\x1b[0m", "\x1b[31;1mred\x1b[0m"),
        ("\x1b]0;title\x07x\x1b[2J\x1b[6n\x9b2J\x08\x00y", "]0;titlex[2J[6n2Jy"),
        ("größer 日本", "größer 日本"),
    ],
)
def test_a_terminal_is_shown_lines_and_colours_and_nothing_to_obey(said: str, shown: str) -> None:
    assert safe_output(said) == shown


def test_no_name_is_a_formula_of_a_spreadsheet() -> None:
    row = {"name": '=HYPERLINK("http://x")', "start": 0, "runs": 1}
    reply = {"zone": "UTC", "rows": [row, {**row, "name": "-2"}, {**row, "name": "plain"}]}
    lines = show_lines({}, reply, json=False, csv=True)
    assert [line.partition(",")[0] for line in lines[1:]] == ["\"'=HYPERLINK(\"\"http://x\"\")\"", "'-2", "plain"]
