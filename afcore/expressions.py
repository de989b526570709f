"""Regular expressions of strangers: matched against whole texts in a time that grows with the text, or refused.

A mask comes from whoever may submit a job, and is asked of many names in the one process that serves everybody.
``re`` tries one way after the other, so that ``(a+)+b`` takes for ever on thirty letters. Here an expression with at
most one choice is left to ``re``; one with more is followed along all its ways at once, by sets of places in it
(Thompson 1968), the sets kept as they are met. What that cannot follow (look-around, back-references) is refused when
it has more than one choice.

Standard library only; the parser is that of ``re`` itself, so that both read the same.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["LONGEST", "Expression", "TooHard", "compiled"]

LONGEST = 4096
"""Characters of an expression."""

_SHORT = 64
"""Characters of a text on which two choices are still quick for ``re``."""
_PLACES_MOST = 1000
"""Places of an expression that is followed along all its ways."""
_SETS_MOST = 2000
"""Sets of places that are kept; then they are forgotten and met anew."""
_WIDEST = 4096
"""Characters of a range in an expression that ignores case: each is looked at when it is compiled."""

# Their names were others before Python 3.11.
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
_compiler: Any = importlib.import_module("re._compiler" if sys.version_info >= (3, 11) else "sre_compile")

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_ONE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_PLACES = ("AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING", "AT_BOUNDARY", "AT_NON_BOUNDARY")


class TooHard(ValueError):
    """An expression that could take for ever, or is too large; the text says why."""


class Expression:
    """An expression that was found to be safe."""

    __slots__ = ("_choices", "_regex", "_ways")

    def __init__(self, regex: re.Pattern[str], choices: int, ways: _Ways | None) -> None:
        self._regex = regex
        self._choices = choices
        self._ways = ways

    def fullmatch(self, text: str) -> bool:
        """Say whether it matches the whole text."""
        # Of an empty text ``re`` said before Python 3.14 that nothing in it is no boundary of a word.
        if self._ways is None or not text or (self._choices <= 2 and len(text) <= _SHORT):
            return self._regex.fullmatch(text) is not None
        return self._ways.match(text)

    def search(self, text: str) -> bool:
        """Say whether it matches somewhere in the text; for expressions of administrators."""
        return self._regex.search(text) is not None


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str, ignore_case: bool = False, trusted: bool = False) -> Expression:
    """Return an expression; one that was taken before there was this check is ``trusted`` and left to ``re``.

    Raises re.error for one that is broken, TooHard, OverflowError and RecursionError for one that cannot be used.
    """
    flags = re.IGNORECASE if ignore_case else 0
    if len(pattern) > LONGEST and not trusted:
        raise TooHard(f"it is {len(pattern)} characters long, at most {LONGEST} are taken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python will read otherwise one day is no news for who wrote a mask
        tree = _parser.parse(pattern, flags)
        flags = tree.state.flags
        found = _look(tree, bool(flags & re.IGNORECASE))
        if found.widest > _WIDEST and not trusted:
            raise TooHard("it ignores case in a range of too many characters")
        ways: _Ways | str | None = None
        if found.choices > 1:
            try:
                ways = _Ways(tree, flags)
            except TooHard as error:
                ways = str(error)
        if isinstance(ways, str):
            if not trusted:
                raise TooHard(ways)
            ways = None
        return Expression(re.compile(pattern, re.IGNORECASE if ignore_case else 0), found.choices, ways)


class _Look(NamedTuple):
    choices: int
    """Places at which a matcher has to choose; a thousand where choices lie within repeats."""
    widest: int
    """Characters of the widest range, if that matters."""


def _look(tree: Any, folds: bool) -> _Look:
    choices, widest = 0, 0
    for op, given in tree:
        name = str(op)
        inner: list[Any] = []
        if name in _REPEATS:
            least, most, body = given
            below = _look(body, folds)
            choices += (0 if least == most else 1) + (1000 * below.choices if int(most) > 1 else below.choices)
            widest = max(widest, below.widest)
        elif name == "BRANCH":
            choices += 1
            inner = list(given[1])
        elif name == "SUBPATTERN":
            inner = [given[-1]]
        elif name in ("ASSERT", "ASSERT_NOT"):
            inner = [given[1]]
        elif name == "ATOMIC_GROUP":
            inner = [given]
        elif name == "GROUPREF_EXISTS":
            choices += 1
            inner = [each for each in given[1:] if each is not None]
        elif name == "GROUPREF":
            choices += 1
        elif name == "IN" and folds:
            widest = max([widest, *(one[1][1] - one[1][0] for one in given if str(one[0]) == "RANGE")])
        for each in inner:
            below = _look(each, folds)
            choices, widest = choices + below.choices, max(widest, below.widest)
    return _Look(choices, widest)


_Test = Callable[[str], Any]


class _Ways:
    """An expression as places with ways between them, followed all at once.

    A place either takes a character (``tests``) and goes on to ``after``, or goes on without one (``ways``), at some
    only where the text is right for it (``where``).
    """

    def __init__(self, tree: Any, flags: int) -> None:
        """Raises TooHard for what cannot be followed so."""
        if flags & (re.MULTILINE | re.LOCALE):
            raise TooHard("it sets a flag that is not taken together with several choices")
        self._tree = tree
        self._ascii = bool(flags & re.ASCII)
        self._tests: dict[int, _Test] = {}
        self._after: dict[int, int] = {}
        self._ways: dict[int, list[int]] = {}
        self._where: dict[int, str] = {}
        self._places = 1
        # Place 0 is the end.
        self._first = self._sequence(tree, 0)
        self._sets: dict[tuple[frozenset[int], bool, bool], dict[str, tuple[frozenset[int], bool, bool]]] = {}

    # Building, from the end to the beginning

    def _new(self) -> int:
        if self._places > _PLACES_MOST:
            raise TooHard("it is too large together with several choices")
        self._places += 1
        return self._places - 1

    def _sequence(self, tree: Any, end: int) -> int:
        """Return the place where a sequence begins that goes on at ``end``."""
        for op, given in reversed(list(tree)):
            end = self._node(op, given, end)
        return end

    def _node(self, op: Any, given: Any, end: int) -> int:
        name = str(op)
        if name in _ONE:
            place = self._new()
            self._tests[place] = self._test_of(op, given)
            self._after[place] = end
            return place
        if name == "BRANCH":
            return self._fork([self._sequence(each, end) for each in given[1]])
        if name == "SUBPATTERN" and not given[1] and not given[2]:
            return self._sequence(given[3], end)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = given
            return self._repeat(least, most, body, end)
        if name == "AT" and str(given) in _PLACES:
            place = self._fork([end])
            self._where[place] = str(given)
            return place
        raise TooHard("look-around, back-references and the like are not taken together with several choices")

    def _fork(self, ways: list[int]) -> int:
        place = self._new()
        self._ways[place] = ways
        return place

    def _repeat(self, least: int, most: Any, body: Any, end: int) -> int:
        if most == _parser.MAXREPEAT:
            again = self._fork([end])
            self._ways[again].append(self._sequence(body, again))
            begin = again
        else:
            begin = end
            for _ in range(int(most) - least):
                begin = self._fork([end, self._sequence(body, begin)])
        for _ in range(least):
            begin = self._sequence(body, begin)
        return begin

    def _test_of(self, op: Any, given: Any) -> _Test:
        """Return what says whether a character is taken: the very thing that ``re`` would compile."""
        one = _parser.SubPattern(self._tree.state, [(op, given)])
        test: _Test = _compiler.compile(one, self._tree.state.flags).match
        return test

    # Following

    def match(self, text: str) -> bool:
        """Say whether it matches the whole text."""
        state = (frozenset((self._first,)), True, False)
        for character in text:
            known = self._sets.get(state)
            if known is None:
                if len(self._sets) >= _SETS_MOST:
                    self._sets.clear()
                known = self._sets[state] = {}
            following = known.get(character)
            if following is None:
                following = known[character] = self._step(state, character)
            if not following[0]:
                return False
            state = following
        return 0 in self._reach(state, None)

    def _step(self, state: tuple[frozenset[int], bool, bool], character: str) -> tuple[frozenset[int], bool, bool]:
        tests, after = self._tests, self._after
        reached = self._reach(state, character)
        taken = frozenset(after[place] for place in reached if place in tests and tests[place](character))
        return taken, False, self._is_word(character)

    def _reach(self, state: tuple[frozenset[int], bool, bool], following: str | None) -> set[int]:
        """Return every place that is reached without a character, before ``following``; None is the end of the text."""
        places, at_begin, after_word = state
        reached: set[int] = set()
        pending = list(places)
        while pending:
            place = pending.pop()
            if place in reached:
                continue
            reached.add(place)
            where = self._where.get(place)
            if where is None or self._is_right(where, at_begin, after_word, following):
                pending.extend(self._ways.get(place, ()))
        return reached

    def _is_right(self, where: str, at_begin: bool, after_word: bool, following: str | None) -> bool:
        if where.startswith("AT_BEGINNING"):
            return at_begin
        if where.startswith("AT_END"):
            return following is None
        before_word = following is not None and self._is_word(following)
        return (after_word != before_word) is (where == "AT_BOUNDARY")

    def _is_word(self, character: str) -> bool:
        return (character.isalnum() or character == "_") and (not self._ascii or character.isascii())
