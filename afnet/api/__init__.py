"""The Python API for submitters, imported as ``af``: build a job of blocks and tasks, check it, send it.

Standard library only, Python 3.9 and later: it runs inside applications.  A name is imported when it is first asked
for: server, agents and afcmd read their configuration by a module in here, and need none of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afcore.errors import AfError as Error
    from afcore.errors import (
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

_PLACES = {
    "afnet.api.block": ("Block", "Task"),
    "afnet.api.cmd": ("Cmd",),
    "afnet.api.job": ("Job", "checkClass", "checkRegExp"),
    "afnet.api.pools": ("exclude_mask", "pool_hosts"),
    "afnet.api.send": ("send_job",),
    "afnet.api.figures": ("statistics",),
}
_PLACE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name, imported now.  ``Error`` is the root of all that building, checking and sending raises."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_PLACE_OF.get(name, "afcore.errors")), "AfError" if name == "Error" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
