"""The one thread that owns the database: batches in, callbacks out.

Rules of this file:
- Nobody else touches the store between ``start`` and ``stop``.
- Everything queued goes into one transaction; callbacks come in the order of the batches, from this thread.
- Long work (snapshots, trimming) is done one small step at a time; queued batches go first between two steps.
- A database that is away is asked again and again; any other error ends the thread, and ``on_failed`` says so once.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum

from afcore.errors import AfError, StoreError, Unavailable
from afcore.store.base import Batch, Retention, Snapshot, Store, Unwanted

__all__ = ["Writer", "WriterState"]

_Done = Callable[[StoreError | None], None]


class WriterState(Enum):
    """What the writer is doing with its database."""

    NEW = "new"
    READY = "ready"
    AWAY = "away"
    """The database does not answer; batches wait."""
    FAILED = "failed"
    """The thread has ended with an error; nothing is written any more."""
    STOPPED = "stopped"


class Writer:
    """Commits batches in groups in a thread of its own.

    ``on_committed(seq)`` comes after everything up to batch ``seq`` is durable; it may come once for several batches.
    ``on_failed(error)`` comes at most once, and nothing after it. ``on_away(error)`` and ``on_back()`` come in turns.
    All are called from the writer's thread and must be quick: an event loop passes ``call_soon_threadsafe`` wrappers.
    """

    def __init__(
        self,
        store: Store,
        *,
        on_committed: Callable[[int], None],
        on_failed: Callable[[StoreError], None],
        on_away: Callable[[StoreError], None] | None = None,
        on_back: Callable[[], None] | None = None,
        retry_after: float = 1.0,
    ) -> None:
        self._store = store
        self._on_committed = on_committed
        self._on_failed = on_failed
        self._on_away = on_away
        self._on_back = on_back
        self._retry_after = retry_after
        self._batches: deque[Batch] = deque()
        self._work: deque[tuple[Callable[[], Iterator[None]], _Done | None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._state = WriterState.NEW
        self._thread = threading.Thread(target=self._run, name="af-writer", daemon=True)

    @property
    def state(self) -> WriterState:
        """What the writer is doing; from any thread."""
        return self._state

    @property
    def pending(self) -> int:
        """Batches that wait, without those in the transaction being written; from any thread."""
        return len(self._batches)

    def start(self) -> None:
        """Start the thread. From now on the store is the writer's."""
        self._state = WriterState.READY
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Queue a batch; from any thread, never waits."""
        with self._wake:
            self._batches.append(batch)
            self._wake.notify()

    def put_snapshot(self, snapshot: Snapshot, done: _Done | None = None) -> None:
        """Queue a snapshot of a state whose batches are already queued; ``done(error or None)`` comes at its end."""
        self._put_work(lambda: self._store.snapshot_steps(snapshot), done)

    def put_trim(self, retention: Retention, *, now: float, done: _Done | None = None) -> None:
        """Queue the dropping of what need not be kept; ``now`` in unix seconds."""
        self._put_work(lambda: self._store.trim_steps(retention, now=now), done)

    def put_forget(self, unwanted: Unwanted, done: _Done | None = None) -> None:
        """Queue the dropping of finished runs and deleted jobs that somebody wants forgotten."""
        self._put_work(lambda: self._store.forget_steps(unwanted), done)

    def _put_work(self, steps: Callable[[], Iterator[None]], done: _Done | None) -> None:
        with self._wake:
            self._work.append((steps, done))
            self._wake.notify()

    def stop(self, timeout: float = 30.0) -> bool:
        """Write everything queued, then end the thread. Return whether all batches are durable.

        Waits at most ``timeout`` seconds, and asks a database that is away only once more. A snapshot or trimming
        not finished is given up; the next start is as if it had never begun.
        """
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._state is WriterState.NEW:
            return not self._batches
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._batches and self._state is WriterState.STOPPED

    # The thread

    def _run(self) -> None:
        error: StoreError | None = StoreError(
            "the thread that writes the database ended by a mistake of the program",
            hint="its traceback is in the log; nothing is committed any more, restart the server",
        )
        try:
            self._serve()
            error = None
        except StoreError as caught:
            error = caught
        finally:
            self._give_up_work(error)
            self._state = WriterState.STOPPED if error is None else WriterState.FAILED
            if error is not None:
                self._on_failed(error)

    def _serve(self) -> None:
        steps: Iterator[None] | None = None
        done: _Done | None = None
        try:
            while True:
                with self._wake:
                    while not (self._batches or self._stopping or steps is not None or self._work):
                        self._wake.wait()
                    group = list(self._batches)
                    stopping = self._stopping
                    if steps is None and self._work and not stopping:
                        # Taken together with the batches: a snapshot is of a state whose batches are in ``group``.
                        begin, done = self._work.popleft()
                        steps = begin()
                if group and not self._commit(group):
                    return
                if stopping and not self._batches:
                    return
                if stopping:
                    continue
                if steps is not None and not self._step(steps, done):
                    steps = done = None
        finally:
            if done is not None:
                done(Unavailable("the server stopped before it was done"))

    def _commit(self, group: list[Batch]) -> bool:
        """Commit ``group``, waiting for a database that is away. Return False when told to stop before it was back."""
        broken = last = False
        while True:
            try:
                if broken:
                    self._store.renew()
                self._store.commit(group)
            except Unavailable as error:
                broken = True
                if self._state is not WriterState.AWAY:
                    self._state = WriterState.AWAY
                    if self._on_away is not None:
                        self._on_away(error)
                if last:
                    return False
                with self._wake:
                    self._wake.wait_for(lambda: self._stopping, self._retry_after)
                    last = self._stopping
            else:
                break
        for _ in group:
            self._batches.popleft()
        if self._state is WriterState.AWAY:
            self._state = WriterState.READY
            if self._on_back is not None:
                self._on_back()
        self._on_committed(group[-1].seq)
        return True

    def _step(self, steps: Iterator[None], done: _Done | None) -> bool:
        """Do one step; return whether there are more."""
        try:
            next(steps)
        except StopIteration:
            if done is not None:
                done(None)
            return False
        except Unavailable as error:
            if done is not None:
                done(error)
            return False
        return True

    def _give_up_work(self, error: AfError | None) -> None:
        """Tell everybody whose snapshot or trimming will not happen."""
        sentence = "the server stopped before it began" if error is None else error.sentence
        while self._work:
            _, done = self._work.popleft()
            if done is not None:
                done(Unavailable(sentence))
