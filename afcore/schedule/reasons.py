"""Why something does not start: one number for every check that the solver makes.

Rules of this file:
- The checks themselves are in ``limits`` (may it start anything), ``free`` (has the render room) and ``fit`` (may
  this render take this task).  Each answers with a ``Reason``; ``Reason.NONE`` is falsy and means yes.
- Values are kept nowhere: they may be put in order freely.
"""

from enum import IntEnum
from typing import Any

__all__ = ["BUSY", "LIFTED", "MEASURED", "NEUTRAL", "OWN", "STATIC", "TOO_LITTLE", "Reason"]


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
    GPUS = 24
    """It has fewer GPUs, or none so large."""
    GPUS_TAKEN = 25
    """Others hold them."""
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
    # the task by its own state and place
    SUSPENDED = 60
    FAILED = 61
    WAITS_FOR_TASKS = 62
    APPROVAL = 63
    # free: the room of a render
    OFFLINE = 50
    ASLEEP = 51
    RENDER_PRIORITY_ZERO = 52
    POOL_PAUSED = 53
    POOL_PRIORITY_ZERO = 54
    SLOTS = 55
    FULL = 56
    """All its capacity is taken."""
    NOT_NAMED = 57
    """A maintenance job runs each task on the render it is named after."""
    RESERVED = 58
    """It is kept for a task that waits for room (``reserve``), and this one would not end in time."""
    # several renders at once
    TOO_FEW_HOSTS = 59
    """A multihost task has fewer renders than it needs."""


MEASURED = frozenset({Reason.MEMORY, Reason.DISK, Reason.GPU_MEMORY, Reason.CPU_FREQUENCY, Reason.CPU_FREQUENCY_CORES})
"""Reasons that the next reading of a render may take away."""

OWN = frozenset({Reason.PER_HOST_LIMIT, Reason.BLOCK_LIMIT, Reason.AVOIDED_BY_BLOCK, Reason.AVOIDED_BY_TASK})
"""Reasons that one job has and another one that asks for the same has not."""

TOO_LITTLE = frozenset({Reason.CAPACITY, Reason.GPUS_TAKEN})
"""Reasons that a render would not have if nothing ran there."""

BUSY = frozenset({Reason.SLOTS, Reason.FULL, Reason.CAPACITY})
"""Reasons that go when something ends on the render."""

STATIC = frozenset(
    {
        *(Reason.HOSTS_MASK, Reason.HOSTS_MASK_EXCLUDE, Reason.OS, Reason.PROPERTIES, Reason.POWER),
        *(Reason.POOL, Reason.SERVICE, Reason.GPUS),
    }
)
"""Reasons that stay until somebody edits the render, its pools or the job."""

NEUTRAL: dict[Reason, dict[str, Any]] = {
    Reason.PRIORITY_ZERO: {"priority": 99},
    Reason.RUNNING_LIMIT: {"max_running_tasks": -1},
    Reason.PER_HOST_ZERO: {"max_running_tasks_per_host": -1},
    Reason.PER_HOST_LIMIT: {"max_running_tasks_per_host": -1},
    Reason.RATE: {"max_tasks_per_second": -1},
    Reason.TREE_PAUSED: {"paused": False},
    Reason.BLOCK_LIMIT: {"max_running_tasks": -1},
    Reason.HOSTS_MASK: {"hosts_mask": ""},
    Reason.HOSTS_MASK_EXCLUDE: {"hosts_mask_exclude": ""},
    Reason.OS: {"need_os": ""},
    Reason.PROPERTIES: {"need_properties": ""},
    Reason.POWER: {"need_power": -1},
    Reason.MEMORY: {"need_memory": -1},
    Reason.DISK: {"need_hdd": -1},
    Reason.GPU_MEMORY: {"need_gpu_mem_mb": -1},
    Reason.GPUS: {"need_gpus": -1},
    Reason.GPUS_TAKEN: {"need_gpus": -1},
    Reason.CPU_FREQUENCY: {"need_cpu_freq_mgz": -1},
    Reason.CPU_CORES: {"need_cpu_cores": -1},
    Reason.CPU_FREQUENCY_CORES: {"need_cpu_freq_cores": -1},
    Reason.POOL: {"pools": {}},
}
"""What whoever asks for too much would have to ask for, to be refused for this reason no more."""

LIFTED: dict[Reason, dict[str, Any]] = {
    Reason.JOB_PAUSED: {"offline": False},
    Reason.DELETING: {"deleting": False},
    Reason.WAITS_FOR_JOBS: {"waits_for": frozenset()},
    Reason.WAITS_FOR_COMMANDS: {"pre": 0},
    Reason.WAIT_TIME: {"time_wait": 0},
}
"""The same for what a job is by its own state."""
