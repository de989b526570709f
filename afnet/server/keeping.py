"""What the server keeps beyond the journal: when a snapshot is due, what it is made of, and what may be dropped.

Rules of this file:
- A snapshot is of the state right after a batch that is already with the writer: the open batch is closed first.
- The loop only copies; compressing and writing are the writer's, piece by piece between batches.
- Copying costs some milliseconds per million tasks, in slices between which others are served: under load it is done
  seldom, else in quiet times.
"""

import gc
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from afcore.config import Config
from afcore.core import Core
from afcore.errors import StoreError
from afcore.saving import Saving
from afcore.store.base import Retention, Snapshot
from afcore.store.writer import Writer
from afnet.server.clock import Clock
from afnet.server.memory import give_back
from afnet.server.runner import Runner

__all__ = ["Keeper", "Timer", "past_kept", "retention_of"]

_log = logging.getLogger(__name__)


_QUIET = 5.0
"""Seconds without a commit after which the farm is quiet enough for a snapshot."""
_SLICE = 0.002
"""Seconds of copying between two looks at the network."""
_WORTH_EVENTS = 2000
_WORTH_BYTES = 256 * 1024
"""Journal since the last snapshot from which a quiet time is used for the next."""


def retention_of(config: Config, followed: tuple[int, int] | None) -> Retention:
    """Return what settings say is to be kept; ``followed`` is what of the farm's own lists the statistics have."""
    return Retention(
        days=config["journal_keep_days"], size=config["journal_keep_bytes"], history_days=config["history_keep_days"],
        followed=followed,
    )  # fmt: skip


def past_kept(config: Config) -> dict[str, Any]:
    """Return how much of the past is kept, as views of it tell."""
    return {"keep_days": config["journal_keep_days"], "keep_bytes": config["journal_keep_bytes"]}


class Timer(Protocol):
    """What ``call_later`` returns."""

    def cancel(self) -> None:
        """Do not fire."""
        ...


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
        retention: Callable[[], Retention],
        snapshot_seq: int,
        on_loop: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        """``retention`` says what is to be kept when something may be dropped; ``on_loop`` runs a function on the
        loop's thread, from any thread; ``call_later`` is the loop's."""
        self._core = core
        self._runner = runner
        self._writer = writer
        self._clock = clock
        self._most_events = events
        self._most_size = size
        self._retention = retention
        self._on_loop = on_loop
        self._call_later = call_later
        self._timer: Timer | None = None
        self._changed = 0.0
        self._events = 0
        self._size = 0
        self._writing = False
        self.snapshot_seq = snapshot_seq
        """Number of the batch that the newest snapshot stands for."""

    def committed(self, facts: int, size: int) -> None:
        """Count what was journaled; take a snapshot when it is much."""
        self._events += facts
        self._size += size
        self._changed = self._clock.now()
        if (self._events >= self._most_events or self._size >= self._most_size) and not self._writing:
            self.take()
        elif self._timer is None and self._is_worth_it():
            self._timer = self._call_later(_QUIET, self._look)

    def _is_worth_it(self) -> bool:
        return self._events >= _WORTH_EVENTS or self._size >= _WORTH_BYTES

    def _look(self) -> None:
        """Take a snapshot if nothing was written for a while; there is no timer where there is nothing to keep."""
        self._timer = None
        if not self._is_worth_it():
            return
        if self._clock.now() - self._changed >= _QUIET and not self._writing:
            self.take()
        else:
            self._timer = self._call_later(_QUIET, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self, done: Callable[[StoreError | None], None] | None = None) -> bool:
        """Take a snapshot now; ``done`` is called on the loop.  False when there is nothing new to keep."""
        seq = self._runner.close_batch()
        if seq == self.snapshot_seq or self._writing:
            return False
        self._writing = True
        self._events = self._size = 0
        self._copy(self._core.save(), seq, self._clock.now(), done)
        return True

    def _copy(self, saving: Saving, seq: int, at: float, done: Callable[[StoreError | None], None] | None) -> None:
        """Copy for one slice of time; the rest in later turns of the loop, then it is the writer's."""
        end = time.perf_counter() + _SLICE
        while saving.step():
            if time.perf_counter() > end:
                self._call_later(0.0, lambda: self._copy(saving, seq, at, done))
                return
        image = saving.image
        snapshot = Snapshot(
            seq=seq, at=at, farm=image.farm, jobs=image.jobs, columns=image.columns, deleted=image.deleted
        )

        def written(error: StoreError | None) -> None:
            self._on_loop(lambda: self._written(seq, error, done))

        self._writer.put_snapshot(snapshot, written)

    def _written(self, seq: int, error: StoreError | None, done: Callable[[StoreError | None], None] | None) -> None:
        self._writing = False
        if error is None:
            self.snapshot_seq = seq
            self._writer.put_trim(self._retention(), now=self._clock.now(), done=self._trimmed)
            # What lived through a snapshot will live on: the collector need not look at it again.
            gc.freeze()
        else:
            self._core.unsaved()
            _log.warning("a snapshot was not written: %s; the journal is kept", error.sentence)
        if done is not None:
            done(error)

    def _trimmed(self, error: StoreError | None) -> None:
        """In the writer's thread: memory that a snapshot and the trimming took goes back to the system."""
        self._on_loop(give_back)
