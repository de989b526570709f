"""What the agent asks of a process layer: start this, tell me its output and its end, end it with all its children.

The agent knows only the protocols of this file. ``posix`` and ``windows`` keep them with real processes, ``fake`` with
timers.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from afrender.accounts import Account

__all__ = ["CannotStart", "Exit", "Launch", "ProcessLayer", "RunningProcess", "Watcher", "marker_text", "shell_words"]

MARKER_VARIABLE = "AF_RUN"
"""Environment variable by which every descendant of a task is found again, also one in a session of its own."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to start.

    ``words``: the argument vector; its first word is looked up in the PATH of ``environment``.
    ``folder``: the working directory; empty means the layer's own default. A missing one is an error.
    ``environment``: what is added to the agent's own variables.
    ``marker``: the value of ``AF_RUN``, unique for the run (see ``marker_text``).
    ``account``: the user of this system as whom it runs; None is the agent's own.
    """

    words: Sequence[str]
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    marker: str = ""
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class CannotStart:
    """The process did not come to life: one sentence why, and what to do about it. Nothing is left behind."""

    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a process and of everything that belonged to its group.

    ``code``: exit code, 0 when a signal ended it. ``signal``: number of that signal, else 0.
    ``cpu_user`` and ``cpu_system``: seconds of processor time of the process and its reaped children.
    ``peak_memory``: largest resident size in bytes; 0 when the system does not tell.
    """

    code: int
    signal: int = 0
    cpu_user: float = 0.0
    cpu_system: float = 0.0
    peak_memory: int = 0

    @property
    def good(self) -> bool:
        """Whether the process ended by itself with code 0."""
        return self.code == 0 and self.signal == 0


class EndReason(enum.IntEnum):
    """Why a process is being ended by the agent."""

    NONE = 0
    TERMINATED = 1
    KILLED = 2


class Watcher(Protocol):
    """Who is told about one process. Calls come from the loop's own thread, ``exited`` last and exactly once."""

    def output(self, data: bytes) -> None:
        """Take the next bytes the process wrote; never empty, at most ``output.READ_SIZE`` long."""

    def exited(self, end: Exit) -> None:
        """Learn that the process is gone, all its output was given, and its group is empty."""


class RunningProcess(Protocol):
    """A living process with its tree."""

    @property
    def pid(self) -> int:
        """Number of the process, which is also that of its group where groups exist."""

    def terminate(self, grace: float) -> None:
        """Ask the whole tree to end; kill what is left of it after ``grace`` seconds."""

    def kill(self) -> None:
        """End the whole tree now."""

    def hold(self, held: bool) -> None:
        """Read no output while ``held``: the process waits when its pipe is full."""


class ProcessLayer(Protocol):
    """Starts processes."""

    def start(self, launch: Launch, watcher: Watcher) -> RunningProcess | CannotStart:
        """Start ``launch`` in a group of its own; ``watcher`` is called from later turns of the loop only."""


def marker_text(job: int, block: int, task: int, run: int, token: str) -> str:
    """Return the value of ``AF_RUN`` for a run of the agent that owns ``token``."""
    return f"{job}.{block}.{task}.{run}:{token}"


def shell_words(command: str | Sequence[str], shell: str) -> list[str]:
    """Return the argument vector of a command.

    A text is a shell line: it is given whole, as one last argument, to the words of ``shell`` (split at spaces, as in
    ``/bin/sh -c``). A list starts without a shell.
    """
    if isinstance(command, str):
        return [*shell.split(), command]
    return list(command)
