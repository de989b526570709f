"""The demo's follower: pushed rows become progress, a reconnect begins anew, refusals reach the caller."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import msgspec
import pytest

from afcore.errors import NotFound
from afcore.rows import RunRow, TaskColumns
from afcore.states import TaskState
from afnet.demo.farm import DemoError
from afnet.demo.follow import JOBS, RUNS, TASKS, Follower
from afnet.demo.progress import JobProgress
from afnet.wire.messages import Message, Refused, Reply, Request, Rows, Subscribe, Welcome
from tests.unit.afnet.demo.test_progress import FRAMES, _columns, _job, _run


def _rows(id: int, *rows: object, gone: list[int] | None = None, whole: bool = False) -> Rows:
    """As they come off the wire: plain lists."""
    return Rows(id, 9, [msgspec.to_builtins(row) for row in rows], gone or [], whole)


def _taken(progress: JobProgress) -> list[tuple[int, int, str]]:
    return sorted((run.task, run.run, run.render) for run in progress.running.values())


@pytest.fixture
def follower() -> Follower:
    return Follower("127.0.0.1:1", 7, JobProgress(started=0.0))


@pytest.fixture
def sent(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    found: list[Message] = []

    def send(*messages: Message) -> bool:
        found.extend(messages)
        return True

    monkeypatch.setattr(follower._link, "send", send)
    return found


@pytest.mark.parametrize("turns", range(6))
def test_ctrl_c_in_the_moment_of_news_ends_the_waiting(follower: Follower, turns: int) -> None:
    async def watch() -> None:
        while True:
            await follower.changed(1000.0)

    async def scene() -> bool:
        task = asyncio.create_task(watch())
        for _ in range(10):
            await asyncio.sleep(0)
        follower.received(_rows(JOBS, _job(), whole=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        return ended

    assert asyncio.run(scene())


def test_rows_become_progress(follower: Follower) -> None:
    progress = follower.progress
    follower.received(_rows(JOBS, _job(), whole=True))
    follower.received(_rows(RUNS, _run(1, 0, "demo-a", 10), _run(1, 1, "demo-b", 20), whole=True))
    follower.received(_rows(TASKS, _columns(1, [TaskState.RUNNING] * FRAMES, [0] * FRAMES, [1] * FRAMES), whole=True))
    assert _taken(progress) == [(0, 1, "demo-a"), (1, 1, "demo-b")]
    follower.received(_rows(RUNS, _run(1, 1, "demo-b", 60), gone=[7, 1, 0, 1]))
    assert _taken(progress) == [(1, 1, "demo-b")]
    assert progress.percent_of(1, 1) == 60
    follower.received(_rows(JOBS, gone=[7]))
    assert progress.gone


def test_a_connection_begins_anew(follower: Follower, sent: list[Message]) -> None:
    follower.received(_rows(JOBS, _job(), whole=True))
    follower.received(_rows(RUNS, _run(1, 0, "demo-a", 10), whole=True))
    follower.connected(Welcome(1, "s", "f", 1))
    assert [(each.id, each.kind) for each in sent if isinstance(each, Subscribe)] == [
        (JOBS, "jobs"), (RUNS, "runs"), (TASKS, "tasks"),
    ]  # fmt: skip
    follower.received(_rows(RUNS, _run(1, 3, "demo-b", 1), whole=True))
    assert _taken(follower.progress) == [(3, 1, "demo-b")]


def test_a_change_is_waited_for_and_a_refusal_is_raised(follower: Follower) -> None:
    async def play() -> None:
        assert not await follower.changed(0.01)
        asyncio.get_running_loop().call_soon(follower.received, _rows(JOBS, _job(), whole=True))
        assert await follower.changed(5.0)
        follower.received(Refused(TASKS, NotFound.default_code, "There is no job 7."))
        with pytest.raises(NotFound, match="There is no job 7"):
            await follower.changed(5.0)

    asyncio.run(play())


def test_requests_get_their_own_answers(follower: Follower, sent: list[Message]) -> None:
    async def play() -> tuple[Any, str]:
        asked = asyncio.create_task(follower.ask("job.show", job=7))
        log = asyncio.create_task(follower.log(1, 2))
        await asyncio.sleep(0)
        first, second = (each for each in sent if isinstance(each, Request))
        assert second.arguments == {"job": 7, "block": 1, "task": 2, "offset": -2000}
        follower.received(Reply(second.id, {"text": "FRAME: 3\ndemo: failing once on purpose"}))
        follower.received(Reply(first.id, {"row": 1}))
        follower.received(Reply(99, "of somebody else"))
        return await asked, await log

    body, log = asyncio.run(play())
    assert body == {"row": 1}
    assert log == "    FRAME: 3\n    demo: failing once on purpose"


def test_a_missing_log_is_a_note_and_a_server_that_is_away_an_error(follower: Follower, sent: list[Message]) -> None:
    async def play() -> str:
        log = asyncio.create_task(follower.log(1, 2))
        await asyncio.sleep(0)
        request = sent[-1]
        assert isinstance(request, Request)
        follower.received(Refused(request.id, NotFound.default_code, "Task 2 has no log."))
        return await log

    assert asyncio.run(play()) == "    (no log: Task 2 has no log.)"
    alone = Follower("127.0.0.1:1", 7, JobProgress(started=0.0))
    with pytest.raises(DemoError, match="The server is away"):
        asyncio.run(alone.ask("job.show", job=7))


def test_rows_of_others_are_passed_over(follower: Follower) -> None:
    follower.received(_rows(JOBS, _job(), whole=True))
    columns = TaskColumns(8, 1, 0, 1, 1, 2, {"state": zlib.compress(bytes([TaskState.ERROR]))})
    other = msgspec.structs.replace(_run(1, 0, "demo-a", 10), job=8)
    assert isinstance(other, RunRow)
    follower.received(_rows(TASKS, columns))
    follower.received(_rows(RUNS, other))
    assert follower.progress.failed == []
    assert follower.progress.running == {}
