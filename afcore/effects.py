"""What others must do because of what happened: effects, released only after their events are committed.

Rules of this file:
- An effect comes from an event by the one table in ``afcore.consequences``; replay makes none.
- Effects to renders are safe to repeat and safe to lose: a register or report brings both sides together again.
"""

from array import array

import msgspec

from afcore.ids import RunKey

__all__ = [
    "CutRender",
    "DropRun",
    "Effect",
    "InstructRender",
    "RemoveJobFiles",
    "StartRun",
    "StopRun",
    "StopRuns",
    "TuneRender",
]


class StartRun(msgspec.Struct, frozen=True, gc=False):
    """Tell a render to start a run."""

    render: int
    key: RunKey


class StopRun(msgspec.Struct, frozen=True, gc=False):
    """Tell a render to stop a run and report its end."""

    render: int
    key: RunKey


class StopRuns(msgspec.Struct, frozen=True):
    """Tell every render of some runs of one block to stop them: a ``StopRun`` for each that is still to be stopped."""

    job: int
    block: int
    tasks: "array[int]"
    runs: "array[int]"
    """Run numbers, one for each task."""


class DropRun(msgspec.Struct, frozen=True, gc=False):
    """Tell a render that a run it may have is not its own any more: end it and report nothing."""

    render: int
    key: RunKey


class RemoveJobFiles(msgspec.Struct, frozen=True, gc=False):
    """Remove the kept files (logs) of a deleted job."""

    job: int


class CutRender(msgspec.Struct, frozen=True, gc=False):
    """Close the connection of a render that counts as lost: it has to register again, and hears what it lost."""

    render: int


class TuneRender(msgspec.Struct, frozen=True, gc=False):
    """Tell a render the times of its pool anew."""

    render: int


class InstructRender(msgspec.Struct, frozen=True, gc=False):
    """Tell a render to ``exit``, ``restart``, ``reboot``, ``shutdown`` or ``sleep``: how is its own affair."""

    render: int
    what: str


Effect = StartRun | StopRun | StopRuns | DropRun | RemoveJobFiles | CutRender | TuneRender | InstructRender
"""Everything the farm may ask of the world."""
