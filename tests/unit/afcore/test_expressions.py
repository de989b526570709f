"""Expressions of strangers: the same answers as ``re`` gives, in a time that does not explode, or a refusal."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.expressions import LONGEST, TooHard, compiled
from afcore.masks import Mask, mask_problem

_PARTS = st.sampled_from(
    ["a", "b", ".", "\\d", "\\w", "[ab]", "[^a]", "[a-c]", "A", "1", "_", "\\b", "\\B", "^", "$", "\\s", "é"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}?", "*?"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        )
    )


EXPRESSIONS = st.recursive(_PARTS, _grown, max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, st.lists(st.text("abcA1_ é-", max_size=7), min_size=1, max_size=6), st.booleans())
def test_all_ways_at_once_say_what_one_after_the_other_says(pattern: str, texts: list[str], ignores: bool) -> None:
    expression = compiled(pattern, ignores)
    known = re.compile(pattern, re.IGNORECASE if ignores else 0)
    # The short way is for short texts: here all are to take the long one, where there is one.
    match = expression._ways.match if expression._ways is not None else expression.fullmatch
    for text in texts:
        assert (match if text else expression.fullmatch)(text) is (known.fullmatch(text) is not None), (pattern, text)


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """End what takes for ever, which else would hold up the whole suite."""

    def ring(number: int, frame: object) -> None:
        raise AssertionError("it takes for ever")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "([a-z]+)*b", "(a?){40}b", "a*a*a*a*a*a*a*a*a*b",
        "(?:(?:a|b)*c?)*d", "^(a+)+$b", ".*a.*a.*a.*a.*a.*a.*b", "(x+x+)+y|(a+a+)+b", "(?i)(A+)+B",
    ],
)  # fmt: skip
def test_masks_that_would_take_for_ever_do_not(pattern: str) -> None:
    assert mask_problem(pattern) == ""
    with no_longer_than(60):
        for length in (30, 512):
            assert not Mask(pattern).matches("a" * length)
    if "$" not in pattern:
        assert Mask(pattern).matches("a" * 40 + pattern[-1].lower())


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a*)*\1", "back-references"),
        ("(?=a*b*)a*", "look-around"),
        ("(?:(?:a{1,90}){1,90}b)*", "too large"),
        ("(?i)[\\x00-\\U0010ffff]", "too many characters"),
        ("(?m)(^a|b)*", "flag"),
        ("a" * (LONGEST + 1), "characters long"),
    ],
)
def test_what_cannot_be_followed_so_is_refused_with_why(pattern: str, why: str) -> None:
    assert why in mask_problem(pattern)
    with pytest.raises(TooHard):
        compiled(pattern)
    # What a journal holds from before is no reason to lose a farm.
    Mask(pattern)


@pytest.mark.parametrize("pattern", ["(?!win).*", "render.*", "(lin|win)-[0-9]{3}", "(?i)node.*", r"(\w)\1"])
def test_what_masks_usually_are_is_taken(pattern: str) -> None:
    assert mask_problem(pattern) == ""
    assert Mask(pattern).matches("rr") is (re.fullmatch(pattern, "rr") is not None)


def test_more_sets_than_are_kept_are_met_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afcore.expressions._SETS_MOST", 2)
    expression = compiled("(a|b)*a(a|b){3}x*y*", True)
    known = re.compile("(a|b)*a(a|b){3}x*y*")
    for text in ("abababbababbbabxy", "bbbbbbbb", "abbb", "", "abbbxxyy"):
        assert expression.fullmatch(text * 5) is (known.fullmatch(text * 5) is not None)
