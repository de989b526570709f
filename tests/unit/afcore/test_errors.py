"""The error tree: codes, sentences, hints, and the words a person reads."""

from __future__ import annotations

import pytest

from afcore import errors
from afcore.errors import (
    AfError,
    BadSpec,
    ConfigError,
    Conflict,
    NotFound,
    Problem,
    Rejected,
    did_you_mean,
)


def test_the_drawing_names_every_class() -> None:
    classes = {n for n in errors.__all__ if isinstance(getattr(errors, n), type) and n != "Problem"}
    drawn = {
        line.strip(" |+-").split()[0] for line in (errors.__doc__ or "").split("::")[1].splitlines() if line.strip()
    }
    assert classes <= drawn


@pytest.mark.parametrize(
    ("parent", "children"),
    [
        ("Rejected", ["NotFound", "NotAllowed", "BadSpec", "Conflict", "LimitReached"]),
        ("WireError", ["OurFault", "TheirFault", "VersionMismatch", "ConnectionLost", "TimedOut"]),
        ("StoreError", ["Unavailable", "Corrupt", "TooNew", "InUse", "Fenced"]),
        ("AfError", ["Rejected", "WireError", "StoreError", "ConfigError", "Bug"]),
    ],
)
def test_the_tree_has_the_agreed_shape(parent: str, children: list[str]) -> None:
    assert [c.__name__ for c in getattr(errors, parent).__subclasses__() if c.__module__ == "afcore.errors"] == children


def test_rejected_carries_code_sentence_and_hint() -> None:
    error = NotFound("there is no job 7", hint="afcmd job list shows the jobs there are")
    assert (error.code, error.sentence) == ("not_found", "there is no job 7")
    assert str(error) == "there is no job 7 (afcmd job list shows the jobs there are)"
    assert Conflict("x", code="name_taken").code == "name_taken"
    assert str(Conflict("x")) == "x"
    assert isinstance(error, Rejected) and isinstance(error, AfError)


def test_bad_spec_tells_all_problems_at_once() -> None:
    one = BadSpec([Problem("name", "is empty", "give the job a name")])
    assert str(one) == "name: is empty (give the job a name)"
    two = BadSpec([Problem("name", "is empty", "give one"), Problem("", "no blocks")])
    assert str(two) == "2 problems: name: is empty (give one); no blocks"
    assert [p.path for p in two.problems] == ["name", ""]
    assert BadSpec([]).sentence == "the specification is wrong"
    assert BadSpec([Problem("", "odd")]).sentence == "odd"
    assert BadSpec([Problem("a", "b")], sentence="s", hint="h", code="c").code == "c"


def test_config_error_names_file_and_key() -> None:
    error = ConfigError("/etc/af.json", "af_serverport", "is not a number", hint="write 51000")
    assert (error.file, error.key) == ("/etc/af.json", "af_serverport")
    assert str(error) == "/etc/af.json: af_serverport: is not a number (write 51000)"
    assert str(ConfigError("", "", "odd")) == "odd"


@pytest.mark.parametrize(
    ("word", "choices", "answer"),
    [
        ("comand", ["command", "name"], 'did you mean "command"?'),
        ("Maya", ["maya", "nuke"], 'did you mean "maya"?'),
        ("ARNOLD", ["arnold"], 'did you mean "arnold"?'),
        ("zzz", ["command"], ""),
        ("name", ["name"], ""),
        ("x", [], ""),
    ],
)
def test_did_you_mean(word: str, choices: list[str], answer: str) -> None:
    assert did_you_mean(word, choices) == answer
