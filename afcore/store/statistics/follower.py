"""The thread that follows the farm into its statistics database, each row exactly once.

Rules of this file:
- The position is kept in the statistics database and changes in the transaction of the rows: whatever breaks, whenever,
  the next look at it says what is there. Nothing here is remembered instead.
- Nobody waits for this thread: what the farm is now comes as the newest rows only, and not before the last were taken.
- It sleeps until it is woken; only while the database is away it tries again by itself, after 2 to 30 seconds.
- The farm comes first: with many rows to catch up with it takes a part of the processor's time, and rests in between.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from afcore.errors import AfError, StoreError
from afcore.store.base import History, JobRow, RunRow
from afcore.store.database import BadValue, clean_rows
from afcore.store.statistics.lag import Lag
from afcore.store.statistics.rollups import Names
from afcore.store.statistics.target import Target
from afcore.store.statistics.tending import prepare, zone_of
from afcore.store.statistics.writing import Now, follow_jobs, follow_runs, open_farm, positions, write_now
from afcore.store.tables import JOB_ROWS, RUN_ROWS

__all__ = ["Follower", "whole_jobs"]

_log = logging.getLogger(__name__)

AT_ONCE = 500
"""Rows of one transaction."""
SHARE = 0.25
"""Of one core: as much may be taken while there is more to catch up with than one transaction holds."""
GATHER = 1.0
"""Seconds in which rows gather before they are fetched: a farm that always finishes something pays for few batches."""
FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds between two tries while the database is away: from, and twice as long each time up to."""

_Done = Callable[[Any, StoreError | None], None]


class Follower:
    """Follows one farm into ``target``. ``newest`` tells the newest numbers of runs and jobs, from any thread.

    ``on_ready`` is called from the thread when it can take what the farm is now (``put_now``), ``on_trouble`` when
    the database went away (an error) or is back (None).
    """

    def __init__(
        self,
        target: Target,
        *,
        farm: str,
        zone: str,
        history: Callable[[], History],
        newest: Callable[[], tuple[int, int]],
        on_ready: Callable[[], None] = lambda: None,
        on_trouble: Callable[[StoreError | None], None] = lambda error: None,
    ) -> None:
        self.target = target
        self._farm = farm
        self._zone = zone
        self._open_history = history
        self._newest = newest
        self._on_ready = on_ready
        self._on_trouble = on_trouble
        self._wake = threading.Condition()
        self._woken = True
        self._stopping = False
        self._work: deque[tuple[Callable[[], Any], _Done]] = deque()
        self._now: Now | None = None
        self._error: StoreError | None = None
        self._at = (0, 0)
        self._known = False
        """Whether the position was read."""
        self._behind_since = 0.0
        """Since when there are rows that are not there; 0 while there are none."""
        self._names = Names()
        self._number = 0
        self._thread = threading.Thread(target=self._run, name="af-statistics", daemon=True)

    # From any thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """There are new rows; never waits."""
        with self._wake:
            self._behind_since = self._behind_since or time.monotonic()
            self._woken = True
            self._wake.notify()

    def put_now(self, now: Now) -> None:
        """Give what changed in the farm; only when ``ready``."""
        with self._wake:
            self._now = now
            self._wake.notify()

    @property
    def ready(self) -> bool:
        """Whether what was given last is written, and the database is there."""
        return self._now is None and self._known and self._error is None

    def do(self, work: Callable[[], Any], done: _Done) -> None:
        """Do something with the tables between two transactions; ``done`` comes from the thread."""
        with self._wake:
            self._work.append((work, done))
            self._wake.notify()

    @property
    def position(self) -> tuple[int, int]:
        """Numbers of the newest finished run and deleted job's block that are there, as far as is known."""
        return self._at

    def lag(self) -> Lag:
        """Return how far the database is behind."""
        run, job = self._newest()
        rows = max(0, run - self._at[0]) + max(0, job - self._at[1]) if self._known else run + job
        error, since = self._error, self._behind_since
        return Lag(
            rows=rows,
            seconds=round(time.monotonic() - since, 3) if rows and since else 0.0,
            trouble=error.sentence if error is not None else "",
            hint=error.hint if error is not None else "",
        )

    def stop(self, timeout: float = 5.0) -> bool:
        """Write what is there, if that is quick, and end the thread. Return whether it has ended."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # The thread

    def _run(self) -> None:
        retry = FIRST_RETRY
        while True:
            with self._wake:
                if self._error is not None:
                    self._wake.wait_for(lambda: self._stopping or self._work, retry)
                else:
                    self._wake.wait_for(lambda: self._stopping or self._work or self._woken or self._now is not None)
                    if self._woken and self._known and not self._now:
                        self._wake.wait_for(lambda: self._stopping or self._work or self._now is not None, GATHER)
                stopping = self._stopping
                self._woken = False
                self._behind_since = self._behind_since or time.monotonic()
            self._do_work()
            if stopping and self._error is not None:
                break
            try:
                self._session(stopping)
            except StoreError as error:
                self._broken(error)
                retry = min(LAST_RETRY, retry * 2)
            except AfError as error:
                self._broken(StoreError(error.sentence, hint=error.hint))
                retry = LAST_RETRY
            except Exception as error:  # noqa: BLE001 - whatever broke, the farm goes on without it
                _log.exception("following the statistics broke")
                self._broken(StoreError(f"following the statistics broke: {error}", hint="its traceback is in the log"))
                retry = LAST_RETRY
            else:
                retry = FIRST_RETRY
            if stopping:
                break
        self._drop_work()
        self.target.close()

    def _broken(self, error: StoreError) -> None:
        self._names.forget()
        first = self._error is None
        self._error = error
        if first:
            self._on_trouble(error)

    def _do_work(self) -> None:
        while True:
            with self._wake:
                if not self._work:
                    return
                work, done = self._work.popleft()
            self._names.forget()
            self._known = False
            self._woken = True
            try:
                found = work()
            except StoreError as error:
                done(None, error)
            except AfError as error:
                done(None, StoreError(error.sentence, hint=error.hint))
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                _log.exception("work on the statistics broke")
                done(None, StoreError(f"it broke: {error}", hint="its traceback is in the server's log"))
            else:
                done(found, None)

    def _drop_work(self) -> None:
        while self._work:
            self._work.popleft()[1](None, StoreError("the server stopped before it was done"))

    def _session(self, stopping: bool) -> None:
        """Write everything there is over one connection."""
        with ExitStack() as stack:
            connection = stack.enter_context(self.target.connected())
            if not self._known:
                with connection.begin():
                    prepare(connection, self.target.place, self._zone)
                    self._number = open_farm(connection, self._farm)
            with connection.begin():
                self._at = positions(connection, self._number)
                zone = zone_of(connection)
            self._known = True
            self._back()
            history = self._open_history()
            stack.callback(history.close)
            ends = time.monotonic() + 2.0
            while not self._work:
                self._write_now(connection)
                begun = time.thread_time()
                runs = history.rows_after(self._at[0], AT_ONCE)
                if runs:
                    self._follow(connection, follow_runs, runs, zone)
                if len(runs) == AT_ONCE:
                    self._rest((time.thread_time() - begun) * (1 / SHARE - 1))
                else:
                    # A run that ends meanwhile waits for the next session: here it would be written row by row.
                    jobs = whole_jobs(history, self._at[1])
                    if not jobs:
                        with self._wake:
                            if not self._woken:
                                self._behind_since = 0.0
                        break
                    self._follow(connection, follow_jobs, jobs, zone)
                if stopping and time.monotonic() > ends:
                    break

    def _rest(self, seconds: float) -> None:
        """Leave the processor to the farm, unless somebody waits for this thread."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._work or self._now is not None, seconds)

    def _follow(self, connection: Connection, write: Callable[..., Any], rows: Sequence[Any], zone: ZoneInfo) -> None:
        def once() -> tuple[int, int]:
            with self.target.explained(), connection.begin():
                at: tuple[int, int] = write(connection, self._number, rows, zone, self._names)
                return at

        try:
            self._at = once()
        except (BadValue, ValueError, OverflowError):
            self._names.forget()
            clean_rows(RUN_ROWS if isinstance(rows[0], RunRow) else JOB_ROWS, rows)
            self._at = once()

    def _write_now(self, connection: Connection) -> None:
        now = self._now
        if now is None:
            return
        with self.target.explained(), connection.begin():
            write_now(connection, self._number, now)
        self._now = None
        self._on_ready()

    def _back(self) -> None:
        if self._error is not None:
            self._error = None
            self._on_trouble(None)
        if self._now is None:
            self._on_ready()


def whole_jobs(history: History, after: int, limit: int = AT_ONCE) -> list[JobRow]:
    """Return the next blocks of deleted jobs, every job with all its blocks."""
    rows = history.jobs_after(after, limit)
    if len(rows) < limit:
        return rows
    end = len(rows)
    while end and rows[end - 1].job == rows[-1].job:
        end -= 1
    if end:
        return rows[:end]
    return whole_jobs(history, after, limit * 2)
