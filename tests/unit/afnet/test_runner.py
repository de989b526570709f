"""The runner: what may go out when, and in which order."""

from collections.abc import Callable
from typing import Any

import pytest

from afcore.commands import Tick
from afcore.effects import RemoveJobFiles
from afcore.envelope import Envelope, Principal
from afcore.errors import Bug, Conflict, Unavailable
from afcore.events import JobFinished, RenderMeasured
from afcore.outcome import Entry, Outcome
from afcore.states import Role
from afcore.store.base import Batch
from afnet.server.clock import Clock
from afnet.server.runner import Runner

PERSON = Principal("ann", Role.GOD, "127.0.0.1")
NODE = Principal("r1", Role.NODE, "127.0.0.1", 1)


class FakeLoop:
    """Calls in order when told to; timers by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, function: Callable[[], None]) -> None:
        self.calls.append(function)

    def call_later(self, delay: float, function: Callable[[], None]) -> Any:
        timer = (delay, function)
        self.timers.append(timer)
        return type("Handle", (), {"cancel": lambda handle: timer in self.timers and self.timers.remove(timer)})()

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class FakeCore:
    """Answers with what a command carries: a function that makes an outcome."""

    def __init__(self) -> None:
        self.wants_solve = False
        self.next: float | None = None
        self.seen: list[str] = []
        self.ticks: list[Tick] = []

    def apply(self, envelope: Envelope[Any]) -> Outcome:
        self.seen.append(type(envelope.command).__name__)
        if isinstance(envelope.command, Tick):
            self.ticks.append(envelope.command)
        return envelope.command() if callable(envelope.command) else Outcome()

    def deadline(self) -> float | None:
        return self.next


class World:
    """A runner with everything around it, noting what came out."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.stood = 0.0
        self.loop = FakeLoop()
        self.core = FakeCore()
        self.log: list[Any] = []
        self.batches: list[Batch] = []
        self.bugs: list[BaseException] = []
        self.runner = Runner(
            self.core,
            clock=Clock(wall=lambda: self.time, steady=lambda: self.time - self.stood),
            loop=self.loop,  # type: ignore[arg-type]
            writer=self,
            observer=self,
            encode=lambda entry: repr(entry.events).encode(),
            epoch=3,
            last_seq=10,
        )

    def put(self, batch: Batch) -> None:
        self.batches.append(batch)

    def happened(self, events: list[Any], initiator: str) -> None:
        self.log.append(("shown", len(events)))

    def acted(self, entry: Entry, action: str) -> None:
        self.log.append(("acted", entry.principal))

    def release(self, effects: list[Any]) -> None:
        self.log.append(("effects", [effect.job for effect in effects]))

    def released(self) -> None:
        self.log.append("released")

    def committed(self, seq: int, facts: int, size: int) -> None:
        self.log.append(("committed", seq, facts))

    def broken(self, error: BaseException, envelope: Envelope[Any] | None) -> None:
        self.bugs.append(error)

    def post(self, command: Any, name: str = "", principal: Principal = PERSON) -> None:
        answer = (lambda reply, error: self.log.append((name, reply, error))) if name else None
        self.runner.post(command, principal, answer)

    def taken(self) -> list[Any]:
        log, self.log = self.log, []
        return log


def fact(job: int, *, effects: bool = False, reply: Any = None) -> Callable[[], Outcome]:
    return lambda: Outcome([JobFinished(job)], [RemoveJobFiles(job)] if effects else [], reply=reply)


@pytest.fixture
def world() -> World:
    return World()


def test_answers_and_effects_wait_for_the_commit_and_screens_do_not(world: World) -> None:
    world.post(fact(2, effects=True, reply="yes"), "a")
    world.loop.turn()
    assert world.taken() == [("shown", 1), ("acted", "ann")]
    assert [batch.seq for batch in world.batches] == [11] and world.batches[0].epoch == 3
    world.runner.on_committed(11)
    assert world.taken() == [("a", "yes", None), ("effects", [2]), "released", ("committed", 11, 1)]
    assert world.runner.idle


def test_one_batch_is_on_its_way_and_the_next_gathers(world: World) -> None:
    world.post(fact(2, reply=1), "a")
    world.loop.turn()
    for number in range(3, 8):
        world.post(fact(number, reply=number), str(number), NODE)
    world.loop.turn()
    assert [len(batch.body) for batch in world.batches] == [1], "the writer is busy"
    world.taken()
    world.runner.on_committed(11)
    assert [len(batch.body) for batch in world.batches] == [1, 5]
    assert ("a", 1, None) in world.taken()
    world.runner.on_committed(12)
    assert [entry[0] for entry in world.taken() if isinstance(entry, tuple)] == ["3", "4", "5", "6", "7", "committed"]


def test_an_answer_without_facts_waits_for_what_was_before_it(world: World) -> None:
    world.post(fact(2), "first")
    world.post(lambda: Outcome(reply="known"), "again", NODE)
    world.loop.turn()
    world.post(lambda: Outcome(reply="known"), "third", NODE)
    world.loop.turn()
    assert not [entry for entry in world.taken() if entry[0] in ("again", "third")]
    world.runner.on_committed(11)
    assert [entry[0] for entry in world.taken()[:3]] == ["first", "again", "third"]


def test_an_answer_without_facts_and_nothing_on_its_way_comes_at_once(world: World) -> None:
    world.post(lambda: Outcome([RenderMeasured(1, {})], reply="read"), "a", NODE)
    world.loop.turn()
    assert world.taken() == [("shown", 1), ("a", "read", None), "released"]
    assert not world.batches, "readings are not journaled"


def test_a_refusal_is_told_at_once(world: World) -> None:
    def refuse() -> Outcome:
        raise Conflict("No.")

    world.post(fact(2), "a")
    world.post(refuse, "b")
    world.loop.turn()
    (refused,) = [entry for entry in world.taken() if entry[0] == "b"]
    assert isinstance(refused[2], Conflict)


def test_a_timer_stands_at_the_deadline_and_there_is_no_other(world: World) -> None:
    world.core.next = 1005.0
    world.post(fact(2))
    world.loop.turn()
    assert [delay for delay, _ in world.loop.timers] == [5.0]
    world.time = 1005.0
    _, fire = world.loop.timers.pop()
    world.core.next = None
    fire()
    world.core.next = 1005.0
    world.loop.turn()
    assert world.core.seen[-1] == "Tick"
    world.core.next = None
    world.runner.on_committed(11)
    world.runner.wake()
    world.loop.turn()
    assert not world.loop.timers and not world.loop.calls


def test_a_timer_that_rings_late_tells_the_core_that_the_server_did_not_run(world: World) -> None:
    world.core.next = 1005.0
    world.runner.wake()
    world.loop.turn()
    _, fire = world.loop.timers.pop()
    world.time = 1005.1
    fire()
    world.loop.turn()
    assert world.core.ticks[-1].returned == 0.0
    world.core.next = 1010.0
    world.runner.wake()
    world.loop.turn()
    world.time = 1030.0
    world.post(fact(2))
    world.loop.turn()
    assert world.core.ticks[-1].returned == 1030.0, "a message may be served before the timer rings"
    world.core.next = 1031.0
    world.runner.wake()
    world.loop.turn()
    world.time = 1031.0
    world.runner.wake()
    world.loop.turn()
    assert world.core.ticks[-1].returned == 1030.0, "and it is remembered"


def test_a_suspend_of_the_machine_is_noticed(world: World) -> None:
    world.core.next = 1005.0
    world.runner.wake()
    world.loop.turn()
    world.time, world.stood = 5000.0, 4000.0
    world.runner.wake()
    world.loop.turn()
    assert world.core.ticks[-1].returned == 5000.0


def test_the_solver_gets_slices_between_messages(world: World) -> None:
    world.core.wants_solve = True
    world.post(fact(2))
    world.loop.turn()
    assert world.core.seen == ["function", "Solve"]
    assert len(world.loop.calls) == 1, "it goes on in the next turn, after the network was looked at"
    world.core.wants_solve = False
    world.loop.turn()
    assert not world.loop.calls


def test_while_the_database_is_away_nobody_is_promised_anything(world: World) -> None:
    world.runner.on_away(Unavailable("The disk is full."))
    world.core.wants_solve = True
    world.post(fact(2), "person")
    world.post(fact(3, reply="known"), "node", NODE)
    world.loop.turn()
    log = world.taken()
    assert [entry[2].sentence for entry in log if entry[0] == "person"] == ["The disk is full."]
    assert not [entry for entry in log if entry[0] == "node"], "the agent keeps its report until it is durable"
    assert "Solve" not in world.core.seen, "no new starts"
    world.runner.on_back()
    world.loop.turn()
    assert "Solve" in world.core.seen
    world.runner.on_committed(11)
    assert [entry[1] for entry in world.taken() if entry[0] == "node"] == ["known"]


def test_a_mistake_of_the_core_stops_everything_and_acknowledges_nothing(world: World) -> None:
    def broken() -> Outcome:
        raise KeyError("job")

    world.post(fact(2, reply="never"), "before")
    world.post(broken, "broken")
    world.post(fact(3), "after")
    world.loop.turn()
    assert [type(bug) for bug in world.bugs] == [Bug] and isinstance(world.bugs[0].__cause__, KeyError)
    answered = {entry[0]: entry[2] for entry in world.taken() if len(entry) == 3}
    assert "before" not in answered and isinstance(answered["broken"], Unavailable)
    assert not world.batches
    world.runner.stop()
    assert isinstance(world.taken()[-1][2], Unavailable), "who still waits is told"


def test_stopping_gives_everything_applied_to_the_writer(world: World) -> None:
    world.post(fact(2))
    world.loop.turn()
    world.post(fact(3))
    world.loop.turn()
    world.runner.stop()
    assert [batch.seq for batch in world.batches] == [11, 12]


def test_a_flood_is_served_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("afnet.server.runner.time.perf_counter", lambda: next(ticks) * 0.002)
    for number in range(10):
        world.post(fact(number))
    world.loop.turn()
    assert 0 < len(world.core.seen) < 10 and len(world.loop.calls) == 1


def test_what_is_put_off_comes_after_the_commit_and_all_that_it_let_out(world: World) -> None:
    world.post(fact(2, effects=True), "a")
    world.loop.turn()
    world.runner.after_commit(lambda: world.log.append("followed"))
    world.loop.turn()
    world.taken()
    world.runner.on_committed(11)
    assert "followed" not in world.log, "the messages of this commit go first"
    world.loop.turn()
    assert world.taken()[-1] == "followed"
    world.runner.after_commit(lambda: world.log.append("at once"))
    world.loop.turn()
    world.loop.turn()
    assert "at once" in world.taken(), "nothing is on its way"
