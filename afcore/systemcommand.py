"""What the farm itself has to run: one command for a render, and the blocks of the system job that take it."""

from enum import IntEnum

import msgspec

__all__ = ["SYSTEM_JOB", "SystemBlock", "SystemCommand"]

SYSTEM_JOB = 1
"""Id of the system job."""


class SystemBlock(IntEnum):
    """The blocks of the system job by their index."""

    POST_COMMANDS = 0
    """Commands of jobs and blocks that are deleted, and those before a job starts."""
    WAKE_ON_LAN = 1
    EVENTS = 2


class SystemCommand(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One command that a render is to run for the farm."""

    command: str
    """A shell line, or what the block's service makes of it: the description of an event or of a render, as JSON."""
    name: str = ""
    """What its task is called."""
    user_name: str = ""
    """Who it is run for: the owner of the job it comes from."""
    job_name: str = ""
    """Name of the job, or the render, it comes from."""
    working_directory: str = ""
    environment: dict[str, str] = {}
    holds: int = 0
    """The job that does not start before this command has succeeded; 0 for none."""
