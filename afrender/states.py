"""The life of one run on an agent, as a table; and the verdict on how it ended.

Rules of this file:
- a pair of state and event that is not in ``TRANSITIONS`` cannot happen; meeting one is a bug;
- a process is never left without a state that waits for its end;
- only a run that is ``FINISHED`` has a report, and only an acknowledgement or a drop takes it away.
"""

from __future__ import annotations

from enum import Enum

from afcore.states import RunStatus

__all__ = ["LIVING", "TRANSITIONS", "Deed", "RunEvent", "RunState", "final_status"]


class RunState(Enum):
    """What a run is to this agent."""

    WAITING = "waiting"
    """Given, but an older run of the same task is still ending here."""
    STARTING = "starting"
    """Its process was asked for."""
    START_STOPPED = "start stopped"
    """Asked for, and asked to stop before it came to life."""
    START_DROPPED = "start dropped"
    """Asked for, and given away before it came to life."""
    RUNNING = "running"
    ENDING = "ending"
    """Its process was told to end; it will be reported."""
    DROPPING = "dropping"
    """Its process was told to end; nobody wants to hear of it."""
    FINISHED = "finished"
    """It is over; the report waits for its acknowledgement."""
    GONE = "gone"
    """Nothing of it is left."""


LIVING = frozenset(
    {
        RunState.STARTING,
        RunState.START_STOPPED,
        RunState.START_DROPPED,
        RunState.RUNNING,
        RunState.ENDING,
        RunState.DROPPING,
    }
)
"""States in which a process of the run exists or may come to life."""


class RunEvent(Enum):
    """What can happen to a run."""

    ROOM = "room made"
    """The older run of the task is over."""
    STARTED = "process started"
    REFUSED = "process refused"
    """It did not start, or there was nothing to do."""
    EXITED = "process exited"
    STOP = "stop asked"
    """By the server, or by the agent that leaves."""
    VERDICT = "parser verdict"
    """The parser wants the process ended."""
    DROP = "dropped"
    """The server does not know the run any more."""
    ACKNOWLEDGED = "acknowledged"


class Deed(Enum):
    """What the agent does when a run changes state."""

    SPAWN = "spawn"
    TERMINATE = "terminate"
    KILL = "kill"
    REPORT = "report"
    FORGET = "forget"
    """Delete its report and log."""


_S, _E, _D = RunState, RunEvent, Deed

TRANSITIONS: dict[tuple[RunState, RunEvent], tuple[RunState, tuple[Deed, ...]]] = {
    (_S.WAITING, _E.ROOM): (_S.STARTING, (_D.SPAWN,)),
    (_S.WAITING, _E.STOP): (_S.FINISHED, (_D.REPORT,)),
    (_S.WAITING, _E.DROP): (_S.GONE, (_D.FORGET,)),
    (_S.STARTING, _E.STARTED): (_S.RUNNING, ()),
    (_S.STARTING, _E.REFUSED): (_S.FINISHED, (_D.REPORT,)),
    (_S.STARTING, _E.STOP): (_S.START_STOPPED, ()),
    (_S.STARTING, _E.DROP): (_S.START_DROPPED, ()),
    (_S.START_STOPPED, _E.STARTED): (_S.ENDING, (_D.TERMINATE,)),
    (_S.START_STOPPED, _E.REFUSED): (_S.FINISHED, (_D.REPORT,)),
    (_S.START_STOPPED, _E.STOP): (_S.START_STOPPED, ()),
    (_S.START_STOPPED, _E.DROP): (_S.START_DROPPED, ()),
    (_S.START_DROPPED, _E.STARTED): (_S.DROPPING, (_D.KILL,)),
    (_S.START_DROPPED, _E.REFUSED): (_S.GONE, (_D.FORGET,)),
    (_S.START_DROPPED, _E.STOP): (_S.START_DROPPED, ()),
    (_S.START_DROPPED, _E.DROP): (_S.START_DROPPED, ()),
    (_S.RUNNING, _E.EXITED): (_S.FINISHED, (_D.REPORT,)),
    (_S.RUNNING, _E.STOP): (_S.ENDING, (_D.TERMINATE,)),
    (_S.RUNNING, _E.VERDICT): (_S.ENDING, (_D.TERMINATE,)),
    (_S.RUNNING, _E.DROP): (_S.DROPPING, (_D.KILL,)),
    (_S.ENDING, _E.EXITED): (_S.FINISHED, (_D.REPORT,)),
    (_S.ENDING, _E.STOP): (_S.ENDING, ()),
    (_S.ENDING, _E.VERDICT): (_S.ENDING, ()),
    (_S.ENDING, _E.DROP): (_S.DROPPING, (_D.KILL,)),
    (_S.DROPPING, _E.EXITED): (_S.GONE, (_D.FORGET,)),
    (_S.DROPPING, _E.STOP): (_S.DROPPING, ()),
    (_S.DROPPING, _E.VERDICT): (_S.DROPPING, ()),
    (_S.DROPPING, _E.DROP): (_S.DROPPING, ()),
    (_S.FINISHED, _E.STOP): (_S.FINISHED, ()),
    (_S.FINISHED, _E.DROP): (_S.GONE, (_D.FORGET,)),
    (_S.FINISHED, _E.ACKNOWLEDGED): (_S.GONE, (_D.FORGET,)),
}
"""(state, event) → (next state, what to do)."""


def final_status(judged: RunStatus, *, stopped: RunStatus | None, verdict: RunStatus | None) -> RunStatus:
    """Return how an ended run counts.

    ``judged``: what service and parser think of its end. ``stopped``: the farm or the leaving agent asked for it, and
    it counts as this. ``verdict``: the parser asked for it. A run that was stopped is stopped, however its process
    took it.
    """
    if stopped is not None:
        return stopped
    if verdict is not None:
        return verdict
    return judged
