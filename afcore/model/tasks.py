"""The columns of one block: what every task is, in 18 bytes a task and no object.

Rules of this file:
- Only ``afcore.evolve`` writes; everybody else reads or copies.
- ``counts`` is kept by ``evolve`` with each change; ``invariants`` recounts it.
- Times are whole seconds since the farm's epoch (``Farm.epoch``), 0 for never.
"""

import sys
import zlib
from array import array

from afcore.states import STATE_COUNT, TaskState

__all__ = ["COLUMN_NAMES", "TaskTable", "pack_indices", "pack_runs", "unpack_indices", "unpack_runs"]

COLUMN_NAMES = ("state", "flags", "percent", "errors", "starts", "render", "started", "finished")
"""The columns in the order in which snapshots and frames hold them."""


class TaskTable:
    """States of ``size`` tasks: four byte columns, one of 16-bit and three of 32-bit numbers."""

    __slots__ = (*COLUMN_NAMES, "counts", "size")

    def __init__(self, size: int, state: TaskState = TaskState.READY) -> None:
        self.size = size
        """Number of tasks."""
        self.state = bytearray([state]) * size
        """TaskState of each task."""
        self.flags = bytearray(size)
        """TaskFlag bits."""
        self.percent = bytearray(size)
        """0..100 of the running run; meaningful while RUNNING only, 0 otherwise (DONE is always 100 to a reader)."""
        self.errors = bytearray(size)
        """Errors since the last restart by a person, at most 255."""
        self.starts = array("H", bytes(2 * size))
        """Starts so far, which is the number of the newest run; four bytes each once one is past 65,535."""
        self.render = array("I", bytes(4 * size))
        """Render of the newest run; 0 for never started."""
        self.started = array("I", bytes(4 * size))
        """When the newest run started."""
        self.finished = array("I", bytes(4 * size))
        """When the newest run ended; 0 while it runs."""
        self.counts = [0] * STATE_COUNT
        """How many tasks are in each TaskState."""
        self.counts[state] = size

    def widen_starts(self) -> None:
        """Make room for run numbers past 65,535: a task that comes back every second gets there within a day."""
        if self.starts.typecode == "H":
            self.starts = array("I", self.starts)

    def count(self, state: int, first: int, end: int) -> int:
        """Return how many tasks from ``first`` on, before ``end``, are in a state; of all of them it is known."""
        return self.counts[state] if first == 0 and end == self.size else self.state.count(state, first, end)

    def recount(self) -> list[int]:
        """Count the states from the column itself: what ``counts`` must be."""
        return [self.state.count(state) for state in range(STATE_COUNT)]

    def copy_columns(self) -> list[bytes]:
        """Return every column as bytes in the order of COLUMN_NAMES, numbers in machine order (see ``codec``)."""
        return [bytes(memoryview(getattr(self, name)).cast("B")) for name in COLUMN_NAMES]


def pack_indices(indices: "array[int]") -> bytes:
    """Return task indices, an ``array('I')``, as bytes in little-endian order."""
    return _little(indices).tobytes()


def unpack_indices(packed: bytes) -> "array[int]":
    """Return the task indices that ``pack_indices`` wrote."""
    return _little(array("I", packed))


def pack_runs(runs: "array[int]") -> bytes:
    """Return run numbers, an ``array('I')``, as compressed bytes in little-endian order."""
    return zlib.compress(pack_indices(runs), 1)


def unpack_runs(packed: bytes) -> "array[int]":
    """Return the run numbers that ``pack_runs`` wrote."""
    return unpack_indices(zlib.decompress(packed))


def _little(indices: "array[int]") -> "array[int]":
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        indices = array("I", indices)
        indices.byteswap()
    return indices
