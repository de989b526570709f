"""The version board and the subscriptions: fewer, newer rows; nothing when nobody looks."""

from __future__ import annotations

import typing
import zlib

import pytest

from afcore import events
from afcore.envelope import Principal
from afcore.model.tasks import COLUMN_NAMES
from afcore.rows import JobRow, TaskColumns
from afcore.states import Role, TaskState
from afnet.server import board
from afnet.server.board import _MARKERS, CHUNK
from afnet.wire.messages import Refused, Rows, Start, Subscribe, Unsubscribe
from tests.unit.afnet.pieces import FakePeer, House


@pytest.fixture
def house() -> House:
    return House()


def test_every_event_has_a_marker_but_those_that_change_no_screen() -> None:
    silent = {events.FarmFounded, events.FarmDescribed}
    assert set(_MARKERS) == set(typing.get_args(events.Event)) - silent


def subscribe(house: House, kind: str, *, since: int = 0, interval: float = 0.1, **filter: object) -> FakePeer:
    peer = FakePeer()
    house.say(peer, Subscribe(1, kind, filter, since, interval))
    return peer


def test_all_first_then_only_what_changed(house: House) -> None:
    first, second = house.submit(), house.submit()
    peer = subscribe(house, "jobs")
    (rows,) = peer.taken(Rows)
    assert rows.whole and [row.id for row in rows.rows] == [first, second]
    assert isinstance(rows.rows[0], JobRow)
    house.loop.pass_time(1)
    assert peer.sent == [] and not house.loop.timers, "nothing changed: no work, no timer"
    house.ask("job.set", ids=[second], parameters={"priority": 5}, initiator="screen-3")
    house.loop.pass_time(1)
    (later,) = peer.taken(Rows)
    assert [(row.id, row.priority) for row in later.rows] == [(second, 5)]
    assert not later.whole and later.version > rows.version and later.initiators == ["screen-3"]


@pytest.mark.parametrize("most", [1000, 2])
def test_runs_that_were_stopped_together_are_told(house: House, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(board, "_MOST_MARKS", most)
    id = house.submit(3)
    house.agent(slots=3)
    house.loop.turn()
    peer, tasks = subscribe(house, "runs"), subscribe(house, "tasks", job=id)
    (rows,) = peer.taken(Rows)
    assert len(rows.rows) == 3 and tasks.taken(Rows) is not None
    house.ask("job.stop", ids=[id])
    house.loop.pass_time(1)
    (later,) = peer.taken(Rows)
    assert later.whole == (most == 2) and [row.stopping for row in later.rows] == [True] * 3


def test_rows_come_at_most_as_often_as_wanted_and_then_the_newest(house: House) -> None:
    id = house.submit()
    peer = subscribe(house, "jobs", interval=1.0)
    peer.taken(Rows)
    for priority in (10, 20, 30):
        house.ask("job.set", ids=[id], parameters={"priority": priority})
        house.loop.pass_time(0.1)
    assert peer.sent == []
    house.loop.pass_time(1.0)
    (rows,) = peer.taken(Rows)
    assert [row.priority for row in rows.rows] == [30]


def test_who_knows_the_same_and_may_see_the_same_is_sent_the_same_message(house: House) -> None:
    id = house.submit(5)
    first, second = subscribe(house, "jobs"), subscribe(house, "tasks", job=id)
    house.loop.pass_time(0.05)
    alike = [subscribe(house, "jobs"), subscribe(house, "tasks", job=id)]
    narrow, other = subscribe(house, "jobs", user="nobody"), FakePeer(principal=Principal("jo", Role.USER, "127.0.0.1"))
    house.say(other, Subscribe(1, "jobs", {}, 0, 0.1))
    house.loop.pass_time(1)
    for peer in (first, second, *alike, narrow, other):
        peer.taken(Rows)
    house.ask("task.skip", job=id, block=0, tasks=[[0, 2]])
    house.loop.pass_time(1)
    (jobs,), (columns,), (own,) = first.taken(Rows), second.taken(Rows), other.taken(Rows)
    assert alike[0].taken(Rows)[0] is jobs and alike[1].taken(Rows)[0] is columns, "made once for all"
    assert own is not jobs and own.rows == jobs.rows, "another role sees other things"
    assert narrow.taken(Rows)[0].gone == [id], "a filter has an answer of its own"
    house.ask("task.skip", job=id, block=0, tasks=[[3, 3]])
    house.loop.pass_time(1)
    assert alike[0].taken(Rows)[0].rows[0].counts[TaskState.SKIPPED] == 4, "the next turn makes it anew"


def test_a_slow_peer_gets_fewer_and_newer_rows(house: House) -> None:
    id = house.submit()
    peer = subscribe(house, "jobs")
    peer.taken(Rows)
    peer.slow = True
    for priority in range(5):
        house.ask("job.set", ids=[id], parameters={"priority": priority})
        house.loop.pass_time(1)
    assert peer.sent == []
    peer.slow = False
    house.loop.pass_time(1)
    (rows,) = peer.taken(Rows)
    assert [row.priority for row in rows.rows] == [4]


def test_what_is_deleted_is_told_as_gone(house: House) -> None:
    id = house.submit()
    peer = subscribe(house, "jobs")
    peer.taken(Rows)
    house.ask("job.delete", ids=[id])
    house.loop.pass_time(1)
    (rows,) = peer.taken(Rows)
    assert (rows.rows, rows.gone) == ([], [id])


def test_a_returning_monitor_gets_what_it_missed_or_everything(house: House) -> None:
    first, second = house.submit(), house.submit()
    stays = subscribe(house, "jobs")
    leaves = subscribe(house, "jobs")
    version = leaves.taken(Rows)[0].version
    house.callers.lost(leaves, "gone")  # type: ignore[arg-type]
    house.ask("job.set", ids=[first], parameters={"priority": 5})
    (missed,) = subscribe(house, "jobs", since=version).taken(Rows)
    assert [row.id for row in missed.rows] == [first] and not missed.whole
    (strange,) = subscribe(house, "jobs", since=version + 10**9).taken(Rows)
    assert strange.whole and len(strange.rows) == 2
    house.callers.lost(stays, "gone")  # type: ignore[arg-type]
    assert second


def test_after_nobody_looked_a_version_means_nothing(house: House) -> None:
    house.submit()
    peer = subscribe(house, "jobs")
    version = peer.taken(Rows)[0].version
    house.say(peer, Unsubscribe(1))
    assert not house.board.watched and len(house.fanout) == 0
    house.submit()
    (rows,) = subscribe(house, "jobs", since=version).taken(Rows)
    assert rows.whole and len(rows.rows) == 2


def test_a_long_answer_comes_in_parts_and_only_the_last_counts(house: House) -> None:
    for number in range(600):
        house.ask("user.add", name=f"user{number}")
    peer = subscribe(house, "users")
    house.loop.pass_time(0.01)
    parts = peer.taken(Rows)
    assert [len(part.rows) for part in parts] == [256, 256, 88]
    assert [part.whole for part in parts] == [True, False, False]
    assert [part.version for part in parts[:2]] == [0, 0] and parts[2].version == house.board.version


def test_filters_choose(house: House) -> None:
    house.submit()
    second = house.submit()
    peer = subscribe(house, "jobs", ids=[second])
    assert [row.id for row in peer.taken(Rows)[0].rows] == [second]
    peer = subscribe(house, "jobs", user="nobody")
    (rows,) = peer.taken(Rows)
    assert rows.whole and rows.rows == []


def test_runs_come_and_go_by_their_four_numbers(house: House) -> None:
    from afnet.wire.messages import Report

    peer = subscribe(house, "runs")
    peer.taken(Rows)
    id = house.submit(1)
    agent = house.agent()
    house.loop.pass_time(1)
    assert [(row.job, row.render) for rows in peer.taken(Rows) for row in rows.rows] == [(id, "r1")]
    (start,) = agent.taken(Start)
    house.say(agent, Report(id, 0, 0, start.runs[0].run, 1, 0, 0.0, 0.0))
    house.loop.pass_time(1)
    assert [rows.gone for rows in peer.taken(Rows)] == [[id, 0, 0, 1]]


def columns_of(peer: FakePeer) -> list[TaskColumns]:
    return [row for rows in peer.taken(Rows) for row in rows.rows]


def test_tasks_come_as_columns_and_then_chunk_by_chunk(house: House) -> None:
    id = house.submit(20_000)
    peer = subscribe(house, "tasks", job=id)
    house.loop.pass_time(1)
    states, *others = columns_of(peer)
    assert (states.first, states.count, list(states.columns)) == (0, 20_000, ["state"]), "states of all of it first"
    assert zlib.decompress(states.columns["state"]) == bytes([TaskState.READY]) * 20_000
    assert [(piece.first, piece.count) for piece in others] == [(0, 8192), (8192, 8192), (16384, 3616)]
    assert {name for piece in others for name in piece.columns} == {*COLUMN_NAMES} - {"state"}
    house.ask("task.skip", job=id, block=0, tasks="5000-5001,19999")
    house.loop.pass_time(1)
    pieces = columns_of(peer)
    assert [(piece.first, piece.count) for piece in pieces] == [(4096, CHUNK), (19456, 544)]
    assert all({*piece.columns} == {*COLUMN_NAMES} for piece in pieces)
    assert zlib.decompress(pieces[0].columns["state"])[5000 - 4096] == TaskState.SKIPPED
    house.ask("job.delete", ids=[id])
    house.loop.pass_time(1)
    (rows,) = peer.taken(Rows)
    assert rows.gone == [id]
    house.loop.pass_time(5)
    assert peer.sent == [] and not house.loop.timers


def test_what_cannot_be_subscribed_to_is_refused(house: House) -> None:
    peer = FakePeer()
    house.say(peer, Subscribe(4, "job"))
    house.say(peer, Subscribe(5, "tasks", {"job": 99}))
    assert [(refused.id, refused.code) for refused in peer.taken(Refused)] == [(4, "bad_spec"), (5, "not_found")]
    assert not house.board.watched


def test_one_conversation_has_a_bounded_number_of_subscriptions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afnet.server.fanout._SUBSCRIPTIONS_MOST", 3)
    peer, other = FakePeer(), FakePeer()
    for id in (1, 2, 3, 3, 4):
        house.say(peer, Subscribe(id, "jobs", {}, 0, 1.0))
    (refused,) = peer.taken(Refused)
    assert (refused.id, refused.code) == (4, "limit_reached")
    house.say(other, Subscribe(4, "jobs", {}, 0, 1.0))
    house.say(peer, Unsubscribe(1))
    house.say(peer, Subscribe(4, "jobs", {}, 0, 1.0))
    assert peer.taken(Refused) == [] and len(house.fanout) == 4
    house.callers.lost(peer, "gone")  # type: ignore[arg-type]
    house.callers.lost(other, "gone")  # type: ignore[arg-type]
    assert len(house.fanout) == 0 and house.fanout._counts == {}


def test_a_filter_that_no_row_can_be_compared_with_is_refused_before_it_is_asked(house: House) -> None:
    peer = FakePeer()
    for filter in ({"ids": 5}, {"ids": ["x"]}, {"names": "x"}, {"user": 5}, {"job": []}):
        house.say(peer, Subscribe(1, "jobs", filter, 0, float("inf")))
        (refused,) = peer.taken(Refused)
        assert "filter" in str(refused.problems), filter
    assert len(house.fanout) == 0


def test_of_a_kind_that_nobody_subscribes_to_no_marks_are_kept_and_who_comes_later_gets_all(house: House) -> None:
    subscribe(house, "jobs")
    id = house.submit(3)
    house.agent(slots=3)
    house.loop.turn()
    runs = house.board._kinds["runs"]
    assert not runs.changed, "a mark of each of a farm's runs is much memory"
    peer = subscribe(house, "runs", since=house.board.version)
    (rows,) = peer.taken(Rows)
    assert rows.whole and len(rows.rows) == 3
    house.ask("job.stop", ids=[id])
    house.loop.pass_time(1)
    assert peer.taken(Rows) and runs.changed
    house.say(peer, Unsubscribe(1))
    assert not runs.changed
