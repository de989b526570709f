"""What came from the farm, and what it changed on this side: values that cross from the link's thread to the panes.

Rules of this file:
- Values only, no Qt; a ``ChangeSet`` names kinds, ids and ranges, never rows: who wants a row asks the state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy

from afcore.errors import AfError
from afnet.wire.messages import Welcome

__all__ = [
    "Answered",
    "Arrival",
    "ChangeSet",
    "ColumnsPiece",
    "Connected",
    "Lines",
    "Lost",
    "Refusal",
    "RowsCame",
    "TaskRange",
    "Unreachable",
]


@dataclass(frozen=True, slots=True)
class Connected:
    """The farm's server welcomed us."""

    welcome: Welcome
    server: str
    """Its address."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The conversation is over; the link tries again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A try to connect failed."""

    sentence: str
    hint: str
    code: str = ""
    """``unknown_authority``, or the code of a refusal."""


@dataclass(frozen=True, slots=True)
class ColumnsPiece:
    """Columns of some tasks of a block, unpacked."""

    job: int
    block: int
    first: int
    count: int
    size: int
    version: int
    columns: dict[str, numpy.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class RowsCame:
    """Rows of a subscription, decoded; of tasks: ColumnsPieces."""

    id: int
    version: int
    rows: list[Any]
    gone: list[int]
    whole: bool
    initiators: list[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request."""

    id: int
    body: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request is refused."""

    id: int
    error: AfError


@dataclass(frozen=True, slots=True)
class Lines:
    """Output of a followed run."""

    id: int
    job: int
    block: int
    task: int
    run: int
    offset: int
    data: bytes
    last: bool


Arrival = Connected | Lost | Unreachable | RowsCame | Answered | Refusal | Lines
"""Everything that crosses from the link's thread."""


@dataclass(frozen=True, slots=True)
class TaskRange:
    """Tasks ``first`` up to ``end`` (excluded) of a block changed."""

    job: int
    block: int
    first: int
    end: int


@dataclass(slots=True)
class ChangeSet:
    """What some arrivals changed: ids by kind, ranges of tasks, and whose commands did it."""

    changed: dict[str, set[int]] = field(default_factory=dict)
    gone: dict[str, set[int]] = field(default_factory=dict)
    tasks: list[TaskRange] = field(default_factory=list)
    initiators: list[str] = field(default_factory=list)
    connection: bool = False
    """Whether we are connected, or to whom, changed."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone or self.tasks or self.connection or self.initiators)

    def touches(self, kind: str) -> bool:
        """Say whether rows of a kind changed or are gone."""
        return bool(self.changed.get(kind) or self.gone.get(kind))

    def merge(self, other: ChangeSet) -> None:
        """Add what came later."""
        for kind, ids in other.changed.items():
            self.changed.setdefault(kind, set()).update(ids)
            if kind in self.gone:
                self.gone[kind] -= ids
        for kind, ids in other.gone.items():
            self.gone.setdefault(kind, set()).update(ids)
            if kind in self.changed:
                self.changed[kind] -= ids
        self.tasks.extend(other.tasks)
        self.initiators.extend(other.initiators)
        self.connection = self.connection or other.connection
