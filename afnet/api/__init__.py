"""The Python API for submitters, imported as ``af``: build a job of blocks and tasks, check it, send it.

Standard library only, Python 3.9 and later: it runs inside applications.
"""

from __future__ import annotations

from afcore.errors import (
    AfError,
    BadSpec,
    ConfigError,
    Conflict,
    LimitReached,
    NotAllowed,
    NotFound,
    Problem,
    Rejected,
    StoreError,
    WireError,
)
from afnet.api.block import Block, Task
from afnet.api.cmd import Cmd
from afnet.api.job import Job, checkClass, checkRegExp
from afnet.api.pools import exclude_mask, pool_hosts
from afnet.api.send import send_job
from afnet.api.statistics import statistics

__all__ = [
    "BadSpec",
    "Block",
    "Cmd",
    "ConfigError",
    "Conflict",
    "Error",
    "Job",
    "LimitReached",
    "NotAllowed",
    "NotFound",
    "Problem",
    "Rejected",
    "StoreError",
    "Task",
    "WireError",
    "checkClass",
    "checkRegExp",
    "exclude_mask",
    "pool_hosts",
    "send_job",
    "statistics",
]

Error = AfError
"""Root of every error that building, checking and sending a job raises."""
