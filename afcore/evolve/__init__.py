"""Event to change: the only code that writes the farm.

Rules of this file:
- One table, ``HANDLERS``, by the event's type; every event has exactly one handler.
- A handler never refuses and never asks a rule: whatever it needs is in the event or in the farm.
- Live counters are kept here with each event; ``afcore.recount`` builds the same numbers from columns and runs.
"""

from collections.abc import Callable
from typing import Any

from afcore.events import Event
from afcore.evolve import append, jobs, ranges, renders, system, tasks, tree
from afcore.model.farm import Farm

__all__ = ["HANDLERS", "Handler", "evolve"]

Handler = Callable[[Farm, Any, float], None]
"""Changes the farm as the event says; the last argument is the time of its journal entry."""

HANDLERS: dict[type, Handler] = {
    **tree.HANDLERS,
    **jobs.HANDLERS,
    **append.HANDLERS,
    **tasks.HANDLERS,
    **ranges.HANDLERS,
    **renders.HANDLERS,
    **system.HANDLERS,
}
"""The one dispatch table."""


def evolve(farm: Farm, event: Event, at: float) -> None:
    """Let ``event`` happen in ``farm`` at ``at`` (unix seconds)."""
    farm.version += 1
    HANDLERS[type(event)](farm, event, at)
