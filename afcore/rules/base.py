"""What every rule is given and gives.

Rules of this file:
- A rule is a generator: it reads the farm and yields events, each evolved before the rule goes on; what it returns is
  the reply.  It may raise ``Rejected`` only before its first event.
- Beside events a rule may yield effects that repeat an earlier one (a start that may have been lost) or that one event
  has for many renders; all other effects come from events by ``afcore.consequences``.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afcore.deadlines import Deadlines
from afcore.effects import DropRun, StartRun, StopRun, TuneRender
from afcore.envelope import Principal
from afcore.events import Event
from afcore.model.farm import Farm
from afcore.queued import Queued
from afcore.undo import UndoLog

if TYPE_CHECKING:
    from afcore.schedule.solver import Scheduler

__all__ = ["Context", "Rule", "Steps"]

Steps = Generator[Event | StartRun | StopRun | DropRun | TuneRender, None, Any]
"""What a rule is: events and effects on the way, the reply at the end."""


@dataclass(slots=True)
class Context:
    """Everything a rule may look at; nothing in it is to be written."""

    farm: Farm
    at: float
    """The time of the command, unix seconds."""
    principal: Principal
    scheduler: "Scheduler"
    deadlines: Deadlines
    undo: UndoLog
    queued: Queued


Rule = Callable[[Context, Any], Steps]
"""The function of one command."""
