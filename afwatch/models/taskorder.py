"""In which order tasks stand: what a column is sorted by as small numbers, the first rows at once, the rest beside.

Rules of this file:
- numpy only, no Qt.  An order is an array of task indices; equal tasks stand by their index.
- Keys of one or two bytes are sorted at once (by counting, some 10 ms for a million).  Wider ones give their first rows
  in the time of one pass, and the whole order takes a thread of its own, in which numpy lets the window work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy

from afcore.states import TaskState
from afwatch.tasktables import BlockTasks

__all__ = ["FIRST_ROWS", "first_rows", "is_quick", "run_times", "sort_key", "whole_order"]

_Array = numpy.ndarray[Any, Any]

FIRST_ROWS = 512
"""Rows that are in their order at once: more than a screen shows."""
_QUICK = 50_000
"""So many tasks are sorted at once by any key."""


def run_times(block: BlockTasks, now: float) -> _Array:
    """Return seconds that the newest run of each task took, or takes until ``now`` (in the farm's own seconds)."""
    started, finished = block.columns["started"], block.columns["finished"]
    found: _Array = numpy.where(finished >= started, finished - started, 0).astype(numpy.uint32)
    live = numpy.flatnonzero(block.state == TaskState.RUNNING)
    if len(live):
        began = started[live].astype(numpy.int64)
        found[live] = numpy.where(began > 0, numpy.maximum(0, int(now) - began), found[live])
    return found


def sort_key(block: BlockTasks, key: str, *, descending: bool, now: float, hosts: Mapping[int, str]) -> _Array:
    """Return what a column is sorted by, ascending, in as few bytes as hold it; ``hosts`` names renders by id."""
    if key == "name":
        values = numpy.arange(block.size, dtype=numpy.uint32)
    elif key == "time":
        values = run_times(block, now)
    elif key == "host":
        values = _by_name(block.columns["render"], hosts)
    else:
        values = block.columns[{"progress": "percent", "note": "flags"}.get(key, key)]
    if not len(values):
        return values
    least, most = int(values.min()), int(values.max())
    kind = numpy.uint8 if most - least < 1 << 8 else numpy.uint16 if most - least < 1 << 16 else numpy.uint32
    found: _Array = (most - values if descending else values - least).astype(kind)
    return found


def _by_name(renders: _Array, hosts: Mapping[int, str]) -> _Array:
    """Return the rank of each task's render by its name; tasks without one stand first."""
    known = sorted(hosts, key=lambda id: hosts[id])
    most = int(renders.max(initial=0))
    ranks = numpy.zeros(most + 1, dtype=numpy.uint32)
    for rank, id in enumerate(known, 1):
        if id <= most:
            ranks[id] = rank
    found: _Array = ranks[renders]
    return found


def is_quick(values: _Array) -> bool:
    """Say whether an order by these keys takes no time that a person could feel."""
    return len(values) <= _QUICK or values.dtype.itemsize <= 2


def whole_order(values: _Array, shown: _Array | None) -> _Array:
    """Return the tasks that are shown (all for None) in the order of their keys."""
    if shown is None:
        return numpy.argsort(values, kind="stable")
    found: _Array = shown[numpy.argsort(values[shown], kind="stable")]
    return found


def first_rows(values: _Array, shown: _Array | None, count: int = FIRST_ROWS) -> _Array:
    """Return the tasks that are shown, the first ``count`` as ``whole_order`` has them, the others by their index."""
    keys = values if shown is None else values[shown]
    if len(keys) <= count:
        return whole_order(values, shown)
    limit = numpy.partition(keys, count - 1)[count - 1]
    below = numpy.flatnonzero(keys < limit)
    equal = numpy.flatnonzero(keys == limit)[: count - len(below)]
    head = numpy.concatenate([below[numpy.argsort(keys[below], kind="stable")], equal])
    rest = numpy.ones(len(keys), dtype=bool)
    rest[head] = False
    places = numpy.concatenate([head, numpy.flatnonzero(rest)])
    found: _Array = places if shown is None else shown[places]
    return found
