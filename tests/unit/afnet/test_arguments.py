"""Arguments that no operation can take: numbers that are none, texts that are none, and far too many of both."""

from __future__ import annotations

from typing import Any

import pytest

from afcore.errors import BadSpec, did_you_mean
from afnet.arguments import Argument, bind, parse_identifiers

DAYS = Argument(name="days", kind="number", default=0, least=0, most=3650, help="How long.")
IDS = Argument(name="ids", kind="identifiers", help="Which.")
NAME = Argument(name="name", kind="text", help="Who.")
NAMES = Argument(name="names", kind="names", help="Who.")
WHAT = Argument(name="parameters", kind="parameters", help="What.")
ALL = (DAYS, IDS, NAME, NAMES, WHAT)


@pytest.mark.parametrize(
    "given",
    [
        {"days": float("nan")}, {"days": float("inf")}, {"days": 10**400}, {"days": [[1]]}, {"ids": 10**4000},
        {"name": "a\0b"}, {"name": "\ud800"}, {"names": ["good", "\udfff"]}, {"parameters": {"a": {"b": ["\ud800"]}}},
        {"parameters": {"\0": 1}}, {"parameters": {"a": [[[[[[[[[[1]]]]]]]]]]}},
    ],
)  # fmt: skip
def test_what_is_no_number_and_no_text_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadSpec) as refused:
        bind(ALL, given, operation="test")
    assert refused.value.code == "bad_arguments" and len(str(refused.value)) < 400


def test_a_million_mistakes_are_told_by_the_first_of_them() -> None:
    with pytest.raises(BadSpec) as refused:
        bind(ALL, {f"nam{number}": 1 for number in range(100_000)}, operation="test")
    assert len(refused.value.problems) == 21 and "99980 more" in str(refused.value.problems[-1])


@pytest.mark.parametrize(
    ("help", "said"),
    [
        ("Which way.", '"x" is not known, one of up, down (Which way.)'),
        ("up or down.", '"x" is not known (up or down.)'),
    ],
)
def test_what_may_be_chosen_is_said_once(help: str, said: str) -> None:
    way = Argument(name="way", kind="text", choices=("", "up", "down"), help=help)
    with pytest.raises(BadSpec) as refused:
        bind([way], {"way": "x"}, operation="test")
    assert str(refused.value.problems[0]) == f"way: {said}"


def test_ranges_together_are_no_more_than_one_may_be() -> None:
    assert len(parse_identifiers("0-999999")) == 1_000_000
    for text in ("0-1000000", "0-999999,5", ",".join(["0-1"] * 500_001)):
        with pytest.raises(ValueError, match="more than 1000000"):
            parse_identifiers(text)


def test_what_could_be_meant_is_looked_for_among_few_and_for_short_words() -> None:
    many = [f"render{number:05}" for number in range(5000)]
    assert did_you_mean("name" * 60, ["name"]) == ""
    assert did_you_mean("render00007x", many) == 'did you mean "render00007"?'
    assert did_you_mean("xrender00007", many) == ""
