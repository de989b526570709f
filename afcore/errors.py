"""The one error tree of Afwatch, split by whose fault it is.

::

    AfError
     +-- Rejected            the farm says no: code, sentence, hint
     |    +-- NotFound           there is no such thing
     |    +-- NotAllowed         this principal may not do it
     |    +-- BadSpec            what was submitted is wrong: carries all problems at once
     |    +-- Conflict           it contradicts what the farm is now
     |    +-- LimitReached       it is more than the farm takes
     +-- WireError           bytes went wrong between two programs
     |    +-- OurFault           we broke the protocol
     |    +-- TheirFault         the peer broke the protocol
     |    +-- VersionMismatch    no common protocol version
     |    +-- ConnectionLost     the peer is gone
     |    +-- TimedOut           the peer said nothing in time
     +-- StoreError          the farm's own database
     |    +-- Unavailable        away for now, try again
     |    +-- Corrupt            it holds what cannot be true
     |    +-- TooNew             written by a newer version
     |    +-- InUse              another server has it
     |    +-- Fenced             another server took over; this one must stop acting
     +-- ConfigError         a setting is wrong: file, key, hint
     +-- Bug                 a broken invariant; caught only at the top, which writes a dump and stops

A render that fails, a process that cannot start, a host that vanishes are events, not exceptions.
Every sentence names the field, file or host, says what is wrong, and the hint says what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

__all__ = [
    "AfError",
    "BadSpec",
    "Bug",
    "ConfigError",
    "Conflict",
    "ConnectionLost",
    "Corrupt",
    "Fenced",
    "InUse",
    "LimitReached",
    "NotAllowed",
    "NotFound",
    "OurFault",
    "Problem",
    "Rejected",
    "StoreError",
    "TheirFault",
    "TimedOut",
    "TooNew",
    "Unavailable",
    "VersionMismatch",
    "WireError",
    "did_you_mean",
]


_LONGEST_WORD = 200
"""Characters of a word that is compared with those that could be meant."""
_MANY = 400
"""Choices that a word is compared with."""


class Problem(NamedTuple):
    """One thing wrong with what a person gave: where it is, what is wrong, what to do about it.

    ``path`` names the place as the person wrote it (``blocks[0].frames_last``, ``af_servername``); it may be empty when
    the problem is the whole. ``what`` and ``hint`` are sentences without a final full stop; ``hint`` may be empty.
    """

    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}" if self.path else self.what
        return f"{text} ({self.hint})" if self.hint else text


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``did you mean "x"?`` with the choice nearest to ``word``, or an empty string when none is near.

    A choice that differs in letter case only always counts as near.  A word far longer than a name is near to none:
    comparing takes as long as both are, and the word may come from anybody.
    """
    if len(word) > _LONGEST_WORD:
        return ""
    names = sorted(set(choices))
    if len(names) > _MANY:
        # Comparing costs a while for each: of many only those that begin as the word does.
        names = [name for name in names if name[:1].lower() == word[:1].lower()][:_MANY]
    by_lower = {name.lower(): name for name in names}
    near = by_lower.get(word.lower())
    if near is None:
        found = difflib.get_close_matches(word.lower(), sorted(by_lower), n=1, cutoff=0.6)
        near = by_lower[found[0]] if found else None
    if near is None or near == word:
        return ""
    return f'did you mean "{near}"?'


class AfError(Exception):
    """Root of every error that Afwatch raises on purpose.

    ``sentence`` says what is wrong and names the thing it is about; ``hint`` says what to do and may be empty.
    """

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


class Rejected(AfError):
    """The farm says no. ``code`` is a stable word for programs, ``sentence`` and ``hint`` are for people."""

    default_code: ClassVar[str] = "rejected"

    def __init__(self, sentence: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(sentence, hint=hint)
        self.code = self.default_code if code is None else code


class NotFound(Rejected):
    """What was asked for does not exist, or does not exist any more."""

    default_code = "not_found"


class NotAllowed(Rejected):
    """The principal of the command may not do this."""

    default_code = "not_allowed"


class BadSpec(Rejected):
    """What was submitted is wrong; ``problems`` lists everything that is, not only the first thing."""

    default_code = "bad_spec"

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        sentence: str | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        self.problems: list[Problem] = list(problems)
        first = self.problems[0] if self.problems else Problem("", "the specification is wrong")
        if sentence is None:
            sentence = f"{first.path}: {first.what}" if first.path else first.what
            if len(self.problems) > 1:
                sentence = "{} problems: {}".format(len(self.problems), "; ".join(str(p) for p in self.problems))
        if hint is None:
            hint = first.hint if len(self.problems) <= 1 else ""
        super().__init__(sentence, hint=hint, code=code)


class Conflict(Rejected):
    """The command contradicts what the farm is now."""

    default_code = "conflict"


class LimitReached(Rejected):
    """The command asks for more than the farm takes."""

    default_code = "limit_reached"


class WireError(AfError):
    """Bytes between two programs went wrong."""


class OurFault(WireError):
    """This program was about to break the protocol."""


class TheirFault(WireError):
    """The peer broke the protocol."""


class VersionMismatch(WireError):
    """The two programs have no protocol version in common."""


class ConnectionLost(WireError):
    """The peer is not there, or is not there any more."""


class TimedOut(WireError):
    """The peer did not answer in time."""


class StoreError(AfError):
    """The farm's own database refuses to serve."""


class Unavailable(StoreError):
    """The database is away for now; the same call may succeed later."""


class Corrupt(StoreError):
    """The database holds what cannot be true."""


class TooNew(StoreError):
    """The database was written by a newer version of Afwatch."""


class InUse(StoreError):
    """Another server works with this database or data folder."""


class Fenced(StoreError):
    """Another server became the leader of this farm: this one must stop acting at once."""


class ConfigError(AfError):
    """A setting is wrong. ``file`` is where it was said (a path, or ``environment``), ``key`` is its name."""

    def __init__(self, file: str, key: str, what: str, *, hint: str = "") -> None:
        place = f"{file}: {key}" if file and key else file or key
        super().__init__(f"{place}: {what}" if place else what, hint=hint)
        self.file = file
        self.key = key
        self.what = what


class Bug(AfError):
    """A broken invariant: the program is wrong, not its user. Caught only at the top, which writes a dump and stops."""
