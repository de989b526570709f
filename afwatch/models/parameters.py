"""What is being edited: present values of many things, what a person made of them, and what that means to send.

Rules of this file:
- No Qt.  Nothing is sent before it is asked for; a value is what the farm takes, a text is what a person types.
- Differing values are told as such; typing sets all.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from afcore.errors import BadSpec
from afnet.moments import parse_instant
from afwatch.parameterwords import choice_text, value_text
from afwatch.texts import tr

__all__ = ["MOMENTS", "Edited", "ParameterSet", "moment_text", "parse_moment", "parse_value"]


MOMENTS = frozenset({"time_wait"})
"""Parameters that are instants: people read and write them as times, the farm has unix seconds."""
_IN = re.compile(r"(?:in )?(\d{1,6})\s*(s|sec|min|h|d|w)$")
"""Elsewhere ``2h`` is two hours ago; here it can only be what is still to come."""
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?$")


def moment_text(at: int) -> str:
    """Return an instant as it is typed: ``2026-11-28 09:37``, with seconds where there are some; 0 is at once."""
    if not at:
        return tr("at once")
    there = datetime.fromtimestamp(at, UTC).astimezone()
    return there.strftime("%Y-%m-%d %H:%M" if not there.second else "%Y-%m-%d %H:%M:%S")


def parse_moment(text: str, now: float) -> int:
    """Return the unix seconds of a time to come: ``in 2h``, ``09:37``, a date, or at once; ValueError for none."""
    word = " ".join(text.lower().split())
    if word in ("", "0", "now", tr("at once").lower()):
        return 0
    after = _IN.match(word)
    if after is not None:
        return int(now) + int(after[1]) * _SECONDS[after[2]]
    try:
        at = int(parse_instant(text, now=now).at)
        if _CLOCK.match(word) and at < now:
            # By the clock and not by its seconds: a day may have 23 hours or 25.
            tomorrow = datetime.fromtimestamp(now, UTC).astimezone().replace(tzinfo=None) + timedelta(days=1)
            at = int(parse_instant(word, now=tomorrow.timestamp()).at)
    except BadSpec:
        raise ValueError(tr("must be a time: 2026-01-31 03:12, 03:12, in 2h, at once")) from None
    return at


def parse_value(kind: str, text: str) -> Any:
    """Return the value that a text of a kind of parameter means; ValueError with a sentence when it means none."""
    text = text.strip() if kind not in ("text", "command") else text
    if kind == "moment":
        return parse_moment(text, time.time())
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None
    if kind == "bool":
        if text.lower() in ("yes", "true", "1", "on"):
            return True
        if text.lower() in ("no", "false", "0", "off", ""):
            return False
        raise ValueError("must be yes or no")
    if kind == "texts":
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind == "command" and text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError("begins like a list and is none") from None
    if kind.endswith("map"):
        return dict(_pair(kind, part) for part in text.split(",") if part.strip())
    return text


def _pair(kind: str, part: str) -> tuple[str, Any]:
    key, sign, value = part.strip().partition("=")
    if not sign or not key.strip():
        raise ValueError("write name=value, name=value")
    if kind == "text map":
        return key.strip(), value.strip()
    numbers = value.strip().split(":")
    try:
        found = [int(number) for number in numbers]
    except ValueError:
        raise ValueError(f'the value of "{key.strip()}" must be a whole number') from None
    if kind == "ticket map":
        return key.strip(), [found[0], found[1] if len(found) > 1 else -1]
    return key.strip(), found[0]


@dataclass(slots=True)
class Edited:
    """One parameter of the things that are edited."""

    name: str
    kind: str
    low: int
    high: int
    words: list[str]
    values: list[tuple[Any, int]]
    """Present values with how many things have each, the most frequent first."""
    different: int
    text: str | None = None
    """What was typed; None for nothing."""
    problem: str = ""
    """What is wrong with it: of here, or of the farm."""

    @property
    def mixed(self) -> bool:
        """Whether the things differ in it."""
        return self.different > 1

    @property
    def present(self) -> str:
        """The present value as it is typed; empty when the things differ."""
        return "" if self.mixed or not self.values else self._typed(self.values[0][0])

    @property
    def may_be_unset(self) -> bool:
        """Whether -1 means that there is no such number: an empty field then."""
        return self.kind == "int" and self.low == -1

    def value_of(self, text: str) -> Any:
        """Return the value that a text means; ValueError with a sentence when it means none."""
        if self.may_be_unset and not text.strip():
            return -1
        return parse_value(self.kind, text)

    def _typed(self, value: Any) -> str:
        if self.may_be_unset and value == -1:
            return ""
        return moment_text(value) if self.kind == "moment" else value_text(value)

    def _said(self, value: Any) -> str:
        """Return a value as it is told: no number that only means that there is none."""
        if self.may_be_unset and value == -1:
            return tr("not set")
        if self.kind in ("word", "bool"):
            return choice_text(value_text(value))
        return self._typed(value) or tr("none")

    @property
    def changed(self) -> bool:
        """Whether it would be sent."""
        return self.text is not None and (self.mixed or self.text != self.present)

    @property
    def note(self) -> str:
        """What stands beside it: what is wrong, what it was, or the values that differ."""
        if self.problem:
            return self.problem
        if self.mixed:
            told = ", ".join(f"{self._said(value)} ({count})" for value, count in self.values[:3])
            more = self.different - min(3, len(self.values))
            return told + (tr(" and {0} more", more) if more > 0 else "")
        if self.changed:
            return tr("was {0}", self._said(self.values[0][0]) if self.values else tr("none"))
        if self.kind == "moment":
            return tr("2026-01-31 03:12, 03:12, in 2h, at once")
        if self.kind == "int" and self.high < 100_000:
            return tr("{0} to {1}", self.low, self.high)
        return ""


_REMOVALS: dict[str, Any] = {"text map": "", "ticket map": [-1, -1], "number map": 0}


def _with_removals(entry: Edited, value: Any) -> Any:
    """Return a map with what takes out the keys that were there and are not any more; anything else as it is."""
    if entry.kind not in _REMOVALS or entry.mixed:
        return value
    gone = -1 if entry.name == "tickets_host" else _REMOVALS[entry.kind]
    before: dict[str, Any] = entry.values[0][0] if entry.values else {}
    return {**{key: gone for key in before if key not in value}, **value}


@dataclass(slots=True)
class ParameterSet:
    """All parameters of some things of one kind."""

    kind: str
    things: list[str]
    entries: dict[str, Edited] = field(default_factory=dict)

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Take over the farm's answer; what was typed stays."""
        before = self.entries
        self.entries = {}
        for row in rows:
            values = [(pair[0], pair[1]) for pair in row["values"]]
            kind = "moment" if row["name"] in MOMENTS and row["kind"] == "int" else row["kind"]
            made = Edited(row["name"], kind, row["low"], row["high"], row["words"], values, row["different"])
            old = before.get(made.name)
            if old is not None and old.text is not None:
                made.text, made.problem = old.text, old.problem
            self.entries[made.name] = made

    def type(self, name: str, text: str) -> None:
        """A person typed a value."""
        entry = self.entries[name]
        if entry.mixed and entry.kind in ("int", "moment") and not text.strip():
            # Typed and taken back: an empty field says that they differ, and sets nothing.
            self.reset(name)
            return
        entry.text, entry.problem = text, ""
        if entry.changed:
            try:
                value = entry.value_of(text)
            except ValueError as error:
                entry.problem = str(error)
            else:
                if entry.kind == "int" and not entry.low <= value <= entry.high:
                    entry.problem = tr("must be {0} to {1}", entry.low, entry.high)

    def reset(self, name: str) -> None:
        """Take one back before it was sent."""
        self.entries[name].text, self.entries[name].problem = None, ""

    def changes(self) -> dict[str, Any]:
        """Return what is to be sent, by name; what is wrong is left out."""
        return {
            name: _with_removals(entry, entry.value_of(entry.text or ""))
            for name, entry in self.entries.items()
            if entry.changed and not entry.problem
        }

    def refused(self, problems: list[Any]) -> bool:
        """Put the farm's problems beside what they are about; says whether any was about one of these."""
        found = False
        for problem in problems:
            entry = self.entries.get(str(problem.path))
            if entry is not None:
                entry.problem = f"{problem.what}{': ' + problem.hint if problem.hint else ''}"
                found = True
        return found

    def request(self, changes: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the operation and its arguments that send changes."""
        if self.kind == "job":
            return "job.set", {"ids": [int(thing) for thing in self.things], "parameters": changes}
        if self.kind == "block":
            job = int(self.things[0].partition(".")[0])
            blocks = [int(thing.partition(".")[2]) for thing in self.things]
            return "block.set", {"job": job, "blocks": blocks, "parameters": changes}
        word = "names" if self.kind in ("render", "user") else "paths"
        return f"{self.kind}.set", {word: self.things, "parameters": changes}
