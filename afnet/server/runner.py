"""The runner owns the core: it feeds it commands, journals what happened, and lets nothing out before it is durable.

Rules of this file:
- Everything here runs on the event loop's thread; the writer's callbacks come through ``call_soon_threadsafe``.
- Screens are marked at once; effects and answers wait until the batch that holds their facts is committed.
- A batch closes when the writer is free: load makes batches bigger, not slower.
- No task and no await per message: one ``call_soon`` serves what came since the last, for at most ``SLICE`` seconds.
- There is no tick: one timer stands at the deadline that the core asked for.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from afcore.commands import LoseRender, MeasureRender, ReportRun, Solve, Tick
from afcore.effects import Effect
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.errors import AfError, Bug, Rejected, Unavailable
from afcore.events import Event, Fact
from afcore.outcome import Entry, Outcome
from afcore.states import Role
from afcore.store.base import Batch, JobRow, RunRow
from afcore.store.ledger import AuditRow, KeptRow
from afnet.server.clock import Clock

__all__ = ["SLICE", "Answer", "Applies", "Observer", "Runner", "TakesBatches"]

SLICE = 0.005
"""Seconds of work between two looks at the network."""

SOLVE_BUDGET = 40
"""Starts in one call of the solver: some milliseconds of work.  A call costs something by itself; but what starts
together ends together, and a flood of reports is waited for."""

SOLVE_PAUSE = 0.03
"""Seconds between two calls of the solver while messages wait: with too much to do, free slots wait, not reports."""

_SLEPT = 1.0
"""Seconds by which a timer that rings late tells that the server did not run."""

Answer = Callable[[Any, AfError | None], None]
"""Called once, with the reply or with the error that refused the command."""


class Applies(Protocol):
    """The core, as far as the runner knows it."""

    def apply(self, envelope: Envelope[Any]) -> Outcome:
        """Do a command."""
        ...

    def deadline(self) -> float | None:
        """When a Tick is due, unix seconds."""
        ...

    @property
    def wants_solve(self) -> bool:
        """Whether something changed that could let a task start."""
        ...


class TakesBatches(Protocol):
    """The writer, as far as the runner knows it."""

    def put(self, batch: Batch) -> None:
        """Queue a batch."""
        ...


class Observer(Protocol):
    """What the runner tells the rest of the server; every call is quick and raises nothing."""

    def happened(self, events: list[Event], initiator: str) -> None:
        """Events were applied; they may not be durable yet."""
        ...

    def acted(self, entry: Entry, action: str) -> AuditRow | None:
        """A person or a node did something: the entry that goes into the journal; returns the row of its audit."""
        ...

    def release(self, effects: list[Effect]) -> None:
        """Effects whose facts are committed: do them."""
        ...

    def released(self) -> None:
        """Everything that one commit let out was released: what was gathered may go."""
        ...

    def committed(self, seq: int, facts: int, size: int) -> None:
        """Everything up to batch ``seq``, which held so many facts in so many bytes, is durable."""
        ...

    def broken(self, error: BaseException, envelope: Envelope[Any] | None) -> None:
        """The core broke one of its own rules: nothing more may be applied."""
        ...


class _Item(NamedTuple):
    command: Any
    principal: Principal
    answer: Answer | None
    operation: str
    cause: str
    initiator: str
    action: str = ""


_Out = tuple[Answer | None, Any]
"""What waits for a commit: an answer with its reply, or None with a list of effects; in the order of the commands."""


_REPORTS = frozenset({ReportRun, MeasureRender, LoseRender})
"""What nodes tell of tasks, and what the door notes of them: no acts."""

_SOLVE = _Item(Solve(budget=SOLVE_BUDGET), SYSTEM_PRINCIPAL, None, "", "", "")


class _Waiting:
    """What a batch releases when it is durable."""

    __slots__ = ("at", "facts", "out", "seq", "size")

    def __init__(self, seq: int, at: float, facts: int, size: int, out: list[_Out]) -> None:
        self.seq = seq
        self.at = at
        self.facts = facts
        self.size = size
        self.out = out


class Runner:
    """Feeds one core with commands, in the order in which they came."""

    def __init__(
        self,
        core: Applies,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        writer: TakesBatches,
        observer: Observer,
        encode: Callable[[Entry], bytes],
        epoch: int,
        last_seq: int,
    ) -> None:
        self._core = core
        self._clock = clock
        self._loop = loop
        self._writer = writer
        self._observer = observer
        self._encode = encode
        self._epoch = epoch
        self._inbox: deque[_Item] = deque()
        self._scheduled = False
        self._stopped: bool = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._returned = 0.0
        self._solved = 0.0
        self._operations = 0
        self.away: AfError | None = None
        """Why nothing can be committed now; None while the database answers."""
        self.refusal: Callable[[Any], AfError | None] | None = None
        """Why a command is not taken whatever the core would say; None takes all."""
        self.solving_paused = ""
        """Why nothing new is started, as a sentence without its end; empty while the solver runs."""
        self.closed_seq = last_seq
        """Number of the newest batch given to the writer."""
        self.committed_seq = last_seq
        """Number of the newest durable batch."""
        self.applied = 0
        """Commands applied since the start."""
        self._entries: list[bytes] = []
        self._facts = 0
        self._runs: list[RunRow] = []
        self._jobs: list[JobRow] = []
        self._kept: list[KeptRow] = []
        self._audit: list[AuditRow] = []
        self._out: list[_Out] = []
        self._waiting: deque[_Waiting] = deque()

    def post(
        self,
        command: Any,
        principal: Principal,
        answer: Answer | None = None,
        *,
        operation: str = "",
        cause: str = "",
        initiator: str = "",
        action: str = "",
    ) -> None:
        """Queue a command; ``answer`` is called when its outcome is durable, or at once when it is refused."""
        self._inbox.append(_Item(command, principal, answer, operation, cause, initiator, action))
        if not self._scheduled:
            self._schedule()

    def keep(
        self, kept: Iterable[KeptRow], audit: AuditRow | None, answer: Answer | None = None, reply: Any = None
    ) -> None:
        """Keep facts of the server's shell and an act; ``answer`` is called with ``reply`` when they are durable."""
        self._kept.extend(kept)
        if audit is not None:
            self._audit.append(audit)
        if answer is not None:
            self._out.append((answer, reply))
        self.wake()

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` in a turn of the loop after everything applied so far is durable, released and sent."""
        self._out.append((lambda reply, error: self._call_soon(function), None))
        self.wake()

    def _call_soon(self, function: Callable[[], None]) -> None:
        self._loop.call_soon(function)

    def wake(self) -> None:
        """Look again at the core's deadline and wishes: something outside the runner changed it."""
        if not self._scheduled:
            self._schedule()

    def next_operation(self) -> str:
        """Return an id for an operation, unique for the life of the farm."""
        self._operations += 1
        return f"{self._epoch:x}-{self._operations:x}"

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be applied or committed."""
        return not (self._inbox or self._waiting or self._entries or self._kept or self._audit or self._out)

    def commit_age(self) -> float:
        """Return how long (seconds) the oldest batch that is not durable yet waits for the database; 0 for none."""
        return self._clock.now() - self._waiting[0].at if self._waiting else 0.0

    def close_batch(self) -> int:
        """Give everything applied so far to the writer; return the number of the newest batch."""
        self._close(force=True)
        return self.closed_seq

    def stop(self) -> None:
        """Apply nothing more; what was applied goes to the writer."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._close(force=True)
        while self._inbox:
            item = self._inbox.popleft()
            if item.answer is not None:
                item.answer(None, Unavailable("The server is stopping.", hint="Try again when it is back."))

    # The writer's callbacks, on the loop

    def on_committed(self, seq: int) -> None:
        """Everything up to batch ``seq`` is durable: release it, in order."""
        self.committed_seq = max(self.committed_seq, seq)
        waiting = self._waiting
        while waiting and waiting[0].seq <= seq:
            batch = waiting.popleft()
            self._release(batch.out)
            self._observer.committed(batch.seq, batch.facts, batch.size)
        self._close()

    def on_away(self, error: AfError) -> None:
        """The database does not answer: no new starts, no acknowledgements."""
        self.away = error

    def on_back(self) -> None:
        """The database answers again."""
        self.away = None
        self.wake()

    # Work

    def _schedule(self) -> None:
        if not self._stopped:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        if self._stopped:
            return
        if self._clock.check() > 0.0:
            # This machine slept, or its clock was wrong: nobody was silent because of that.
            self._returned = self._clock.now()
        inbox = self._inbox
        end = time.perf_counter() + SLICE
        while inbox:
            item = inbox.popleft()
            if not self._apply(item):
                return
            if time.perf_counter() > end:
                break
        else:
            if not self._tick():
                return
        # Messages first: who reports waits for an answer, and a later pass serves more free renders at once.  But the
        # solver gets its turn even while messages keep coming, else a flood of reports would starve it.
        if self._may_solve():
            now = time.perf_counter()
            if not inbox or now > self._solved + SOLVE_PAUSE:
                if not self._apply(_SOLVE):
                    return
                self._solved = time.perf_counter()
        self._close()
        if inbox or self._may_solve():
            self._schedule()
        else:
            self._arm()

    def _may_solve(self) -> bool:
        return self._core.wants_solve and self.away is None and not self.solving_paused

    def resume_solving(self) -> None:
        """Start new tasks again."""
        self.solving_paused = ""
        self.wake()

    def _tick(self) -> bool:
        deadline, now = self._core.deadline(), self._clock.now()
        if deadline is None or deadline > now:
            return True
        if now - self._timer_at > _SLEPT:
            self._returned = now
        self._timer_at = math.inf
        return self._apply(_Item(Tick(self._returned), SYSTEM_PRINCIPAL, None, "", "", ""))

    def _arm(self) -> None:
        """Let one timer stand at the core's deadline."""
        deadline = self._core.deadline()
        if self._timer is not None:
            if deadline == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is None:
            return
        self._timer_at = deadline
        delay = max(0.0, deadline - self._clock.now())
        self._timer = self._loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if not self._scheduled:
            self._schedule()

    def _apply(self, item: _Item) -> bool:
        """Apply one command; return False when the core broke over it."""
        command, principal, answer, operation, cause, initiator, action = item
        if self.away is not None and answer is not None and principal.role < Role.NODE:
            # Nobody is promised anything while nothing can be kept; agents keep their reports until answered.
            answer(None, self.away)
            return True
        if self.refusal is not None:
            refused = self.refusal(command)
            if refused is not None:
                if answer is not None:
                    answer(None, refused)
                return True
        now = self._clock.now()
        envelope = Envelope(command, principal, now, operation, cause, initiator)
        try:
            outcome = self._core.apply(envelope)
        except Rejected as error:
            if answer is not None:
                answer(None, error)
            return True
        except Exception as error:  # noqa: BLE001 - whatever broke inside, the farm may be half changed: stop
            self._break(error, envelope, answer)
            return False
        self.applied += 1
        events = outcome.events
        if events:
            self._observer.happened(events, initiator)
            facts: list[Event] = [event for event in events if isinstance(event, Fact)]
            if facts:
                entry = Entry(now, operation, principal.name, principal.role, principal.origin, cause, facts)
                self._entries.append(self._encode(entry))
                self._facts += len(facts)
                if principal.role <= Role.NODE and type(command) not in _REPORTS:
                    row = self._observer.acted(entry, action or type(command).__name__)
                    if row is not None:
                        self._audit.append(row)
                if outcome.runs:
                    self._runs.extend([RunRow(**row) for row in outcome.runs])
                if outcome.jobs:
                    self._jobs.extend([JobRow(**row) for row in outcome.jobs])
        # The answer goes before the effects: a render must be known by its connection before it is told to start.
        if answer is not None:
            self._out.append((answer, outcome.reply))
        if outcome.effects:
            self._out.append((None, outcome.effects))
        return True

    def _break(self, error: Exception, envelope: Envelope[Any], answer: Answer | None) -> None:
        """Stop for good: what was applied before is kept, what broke is not acknowledged."""
        bug = error if isinstance(error, Bug) else Bug(f"{type(error).__name__} in the core: {error}")
        if bug is not error:
            bug.__cause__ = error
        self._stopped = True
        self._entries.clear()
        self._out.clear()
        if answer is not None:
            answer(None, Unavailable("The server stopped because of a mistake of its own.", hint="See its log."))
        self._observer.broken(bug, envelope)

    # Batches

    def _close(self, *, force: bool = False) -> None:
        """Give the open batch to the writer if that is free; without facts, wait for what is on its way only."""
        if not (self._entries or self._kept or self._audit):
            if self._out:
                out, self._out = self._out, []
                if self._waiting:
                    self._waiting[-1].out.extend(out)
                else:
                    self._release(out)
            return
        if self._waiting and not force:
            return
        entries = self._entries
        self.closed_seq += 1
        now = self._clock.now()
        self._waiting.append(_Waiting(self.closed_seq, now, self._facts, sum(map(len, entries)), self._out))
        self._facts = 0
        batch = Batch(
            seq=self.closed_seq,
            at=now,
            epoch=self._epoch,
            body=[*entries],
            runs=self._runs,
            jobs=self._jobs,
            kept=self._kept,
            audit=self._audit,
        )
        self._entries, self._runs, self._jobs, self._out = [], [], [], []
        self._kept, self._audit = [], []
        self._writer.put(batch)

    def _release(self, out: list[_Out]) -> None:
        for answer, value in out:
            if answer is None:
                self._observer.release(value)
            else:
                answer(value, None)
        if out:
            self._observer.released()
