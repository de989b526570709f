"""Logs that are on their way: who asks for one waits for it, and never for ever."""

from __future__ import annotations

from typing import Any

from afcore.errors import AfError, NotFound
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.server.coming import PATIENCE, ComingLogs
from afnet.server.files import Reading
from afnet.wire.messages import FileAccepted, FileChunk, Report, Start
from tests.unit.afnet.pieces import ANN, FakePeer, House

KEY = RunKey(2, 0, 0, 1)


class Timers:
    def __init__(self) -> None:
        self.asked: list[tuple[float, Any]] = []

    def __call__(self, seconds: float, then: Any) -> None:
        self.asked.append((seconds, then))


def test_nobody_waits_for_what_is_not_coming() -> None:
    coming = ComingLogs(Timers())
    assert not coming.wait(KEY, lambda: None)
    coming.expect(1, KEY)
    coming.settle(KEY)
    assert not coming.wait(KEY, lambda: None) and len(coming) == 0


def test_everybody_is_called_once_when_it_is_here() -> None:
    timers, called = Timers(), []
    coming = ComingLogs(timers)
    coming.expect(1, KEY)
    assert coming.wait(KEY, lambda: called.append("a")) and coming.wait(KEY, lambda: called.append("b"))
    assert [seconds for seconds, _ in timers.asked] == [PATIENCE], "one timer for all"
    coming.settle(KEY)
    assert called == ["a", "b"]
    timers.asked[0][1]()
    assert called == ["a", "b"]


def test_patience_ends_and_an_agent_that_leaves_ends_it_too() -> None:
    timers, called = Timers(), []
    coming = ComingLogs(timers)
    coming.expect(1, KEY)
    coming.expect(2, RunKey(2, 0, 1, 1))
    coming.wait(KEY, lambda: called.append("late"))
    timers.asked[0][1]()
    assert called == ["late"] and len(coming) == 2
    coming.wait(KEY, lambda: called.append("left"))
    coming.lost(1)
    assert called == ["late", "left"] and len(coming) == 1


def log_of(house: House, **arguments: Any) -> list[tuple[Any, AfError | None]]:
    answers: list[tuple[Any, AfError | None]] = []
    house.requests.do("task.log", arguments, ANN, lambda reply, error: answers.append((reply, error)))
    house.loop.turn()
    return answers


def ended(house: House, agent: FakePeer, *, log_size: int) -> RunKey:
    (run,) = [run for message in agent.taken(Start) for run in message.runs]
    status = int(RunStatus.SUCCESS)
    house.say(agent, Report(run.job, run.block, run.task, run.run, status, 0, 0.0, 1.5, log_size=log_size))
    return RunKey(run.job, run.block, run.task, run.run)


def no_log(*where: Any, **more: Any) -> Reading:
    raise NotFound("There is no log kept.")


def test_a_log_is_answered_when_it_is_here_and_not_before() -> None:
    house = House()
    house.submit(1)
    agent = house.agent()
    key = ended(house, agent, log_size=5)
    house.files.read = no_log
    answers = log_of(house, job=key.job, block=0, task=0)
    assert answers == [] and len(house.coming) == 1
    house.say(agent, FileChunk(*key, "log", 0, b"hello", last=True))
    house.files.read = lambda *where, **more: Reading(1, 5, 0, b"hello", True)
    house.callers.files_accepted([(agent.number, FileAccepted(*key, "log", 5, True))])
    house.loop.turn()
    ((reply, error),) = answers
    assert error is None and reply["text"] == "hello" and len(house.coming) == 0


def test_a_run_without_output_or_of_an_agent_that_left_is_answered_at_once() -> None:
    house = House()
    house.submit(1)
    agent = house.agent()
    key = ended(house, agent, log_size=0)
    house.files.read = no_log
    ((_, error),) = log_of(house, job=key.job, block=0, task=0)
    assert isinstance(error, NotFound)
    house.coming.expect(agent.number, key)
    answers = log_of(house, job=key.job, block=0, task=0)
    assert answers == []
    house.callers.lost(agent, "gone")  # type: ignore[arg-type]
    house.loop.turn()
    assert isinstance(answers[0][1], NotFound)


def test_the_log_of_a_running_task_says_how_it_is_followed() -> None:
    house = House()
    id = house.submit(1)
    house.agent()
    house.files.read = no_log
    ((_, error),) = log_of(house, job=id, block=0, task=0)
    assert error is not None and "runs now" in str(error) and f"task log -f {id} 0 0" in getattr(error, "hint", "")
