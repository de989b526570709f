"""The writer thread: order, groups, snapshots between commits, a database that goes away."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from afcore.errors import Corrupt, StoreError, Unavailable
from afcore.store.base import Batch, Retention, Snapshot, Store
from afcore.store.memory import MemoryStore
from afcore.store.writer import Writer, WriterState
from tests.store.builders import WAIT, Calls, batch, run_row, snapshot
from tests.store.conftest import DatabasePlace, Place


class GatedStore(MemoryStore):
    """Commits wait for ``gate``; every write is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.log: list[str] = []

    def commit(self, batches: Sequence[Batch]) -> None:
        self.entered.set()
        assert self.gate.wait(WAIT)
        super().commit(batches)
        self.log.append("commit " + ",".join(str(b.seq) for b in batches))

    def snapshot_steps(self, snapshot: Snapshot) -> Iterator[None]:
        for _ in super().snapshot_steps(snapshot):
            self.log.append("step")
            yield
        self.log.append("whole")


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def gated() -> Iterator[GatedStore]:
    made = GatedStore()
    yield made
    made.gate.set()


def test_everything_put_is_durable_after_stop(place: Place, calls: Calls) -> None:
    store = place.open()
    store.load()
    writer = calls.writer(store)
    writer.start()
    for seq in range(1, 301):
        writer.put(batch(seq, store, runs=[run_row(seq)]))
    assert writer.stop(WAIT)
    store.close()
    assert calls.committed == sorted(calls.committed)
    assert calls.committed[-1] == 300
    assert (writer.state, writer.pending, calls.failed) == (WriterState.STOPPED, 0, [])
    store = place.open()
    assert [b.seq for b in store.load().batches] == list(range(1, 301))
    history = store.history()
    assert [row.id_task for row in history.rows_after(0)] == list(range(1, 301))
    history.close()


def test_what_is_queued_meanwhile_is_one_group(gated: GatedStore, calls: Calls) -> None:
    writer = calls.writer(gated)
    writer.start()
    writer.put(batch(1, gated))
    assert gated.entered.wait(WAIT)
    for seq in (2, 3, 4):
        writer.put(batch(seq, gated))
    gated.gate.set()
    assert writer.stop(WAIT)
    assert gated.log == ["commit 1", "commit 2,3,4"]
    assert calls.committed == [1, 4]


def test_commits_go_between_the_steps_of_a_snapshot(gated: GatedStore, calls: Calls) -> None:
    gated.gate.set()
    writer = calls.writer(gated)
    put_more = iter(range(2, 4))

    def on_step(seq: int) -> None:
        calls.note(lambda: calls.committed.append(seq))

    writer = Writer(gated, on_committed=on_step, on_failed=lambda e: calls.note(lambda: calls.failed.append(e)))
    steps = gated.snapshot_steps

    def watched(given: Snapshot) -> Iterator[None]:
        for _ in steps(given):
            for seq in put_more:
                writer.put(batch(seq, gated))
                break
            yield

    gated.snapshot_steps = watched  # type: ignore[method-assign]
    writer.put(batch(1, gated))
    writer.put_snapshot(snapshot(1, columns={(2, block): [b"x"] for block in range(3)}), calls.note_done)
    writer.start()
    calls.wait(lambda: bool(calls.done))
    assert writer.stop(WAIT)
    assert calls.done == [None]
    assert gated.log == ["commit 1", "step", "commit 2", "step", "commit 3", "step", "whole"]


def test_a_snapshot_waits_for_its_own_batch(gated: GatedStore, calls: Calls) -> None:
    writer = calls.writer(gated)
    writer.start()
    writer.put(batch(1, gated))
    assert gated.entered.wait(WAIT)
    writer.put(batch(2, gated))
    writer.put_snapshot(snapshot(2), calls.note_done)
    gated.gate.set()
    calls.wait(lambda: bool(calls.done))
    assert writer.stop(WAIT)
    assert calls.done == [None]
    assert gated.log[:2] == ["commit 1", "commit 2"]


def test_a_database_away_is_asked_until_it_is_back(calls: Calls) -> None:
    store = MemoryStore()
    store.fail = Unavailable("the database is away")
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store))
    calls.wait(lambda: bool(calls.away))
    assert writer.state is WriterState.AWAY
    writer.put(batch(2, store))
    store.fail = None
    calls.wait(lambda: 2 in calls.committed)
    assert (len(calls.away), calls.back) == (1, 1)
    assert writer.state is WriterState.READY
    assert writer.stop(WAIT)


def test_stopping_while_the_database_is_away_says_what_was_lost(calls: Calls) -> None:
    store = MemoryStore()
    store.fail = Unavailable("the database is away")
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store))
    calls.wait(lambda: bool(calls.away))
    writer.put_snapshot(snapshot(1), calls.note_done)
    assert not writer.stop(WAIT)
    assert (writer.pending, calls.committed) == (1, [])
    assert calls.done and isinstance(calls.done[0], Unavailable)


@pytest.mark.parametrize("error", [Corrupt("page 3 is damaged"), StoreError("odd")])
def test_any_other_error_ends_it_and_is_told_once(calls: Calls, error: StoreError) -> None:
    store = MemoryStore()
    store.fail = error
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store))
    calls.wait(lambda: bool(calls.failed))
    assert not writer.stop(WAIT)
    assert (calls.failed, writer.state, calls.committed) == ([error], WriterState.FAILED, [])


def test_a_snapshot_that_fails_is_told_and_commits_go_on(calls: Calls) -> None:
    store = MemoryStore()
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store))
    calls.wait(lambda: calls.committed == [1])
    store.fail = Unavailable("the disk is full")
    writer.put_snapshot(snapshot(1, columns={(2, 0): [b"x"]}), calls.note_done)
    calls.wait(lambda: bool(calls.done))
    assert calls.done == [store.fail]
    store.fail = None
    writer.put_trim(Retention(), now=0.0, done=calls.note_done)
    writer.put(batch(2, store))
    calls.wait(lambda: calls.committed[-1] == 2 and len(calls.done) == 2)
    assert writer.stop(WAIT)


def test_a_writer_never_started_keeps_nothing_in_silence(calls: Calls) -> None:
    store = MemoryStore()
    writer = calls.writer(store)
    assert writer.stop()
    writer.put(batch(1, store))
    assert not writer.stop()


def test_a_real_snapshot_runs_between_real_commits(place: Place, calls: Calls) -> None:
    store: Store = place.open()
    store.load()
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(1, store))
    writer.put_snapshot(snapshot(1, jobs={2: b"j"}, columns={(2, 0): [bytes(1 << 20)] * 4}), calls.note_done)
    for seq in range(2, 40):
        writer.put(batch(seq, store))
    calls.wait(lambda: bool(calls.done) and calls.committed[-1:] == [39])
    assert writer.stop(WAIT) and calls.done == [None]
    store.close()
    found = place.open().load()
    assert found.snapshot is not None and found.snapshot.columns == {(2, 0): [bytes(1 << 20)] * 4}
    assert found.last_seq == 39


def test_a_mistake_of_the_program_is_told_too(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda given: seen.append(given.exc_value))
    store = MemoryStore()
    writer = calls.writer(store)
    writer.start()
    writer.put(batch(5, store))
    calls.wait(lambda: bool(calls.failed))
    assert not writer.stop(WAIT)
    assert "mistake of the program" in calls.failed[0].sentence
    assert writer.state is WriterState.FAILED
    assert "does not follow" in str(seen[0])


PROGRAM = """
import os, sys, threading
from pathlib import Path
from afcore.store.opening import open_store
from afcore.store.writer import Writer
from tests.store.builders import batch, run_row, snapshot

store = open_store(sys.argv[1], data=Path(sys.argv[2]), now=1.0)
store.load()
free = threading.Semaphore(8)
last = store.last_seq

def committed(seq):
    global last
    print(seq, flush=True)
    free.release(seq - last)
    last = seq

writer = Writer(store, on_committed=committed, on_failed=lambda error: os._exit(3))
writer.start()
seq = store.last_seq
while True:
    free.acquire()
    seq += 1
    writer.put(batch(seq, store, runs=[run_row(seq)]))
    if seq % 10 == 0:
        writer.put_snapshot(snapshot(seq, columns={(2, 0): [bytes(300_000)] * 2}))
"""


def test_killed_in_the_middle_again_and_again(database_place: Place) -> None:
    assert isinstance(database_place, DatabasePlace)
    arguments = [database_place.database, str(database_place.data)]
    for acknowledgements in (1, 7, 30):
        with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(acknowledgements)]
            child.kill()
            acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]
        store = database_place.open()
        found = store.load()
        assert found.last_seq >= acknowledged[-1]
        start = found.snapshot.seq if found.snapshot else 0
        assert [b.seq for b in found.batches] == list(range(start + 1, found.last_seq + 1))
        history = store.history()
        assert [row.seq for row in history.rows_after(0, 1_000_000)] == list(range(1, found.last_seq + 1))
        history.close()
        store.close()
