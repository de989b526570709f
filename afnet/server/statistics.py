"""The server's part in the statistics: which database, what follows it, and the operations about it.

Rules of this file:
- Nothing here can delay a start: rows are fetched by a thread of their own, operations run in that or another thread,
  and a database that is away is a sentence in ``lag`` and ``check``, nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from afcore.config import Config
from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, Conflict, Problem, Rejected, StoreError, Unavailable
from afcore.events import Event, JobDeleted, RunFinished
from afcore.model.farm import Farm
from afcore.store.base import Store, Unwanted
from afcore.store.memory import MemoryStore
from afcore.store.statistics.follower import Follower
from afcore.store.statistics.lag import LEVEL, Lag
from afcore.store.statistics.questions import BY, Question, parse_time
from afcore.store.statistics.questions import answer as ask
from afcore.store.statistics.removing import remove
from afcore.store.statistics.target import Target, drivers, parse_address
from afcore.store.statistics.tending import check_database, check_zone, empty, update_tables, zone_of
from afnet.server.aside import do_aside
from afnet.server.board import Board
from afnet.server.nowfeed import NowFeed
from afnet.server.runner import Answer
from afnet.words import sentences

__all__ = ["Statistics"]

_log = logging.getLogger(__name__)

_Own = Callable[[dict[str, Any], Principal, Answer], None]
_WAITING_MOST = 40
_READING_TIME = 20.0
"""Seconds after which the database breaks off a question."""


class Statistics:
    """Keeps the statistics database up to date. Without one (a farm in memory) it does nothing and says so.

    ``noted`` writes into the audit who did what, and answers when that is durable; ``forget`` drops rows of the farm's
    own database and tells its end, from any thread.
    """

    def __init__(
        self,
        config: Config,
        *,
        data: Path,
        farm: Farm,
        identity: str,
        store: Store,
        board: Board,
        noted: Callable[[Principal, str, str, Answer, Any], None],
        forget: Callable[[Unwanted, Callable[[AfError | None], None]], None],
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._noted = noted
        self._forget = forget
        self._store = store
        self._now = now
        self._loop = loop
        self._waiting = 0
        self._zone: str = config["statistics_zone"]
        self._rows = False
        self.target: Target | None = None
        self._follower: Follower | None = None
        self._feed: NowFeed | None = None
        self._refusal: AfError = Unavailable(
            "this farm keeps no statistics, because its own database is in memory",
            hint="name a database in statistics_database",
        )
        address = config["statistics_database"] or config["af_db_conninfo"]
        self._wanted = bool(address) or not isinstance(store, MemoryStore)
        if not self._wanted:
            return
        try:
            check_zone(self._zone)
            self.target = Target(parse_address(address, data))
        except AfError as error:
            _log.warning("no statistics are kept: %s", error)
            self._refusal = error
            return
        self._follower = follower = Follower(
            self.target,
            farm=identity,
            zone=self._zone,
            history=store.history,
            newest=lambda: store.last_rows,
            on_ready=lambda: self._on_loop(self._ready),
            on_trouble=lambda error: self._on_loop(lambda: self._trouble(error)),
        )
        self._feed = NowFeed(
            farm, board, put=follower.put_now, ready=lambda: follower.ready, now=now, loop=loop
        )  # fmt: skip

    def _on_loop(self, function: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    # Life

    def start(self) -> None:
        """Begin to follow."""
        if self._follower is not None and self._feed is not None:
            self._feed.start()
            self._follower.start()

    async def stop(self) -> None:
        """Follow no more; what is not there yet follows after the next start."""
        if self._follower is not None and self._feed is not None:
            self._feed.stop()
            await self._loop.run_in_executor(None, self._follower.stop)

    def happened(self, events: list[Event]) -> None:
        """Note what the farm did; asked for every outcome, after the board was marked."""
        if self._feed is not None:
            self._rows = self._rows or any(isinstance(event, RunFinished | JobDeleted) for event in events)
            self._feed.changed()

    def committed(self) -> None:
        """Rows are durable: they can follow."""
        if self._rows and self._follower is not None:
            self._rows = False
            self._follower.wake()

    def _ready(self) -> None:
        if self._feed is not None:
            self._feed.changed()

    def _trouble(self, error: StoreError | None) -> None:
        if error is not None:
            so = "the farm goes on, its statistics follow when that is over"
            _log.warning("%s", sentences(error.sentence, so, error.hint))
            return
        _log.warning("The statistics database is back.")
        self._again()

    def _again(self) -> None:
        """The tables may be others than before: give everything there is now."""
        if self._feed is not None:
            self._feed.anew()
            self._feed.changed()

    def lag(self) -> Lag:
        """Return how far the statistics database is behind the farm."""
        return LEVEL if self._follower is None else self._follower.lag()

    @property
    def followed(self) -> tuple[int, int] | None:
        """Numbers of the newest run and deleted job's block that are in the statistics: the farm's own lists may forget
        them. None where no statistics are kept; where they should be and cannot, nothing is there."""
        if self._follower is not None:
            return self._follower.position
        return (0, 0) if self._wanted else None

    # Operations

    @property
    def operations(self) -> dict[str, _Own]:
        """What the server does itself about the statistics, by operation."""
        return {
            "statistics.check": self._check,
            "statistics.reset": self._reset,
            "statistics.update-tables": self._update,
            "statistics.drivers": lambda bound, principal, answer: answer({"rows": drivers(), "next": None}, None),
            "statistics.delete": self._delete,
            "statistics.lag": lambda bound, principal, answer: answer(self._lag_row(), None),
        }

    def _lag_row(self) -> dict[str, Any]:
        lag, place = self.lag(), "the statistics database"
        if self.target is not None:
            place = self.target.place
        else:
            rows = sum(self._store.last_rows) if self._wanted else 0
            lag = Lag(rows=rows, seconds=0.0, trouble=self._refusal.sentence, hint=self._refusal.hint)
        return {"place": place, "rows": lag.rows, "seconds": lag.seconds, "trouble": lag.trouble, "hint": lag.hint}

    def _known(self) -> tuple[Target, Follower]:
        if self.target is None or self._follower is None:
            raise Rejected(f"{self._refusal.sentence}.", hint=self._refusal.hint, code="unavailable")
        return self.target, self._follower

    def _check(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        target, _ = self._known()
        do_aside(self._loop, lambda: check_database(target), answer, what="statistics.check")

    def _reset(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        target, _ = self._known()
        what = bound["what"]
        _confirmed(bound, f"this empties {'the statistics' if what == 'all' else f'the table {what}'} for ever")
        self._between(
            lambda: {"dropped": empty(target, what, self._zone)},
            "statistics.reset",
            "emptied the statistics" if what == "all" else f"emptied the statistics' table {what}",
            principal,
            answer,
        )

    def _update(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        target, _ = self._known()
        self._between(
            lambda: update_tables(target, self._zone),
            "statistics.update-tables",
            "updated the statistics' tables",
            principal,
            answer,
        )

    def _delete(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        target, follower = self._known()
        folder, before = bound["folder"], bound["before"]
        if not folder.strip("/\\") and not before:
            raise BadSpec([Problem("folder", "or before must be given: whose records, or of which age")])
        ends = 0
        if before:
            ends = parse_time(before, now=self._now(), zone=check_zone(self._zone), name="before")
        what = "records" + (f" of {folder}" if folder else "") + (f" that ended before {before}" if before else "")
        _confirmed(bound, f"this deletes {what} for ever")

        def also_of_the_farm(found: Any, error: AfError | None) -> None:
            """The farm's own lists of what ended forget the same; what has not followed yet stays."""
            if error is not None:
                answer(None, error)
                return
            run, job = follower.position
            unwanted = Unwanted(folder=folder, before=ends, last_run=run, last_job=job)
            self._forget(unwanted, lambda error: self._on_loop(lambda: answer(found if error is None else None, error)))

        self._between(
            lambda: {"deleted": remove(target, folder=folder, before=ends)},
            "statistics.delete", f"deleted {what} from the statistics", principal, also_of_the_farm,
        )  # fmt: skip

    def show(self, bound: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Return what answers ``statistics.show``, to be called in a thread."""
        target, _ = self._known()
        now = self._now()
        if self._waiting >= _WAITING_MOST:
            sentence = "Too many questions about the past wait for their answers."
            raise Rejected(sentence, hint="Ask again in a moment.", code="unavailable")
        self._waiting += 1

        def work() -> dict[str, Any]:
            try:
                return read()
            finally:
                self._on_loop(self._answered)

        def read() -> dict[str, Any]:
            with target.connected(reading=True, seconds=_READING_TIME) as connection:
                with connection.begin():
                    zone = zone_of(connection)
                question = Question(
                    by=bound["by"],
                    per=bound["per"],
                    since=parse_time(bound["since"], now=now, zone=zone, name="since"),
                    until=parse_time(bound["until"], now=now, zone=zone, name="until"),
                    where={name: bound[name] for name in BY if bound.get(name)},
                    under=bound["under"],
                    order=bound["order"],
                    limit=bound["most"],
                )
                found = ask(connection, question)
            return {
                "rows": found.rows, "next": None, "since": found.since, "until": found.until, "zone": found.zone,
                "more": found.more,
            }  # fmt: skip

        return work

    def _answered(self) -> None:
        self._waiting -= 1

    def _between(self, work: Callable[[], Any], action: str, what: str, principal: Principal, answer: Answer) -> None:
        """Change tables in the follower's thread, between two transactions of its own; the audit keeps who did it."""
        _, follower = self._known()

        def done(found: Any, error: StoreError | None) -> None:
            self._on_loop(lambda: finish(found, error))

        def finish(found: Any, error: StoreError | None) -> None:
            if error is None:
                said = f"{what}: {_told(found)}"
                _log.info("%s %s", principal.name, said)
                self._again()
                self._noted(principal, action, said, answer, found)
            else:
                answer(None, error)

        follower.do(work, done)


def _told(found: dict[str, Any]) -> str:
    """Return in words what was done to tables."""
    counts = found.get("dropped") or found.get("deleted") or found.get("taken") or {}
    parts = [f"{count} rows of {name}" for name, count in counts.items()]
    if found.get("taken"):
        parts[0] = f"took over {parts[0]}"
    if found.get("rows"):
        parts.append(f"{found['rows']} rows summed up")
    return ", ".join(parts) or "nothing was missing"


def _confirmed(bound: dict[str, Any], what: str) -> None:
    if not bound["yes"]:
        raise Conflict(f"It has to be confirmed: {what}.", hint="Say it again with --yes.", code="unconfirmed")
