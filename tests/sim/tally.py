"""What happened how often over many worlds: faults, commands, events and the rows of every transition table.

Rules of this file:
- What never happened was not tried: ``never`` names it, and the suite fails.
- The tables are read from the product, so a new row is asked for by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, get_args

import afnet.wire.states
import afrender.states
from afcore import commands
from afcore.events import FACTS, READINGS
from afcore.rules.transitions import TABLE
from tests.sim.world import FAULTS, World, play, virtual

__all__ = ["Tally"]

_BESIDE = ("frame lost", "frame doubled", "frame overtaken", "reported before it registered")


def _name(key: Any) -> str:
    if isinstance(key, tuple):
        return ", ".join(_name(each) for each in key)
    if isinstance(key, type):
        return key.__name__
    return key.name if isinstance(key, Enum) else str(key)


class Tally:
    """Counts by section and name."""

    def __init__(self) -> None:
        self.worlds = 0
        self.compared = 0
        """Crashes after which the farm that came back was compared with the one before."""
        self.sections: dict[str, Counter[str]] = {name: Counter() for name in self._expected()}
        self._runs: Counter[Any] = Counter()
        self._sessions: Counter[Any] = Counter()

    @staticmethod
    def _expected() -> dict[str, list[str]]:
        return {
            "faults": [*FAULTS, *_BESIDE],
            "commands": [kind.__name__ for kind in get_args(commands.Command)],
            "events": [kind.__name__ for kind in (*FACTS, *READINGS)],
            "states of tasks": [_name(row) for row in TABLE],
            "states of runs": [_name(row) for row in afrender.states.TRANSITIONS],
            "states of conversations": [_name(row) for row in afnet.wire.states.TRANSITIONS],
        }

    def play(self, seed: int) -> str:
        """Play a world and count it; return its digest."""
        world, digest = play(seed, self._runs, self._sessions)
        self._count(world)
        return digest

    def walk(self, walk: Callable[[range], None], seeds: range) -> None:
        """Let agents' minds walk alone, and count which rows of their table they took."""
        with virtual(self._runs, self._sessions):
            walk(seeds)
        self._count_rows()

    def _count(self, world: World) -> None:
        history = world.history
        self.worlds += 1
        self.compared += world.digests
        self.sections["faults"].update(world.faults)
        self.sections["commands"].update(history.commands)
        self.sections["events"].update(history.events)
        self._count_rows(history.rows)

    def _count_rows(self, of_tasks: Mapping[Any, int] = MappingProxyType({})) -> None:
        for section, counts in (
            ("states of tasks", of_tasks),
            ("states of runs", self._runs),
            ("states of conversations", self._sessions),
        ):
            for row, count in counts.items():
                self.sections[section][_name(row)] += count
        self._runs.clear()
        self._sessions.clear()

    def add(self, other: str) -> None:
        """Add what ``text`` of another tally said."""
        data = json.loads(other)
        self.worlds += data["worlds"]
        self.compared += data["compared"]
        for section, counts in data["sections"].items():
            self.sections[section].update(counts)

    def text(self) -> str:
        """Return everything for ``add``."""
        return json.dumps({"worlds": self.worlds, "compared": self.compared, "sections": self.sections})

    def never(self) -> list[str]:
        """Return a sentence for each thing that did not happen once."""
        return [
            f"{section}: {name} never happened"
            for section, names in self._expected().items()
            for name in names
            if not self.sections[section][name]
        ]

    def lines(self) -> Iterable[str]:
        """Yield a table for people."""
        yield f"{self.worlds} worlds, {self.compared} crashes compared"
        for section, counts in self.sections.items():
            yield ""
            yield section
            for name in sorted(set(counts) | set(self._expected()[section]), key=lambda name: (-counts[name], name)):
                yield f"{counts[name]:12,}  {name}"
