"""What the server keeps beyond the journal: when a snapshot is due, what it is made of, and what may be dropped.

Rules of this file:
- A snapshot is of the state right after a batch that is already with the writer: the open batch is closed first.
- The loop only copies; compressing and writing are the writer's, piece by piece between batches.
"""

import gc
import logging
from collections.abc import Callable

from afcore.core import Core
from afcore.errors import StoreError
from afcore.store.base import Retention, Snapshot
from afcore.store.writer import Writer
from afnet.server.clock import Clock
from afnet.server.runner import Runner

__all__ = ["Keeper"]

_log = logging.getLogger(__name__)


class Keeper:
    """Takes snapshots when the journal since the last is long."""

    def __init__(
        self,
        core: Core,
        runner: Runner,
        writer: Writer,
        clock: Clock,
        *,
        events: int,
        size: int,
        retention: Retention,
        snapshot_seq: int,
        on_loop: Callable[[Callable[[], None]], object],
    ) -> None:
        """``on_loop`` runs a function on the loop's thread, from any thread."""
        self._core = core
        self._runner = runner
        self._writer = writer
        self._clock = clock
        self._most_events = events
        self._most_size = size
        self._retention = retention
        self._on_loop = on_loop
        self._events = 0
        self._size = 0
        self._writing = False
        self.snapshot_seq = snapshot_seq
        """Number of the batch that the newest snapshot stands for."""

    def committed(self, facts: int, size: int) -> None:
        """Count what was journaled; take a snapshot when it is much."""
        self._events += facts
        self._size += size
        if (self._events >= self._most_events or self._size >= self._most_size) and not self._writing:
            self.take()

    def take(self, done: Callable[[StoreError | None], None] | None = None) -> bool:
        """Take a snapshot now; ``done`` is called on the loop.  False when there is nothing new to keep."""
        seq = self._runner.close_batch()
        if seq == self.snapshot_seq or self._writing:
            return False
        self._writing = True
        self._events = self._size = 0
        image = self._core.snapshot()
        snapshot = Snapshot(
            seq=seq,
            at=self._clock.now(),
            farm=image.farm,
            jobs=image.jobs,
            columns=image.columns,
            deleted=image.deleted,
        )

        def written(error: StoreError | None) -> None:
            self._on_loop(lambda: self._written(seq, error, done))

        self._writer.put_snapshot(snapshot, written)
        return True

    def _written(self, seq: int, error: StoreError | None, done: Callable[[StoreError | None], None] | None) -> None:
        self._writing = False
        if error is None:
            self.snapshot_seq = seq
            self._writer.put_trim(self._retention, now=self._clock.now())
            # What lived through a snapshot will live on: the collector need not look at it again.
            gc.freeze()
        else:
            self._core.unsaved()
            _log.warning("a snapshot was not written: %s; the journal is kept", error.sentence)
        if done is not None:
            done(error)
