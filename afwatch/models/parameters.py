"""What is being edited: present values of many things, what a person made of them, and what that means to send.

Rules of this file:
- No Qt.  Nothing is sent before it is asked for; a value is what the farm takes, a text is what a person types.
- Differing values are told as such; typing sets all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from afwatch.parameterwords import value_text
from afwatch.texts import tr

__all__ = ["Edited", "ParameterSet", "parse_value"]


def parse_value(kind: str, text: str) -> Any:
    """Return the value that a text of a kind of parameter means; ValueError with a sentence when it means none."""
    text = text.strip() if kind not in ("text", "command") else text
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
        return "" if self.mixed or not self.values else value_text(self.values[0][0])

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
            told = ", ".join(f"{value_text(value) or 'none'} ({count})" for value, count in self.values[:3])
            more = self.different - min(3, len(self.values))
            return told + (tr(" and {0} more", more) if more > 0 else "")
        if self.changed:
            return tr("was {0}", self.present or 'none')
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
            made = Edited(row["name"], row["kind"], row["low"], row["high"], row["words"], values, row["different"])
            old = before.get(made.name)
            if old is not None and old.text is not None:
                made.text, made.problem = old.text, old.problem
            self.entries[made.name] = made

    def type(self, name: str, text: str) -> None:
        """A person typed a value."""
        entry = self.entries[name]
        entry.text, entry.problem = text, ""
        if entry.changed:
            try:
                value = parse_value(entry.kind, text)
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
            name: _with_removals(entry, parse_value(entry.kind, entry.text or ""))
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
