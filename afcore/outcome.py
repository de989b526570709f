"""What comes out of applying one command."""

from typing import Any

import msgspec

from afcore.effects import Effect
from afcore.events import Event

__all__ = ["Entry", "Outcome"]


class Outcome(msgspec.Struct):
    """Events in the order in which they happened, what others must do, and the answer to the caller."""

    events: list[Event] = []
    """Already evolved into the farm."""
    effects: list[Effect] = []
    """To be released after the facts among ``events`` are committed."""
    runs: list[dict[str, Any]] = []
    """History of the runs that ended: one dict per RunFinished, keys as the fields of ``afcore.store.base.RunRow``
    except ``seq``; taken before the job could be forgotten."""
    jobs: list[dict[str, Any]] = []
    """Statistics of deleted jobs: one dict per block, keys as ``afcore.store.base.JobRow`` except ``seq``."""
    reply: Any = None
    """A value of builtins for the caller; None where there is nothing to say."""


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One journal entry: the facts of one command with everything about its sender."""

    at: float
    operation: str
    principal: str
    role: int
    origin: str
    cause: str
    events: list[Event]
    """Facts only, never readings."""
