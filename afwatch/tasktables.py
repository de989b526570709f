"""Task columns of the jobs that are opened here: numpy arrays of each block, filled piece by piece.

Rules of this file:
- No object per task; a million tasks are 19 MB.
- Times are seconds since the farm's own epoch, which the server does not send: it is learnt from the first page of
  task rows that has a time (``learn_epoch``).
"""

from __future__ import annotations

from typing import Any

import numpy

from afcore.rows import TaskColumns
from afcore.states import STATE_COUNT
from afwatch.changes import ColumnsPiece, TaskRange

__all__ = ["BlockTasks", "OpenedJob", "unpack_columns"]

_Array = numpy.ndarray[Any, Any]

_TYPES = {
    "state": "u1",
    "flags": "u1",
    "percent": "u1",
    "errors": "u1",
    "starts": "<u2",
    "render": "<u4",
    "started": "<u4",
    "finished": "<u4",
}


def unpack_columns(row: TaskColumns) -> ColumnsPiece:
    """Return the columns of a message as arrays; columns of later versions are left out."""
    import zlib

    columns = {
        name: numpy.frombuffer(zlib.decompress(packed), dtype=_TYPES[name])
        for name, packed in row.columns.items()
        if name in _TYPES
    }
    return ColumnsPiece(row.job, row.block, row.first, row.count, row.size, row.version, columns)


class BlockTasks:
    """The columns of one block."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.columns: dict[str, _Array] = {name: numpy.zeros(size, dtype=kind) for name, kind in _TYPES.items()}
        self.known = 0
        """Tasks that have come at least once, counted by pieces."""

    @property
    def state(self) -> _Array:
        """TaskState of each task."""
        return self.columns["state"]

    def counts(self) -> list[int]:
        """Count the tasks in each TaskState."""
        # Eight passes over bytes take a tenth of bincount, which makes numbers of eight bytes first.
        return [int(numpy.count_nonzero(self.state == state)) for state in range(STATE_COUNT)]

    def put(self, piece: ColumnsPiece) -> None:
        """Take over a piece."""
        end = piece.first + piece.count
        for name, values in piece.columns.items():
            self.columns[name][piece.first : end] = values
        self.known = max(self.known, end)


class OpenedJob:
    """The blocks of one opened job, as far as they have come."""

    def __init__(self, job: int) -> None:
        self.job = job
        self.blocks: dict[int, BlockTasks] = {}
        self.epoch = 0.0
        """Unix time of second 0 of the time columns; 0 while it is not known."""
        self.gone = False

    def put(self, piece: ColumnsPiece) -> TaskRange:
        """Take over a piece; return what it changed."""
        block = self.blocks.get(piece.block)
        if block is None or block.size != piece.size:
            block = self.blocks[piece.block] = BlockTasks(piece.size)
        block.put(piece)
        return TaskRange(self.job, piece.block, piece.first, piece.first + piece.count)

    def learn_epoch(self, block: int, task: int, started: float) -> None:
        """Learn the epoch from one task whose start is known in both ways."""
        if not self.epoch and started > 0 and block in self.blocks:
            seconds = int(self.blocks[block].columns["started"][task])
            if seconds:
                self.epoch = started - seconds
