"""Where the bytes of a farm are: the size of its columns, runs and failed hosts as they lie in memory."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from typing import Any

from afcore.model.farm import Farm
from afcore.model.tasks import COLUMN_NAMES

__all__ = ["bytes_of", "bytes_of_farm"]

_PLAIN = (bytes, bytearray, str, array, int, float)


def bytes_of(thing: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of a container with everything in it, each object once; small whole numbers are shared."""
    seen = set() if seen is None else seen
    if thing is None or id(thing) in seen or (isinstance(thing, int) and -6 < thing < 257):
        return 0
    seen.add(id(thing))
    size = sys.getsizeof(thing)
    if isinstance(thing, _PLAIN):
        return size
    if isinstance(thing, dict):
        return size + sum(bytes_of(key, seen) + bytes_of(value, seen) for key, value in thing.items())
    if isinstance(thing, list | tuple | set):
        return size + sum(bytes_of(each, seen) for each in thing)
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return size + sum(bytes_of(getattr(thing, name, None), seen) for name in slots if not name.startswith("__"))


def bytes_of_farm(farm: Farm) -> Mapping[str, int]:
    """Return bytes by what they are for."""
    farm.runs.settle_all()
    blocks = [block for job in farm.jobs.values() for block in job.blocks]
    hosts = [render.runs for render in farm.renders.values()]
    return {
        "columns": sum(bytes_of([getattr(block.tasks, name) for name in COLUMN_NAMES]) for block in blocks),
        "runs": bytes_of(farm.runs),
        "runs_of_renders": sum(bytes_of(each, {id(farm.runs)}) for each in hosts),
        "failed_hosts": sum(bytes_of(block.task_error_hosts) for block in blocks),
    }
