"""The system job: what the farm itself has to run, as commands that wait and a few tasks that come and go.

Rules of this file:
- The system job is an ordinary job with the id 1; here is only what it has beside its blocks and their columns.
- A task of it is a slot of its block's table: a slot that is free is DONE and has no text, and the next command may
  have it.  There are as many slots as commands were ever tried at once, never as many as commands.
"""

import msgspec

from afcore.systemcommand import SystemCommand

__all__ = ["LAST_RUN", "SystemQueue", "SystemTask"]

LAST_RUN = 60_000
"""Runs of one slot after which its numbers begin again: by then nobody has heard of the first for a long time."""


class SystemTask(msgspec.Struct, array_like=True, gc=False):
    """A command that has a slot."""

    command: SystemCommand
    since: float = 0.0
    """When it was first started, once it has come back from that without success; its age counts from here."""


class SystemQueue(msgspec.Struct, kw_only=True):
    """What one block of the system job has beside its columns."""

    service: str = ""
    """The service that the configuration named when it was last asked."""
    waiting: list[SystemCommand] = []
    """Commands without a slot, in the order in which they came."""
    tasks: dict[int, SystemTask] = {}
    """The slots that are taken."""
    done: int = 0
    """Commands that succeeded, over the life of the farm."""
    errors: int = 0
    """Commands that were given up."""
    run_base: int = 0
    """What the run numbers of a new slot count from: greater than those of the slots that were cut off."""
