"""The Python API for submitters, imported as ``af``: build a job of blocks and tasks, check it, send it.

Standard library only, Python 3.9 and later: it runs inside applications.  A name is imported when it is first asked
for: server, agents and afcmd read their configuration by a module in here, and need none of the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from afnet.api.block import Block, Task
    from afnet.api.cmd import Cmd
    from afnet.api.figures import statistics
    from afnet.api.job import Job, checkClass, checkRegExp
    from afnet.api.pools import exclude_mask, pool_hosts
    from afnet.api.send import send_job

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

_PLACES = {
    "Block": "block",
    "Cmd": "cmd",
    "Job": "job",
    "Task": "block",
    "checkClass": "job",
    "checkRegExp": "job",
    "exclude_mask": "pools",
    "pool_hosts": "pools",
    "send_job": "send",
    "statistics": "figures",
}
"""Where the other names are, below this package."""


def __getattr__(name: str) -> Any:
    """Return a public name, imported now."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{place}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
