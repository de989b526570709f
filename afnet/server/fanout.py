"""Subscriptions: each gets the rows that are newer than what it has, as often as it wants and can take.

Rules of this file:
- A subscription is a number (the version it has) and a list of ids still to be sent; never a queue of changes.
- A peer that takes its bytes slowly is skipped and later gets fewer, newer rows.
- One flush makes at most ``_SLICE`` rows or a few chunks of columns: long answers go out in several turns of the loop.
- Nobody subscribed, or nothing changed: no timer, no work.
- Who opens a job gets the states of all its tasks first: all that strips, counts and filters need.
- Who has the same version and wants the same is sent the same message, made once in a turn: that many watch costs
  little more than that one does.  So that turns are shared, subscriptions are served at times on one grid.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from afcore.envelope import Principal
from afcore.errors import BadSpec, LimitReached, NotFound, Problem, did_you_mean
from afcore.model.farm import Farm
from afcore.model.tasks import COLUMN_NAMES
from afcore.rows import JobRow, RunRow
from afcore.states import Role
from afcore.systemcommand import SYSTEM_JOB
from afnet.server import rowmaking
from afnet.server.board import CHUNK, KINDS, Board
from afnet.wire.messages import Message, Rows, Subscribe

__all__ = ["Fanout", "Screen"]

_SLICE = 256
"""Rows of one flush: about 2 ms of work."""
_CHUNKS = 8
"""Chunks of task columns in one flush."""
_STATES = 1 << 20
"""Tasks whose states alone go in one flush, while nobody who opened the job sees anything yet: some ms of work."""
_OTHERS = tuple(name for name in COLUMN_NAMES if name != "state")

_Piece = tuple[int, int, int, tuple[str, ...]]
"""Tasks of a block, by the first and how many, and which of their columns."""
_LEAST_INTERVAL = 0.02
_LONGEST_INTERVAL = 3600.0
_SUBSCRIPTIONS_MOST = 1000
"""Subscriptions of one peer: all of them are looked at when something changes."""
_RETRY = 0.25
"""Seconds until a slow peer is looked at again."""
_HOLDS_PAUSE = 0.5
"""Seconds between two looks at what ready jobs wait for: they follow what happens to renders a little later."""
_HOLDS_BEHIND = 0.05
"""The same while there is more to look at than one look does (about 2 ms)."""


class Screen(Protocol):
    """Who may subscribe: a native peer, or a page of a browser."""

    number: int
    """Unique while the server runs."""
    principal: Principal
    slow: bool
    """It takes less than it is sent: its turn comes later."""

    def send(self, *messages: Message) -> None:
        """Send rows with everything else of this turn of the loop."""


class _Subscription:
    """What one peer wants to be told."""

    __slots__ = ("due", "filter", "gone", "id", "interval", "job", "kind", "left", "peer", "target", "version", "whole")

    def __init__(self, peer: Screen, wanted: Subscribe, job: int) -> None:
        self.peer = peer
        self.id = wanted.id
        self.kind = wanted.kind
        self.filter = wanted.filter
        self.job = job
        self.interval = min(_LONGEST_INTERVAL, max(_LEAST_INTERVAL, wanted.interval))
        self.version = wanted.since
        """What the peer has."""
        self.target = wanted.since
        """What it has once ``left`` is sent."""
        self.left: list[Any] = []
        self.gone: list[Any] = []
        self.whole = False
        self.due = 0.0

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the board has to mark for it; columns have marks of their own."""
        return () if self.job else (self.kind,)


class _Answer(NamedTuple):
    """What a subscription was sent in this turn."""

    message: Rows | None
    left: list[Any]
    target: int
    stands_for: int


class Fanout:
    """Every subscription of every peer."""

    def __init__(self, farm: Farm, board: Board, *, now: Callable[[], float], loop: asyncio.AbstractEventLoop) -> None:
        self._farm = farm
        self._board = board
        self._now = now
        self._loop = loop
        self._subscriptions: dict[tuple[int, int], _Subscription] = {}
        self._counts: dict[int, int] = {}
        """Subscriptions by the number of their peer."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._holds_at = 0.0
        self._answers: dict[tuple[Any, ...], _Answer] = {}
        """What was made in this turn of the timer, by what was asked for."""

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, peer: Screen, wanted: Subscribe) -> None:
        """Begin (or begin anew) a subscription; BadSpec or NotFound when there is nothing like it."""
        if wanted.kind != "tasks" and wanted.kind not in KINDS:
            hint = did_you_mean(wanted.kind, (*KINDS, "tasks")) or "one of " + ", ".join((*KINDS, "tasks"))
            raise BadSpec([Problem("kind", f'there is no kind "{wanted.kind}" to subscribe to', hint)])
        _check_filter(wanted.filter)
        job = 0
        if wanted.kind == "tasks":
            job = wanted.filter.get("job", 0)
            if job not in self._farm.jobs or (job == SYSTEM_JOB and not _sees_system(peer)):
                raise NotFound(f"There is no job {job}.", hint="`afcmd job list` shows the jobs there are.")
        self.unsubscribe(peer, wanted.id)
        if self._counts.get(peer.number, 0) >= _SUBSCRIPTIONS_MOST:
            raise LimitReached(
                f"{_SUBSCRIPTIONS_MOST} subscriptions are open here already: the budget of one conversation.",
                hint="End some of them.",
            )
        self._counts[peer.number] = self._counts.get(peer.number, 0) + 1
        subscription = _Subscription(peer, wanted, job)
        self._board.watch(subscription.kinds)
        if job:
            self._board.open_job(job)
            subscription.whole = True
            subscription.left = self._pieces(job, -1)
            subscription.target = self._board.version
        self._subscriptions[peer.number, wanted.id] = subscription
        self._flush(subscription)
        self._arm()

    def unsubscribe(self, peer: Screen, id: int) -> None:
        """End a subscription; nothing happens when there is none."""
        subscription = self._subscriptions.pop((peer.number, id), None)
        if subscription is not None:
            self._end(subscription)

    def forget(self, peer: Screen) -> None:
        """End every subscription of a peer that is gone."""
        for key in [key for key in self._subscriptions if key[0] == peer.number]:
            self._end(self._subscriptions.pop(key))

    def _end(self, subscription: _Subscription) -> None:
        number = subscription.peer.number
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._counts[number]
        self._board.unwatch(subscription.kinds)
        if subscription.job:
            self._board.close_job(subscription.job)
        if not self._subscriptions and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self) -> None:
        """Something was marked on the board."""
        if self._subscriptions and self._timer is None:
            self._arm()

    def _arm(self) -> None:
        """Let the timer stand at the time when the next subscription may be served."""
        if not self._subscriptions:
            return
        soonest = min(
            (each.due for each in self._subscriptions.values() if each.left or each.version != self._board.version),
            default=None,
        )
        if self._board.holds_due:
            soonest = self._holds_at if soonest is None else min(soonest, self._holds_at)
        if soonest is None:
            return
        if self._timer is not None:
            if self._timer_at <= soonest:
                return
            self._timer.cancel()
        self._timer_at = soonest
        self._timer = self._loop.call_at(max(soonest, self._loop.time()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._holds_at and self._board.holds_due:
            behind = self._board.look_at_holds(self._now())
            self._holds_at = now + (_HOLDS_BEHIND if behind else _HOLDS_PAUSE)
        version = self._board.version
        for subscription in list(self._subscriptions.values()):
            if subscription.due <= now and (subscription.left or subscription.version != version):
                self._flush(subscription, self._answers)
        self._answers = {}
        self._arm()

    def _flush(self, subscription: _Subscription, answers: dict[tuple[Any, ...], _Answer] | None = None) -> None:
        """Send what one subscription lacks, or the next part of it; ``answers`` were made in this turn for others."""
        now = self._loop.time()
        peer = subscription.peer
        if peer.slow:
            subscription.due = now + _RETRY
            return
        answer, key = None, self._question(subscription)
        if answers is not None and key is not None:
            answer = answers.get(key)
            if answer is None:
                answer = answers[key] = self._answer(subscription)
        if answer is None:
            answer = self._answer(subscription)
        if answer.message is not None:
            peer.send(answer.message)
        subscription.left, subscription.target = list(answer.left), answer.target
        subscription.gone, subscription.whole = [], False
        subscription.version = answer.stands_for
        interval = subscription.interval
        subscription.due = now if answer.left else (math.floor(now / interval) + 1) * interval

    def _question(self, subscription: _Subscription) -> tuple[Any, ...] | None:
        """Return what tells an answer that begins now from every other one; None for one that nobody shares."""
        if subscription.left or (subscription.filter and not subscription.job):
            return None
        wants = (subscription.id, subscription.kind, subscription.job, subscription.version, subscription.whole)
        return (*wants, _sees_system(subscription.peer))

    def _answer(self, subscription: _Subscription) -> _Answer:
        """Make what one subscription lacks, or the next part of it."""
        if not subscription.left:
            self._look(subscription)
        if subscription.job:
            rows, more = self._columns(subscription)
        else:
            rows, more = self._rows(subscription)
        gone, subscription.gone = subscription.gone, []
        # The version goes with the last part: who breaks off in between must ask for all of it again.
        stands_for = subscription.version if more else subscription.target
        message = None
        if rows or gone or subscription.whole:
            initiators = [] if more else self._board.initiators_since(subscription.version)
            message = Rows(subscription.id, stands_for, rows, gone, subscription.whole, initiators)
        return _Answer(message, subscription.left, subscription.target, stands_for)

    def _look(self, subscription: _Subscription) -> None:
        """Ask the board what the subscription lacks."""
        board = self._board
        if subscription.job:
            if subscription.job not in self._farm.jobs:
                subscription.gone = [subscription.job]
            else:
                subscription.left = self._pieces(subscription.job, subscription.version)
            subscription.target = board.version
            return
        changes = board.since(subscription.kind, subscription.version)
        subscription.target = changes.version
        if changes.whole:
            subscription.whole = True
            subscription.left = rowmaking.all_ids(self._farm, subscription.kind)
        else:
            subscription.left = changes.changed
            subscription.gone = rowmaking.gone_numbers(changes.gone)

    def _rows(self, subscription: _Subscription) -> tuple[list[Any], bool]:
        make: Callable[[Farm, Any, float], Any] = rowmaking.MAKERS[subscription.kind]
        part, subscription.left = subscription.left[:_SLICE], subscription.left[_SLICE:]
        rows = []
        at, sees_all = self._now(), _sees_system(subscription.peer)
        for id in part:
            row = make(self._farm, id, at)
            if row is None or (_row_job(row) == SYSTEM_JOB and not sees_all):
                continue
            if subscription.filter and not rowmaking.fits(row, subscription.filter):
                if not subscription.whole:
                    subscription.gone.extend(rowmaking.gone_numbers([id]))
                continue
            rows.append(self._board.complete(row, at) if isinstance(row, JobRow) else row)
        return rows, bool(subscription.left)

    def _pieces(self, job: int, version: int) -> list[_Piece]:
        """Return what changed of a job's columns after ``version``, in pieces; of all of it, the states first."""
        if version >= 0:
            return _cut(self._board.chunks_since(job, version), COLUMN_NAMES)
        blocks = [(block.index, 0, block.tasks.size) for block in self._farm.jobs[job].blocks]
        return [*_cut(blocks, ("state",)), *_cut(blocks, _OTHERS)]

    def _columns(self, subscription: _Subscription) -> tuple[list[Any], bool]:
        rows: list[Any] = []
        share = 0.0
        left = subscription.left
        while left and share < 1 and subscription.job in self._farm.jobs:
            block, first, count, names = left.pop(0)
            rows.append(
                rowmaking.task_columns(self._farm, subscription.job, block, first, count, subscription.target, names)
            )
            share += count / _most_tasks(names)
        return rows, bool(left)


def _most_tasks(names: tuple[str, ...]) -> int:
    """Return of how many tasks these columns go in one flush."""
    return _STATES if len(names) == 1 else _CHUNKS * CHUNK


def _cut(found: list[tuple[int, int, int]], names: tuple[str, ...]) -> list[_Piece]:
    """Return ranges of tasks of blocks as pieces with some columns, none greater than a flush."""
    step = _most_tasks(names)
    return [
        (block, start, min(step, first + count - start), names)
        for block, first, count in found
        for start in range(first, first + count, step)
    ]


def _check_filter(filter: dict[str, Any]) -> None:
    """Raise BadSpec for a filter that no row could be compared with: it is asked when others wait for their rows."""
    problems = []
    for name, kind in (("ids", int), ("names", str)):
        value = filter.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, kind) for each in value)):
            problems.append(Problem(f"filter.{name}", "is no list of " + ("numbers" if kind is int else "texts")))
    for name, one, said in (("user", str, "text"), ("job", int, "number")):
        if filter.get(name) is not None and not isinstance(filter[name], one):
            problems.append(Problem(f"filter.{name}", f"is no {said}"))
    if problems:
        raise BadSpec(problems)


def _sees_system(peer: Screen) -> bool:
    """Say whether a peer may look at the system job."""
    return peer.principal.role >= Role.GOD


def _row_job(row: Any) -> int:
    """Return the job that a row of jobs or runs is of, 0 for rows of anything else."""
    kind = type(row)
    job: int = row.id if kind is JobRow else row.job if kind is RunRow else 0
    return job
