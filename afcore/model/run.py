"""One execution of a task that is going on now."""

import msgspec

from afcore.ids import RunKey
from afcore.reservation import Reservation

__all__ = ["Run", "RunCopy"]


class Run(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """One execution that is going on now: there are as many as busy slots, never as many as tasks.

    Most lie at rest in ``afcore.model.runs``, which makes one of these when it is asked for.
    """

    key: RunKey
    render: int
    """The master."""
    capacity: int
    coefficient: int = 0
    captured: tuple[Reservation, ...] = ()
    """Renders that are held beside the master."""
    devices: tuple[int, ...] = ()
    tickets: tuple[tuple[str, int], ...] = ()
    """How many it holds of which ticket on the master."""
    started: float = 0.0
    progress_changed: float = 0.0
    waiting_since: float = 0.0
    """When the server came back and began to wait for its render; 0 while it really runs."""
    stopping: int = -1
    """TaskState it gets when it ends, once a stop was asked; -1 otherwise."""
    stop_status: int = 0
    frame: int = -1
    percent_frame: int = -1
    activity: str = ""
    last_line: str = ""

    @property
    def hosts(self) -> list[int]:
        """Every render that is held, the master first."""
        return [self.render, *(each.render for each in self.captured)]


class RunCopy(Run, frozen=True, kw_only=True, gc=False, omit_defaults=True):  # type: ignore[misc]
    """A run for reading, as it lies at rest: who tries to change one gets an AttributeError."""
