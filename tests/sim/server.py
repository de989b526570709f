"""The real server on virtual time: core, runner, keeper, renders and conversations over the shipped memory store.

Rules of this file:
- Everything that decides is the product's own; what is made here is the writer's thread and the wire.
- A crash keeps what was committed and nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from afcore.codec import encode_entry
from afcore.commands import AcceptRestart
from afcore.core import Core
from afcore.effects import Effect
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.errors import StoreError, Unavailable
from afcore.events import Event
from afcore.model.defaults import Defaults
from afcore.outcome import Entry, Outcome
from afcore.replay import recover
from afcore.states import Role
from afcore.store.base import Batch, Retention, Snapshot
from afcore.store.memory import MemoryStore
from afnet.server.callers import Callers
from afnet.server.clock import Clock
from afnet.server.coming import ComingLogs
from afnet.server.keeping import Keeper
from afnet.server.native import NativePeers, ServerPeer
from afnet.server.renders import Renders
from afnet.server.runner import Runner
from afnet.wire.messages import Hello, NotLeader, Refused, Welcome
from tests.sim.clock import SimClock, SimLoop
from tests.sim.history import History

__all__ = ["AGENT", "DEFAULTS", "SimServer", "SimWriter"]

DEFAULTS = Defaults(system_tasksmax=1, system_tasklife=60.0)
"""The studio's settings: commands of the system job wait in its queue, and are given up soon."""

AGENT = Principal("agent", Role.USER, "127.0.0.1")
"""Who an agent is before it has registered."""


class _Watched:
    """The core with the history looking over its shoulder."""

    def __init__(self, core: Core, history: History) -> None:
        self.core = core
        self._history = history

    def apply(self, envelope: Envelope[Any]) -> Outcome:
        outcome = self.core.apply(envelope)
        self._history.applied(self.core, envelope, outcome)
        return outcome

    def deadline(self) -> float | None:
        return self.core.deadline()

    @property
    def wants_solve(self) -> bool:
        return self.core.wants_solve


class SimWriter:
    """The writer without its thread: a commit takes its time, and what is queued goes together."""

    def __init__(self, store: MemoryStore, loop: SimLoop, dice: random.Random, history: History) -> None:
        self._store = store
        self._loop = loop
        self._dice = dice
        self._history = history
        self._batches: deque[Batch] = deque()
        self._work: deque[tuple[Callable[[], object], Callable[[StoreError | None], None] | None]] = deque()
        self._busy = False
        self._away = False
        self.runner: Runner | None = None
        self.on_commit: Callable[[], None] | None = None
        """Called once, right after the next commit and before anybody hears of it."""

    def put(self, batch: Batch) -> None:
        """Queue a batch."""
        self._batches.append(batch)
        self._soon()

    def put_snapshot(self, snapshot: Snapshot, done: Callable[[StoreError | None], None] | None = None) -> None:
        """Queue a snapshot."""
        self._work.append((lambda: self._store.write_snapshot(snapshot), done))
        self._soon()

    def put_trim(
        self, retention: Retention, *, now: float, done: Callable[[StoreError | None], None] | None = None
    ) -> None:
        """Queue a trimming."""
        self._work.append((lambda: self._store.trim(retention, now=now), done))
        self._soon()

    def _soon(self) -> None:
        if not self._busy:
            self._busy = True
            self._loop.call_later(self._dice.uniform(0.0005, 0.02), self._write)

    def _write(self) -> None:
        self._busy = False
        assert self.runner is not None
        if self._batches:
            group = list(self._batches)
            try:
                self._store.commit(group)
            except Unavailable as error:
                self._busy = True
                if not self._away:
                    self._away = True
                    self.runner.on_away(error)
                self._loop.call_later(1.0, self._write)
                return
            self._batches.clear()
            self._history.committed(group)
            hook, self.on_commit = self.on_commit, None
            if hook is not None:
                hook()
            if self._away:
                self._away = False
                self._loop.call_soon(self.runner.on_back)
            self._loop.call_later(0.0005, self.runner.on_committed, group[-1].seq)
        elif self._work:
            step, done = self._work.popleft()
            error: StoreError | None = None
            try:
                step()
            except StoreError as caught:
                error = caught
            if done is not None:
                self._loop.call_soon(done, error)
        if self._batches or self._work:
            self._soon()

    def flush(self) -> bool:
        """Write what is queued: the end of a stop in order.  False when the database is away, and it is lost."""
        group = list(self._batches)
        try:
            if group:
                self._store.commit(group)
        except Unavailable:
            return False
        self._batches.clear()
        self._history.committed(group)
        return True


class SimServer:
    """One life of the server; the next one begins on the same store."""

    def __init__(
        self, store: MemoryStore, clock: SimClock, dice: random.Random, history: History, greeting: Callable[[], Any]
    ) -> None:
        self.store = store
        self.loop = SimLoop(clock)
        asyncio._set_running_loop(self.loop)  # type: ignore[arg-type]  # that is whose turn it is from here on
        self._history = history
        self._greeting = greeting
        self.clock = Clock(wall=self.loop.wall, steady=self.loop.time)
        recovered = store.load()
        self.core = recover(recovered.snapshot, (batch.body for batch in recovered.batches), defaults=DEFAULTS)
        self._recovered = recovered
        history.began(self.core)
        self.writer = SimWriter(store, self.loop, dice, history)
        self.runner = Runner(
            _Watched(self.core, history),
            clock=self.clock,
            loop=self.loop,  # type: ignore[arg-type]
            writer=self.writer,
            observer=self,
            encode=encode_entry,
            epoch=recovered.epoch,
            last_seq=store.last_seq,
        )
        self.writer.runner = self.runner
        self.keeper = Keeper(
            self.core,
            self.runner,
            self.writer,  # type: ignore[arg-type]
            self.clock,
            events=300,
            size=1 << 20,
            retention=lambda: Retention(days=0.0, size=1 << 14),
            snapshot_seq=recovered.snapshot.seq if recovered.snapshot is not None else 0,
            on_loop=lambda function: function(),
            call_later=self.loop.call_later,
        )
        coming = ComingLogs(self.loop.call_later)
        self.renders = Renders(
            self.core.farm,
            self.runner,
            remove_files=lambda job: None,
            coming=coming,
            loop=self.loop,  # type: ignore[arg-type]
        )
        nobody = SimpleNamespace(forget=lambda peer: None, unsubscribe=None, unfollow=None, lines=None)
        self.callers = Callers(
            self.core.farm,
            welcome=self._welcome,
            renders=self.renders,
            requests=nobody,  # type: ignore[arg-type]
            fanout=nobody,  # type: ignore[arg-type]
            notices=nobody,  # type: ignore[arg-type]
            followers=nobody,  # type: ignore[arg-type]
            files=nobody,  # type: ignore[arg-type]
            coming=coming,
        )
        self.peers = NativePeers(self, clock=self.loop.time)
        self.runner.post(AcceptRestart(), SYSTEM_PRINCIPAL)

    def _welcome(self) -> Welcome:
        return Welcome(0, "afserver", self._recovered.farm, self._recovered.epoch, time=self.clock.now())

    # NativeHandler

    def greet(self, hello: Hello, principal: Principal) -> Welcome | NotLeader | Refused:
        """Answer a Hello, now and then unkindly."""
        return self._greeting() or self.callers.greet(hello, principal)

    def connected(self, peer: ServerPeer) -> None:
        """As ``Callers``."""
        self.callers.connected(peer)

    def received(self, peer: ServerPeer, message: Any) -> None:
        """As ``Callers``."""
        self.callers.received(peer, message)

    def lost(self, peer: ServerPeer, reason: str) -> None:
        """As ``Callers``."""
        self.callers.lost(peer, reason)

    # Observer

    def happened(self, events: list[Event], initiator: str) -> None:
        """Screens are not simulated."""

    def acted(self, entry: Entry, action: str) -> None:
        """Nor is the audit."""

    def release(self, effects: list[Effect]) -> None:
        """Effects whose facts are committed."""
        self.renders.release(effects)

    def released(self) -> None:
        """The end of one release."""
        self.renders.send_gathered()

    def committed(self, seq: int, facts: int, size: int) -> None:
        """A batch is durable."""
        self.keeper.committed(facts, size)

    def broken(self, error: BaseException, envelope: Envelope[Any] | None) -> None:
        """The core broke: that is what this is all about."""
        raise error

    # The end

    def die(self) -> None:
        """End without a word: what was not committed is gone."""
        self.loop.dead = True
        self.store.close()

    def stop(self) -> bool:
        """End in order; return whether everything is on the disk."""
        self.peers.close("The server stops.")
        self.runner.stop()
        flushed = self.writer.flush()
        self.die()
        return flushed
