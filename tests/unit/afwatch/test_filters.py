"""The search line: what is understood, what is said about what is not, and which rows pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from afwatch.models.filters import Field, parse_query, seconds_of
from afwatch.models.filters import test_of as make_test

FIELDS = {
    "state": Field("state", "word", lambda row: {row.state, row.state[:3]}),
    "user": Field("user", "text", lambda row: row.user),
    "err": Field("err", "number", lambda row: row.err),
    "age": Field("age", "time", lambda row: row.age),
}
ROWS = [
    SimpleNamespace(name="beauty v1", state="error", user="jo", err=3, age=60.0),
    SimpleNamespace(name="comp", state="done", user="Anna", err=0, age=7300.0),
    SimpleNamespace(name="beauty v2", state="running", user="anna", err=1, age=90000.0),
]


def found(text: str) -> list[str]:
    test = make_test(parse_query(text, list(FIELDS)), FIELDS, lambda row: row.name)
    return [row.name for row in ROWS if test is None or test(row)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["beauty v1", "comp", "beauty v2"]),
        ("beauty", ["beauty v1", "beauty v2"]),
        ('"beauty v2"', ["beauty v2"]),
        ("state:error", ["beauty v1"]),
        ("state:ERR,done", ["beauty v1", "comp"]),
        ("-state:done", ["beauty v1", "beauty v2"]),
        ("user:anna err>0", ["beauty v2"]),
        ("user~ann", ["comp", "beauty v2"]),
        ("err=3", ["beauty v1"]),
        ("age<2h", ["beauty v1"]),
        ("age>1d", ["beauty v2"]),
        ("state:", ["beauty v1", "comp", "beauty v2"]),
        ("err>many", ["beauty v1", "comp", "beauty v2"]),
    ],
)
def test_rows_that_pass(text: str, names: list[str]) -> None:
    assert found(text) == names


def test_an_unknown_field_is_told_with_what_there_is() -> None:
    query = parse_query("usr:jo beauty", list(FIELDS))
    (problem,) = query.problems
    assert problem.path == "usr:jo"
    assert "user" in problem.hint
    assert [term.values for term in query.terms] == [("beauty",)]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("2h", 7200), ("1.5d", 129600), ("soon", None)])
def test_durations(text: str, seconds: Any) -> None:
    assert seconds_of(text) == seconds
