"""The life of a task as a table: from a state, by what happens, to a state.

Rules of this file:
- What is not in the table cannot happen; rules ask ``after`` or ``APPLIES`` and never name a target state of their own.
- ``READY`` as a target means "ready, or waiting for tasks of other blocks": ``rules.depends`` decides which.
- A person's act on a task that runs does not change its state: the run is asked to stop, and ``STOPPED`` follows with
  the state that was asked for.
The diagrams of docs/states.md are made from these tables.
"""

from enum import Enum

from afcore.errors import Bug
from afcore.states import TaskState

__all__ = ["ACTIONS", "APPLIES", "TABLE", "Happening", "after"]


class Happening(Enum):
    """What can happen to a task."""

    RELEASED = "released"
    HELD = "held"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FOUND_DONE = "found done"
    """Its service found nothing to do."""
    FAILED = "failed"
    """And will be tried again."""
    GAVE_UP = "gave up"
    """And will not."""
    RETURNED = "returned"
    """Its render was lost, left, never had it, or did not bring it back: no error."""
    SERVER_RESTARTED = "server restarted"
    BROUGHT_BACK = "brought back"
    RESTART = "restart"
    SKIP = "skip"
    DONE = "done"
    SUSPEND = "suspend"
    CONTINUE = "continue"


_S = TaskState
_H = Happening

TABLE: dict[tuple[TaskState, Happening], TaskState] = {
    (_S.WAIT_DEP, _H.RELEASED): _S.READY,
    (_S.READY, _H.HELD): _S.WAIT_DEP,
    (_S.READY, _H.STARTED): _S.RUNNING,
    (_S.RUNNING, _H.SUCCEEDED): _S.DONE,
    (_S.RUNNING, _H.FOUND_DONE): _S.SKIPPED,
    (_S.RUNNING, _H.FAILED): _S.READY,
    (_S.RUNNING, _H.GAVE_UP): _S.ERROR,
    (_S.RUNNING, _H.RETURNED): _S.READY,
    (_S.RUNNING, _H.SERVER_RESTARTED): _S.WAIT_RECONNECT,
    (_S.WAIT_RECONNECT, _H.BROUGHT_BACK): _S.RUNNING,
    (_S.WAIT_RECONNECT, _H.SUCCEEDED): _S.DONE,
    (_S.WAIT_RECONNECT, _H.FOUND_DONE): _S.SKIPPED,
    (_S.WAIT_RECONNECT, _H.FAILED): _S.READY,
    (_S.WAIT_RECONNECT, _H.GAVE_UP): _S.ERROR,
    (_S.WAIT_RECONNECT, _H.RETURNED): _S.READY,
    (_S.WAIT_RECONNECT, _H.SERVER_RESTARTED): _S.WAIT_RECONNECT,
    # What a person may do to a task; while it runs the target is what it becomes when its run has ended.
    (_S.WAIT_DEP, _H.RESTART): _S.READY,
    (_S.READY, _H.RESTART): _S.READY,
    (_S.RUNNING, _H.RESTART): _S.READY,
    (_S.WAIT_RECONNECT, _H.RESTART): _S.READY,
    (_S.DONE, _H.RESTART): _S.READY,
    (_S.SKIPPED, _H.RESTART): _S.READY,
    (_S.ERROR, _H.RESTART): _S.READY,
    (_S.SUSPENDED, _H.RESTART): _S.READY,
    (_S.WAIT_DEP, _H.SKIP): _S.SKIPPED,
    (_S.READY, _H.SKIP): _S.SKIPPED,
    (_S.RUNNING, _H.SKIP): _S.SKIPPED,
    (_S.WAIT_RECONNECT, _H.SKIP): _S.SKIPPED,
    (_S.ERROR, _H.SKIP): _S.SKIPPED,
    (_S.SUSPENDED, _H.SKIP): _S.SKIPPED,
    (_S.WAIT_DEP, _H.DONE): _S.DONE,
    (_S.READY, _H.DONE): _S.DONE,
    (_S.RUNNING, _H.DONE): _S.DONE,
    (_S.WAIT_RECONNECT, _H.DONE): _S.DONE,
    (_S.SKIPPED, _H.DONE): _S.DONE,
    (_S.ERROR, _H.DONE): _S.DONE,
    (_S.SUSPENDED, _H.DONE): _S.DONE,
    (_S.WAIT_DEP, _H.SUSPEND): _S.SUSPENDED,
    (_S.READY, _H.SUSPEND): _S.SUSPENDED,
    (_S.RUNNING, _H.SUSPEND): _S.SUSPENDED,
    (_S.WAIT_RECONNECT, _H.SUSPEND): _S.SUSPENDED,
    (_S.SKIPPED, _H.SUSPEND): _S.SUSPENDED,
    (_S.SUSPENDED, _H.CONTINUE): _S.READY,
}
"""Every change of state there is."""

ACTIONS: dict[str, Happening] = {each.value: each for each in (_H.RESTART, _H.SKIP, _H.DONE, _H.SUSPEND, _H.CONTINUE)}
"""What a person may ask for, by the word of ``ChangeTasks.action``."""

APPLIES: dict[Happening, frozenset[TaskState]] = {
    happening: frozenset(state for state, what in TABLE if what is happening) for happening in Happening
}
"""The states in which something can happen at all."""


def after(state: int, happening: Happening) -> TaskState:
    """Return the state a task comes to.  Raises Bug when that cannot happen in ``state``."""
    try:
        return TABLE[TaskState(state), happening]
    except KeyError:
        raise Bug(f"A task that is {TaskState(state).name} cannot be {happening.value}.") from None
