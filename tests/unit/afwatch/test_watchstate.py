"""What the monitor knows: rows come and go, a whole answer forgets, a lost connection does not."""

from __future__ import annotations

import numpy

from afcore.rows import NoticeRow, TaskColumns
from afcore.states import TaskState
from afnet.wire.messages import Welcome
from afwatch.changes import ChangeSet, Connected, Lost, RowsCame, TaskRange, Unreachable
from afwatch.tasktables import unpack_columns
from afwatch.watchstate import WatchState
from tests.unit.afwatch.rows import job_row

JOBS = 1


def came(*rows: object, version: int, gone: list[int] | None = None, whole: bool = False, id: int = JOBS) -> RowsCame:
    return RowsCame(id, version, list(rows), gone or [], whole, [])


def welcome(farm: str = "a") -> Connected:
    return Connected(Welcome(1, "afserver", farm, 1, role=30, principal="jo"), "here:51000")


def test_rows_come_and_go() -> None:
    state = WatchState()
    changes = state.receive(came(job_row(1), job_row(2), version=5, whole=True), 0.0)
    assert changes.changed == {"jobs": {1, 2}}
    assert state.is_complete("jobs")
    changes = state.receive(came(version=6, gone=[1]), 0.0)
    assert changes.gone == {"jobs": {1}}
    assert list(state.jobs) == [2]


def test_a_whole_answer_forgets_what_it_does_not_name_after_its_last_part() -> None:
    state = WatchState()
    state.receive(came(job_row(1), job_row(2), job_row(3), version=5, whole=True), 0.0)
    state.receive(came(job_row(2), version=5, whole=True), 1.0)
    assert set(state.jobs) == {1, 2, 3}, "in the middle of an answer nothing is forgotten"
    changes = state.receive(came(job_row(4), version=9), 1.0)
    assert set(state.jobs) == {2, 4}
    assert changes.gone["jobs"] == {1, 3}
    assert state.versions["jobs"] == 9


def test_what_is_wrong_with_the_server_comes_and_passes() -> None:
    state = WatchState()
    paused = NoticeRow(1, "Solving is paused.")
    assert state.receive(came(paused, version=5, whole=True, id=6), 0.0).changed == {"notices": {1}}
    assert state.notices == {1: paused}
    assert state.receive(came(version=6, whole=True, id=6), 0.0).gone == {"notices": {1}}


def test_a_lost_connection_forgets_nothing_and_is_dated_once() -> None:
    state = WatchState()
    state.receive(welcome(), 10.0)
    state.receive(came(job_row(1), version=5, whole=True), 10.0)
    assert state.receive(Lost("The server went away."), 20.0).connection
    state.receive(Unreachable("Nobody listens there.", "Start it."), 30.0)
    assert (state.connected, state.lost_at, list(state.jobs)) == (False, 20.0, [1])
    assert state.trouble == "Nobody listens there. Start it."
    state.receive(welcome(), 40.0)
    assert (state.connected, state.lost_at, list(state.jobs)) == (True, 0.0, [1])


def test_another_farm_is_another_farm() -> None:
    state = WatchState()
    state.receive(welcome("a"), 0.0)
    state.receive(came(job_row(1), version=5, whole=True), 0.0)
    changes = state.receive(welcome("b"), 1.0)
    assert not state.jobs
    assert changes.gone["jobs"] == {1}
    assert state.versions["jobs"] == 0


def test_columns_of_opened_jobs_are_kept_and_of_others_not() -> None:
    import zlib

    state = WatchState()
    opened = state.open_job(7)
    packed = {"state": zlib.compress(bytes([TaskState.DONE] * 4)), "later": zlib.compress(b"x"),
              "starts": zlib.compress(numpy.arange(4, dtype="<u2").tobytes())}  # fmt: skip
    piece = unpack_columns(TaskColumns(7, 0, 2, 4, 10, 3, packed))
    assert set(piece.columns) == {"state", "starts"}
    changes = state.receive(came(piece, version=3, id=100), 0.0)
    assert changes.tasks == [TaskRange(7, 0, 2, 6)]
    assert opened.blocks[0].counts()[TaskState.DONE] == 4
    assert list(opened.blocks[0].columns["starts"][2:6]) == [0, 1, 2, 3]
    state.close_job(7)
    assert not state.receive(came(piece, version=4, id=100), 0.0).tasks
    state.open_job(7)
    assert state.receive(came(version=5, id=100, gone=[7]), 0.0).gone == {"opened": {7}}
    assert state.opened[7].gone


def test_changes_merge_in_order() -> None:
    one = ChangeSet({"jobs": {1, 2}}, {}, initiators=["a"])
    one.merge(ChangeSet({"jobs": {3}}, {"jobs": {1}}))
    assert (one.changed["jobs"], one.gone["jobs"]) == ({2, 3}, {1})
    one.merge(ChangeSet({"jobs": {1}}))
    assert (one.changed["jobs"], one.gone["jobs"]) == ({1, 2, 3}, set())
    assert one and not ChangeSet()
