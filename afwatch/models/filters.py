"""The search line: ``state:error user:jo name~shot err>0 -user:anna word``, parsed and made a test of a row or a mask.

Rules of this file:
- Pure: no Qt.  A mistake is a problem with a hint beside the parts that were understood, never an exception.
- Words within a term are alternatives (``,``); terms must all hold; a minus before a term turns it round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afcore.errors import Problem, did_you_mean
from afwatch.texts import tr

__all__ = ["Field", "Query", "Term", "parse_query", "seconds_of", "test_of"]

_TERM = re.compile(
    r"(?P<minus>-?)(?P<field>[A-Za-z_]+)(?P<sign>[:~<>=])(?P<value>\"[^\"]*\"|\S*)|(?P<word>\"[^\"]*\"|\S+)"
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition as it was written."""

    field: str
    """Empty for a bare word."""
    sign: str
    """``:`` is one of the words, ``~`` contains, ``<`` and ``>`` compare."""
    values: tuple[str, ...]
    minus: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a view can be searched by: what of a row it looks at.

    ``get`` gives a text, a number or, for ``word``, all words that mean the row's state, in lower case.
    """

    name: str
    kind: str
    """``word``, ``text``, ``number`` or ``time`` (a number of seconds: ``age<2h``)."""
    get: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search line."""

    terms: tuple[Term, ...]
    problems: tuple[Problem, ...]


def seconds_of(text: str) -> float | None:
    """Return ``90``, ``2h`` or ``1.5d`` in seconds; None if it is no such thing."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    return float(found[1]) * _UNITS.get(found[2], 1) if found else None


def parse_query(text: str, fields: Sequence[str]) -> Query:
    """Return the terms of a search line and what is wrong with it; an unfinished term (``state:``) is left out."""
    terms: list[Term] = []
    problems: list[Problem] = []
    for found in _TERM.finditer(text):
        if found["word"]:
            terms.append(Term("", "~", (found["word"].strip('"'),), False, found.start(), found.end()))
            continue
        name, value = found["field"].lower(), found["value"].strip('"')
        if name not in fields:
            hint = did_you_mean(name, fields) or tr("there are: ") + ", ".join(fields)
            problems.append(Problem(found[0], tr("there is no field \"{0}\"", name), hint))
        elif value:
            values = tuple(part for part in value.split(",") if part)
            sign = ":" if found["sign"] == "=" else found["sign"]
            terms.append(Term(name, sign, values, bool(found["minus"]), found.start(), found.end()))
    return Query(tuple(terms), tuple(problems))


def test_of(query: Query, fields: Mapping[str, Field], bare: Callable[[Any], str]) -> Callable[[Any], bool] | None:
    """Return the test of a row, None when every row passes; ``bare`` gives the text that bare words look in."""
    tests: list[Callable[[Any], bool]] = []
    for term in query.terms:
        test = _test(term, fields[term.field]) if term.field else _contains(bare, term.values)
        if test is not None:
            tests.append(_turned(test) if term.minus else test)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _turned(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda row: not test(row)


def _contains(get: Callable[[Any], str], values: tuple[str, ...]) -> Callable[[Any], bool]:
    wanted = [value.lower() for value in values]
    return lambda row: any(value in get(row).lower() for value in wanted)


def _test(term: Term, field: Field) -> Callable[[Any], bool] | None:
    get, values = field.get, {value.lower() for value in term.values}
    if field.kind == "word":
        return lambda row: not values.isdisjoint(get(row))
    if field.kind == "text":
        if term.sign == "~":
            return _contains(get, term.values)
        return lambda row: get(row).lower() in values
    limit = seconds_of(term.values[0]) if field.kind == "time" else _number(term.values[0])
    if limit is None:
        return None
    if term.sign == ">":
        return lambda row: get(row) > limit
    if term.sign == "<":
        return lambda row: get(row) < limit
    return lambda row: get(row) == limit


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
