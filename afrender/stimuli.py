"""What the agent is told by its surroundings, and what it asks them to do. Server messages are told as they are."""

from __future__ import annotations

import msgspec

from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import Report, RunSpec

__all__ = [
    "Action",
    "Connected",
    "Eject",
    "Enrol",
    "Forget",
    "Keep",
    "Kill",
    "Leave",
    "Left",
    "Lost",
    "Measure",
    "ProcessExited",
    "ProcessRefused",
    "ProcessStarted",
    "ProgressSeen",
    "Restored",
    "Say",
    "Spawn",
    "Terminate",
    "Tick",
    "VerdictReached",
]


class _Told(msgspec.Struct, frozen=True, gc=False):
    """Base of all of them."""


# Told to the agent


class Restored(_Told, frozen=True):
    """These reports of an earlier life are on disk and not acknowledged."""

    reports: list[Report]


class Connected(_Told, frozen=True):
    """A server answered; it belongs to ``farm``, which may not be the one the runs here are of."""

    farm: str


class Lost(_Told, frozen=True):
    """The server is away."""


class ProcessStarted(_Told, frozen=True):
    """The process of a run lives; ``wall`` is the unix time."""

    key: RunKey
    pid: int
    wall: float


class ProcessRefused(_Told, frozen=True):
    """There is no process: it could not start, or there was nothing to do (``SKIPPED``)."""

    key: RunKey
    status: RunStatus
    sentence: str
    wall: float
    log_size: int = 0


class ProgressSeen(_Told, frozen=True):
    """A run has news for people: progress, an activity, a line."""

    key: RunKey


class VerdictReached(_Told, frozen=True):
    """The parser wants the process of a run ended, and the run to count as ``status``."""

    key: RunKey
    status: RunStatus
    sentence: str = ""


class ProcessExited(_Told, frozen=True):
    """The process of a run is gone, with its tree, and its output is read.

    ``judged`` and ``sentence`` are what service and parser think; ``exit_status`` its code, or minus its signal.
    """

    key: RunKey
    judged: RunStatus
    exit_status: int
    sentence: str = ""
    resources: str = ""
    warning: bool = False
    report: str = ""
    log_size: int = 0
    cpu: float = 0.0
    """Seconds on processors."""
    peak_memory: int = 0
    """Largest resident size of one of its processes in bytes; 0 where the system does not tell."""


class Leave(_Told, frozen=True):
    """End all tasks and be done."""

    reason: str


class Eject(_Told, frozen=True):
    """End the tasks that run here, and let the farm give them to others; those of the user ``but`` go on."""

    but: str | None = None


class Tick(_Told, frozen=True):
    """The deadline has come."""


# Asked by the agent


class Spawn(_Told, frozen=True):
    """Start the process of a run."""

    run: RunSpec


class Terminate(_Told, frozen=True):
    """Ask a process to end; kill it after ``grace`` seconds."""

    key: RunKey
    grace: float


class Kill(_Told, frozen=True):
    """End a process now."""

    key: RunKey


class Say(_Told, frozen=True):
    """Send a report to the server."""

    report: Report


class Keep(_Told, frozen=True):
    """Put a report on disk, before it is said."""

    report: Report


class Forget(_Told, frozen=True):
    """Delete what is kept of these runs; with ``log`` their logs too, else the log goes when the server has it."""

    keys: list[RunKey]
    log: bool


class Measure(_Told, frozen=True):
    """Send readings: of the host when ``host``, and the progress of ``keys``; without either it is a sign of life."""

    keys: list[RunKey]
    host: bool


class Enrol(_Told, frozen=True):
    """Register with the server; the runs are those that live or wait to be acknowledged."""

    running: list[RunKey]


class Left(_Told, frozen=True):
    """All is ended and reported as far as possible: the program may exit."""

    reason: str


Action = Spawn | Terminate | Kill | Say | Keep | Forget | Measure | Enrol | Left
