"""What every store promises, whatever it is made of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from afcore.errors import Bug, Fenced
from afcore.store.base import Retention, RunQuery, Store, Unwanted
from tests.store.builders import batch, job_row, run_row, snapshot
from tests.store.conftest import Place


def test_a_new_store_knows_nothing(place: Place) -> None:
    store = place.open()
    found = store.load()
    assert (found.epoch, found.last_seq, found.snapshot, list(found.batches)) == (1, 0, None, [])
    assert len(found.farm) >= 16
    store.close()
    store.close()


def test_committed_batches_come_back_in_order(place: Place) -> None:
    store = place.open()
    farm = store.load().farm
    store.commit([batch(1, store), batch(2, store, b"")])
    big = bytes(range(256)) * 400
    store.commit([batch(3, store, big)])
    store.close()

    found = place.open().load()
    assert (found.farm, found.epoch, found.last_seq) == (farm, 2, 3)
    batches = list(found.batches)
    assert [(b.seq, b.epoch, b.body) for b in batches] == [(1, 1, b"body 1"), (2, 1, b""), (3, 1, big)]
    assert batches[0].at == 1_700_000_001.0


@pytest.mark.parametrize("count", [0, 1, 15, 16, 70_000])
def test_a_list_of_entries_comes_back_as_one_array(place: Place, count: int) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store, [msgspec.msgpack.encode(number) for number in range(count)])])
    store.close()
    (only,) = place.open().load().batches
    assert msgspec.msgpack.decode(only.body, type=list[int]) == list(range(count))


def test_a_batch_of_another_leader_is_refused(store: Store) -> None:
    store.commit([batch(1, store)])
    old = batch(2, store)
    old.epoch -= 1
    with pytest.raises(Fenced, match="epoch 0"):
        store.commit([old])
    assert store.last_seq == 1


def test_numbers_must_follow_on(store: Store) -> None:
    with pytest.raises(Bug, match="does not follow batch 0"):
        store.commit([batch(2, store)])
    with pytest.raises(Bug, match="does not follow batch 1"):
        store.commit([batch(1, store), batch(1, store)])
    store.commit([batch(1, store)])
    with pytest.raises(Bug, match="after the newest"):
        store.write_snapshot(snapshot(2))


def test_a_snapshot_replaces_the_journal_before_it(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store), batch(2, store)])
    columns = [bytes([number]) * 3000 for number in range(8)]
    store.write_snapshot(snapshot(2, jobs={2: b"job 2", 3: b""}, columns={(2, 0): columns, (2, 1): [b""]}))
    store.commit([batch(3, store)])
    assert store.journal_growth() > 0
    store.close()

    found = place.open().load()
    assert found.snapshot is not None
    assert (found.snapshot.seq, found.snapshot.farm) == (2, b"farm 2")
    assert found.snapshot.jobs == {2: b"job 2", 3: b""}
    assert found.snapshot.columns == {(2, 0): columns, (2, 1): [b""]}
    assert [b.seq for b in found.batches] == [3]


def test_snapshots_tell_only_what_changed(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store)])
    store.write_snapshot(
        snapshot(1, jobs={2: b"two", 3: b"three", 4: b"four"}, columns={(2, 0): [b"a"], (3, 0): [b"b"]})
    )
    store.commit([batch(2, store)])
    store.write_snapshot(snapshot(2, jobs={5: b"five"}, columns={(2, 0): [b"A"], (4, 0): [b"c"]}, deleted=[3]))
    store.close()
    found = place.open().load().snapshot
    assert found is not None
    assert found.jobs == {2: b"two", 4: b"four", 5: b"five"}
    assert found.columns == {(2, 0): [b"A"], (4, 0): [b"c"]}
    assert (found.seq, found.farm, found.deleted) == (2, b"farm 2", [])


def test_a_snapshot_given_up_half_way_was_never_there(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store)])
    store.write_snapshot(snapshot(1, jobs={2: b"old"}, columns={(2, 0): [b"x"]}))
    store.commit([batch(2, store)])
    columns = {(2, block): [bytes(700_000)] for block in range(4)}
    steps = store.snapshot_steps(snapshot(2, jobs={2: b"new"}, columns=columns))
    next(steps)
    store.commit([batch(3, store)])
    next(steps)
    store.close()

    store = place.open()
    found = store.load()
    assert found.snapshot is not None and found.snapshot.jobs == {2: b"old"}
    assert found.snapshot.columns == {(2, 0): [b"x"]}
    assert [b.seq for b in found.batches] == [2, 3]
    store.write_snapshot(snapshot(2, jobs={2: b"newer"}))
    store.close()
    found = place.open().load()
    assert found.snapshot is not None and found.snapshot.jobs == {2: b"newer"}
    assert [b.seq for b in found.batches] == [3]


def test_a_snapshot_of_the_same_state_is_written_once(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store)])
    store.write_snapshot(snapshot(1, jobs={2: b"first"}))
    store.write_snapshot(snapshot(1, jobs={2: b"second"}))
    store.close()
    found = place.open().load().snapshot
    assert found is not None and found.jobs == {2: b"first"}


def fill(store: Store) -> None:
    """Four batches, a snapshot after the second and the fourth."""
    for seq in range(1, 5):
        store.commit([batch(seq, store, bytes(4000))])
        if seq % 2 == 0:
            store.write_snapshot(snapshot(seq, jobs={seq: b"job"}, columns={(2, 0): [bytes([seq])]}))
    store.commit([batch(5, store)])


@pytest.mark.parametrize(
    ("retention", "now"),
    [
        (Retention(), 1_700_000_010.0),
        (Retention(days=0), 1_700_000_002.0),
        (Retention(days=1), 1_700_000_010.0 + 86400),
        (Retention(size=0), 1_700_000_010.0),
    ],
)
def test_retention_never_drops_what_recovery_needs(place: Place, retention: Retention, now: float) -> None:
    store = place.open()
    store.load()
    fill(store)
    store.trim(retention, now=now)
    store.close()
    found = place.open().load()
    assert found.snapshot is not None
    assert (found.snapshot.seq, [b.seq for b in found.batches], found.last_seq) == (4, [5], 5)
    assert found.snapshot.jobs == {2: b"job", 4: b"job"}
    assert found.snapshot.columns == {(2, 0): [b"\4"]}


def test_without_a_snapshot_nothing_is_dropped(place: Place) -> None:
    store = place.open()
    store.load()
    store.commit([batch(1, store), batch(2, store)])
    store.trim(Retention(days=0, size=0), now=2e9)
    store.close()
    assert [b.seq for b in place.open().load().batches] == [1, 2]


def test_finished_runs_are_rows_with_numbers_of_their_own(place: Place) -> None:
    store = place.open()
    store.load()
    rows = [run_row(task, error=task % 2, exit_status=task) for task in range(5)]
    store.commit([batch(1, store, runs=rows[:2]), batch(2, store, runs=rows[2:3])])
    store.close()
    store = place.open()
    store.load()
    store.commit([batch(3, store, runs=rows[3:], jobs=[job_row(0), job_row(1)])])
    history = store.history()
    found = history.rows_after(0)
    assert [row.seq for row in found] == [1, 2, 3, 4, 5]
    for seq, row in enumerate(rows, 1):
        row.seq = seq
    assert found == rows
    assert history.rows_after(2, 2) == rows[2:4]
    assert history.rows_after(5) == []
    jobs = history.jobs_after(0)
    assert jobs == [job_row(0, seq=1), job_row(1, seq=2)]
    assert (jobs[0].run_time_sum, jobs[0].time_started) == (60, 1_700_000_000)
    history.close()


def test_history_is_asked_by_job_user_host_and_time(store: Store) -> None:
    rows = [
        run_row(task, job=2 + task % 2, username=["ann", "bob", "cy"][task % 3], hostname=f"render{task % 4}",
                done_ms=1000 * task, error=task % 5 == 0, id_block=task % 2)
        for task in range(24)
    ]  # fmt: skip
    store.commit([batch(1, store, runs=rows)])
    history = store.history()

    def tasks(query: RunQuery) -> list[int]:
        return [row.id_task for row in history.runs(query).rows]

    assert tasks(RunQuery()) == list(range(23, -1, -1))
    assert tasks(RunQuery(job=3, user="bob")) == [19, 13, 7, 1]
    assert tasks(RunQuery(host="render2", since_ms=6000, until_ms=18000)) == [14, 10, 6]
    assert tasks(RunQuery(errors_only=True)) == [20, 15, 10, 5, 0]
    assert tasks(RunQuery(job=2, block=0, task=4)) == [4]
    assert tasks(RunQuery(user="nobody")) == []

    seen: list[int] = []
    before: int | None = None
    for _ in range(9):
        page = history.runs(RunQuery(job=2), before=before, limit=5)
        seen += [row.id_task for row in page.rows]
        before = page.next
        if before is None:
            break
    assert seen == list(range(22, -1, -2))
    history.close()


def test_history_of_a_folder_or_an_age_is_forgotten(place: Place) -> None:
    store = place.open()
    store.load()
    folders = ("/a", "/a/b", "/ab", "", "/a/b/c")
    rows = [run_row(n, folder=folders[n % 5], done_ms=n * 1000) for n in range(10)]
    store.commit([batch(1, store, runs=rows, jobs=[job_row(n, folder=folders[n], done_ms=n * 1000) for n in range(5)])])

    def left(**unwanted: Any) -> tuple[list[int], list[int]]:
        for _ in store.forget_steps(Unwanted(**unwanted)):
            pass
        history = store.history()
        found = [row.seq for row in history.rows_after(0)], [row.seq for row in history.jobs_after(0)]
        history.close()
        return found

    assert left(folder="/a/b", last_run=7, last_job=0) == ([1, 3, 4, 6, 8, 9, 10], [1, 2, 3, 4, 5])
    assert left(folder="/a/", before=4, last_run=10, last_job=5) == ([3, 4, 6, 8, 9, 10], [3, 4, 5])
    assert left(before=9, last_run=10, last_job=3) == ([10], [4, 5])
    store.commit([batch(2, store, runs=[run_row()])])
    assert left(folder="/nowhere", last_run=99, last_job=99) == ([10, 11], [4, 5]), "numbers are never given twice"


def test_history_ages_only_when_told_to(place: Place) -> None:
    store = place.open()
    store.load()
    rows = [run_row(task, done_ms=86_400_000 * task) for task in range(10)]
    jobs = [job_row(0, done_ms=0), job_row(1, done_ms=86_400_000 * 9)]
    store.commit([batch(1, store, runs=rows, jobs=jobs)])
    history = store.history()
    store.trim(Retention(), now=86400.0 * 10)
    assert len(history.rows_after(0)) == 10
    store.trim(Retention(history_days=4, followed=(2, 0)), now=86400.0 * 10)
    assert [row.id_task for row in history.rows_after(0)] == [2, 3, 4, 5, 6, 7, 8, 9], "what did not follow stays"
    assert len(history.jobs_after(0)) == 2
    store.trim(Retention(history_days=4, followed=(9, 9)), now=86400.0 * 10)
    assert [row.id_task for row in history.rows_after(0)] == [6, 7, 8, 9]
    assert [row.id_block for row in history.jobs_after(0)] == [1]
    store.trim(Retention(history_days=1), now=86400.0 * 100)
    assert history.rows_after(0) == []
    history.close()
    store.close()
    store = place.open()
    store.load()
    store.commit([batch(2, store, runs=[run_row()])])
    history = store.history()
    assert [row.seq for row in history.rows_after(0)] == [11], "numbers are never given twice"
    history.close()
