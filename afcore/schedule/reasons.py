"""Why something does not start: one number for every check that the solver makes.

Rules of this file:
- The checks themselves are in ``limits`` (may it start anything), ``free`` (has the render room) and ``fit`` (may
  this render take this task).  Each answers with a ``Reason``; ``Reason.NONE`` is falsy and means yes.
- Values are kept nowhere: they may be put in order freely.
"""

from enum import IntEnum

__all__ = ["MEASURED", "OWN", "Reason", "STATIC"]


class Reason(IntEnum):
    """Why a render may not take a task, or why nothing may start at all; 0 is that it may."""

    NONE = 0
    # fit: this render for this task
    PER_HOST_LIMIT = 1
    HOSTS_MASK = 2
    HOSTS_MASK_EXCLUDE = 3
    OS = 4
    PROPERTIES = 5
    POWER = 6
    MEMORY = 7
    DISK = 8
    POOL = 9
    NIMBY = 10
    PAUSED = 11
    SICK = 12
    CAPACITY = 13
    SERVICE = 14
    BLOCK_LIMIT = 15
    AVOIDED_BY_BLOCK = 16
    AVOIDED_BY_TASK = 17
    GPU_MEMORY = 18
    CPU_FREQUENCY = 19
    CPU_CORES = 20
    CPU_FREQUENCY_CORES = 21
    HOST_TICKET = 22
    POOL_TICKET = 23
    # limits: a branch, user or job
    PRIORITY_ZERO = 30
    RUNNING_LIMIT = 31
    PER_HOST_ZERO = 32
    RATE = 33
    """Its starts of this second are made; at a rate of 0 for ever."""
    TREE_PAUSED = 34
    """The user or branch is paused."""
    # limits: the job and its blocks by their own state
    JOB_PAUSED = 40
    DELETING = 41
    WAITS_FOR_JOBS = 42
    WAIT_TIME = 43
    WAITS_FOR_BLOCKS = 44
    NOTHING_READY = 45
    WAITS_FOR_COMMANDS = 46
    """What is to be run before it starts has not succeeded yet."""
    # free: the room of a render
    OFFLINE = 50
    ASLEEP = 51
    RENDER_PRIORITY_ZERO = 52
    POOL_PAUSED = 53
    POOL_PRIORITY_ZERO = 54
    SLOTS = 55
    FULL = 56
    """All its capacity is taken."""


MEASURED = frozenset({Reason.MEMORY, Reason.DISK, Reason.GPU_MEMORY, Reason.CPU_FREQUENCY, Reason.CPU_FREQUENCY_CORES})
"""Reasons that the next reading of a render may take away."""

OWN = frozenset({Reason.PER_HOST_LIMIT, Reason.BLOCK_LIMIT, Reason.AVOIDED_BY_BLOCK, Reason.AVOIDED_BY_TASK})
"""Reasons that one job has and another one that asks for the same has not."""

STATIC = frozenset(
    {
        *(Reason.HOSTS_MASK, Reason.HOSTS_MASK_EXCLUDE, Reason.OS, Reason.PROPERTIES, Reason.POWER),
        *(Reason.POOL, Reason.SERVICE),
    }
)
"""Reasons that stay until somebody edits the render, its pools or the job."""
