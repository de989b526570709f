"""Editing parameters of many things: what is sent, what is wrong, and what stands beside a field."""

from __future__ import annotations

import time
from typing import Any

import pytest

from afcore.errors import Problem
from afwatch.models.parameters import ParameterSet, moment_text, parse_moment, parse_value
from afwatch.models.submission import Submission
from afwatch.parameterwords import choice_text


def row(name: str, kind: str, *values: Any, low: int = -1, high: int = 255) -> dict[str, Any]:
    return {"name": name, "kind": kind, "low": low, "high": high, "words": [], "different": len(values),
            "values": [[value, 1] for value in values]}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", " 12 ", 12), ("bool", "yes", True), ("bool", "no", False), ("texts", "a, b,", ["a", "b"]),
        ("text map", "A=1, B = two", {"A": "1", "B": "two"}), ("number map", "LIC=2", {"LIC": 2}),
        ("ticket map", "LIC=5:2, MEM=3", {"LIC": [5, 2], "MEM": [3, -1]}), ("text", " as it is ", " as it is "),
        ("command", '["a", "b"]', ["a", "b"]),
    ],
)  # fmt: skip
def test_what_is_typed_means_a_value(kind: str, text: str, value: Any) -> None:
    assert parse_value(kind, text) == value


NOTHING = [("int", "many"), ("bool", "maybe"), ("number map", "LIC"), ("command", "[")]


@pytest.mark.parametrize(("kind", "text"), NOTHING)
def test_what_means_nothing_is_told(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="must|write|none"):
        parse_value(kind, text)


def test_a_time_is_read_and_written_as_people_say_it() -> None:
    edited = ParameterSet("job", ["3"])
    at = int(time.mktime((2026, 11, 28, 9, 37, 0, 0, 0, -1)))
    edited.load([row("time_wait", "int", at, low=0, high=1 << 40), row("max_running_tasks", "int", -1, 7)])
    wait = edited.entries["time_wait"]
    assert wait.present == "2026-11-28 09:37" and edited.entries["max_running_tasks"].note == "not set (1), 7 (1)"
    edited.type("time_wait", "at once")
    assert edited.changes() == {"time_wait": 0} and wait.note == "was 2026-11-28 09:37"
    edited.type("time_wait", "2026-11-28 09:38")
    assert edited.changes() == {"time_wait": at + 60}
    edited.type("time_wait", "soon")
    assert "must be a time" in wait.note and edited.changes() == {}
    edited.load([row("time_wait", "int", 0, at, low=0, high=1 << 40)])
    edited.reset("time_wait")
    assert edited.entries["time_wait"].note == "at once (1), 2026-11-28 09:37 (1)"


def test_a_number_that_is_not_set_is_an_empty_field() -> None:
    edited = ParameterSet("job", ["3", "4"])
    edited.load([row("max_running_tasks", "int", -1), row("need_memory", "int", -1, 7), row("time_wait", "int", 0, 9),
                 row("priority", "int", 5, low=0)])  # fmt: skip
    most, memory = edited.entries["max_running_tasks"], edited.entries["need_memory"]
    assert most.present == "" and most.may_be_unset and not edited.entries["priority"].may_be_unset
    edited.type("max_running_tasks", "12")
    assert edited.changes() == {"max_running_tasks": 12} and most.note == "was not set"
    edited.type("max_running_tasks", "")
    assert edited.changes() == {} and not most.changed
    for name in ("need_memory", "time_wait"):
        edited.type(name, "3")
        edited.type(name, "")
    assert edited.changes() == {}, "a field that is emptied sets nothing where they differ"
    edited.type("need_memory", "-1")
    assert edited.changes() == {"need_memory": -1} and not memory.problem
    edited.type("priority", "")
    assert edited.changes() == {"need_memory": -1} and edited.entries["priority"].problem


def test_a_choice_is_told_in_words() -> None:
    edited = ParameterSet("branch", ["/a", "/b"])
    edited.load([row("solve_method", "word", "solve_priority", "solve_order"), row("paused", "bool", True, False)])
    assert edited.entries["solve_method"].note == "need (1), order (1)"
    assert edited.entries["paused"].note == "yes (1), no (1)"
    edited.type("solve_method", "solve_order")
    assert edited.changes() == {"solve_method": "solve_order"}, "the farm is sent its own word"
    assert choice_text("regex") == "regex" and choice_text("")


def test_a_time_to_come_is_never_one_that_is_over() -> None:
    now = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
    assert parse_moment("in 2h", now) == now + 7200 and parse_moment("in 30 min", now) == now + 1800
    assert parse_moment("2h", now) == now + 7200 and parse_moment("1 w", now) == now + 604_800, "to come"
    assert moment_text(parse_moment("11:05:30", now)) == "2026-11-29 11:05:30"
    assert moment_text(parse_moment("13:05", now)) == "2026-11-28 13:05"
    assert moment_text(parse_moment("11:05", now)) == "2026-11-29 11:05"
    assert parse_moment("", now) == parse_moment("0", now) == 0 and moment_text(0) == "at once"
    assert parse_moment(str(int(now)), now) == int(now)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system keeps its zone")
def test_tomorrow_at_that_time_is_tomorrow_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        now = time.mktime((2026, 10, 24, 12, 0, 0, 0, 0, -1))
        assert moment_text(parse_moment("09:00", now)) == "2026-10-25 09:00", "the clocks are set back that night"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_only_what_was_changed_is_sent() -> None:
    edited = ParameterSet("job", ["3", "5"])
    edited.load([row("priority", "int", 50, 60), row("annotation", "text", "old"), row("offline", "bool", False)])
    assert edited.entries["priority"].note == "50 (1), 60 (1)"
    edited.type("annotation", "old")
    edited.type("priority", "300")
    assert edited.entries["priority"].note == "must be -1 to 255" and edited.changes() == {}
    edited.type("priority", "70")
    edited.type("annotation", "new")
    assert edited.entries["annotation"].note == "was old"
    assert edited.request(edited.changes()) == (
        "job.set", {"ids": [3, 5], "parameters": {"priority": 70, "annotation": "new"}},
    )  # fmt: skip
    edited.load([row("priority", "int", 50, 61), row("annotation", "text", "other")])
    assert edited.entries["priority"].text == "70", "what was typed stays"
    assert edited.refused([Problem("priority", "is too much", "less"), Problem("else", "x")])
    assert edited.entries["priority"].note == "is too much: less"


def test_a_key_that_is_left_out_of_a_map_is_taken_out() -> None:
    edited = ParameterSet("block", ["3.0", "3.2"])
    edited.load([row("environment", "text map", {"A": "1", "B": "2"}), row("tickets", "number map", {"LIC": 1})])
    edited.type("environment", "B=3")
    edited.type("tickets", "")
    assert edited.changes() == {"environment": {"A": "", "B": "3"}, "tickets": {"LIC": 0}}
    assert edited.request({})[1] == {"job": 3, "blocks": [0, 2], "parameters": {}}


def test_a_submission_is_previewed_by_the_servers_own_checks() -> None:
    wanted = Submission(kind="command", command="render -f @#@", first=1, last=10, by=2, user="jo")
    wanted.files = "/o/a.####.exr"
    found = wanted.preview()
    assert (found.tasks, found.frames, found.first, found.last) == (5, 5, "render -f 1", "render -f 9")
    assert found.files == "/o/a.0001.exr" and found.problems == []
    wanted.hosts_mask = "("
    assert [problem.path for problem in wanted.preview().problems] == ["hosts_mask"]
    assert [problem.path for problem in Submission(kind="command").preview().problems] == ["command"]
