"""A server without sockets, threads or time: the real core, runner and rooms around it, a loop turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from afcore.codec import encode_entry
from afcore.core import Core
from afcore.effects import Effect
from afcore.envelope import Envelope, Principal
from afcore.errors import AfError
from afcore.events import Event
from afcore.outcome import Entry
from afcore.states import Role
from afcore.store.base import Batch
from afcore.why.answer import why
from afnet.server.audit import Audit
from afnet.server.board import Board
from afnet.server.callers import Callers
from afnet.server.clock import Clock
from afnet.server.coming import ComingLogs
from afnet.server.fanout import Fanout
from afnet.server.follow import Followers
from afnet.server.notices import Notices
from afnet.server.queries import Queries
from afnet.server.renders import Renders
from afnet.server.requests import Requests
from afnet.server.runner import Runner
from afnet.wire.messages import FileChunk, Message, Register, Request, Welcome

__all__ = ["ANN", "FakeLoop", "FakePeer", "House"]

ANN = Principal("ann", Role.GOD, "127.0.0.1")


class _Handle:
    def __init__(self, loop: FakeLoop, at: float, function: Callable[[], None]) -> None:
        self.loop, self.at, self.function = loop, at, function

    def cancel(self) -> None:
        if self in self.loop.timers:
            self.loop.timers.remove(self)


class _Done:
    """A future that is done: what a thread would have done is done at once."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._error: BaseException | None = None
        self._result: Any = None
        try:
            self._result = work()
        except (AfError, OSError) as error:
            self._error = error

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        function(self)

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self._error

    def result(self) -> Any:
        return self._result


class FakeLoop:
    """What the rooms use of an event loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[Callable[[], None]] = []
        self.timers: list[_Handle] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, function: Callable[[], None]) -> None:
        self.calls.append(function)

    def call_later(self, delay: float, function: Callable[[], None]) -> _Handle:
        return self.call_at(self.now + delay, function)

    def call_at(self, when: float, function: Callable[[], None]) -> _Handle:
        handle = _Handle(self, when, function)
        self.timers.append(handle)
        return handle

    def run_in_executor(self, executor: None, work: Callable[[], Any]) -> Any:
        return _Done(work)

    def turn(self) -> None:
        """Do everything that is due, and what comes of it."""
        for _ in range(1000):
            calls, self.calls = self.calls, []
            due = [handle for handle in self.timers if handle.at <= self.now]
            self.timers = [handle for handle in self.timers if handle.at > self.now]
            if not calls and not due:
                return
            for call in (*calls, *(handle.function for handle in due)):
                call()
        raise AssertionError("the loop does not come to rest")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while True:
            self.turn()
            coming = [handle.at for handle in self.timers if handle.at <= end]
            if not coming:
                break
            self.now = min(coming)
        self.now = end


class FakePeer:
    """A native connection that only notes what it is sent."""

    numbers = 0

    def __init__(self, kind: str = "client", principal: Principal = ANN) -> None:
        FakePeer.numbers += 1
        self.number = FakePeer.numbers
        self.kind = kind
        self.node = ""
        self.principal = principal
        self.slow = False
        self.said_goodbye = False
        self.is_open = True
        self.context: Any = None
        self.sent: list[Message] = []
        self.closed_because = ""

    def send(self, *messages: Message) -> None:
        self.sent.extend(messages)

    def close(self, reason: str) -> None:
        self.is_open = False
        self.closed_because = reason

    def taken(self, kind: type[Any]) -> list[Any]:
        """Return the messages of a kind that came, and forget all."""
        sent, self.sent = self.sent, []
        return [message for message in sent if type(message) is kind]


class FakeFiles:
    """Notes what it should keep, and serves what a test puts in."""

    def __init__(self) -> None:
        self.kept_chunks: list[FileChunk] = []
        self.removed: list[int] = []
        self.read: Any = None

    def keep(self, session: int, chunk: FileChunk) -> None:
        self.kept_chunks.append(chunk)

    def remove_job(self, job: int) -> None:
        self.removed.append(job)


class House:
    """The rooms of a server around a real core; commits happen when the test says so, or at once."""

    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.core = Core(epoch=0)
        self.batches: list[Batch] = []
        self.commit_at_once = True
        loop: Any = self.loop
        self.clock = Clock(wall=lambda: 1_000_000.0 + self.loop.now, steady=lambda: self.loop.now)
        self.audit = Audit()
        self.board = Board(self.core.farm, first_version=1, scheduler=lambda: self.core.scheduler)
        self.runner = Runner(
            self.core, clock=self.clock, loop=loop, writer=self, observer=self, encode=encode_entry, epoch=1, last_seq=0
        )
        self.files: Any = FakeFiles()
        self.coming = ComingLogs(lambda seconds, then: loop.call_later(seconds, then))
        self.queries = Queries(
            self.core.farm, files=self.files, store=Any, audit=self.audit, status=lambda: {"jobs": 1},  # type: ignore[arg-type]
            settings=list, now=self.clock.now, loop=loop, coming=self.coming,
            why=lambda **about: why(self.core.farm, self.core.scheduler, self.clock.now(), **about),
            resources=lambda arguments: dict,
        )  # fmt: skip
        self.requests = Requests(self.runner, self.queries, services=["generic"])
        self.renders = Renders(
            self.core.farm, self.runner, remove_files=self.files.remove_job, coming=self.coming, loop=loop
        )
        self.fanout = Fanout(self.core.farm, self.board, now=self.clock.now, loop=loop)
        self.followers = Followers(self.core.farm, self.queries, agent_of=self.renders.running_on)
        self.callers = Callers(
            self.core.farm, welcome=lambda: Welcome(1, "s", "f", 1), renders=self.renders, requests=self.requests,
            fanout=self.fanout, notices=Notices(list), followers=self.followers, files=self.files, coming=self.coming,
        )  # fmt: skip

    # Writer

    def put(self, batch: Batch) -> None:
        self.batches.append(batch)
        if self.commit_at_once:
            self.loop.call_soon(lambda: self.runner.on_committed(batch.seq))

    def commit(self) -> None:
        """Let the writer finish."""
        self.runner.on_committed(self.batches[-1].seq)
        self.loop.turn()

    # Observer

    def happened(self, events: list[Event], initiator: str) -> None:
        self.board.mark(events, initiator)
        self.fanout.changed()

    def acted(self, entry: Entry, action: str) -> None:
        self.audit.note(entry)

    def release(self, effects: list[Effect]) -> None:
        self.renders.release(effects)

    def released(self) -> None:
        self.renders.send_gathered()

    def committed(self, seq: int, facts: int, size: int) -> None:
        return

    def broken(self, error: BaseException, envelope: Envelope[Any] | None) -> None:
        raise error

    # Shorthand

    def ask(self, operation: str, *, initiator: str = "", **arguments: Any) -> Any:
        """Do an operation and return its reply; raises what refused it."""
        answers: list[tuple[Any, AfError | None]] = []
        self.requests.do(
            operation, arguments, ANN, lambda reply, error: answers.append((reply, error)), initiator=initiator
        )
        self.loop.turn()
        ((reply, error),) = answers
        if error is not None:
            raise error
        return reply

    def submit(self, tasks: int = 3, *, blocks: int = 1, **fields: Any) -> int:
        """Submit a numeric job; return its id."""
        block = {"service": "generic", "command": "true", "frame_first": 0, "frame_last": tasks - 1, **fields}
        listed = [{"name": f"b{number}", **block} for number in range(blocks)]
        reply = self.ask("job.submit", job={"name": "work", "blocks": listed})
        return int(reply["id"])

    def agent(self, name: str = "r1", slots: int = 2) -> FakePeer:
        """Let an agent connect and register."""
        peer: Any = FakePeer("agent")
        self.callers.connected(peer)
        self.say(peer, Register(name, "", "linux", "ann", "", 0.0, f"{peer.number}", [], [], {"cpu_num": slots}, []))
        return peer

    def say(self, peer: Any, message: Message) -> None:
        """Let a peer say something, and what comes of it happen."""
        self.callers.received(peer, message)
        self.loop.turn()

    def request(self, peer: Any, id: int, operation: str, **arguments: Any) -> None:
        """Let a client ask."""
        self.say(peer, Request(id, operation, arguments))
