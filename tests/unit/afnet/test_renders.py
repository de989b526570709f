"""Between core and agents: starts, reports, acknowledgements, losses."""

from __future__ import annotations

import pytest

from afcore import commands
from afcore.commands import ProgressReading
from afcore.errors import NotFound
from afcore.ids import RunKey
from afcore.states import RunStatus, TaskState
from afnet.server import renders
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    FileAccepted,
    FileChunk,
    Follow,
    LogLines,
    Readings,
    Refused,
    Register,
    Registered,
    Reply,
    Report,
    RunSpec,
    Start,
    Stop,
    Unfollow,
)
from tests.unit.afnet.pieces import ANN, FakePeer, House


@pytest.fixture
def house() -> House:
    return House()


def started(peer: FakePeer) -> list[RunSpec]:
    return [run for message in peer.taken(Start) for run in message.runs]


def report(run: RunSpec, status: RunStatus = RunStatus.SUCCESS) -> Report:
    return Report(run.job, run.block, run.task, run.run, int(status), 0, 0.0, 1.5)


def test_an_agent_is_registered_and_gets_its_starts_in_one_message(house: House) -> None:
    id = house.submit(5)
    agent = house.agent(slots=2)
    assert [type(message) for message in agent.sent] == [Registered, Start]
    assert agent.principal.render == 1
    runs = started(agent)
    assert [(run.job, run.task, run.run, run.command) for run in runs] == [(id, 0, 1, "true"), (id, 1, 1, "true")]


def test_a_start_leaves_after_its_commit_and_so_does_an_acknowledgement(house: House) -> None:
    house.submit(1)
    agent = house.agent()
    house.loop.turn()
    (run,) = started(agent)
    house.commit_at_once = False
    house.say(agent, report(run))
    assert agent.sent == [], "not before it is durable"
    house.commit()
    (acknowledged,) = agent.taken(Acknowledge)
    assert acknowledged.runs == [(run.job, run.block, run.task, run.run)]


def test_a_finished_slot_gets_its_next_task_with_the_acknowledgement(house: House) -> None:
    house.submit(4)
    agent = house.agent(slots=1)
    (run,) = started(agent)
    house.say(agent, report(run))
    assert [type(message) for message in agent.sent] == [Acknowledge, Start]


def test_a_report_that_comes_twice_is_acknowledged_twice_and_counted_once(house: House) -> None:
    id = house.submit(1)
    agent = house.agent()
    (run,) = started(agent)
    house.say(agent, report(run))
    house.say(agent, report(run))
    assert len(agent.taken(Acknowledge)) == 2
    assert house.core.farm.jobs[id].blocks[0].tasks.counts[TaskState.DONE] == 1
    assert sum(len(batch.runs) for batch in house.batches) == 1


def test_a_report_of_a_run_that_was_given_away_is_dropped(house: House) -> None:
    house.submit(1)
    agent = house.agent()
    started(agent)
    house.say(agent, Report(2, 0, 0, 77, 1, 0, 0.0, 0.0))
    (drop,) = agent.taken(Drop)
    assert drop.runs == [(2, 0, 0, 77)]


def test_a_stop_goes_to_the_render_that_runs_it(house: House) -> None:
    id = house.submit(1)
    agent = house.agent()
    (run,) = started(agent)
    house.ask("job.stop", ids=[id])
    (stop,) = agent.taken(Stop)
    assert (stop.job, stop.task, stop.run) == (id, 0, run.run)
    house.say(agent, report(run, RunStatus.STOPPED))
    assert house.core.farm.jobs[id].blocks[0].tasks.counts[TaskState.READY] == 1


def test_many_stops_leave_in_slices_and_only_for_runs_that_still_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renders, "_SLICE", -1.0)
    id = house.submit(80)
    first, second, gone = house.agent("r1", slots=40), house.agent("r2", slots=39), house.agent("r3", slots=1)
    runs = started(first)
    assert (len(runs), len(started(second))) == (40, 39)
    gone.is_open = False
    house.callers.lost(gone, "gone")
    house.loop.turn()
    turns: list[int] = []
    call_soon = house.loop.call_soon
    house.commit_at_once = False
    house.runner.post(commands.StopJobs([id]), ANN)
    house.loop.turn()
    assert first.sent == second.sent == [], "not before it is durable"
    house.say(first, report(runs[0]))
    monkeypatch.setattr(house.loop, "call_soon", lambda call: (turns.append(1), call_soon(call)))
    house.commit()
    assert len(turns) > 3, "in several turns of the loop"
    assert {stop.task for stop in first.taken(Stop)} == {run.task for run in runs[1:]}
    assert len(second.taken(Stop)) == 39 and not gone.taken(Stop)


def test_a_lost_agent_keeps_its_tasks_until_the_zombie_time_and_one_that_left_does_not(house: House) -> None:
    id = house.submit(2)
    counts = lambda: house.core.farm.jobs[id].blocks[0].tasks.counts  # noqa: E731
    lost, left = house.agent("r1", slots=1), house.agent("r2", slots=1)
    assert counts()[TaskState.RUNNING] == 2
    left.said_goodbye = True
    for peer in (lost, left):
        peer.is_open = False
        house.callers.lost(peer, "gone")
    house.loop.turn()
    assert (counts()[TaskState.RUNNING], counts()[TaskState.READY]) == (1, 1)
    house.loop.pass_time(120)
    assert counts()[TaskState.READY] == 2


def test_a_report_before_registering_is_refused(house: House) -> None:
    house.submit(1)
    peer = FakePeer("agent")
    house.say(peer, Report(2, 0, 0, 1, 1, 0, 0.0, 0.0))
    assert peer.taken(Refused)[0].code == "not_registered"


def test_an_agent_that_was_gone_before_its_answer_is_lost_again(house: House) -> None:
    house.commit_at_once = False
    peer = FakePeer("agent")
    house.callers.connected(peer)  # type: ignore[arg-type]
    from afnet.wire.messages import Register

    house.say(peer, Register("r1", "", "", "", "", 0.0, "1", [], [], {}, []))
    peer.is_open = False
    house.commit()
    assert len(house.renders) == 0
    assert house.core.farm.renders[1].lost > 0


def test_readings_are_shown_and_not_journaled(house: House) -> None:
    house.submit(1)
    agent = house.agent()
    (run,) = started(agent)
    before = len(house.batches)
    reading = ProgressReading(run.job, run.block, run.task, run.run, 40, activity="shading")
    house.say(agent, Readings({"cpu_num": 2, "cpu_user": 70}, [reading]))
    assert len(house.batches) == before
    (row,) = house.ask("run.list")["rows"]
    assert (row["percent"], row["activity"]) == (40, "shading")
    assert house.ask("render.show", name="r1")["row"]["resources"]["cpu_user"] == 70


def test_a_reading_leaves_out_what_the_server_was_told_of_the_host_before(house: House) -> None:
    agent = house.agent()
    card = {"index": 0, "name": "Card A", "mem_total_mb": 8192}
    house.say(agent, Readings({"cpu_num": 2, "cpu_user": 70, "gpus": [{**card, "util": 5}]}, []))
    house.say(agent, Readings({"cpu_user": 60, "gpus": [{"util": 9}]}, []))
    assert house.ask("render.show", name="r1")["row"]["resources"] == {
        "cpu_num": 2, "cpu_user": 60, "gpus": [{**card, "util": 9}],
    }  # fmt: skip
    house.say(agent, Readings({"cpu_num": 4, "gpus": []}, []))
    assert house.ask("render.show", name="r1")["row"]["resources"] == {"cpu_num": 4, "cpu_user": 60, "gpus": []}


def test_files_of_jobs_that_are_gone_need_not_be_kept(house: House) -> None:
    id = house.submit(1)
    agent = house.agent()
    house.say(agent, FileChunk(id, 0, 0, 1, "log", 0, b"text", last=True))
    house.say(agent, FileChunk(99, 0, 0, 1, "log", 0, b"text", last=True))
    house.say(agent, FileChunk(id, 7, 0, 1, "log", 0, b"text", last=True))
    assert [chunk.job for chunk in house.files.kept_chunks] == [id]
    assert [(answer.job, answer.block, answer.done) for answer in agent.taken(FileAccepted)] == [
        (99, 0, True),
        (id, 7, True),
    ]
    kept = FileAccepted(id, 0, 0, 1, "log", 4, True)
    house.callers.files_accepted([(agent.number, kept), (999, kept)])
    assert len(agent.taken(FileAccepted)) == 1
    house.ask("job.delete", ids=[id])
    (run,) = [key for key in house.core.farm.runs] or [None]
    if run is not None:
        house.say(agent, Report(*run, int(RunStatus.STOPPED), 0, 0.0, 0.0))
    assert house.files.removed == [id]


def test_output_is_passed_on_to_who_follows_it(house: House) -> None:
    id = house.submit(1)
    agent, client = house.agent(), FakePeer()
    started(agent)
    house.say(client, Follow(5, id, 0, 0))
    (asked,) = agent.taken(Follow)
    assert (asked.job, asked.run) == (id, 1)
    house.say(agent, LogLines(id, 0, 0, 1, 0, b"hello", id=asked.id))
    client.slow = True
    house.say(agent, LogLines(id, 0, 0, 1, 5, b"lost", id=asked.id))
    client.slow = False
    house.say(agent, LogLines(id, 0, 0, 1, 9, b"end", True, id=asked.id))
    house.say(agent, LogLines(id, 0, 0, 1, 9, b"after", True, id=asked.id))
    assert [(lines.id, lines.data, lines.last) for lines in client.taken(LogLines)] == [
        (5, b"hello", False),
        (5, b"end", True),
    ]
    assert len(house.followers) == 0


def test_following_ends_when_either_side_leaves(house: House) -> None:
    id = house.submit(2)
    agent, first, second = house.agent(), FakePeer(), FakePeer()
    agent.taken(Start)
    house.say(first, Follow(1, id, 0, 0))
    house.say(second, Follow(2, id, 0, 1))
    asked = agent.taken(Follow)
    house.callers.lost(first, "gone")  # type: ignore[arg-type]
    assert [message.id for message in agent.taken(Unfollow)] == [asked[0].id]
    house.callers.lost(agent, "gone")  # type: ignore[arg-type]
    assert [message.id for message in second.taken(Refused)] == [2]
    assert len(house.followers) == 0


def test_following_what_never_ran_or_is_not_there_is_refused(house: House) -> None:
    id = house.submit(1)
    client = FakePeer()
    for job, block, task in ((id, 0, 0), (id, 0, 9), (id, 4, 0), (99, 0, 0)):
        house.say(client, Follow(3, job, block, task))
        (refused,) = client.taken(Refused)
        assert (refused.id, refused.code) == (3, NotFound.default_code)


def test_requests_are_answered_with_their_number(house: House) -> None:
    client = FakePeer()
    house.request(client, 1, "user.add", name="ann")
    house.request(client, 2, "job.show", job=99)
    house.request(client, 3, "job.list", limit=0, state="dun")
    assert [(message.id, message.body) for message in client.sent if isinstance(message, Reply)] == [(1, {"id": 1})]
    refused = [message for message in client.sent if isinstance(message, Refused)]
    assert [(message.id, message.code, len(message.problems)) for message in refused] == [
        (2, "not_found", 0),
        (3, "bad_arguments", 2),
    ]


def test_an_agent_is_believed_about_its_own_runs_only(house: House) -> None:
    id = house.submit(1)
    mine, client = house.agent("r1"), FakePeer()
    started(mine)
    other = house.agent("r2")
    done = Report(id, 0, 0, 1, int(RunStatus.SUCCESS), 0, 0.0, 1.0)
    house.say(client, Follow(5, id, 0, 0))
    (asked,) = mine.taken(Follow)

    house.say(other, done)
    house.say(other, FileChunk(id, 0, 0, 1, "log", 0, b"forged", last=True))
    house.say(other, LogLines(id, 0, 0, 1, 0, b"forged", True, id=asked.id))
    house.say(other, Readings({}, [ProgressReading(id, 0, 0, 1, percent=77)]))
    assert house.core.farm.runs.look(RunKey(id, 0, 0, 1)) is not None
    assert house.core.farm.block(id, 0).tasks.percent[0] != 77
    assert house.files.kept_chunks == [] and client.taken(LogLines) == []
    assert {run for message in other.taken(Drop) for run in message.runs} == {(id, 0, 0, 1)}

    house.say(mine, done)
    assert house.ask("job.show", job=id)["row"]["state"] == "done"
    before = house.core.digest()
    for agent in (other, mine):
        house.say(agent, done)
    house.say(other, FileChunk(id, 0, 0, 1, "log", 0, b"forged", last=True))
    assert house.core.digest() == before and house.files.kept_chunks == []
    house.say(mine, FileChunk(id, 0, 0, 1, "log", 0, b"text", last=True))
    assert [chunk.data for chunk in house.files.kept_chunks] == [b"text"]


def test_the_log_of_a_run_is_taken_when_somebody_else_has_the_task_already(house: House) -> None:
    id = house.submit(1, errors_retries=3)
    mine = house.agent("r1")
    started(mine)
    house.say(mine, Report(id, 0, 0, 1, int(RunStatus.ERROR), 1, 0.0, 1.0))
    other = house.agent("r2")
    assert house.core.farm.block(id, 0).tasks.starts[0] == 2
    house.say(other, FileChunk(id, 0, 0, 1, "log", 0, b"forged", last=True))
    house.say(mine, FileChunk(id, 0, 0, 1, "log", 0, b"text", last=True))
    assert [(chunk.run, chunk.data) for chunk in house.files.kept_chunks] == [(1, b"text")]


def test_a_node_is_no_other_render_than_its_certificate_says(house: House) -> None:
    peer = FakePeer("agent")
    peer.node = "r1"
    house.callers.connected(peer)  # type: ignore[arg-type]
    house.say(peer, Register("r2", "", "linux", "ann", "", 0.0, "x", [], [], {"cpu_num": 2}, []))
    (refused,) = peer.taken(Refused)
    assert '"r1", not of "r2"' in refused.sentence and peer.closed_because
    assert len(house.core.farm.renders) == 0
