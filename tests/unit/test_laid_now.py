"""What is small to lay today and dear to add later: each is there, shown by what it does.

The door (first byte, TLS with a test certificate, limits) needs sockets: ``tests/wire/test_door.py``; an agent whose
server takes nothing: ``tests/agent/test_loop.py``.
"""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import pytest

from afcore import commands, core, events
from afcore.codec import decode_entries, encode_entries, entry_of
from afcore.envelope import Envelope, Principal
from afcore.errors import NotAllowed, StoreError
from afcore.invariants import check
from afcore.reservation import Reservation
from afcore.states import Role, RunStatus, TaskState
from afcore.store.base import Batch, Retention, RunRow, Snapshot
from afcore.store.opening import open_store
from afnet.client.servers import Address, parse_servers
from afnet.registry import OPERATIONS
from afnet.server.files import FileStore
from afnet.server.runspec import make_run_spec
from afnet.wire.messages import FileChunk, Hello, NotLeader, Refused, Request, Welcome
from afnet.wire.session import Session
from afnet.wire.states import SessionState
from tests.unit.afcore.plays import FarmPlay, block, job

ANN = Principal("ann", Role.GOD, "127.0.0.1")


@pytest.fixture
def farm() -> FarmPlay:
    return FarmPlay()


# 1. Who


@pytest.mark.parametrize("kind", list(core.RULES), ids=lambda kind: kind.__name__)
def test_the_access_rule_is_asked_for_every_command(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def refuse(principal: Principal, command: Any, farm: Any) -> None:
        asked.append((principal.name, type(command).__name__))
        raise NotAllowed("no")

    monkeypatch.setattr(core.access, "check", refuse)
    made = core.Core()
    with pytest.raises(NotAllowed):
        made.apply(Envelope(kind(**dict.fromkeys(kind.__struct_fields__)), ANN, 5.0))
    assert asked == [("ann", kind.__name__)] and made.farm.version == 0


def test_what_was_done_is_kept_with_who_did_it_from_where_and_why(farm: FarmPlay) -> None:
    envelope = Envelope(commands.AddUser("bob"), ANN, 7.5, "op-1", "op-0", "screen-9")
    outcome = farm.core.apply(envelope)
    entry = entry_of(envelope, outcome)
    assert entry is not None
    (kept,) = decode_entries(encode_entries([entry]))
    assert (kept.at, kept.principal, kept.role, kept.origin) == (7.5, "ann", Role.GOD, "127.0.0.1")
    assert (kept.operation, kept.cause) == ("op-1", "op-0")


def test_every_operation_says_who_may_and_what_becomes_of_it() -> None:
    for operation in OPERATIONS.values():
        assert operation.owner in ("own", "any", "farm") and isinstance(operation.role, Role), operation.name
        assert {type(operation.durable), type(operation.undoable), type(operation.audited)} == {bool}, operation.name
        assert operation.kind != "command" or operation.audited, f"{operation.name} changes something unseen"


# 2. Before and after


def test_every_edit_carries_what_was_and_what_is(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.register("host1")
    edits: list[tuple[Any, type, dict[str, Any], dict[str, Any]]] = [
        (commands.SetJobs([shot.id], {"priority": 5}), events.JobEdited, {"priority": 99}, {"priority": 5}),
        (commands.PauseJobs([shot.id]), events.JobEdited, {"offline": False}, {"offline": True}),
        (commands.SetBlocks(shot.id, [0], {"capacity": 7}), events.BlockEdited, {"capacity": 1000}, {"capacity": 7}),
        (commands.SetUsers(["anna"], {"priority": 1}), events.UserEdited, {"priority": 99}, {"priority": 1}),
        (commands.SetBranches(["/"], {"priority": 2}), events.BranchEdited, {"priority": 99}, {"priority": 2}),
        (commands.SetPools(["/"], {"zombie_time": 3}), events.PoolEdited, {"zombie_time": -1}, {"zombie_time": 3}),
        (commands.SetRenders(["host1"], {"priority": 4}), events.RenderEdited, {"priority": 99}, {"priority": 4}),
    ]
    for command, kind, old, new in edits:
        farm.do(command)
        event = farm.last(kind)
        assert (event.old, event.new) == (old, new), kind.__name__


def test_a_change_of_many_tasks_carries_the_columns_as_they_were(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=1000)))
    farm.do(commands.ChangeTasks(shot.id, "skip", tasks=[(100, 199)]))
    before = bytes(shot.blocks[0].tasks.state)
    farm.do(commands.ChangeTasks(shot.id, "done", tasks=[(50, 249)]))
    event = farm.last(events.TasksChanged)
    assert zlib.decompress(event.old_state) == before[50:250]
    assert event.ranges == [(50, 249)] and len(msgspec.msgpack.encode(event)) < 200, "and is small"


def test_the_end_of_a_run_carries_what_its_task_was(farm: FarmPlay) -> None:
    farm.submit(job(block(last=1)))
    farm.register(cores=1)
    for _ in range(2):
        (key,) = farm.solve()
        farm.report(key, RunStatus.ERROR)
    event = farm.last(events.RunFinished)
    assert (event.old_state, event.old_errors, event.errors) == (TaskState.RUNNING, 1, 2)


# 3. Journal


def tables(data: Path, query: str) -> list[tuple[Any, ...]]:
    (path,) = data.glob("*.sqlite*") if list(data.glob("*.sqlite")) else data.glob("*.db")
    with sqlite3.connect(path) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def put(store: Any, seq: int, **more: Any) -> None:
    store.commit([Batch(seq=seq, at=100.0 * seq, epoch=store.epoch, body=[msgspec.msgpack.encode(seq)], **more)])


def test_the_journal_knows_number_time_leader_and_format_and_snapshots_stay_until_they_age(tmp_path: Path) -> None:
    store = open_store(data=tmp_path)
    store.load()
    for seq in (1, 2, 3):
        put(store, seq)
        store.write_snapshot(Snapshot(seq=seq, at=100.0 * seq, farm=b"farm %d" % seq))
    first_epoch = store.epoch
    store.close()
    store = open_store(data=tmp_path)
    recovered = store.load()
    assert store.epoch == first_epoch + 1, "every leader has its own"
    assert recovered.snapshot is not None and recovered.snapshot.farm == b"farm 3"
    list(recovered.batches)
    put(store, 4)
    rows = tables(tmp_path, "SELECT seq, at, epoch, format FROM af_journal ORDER BY seq")
    assert rows == [(1, 100.0, first_epoch, 1), (2, 200.0, first_epoch, 1), (3, 300.0, first_epoch, 1),
                    (4, 400.0, first_epoch + 1, 1)]  # fmt: skip
    assert tables(tmp_path, "SELECT seq FROM af_snapshot ORDER BY seq") == [(1,), (2,), (3,)]
    store.trim(Retention(days=250.0 / 86400), now=450.0)
    kept = [seq for (seq,) in tables(tmp_path, "SELECT seq FROM af_snapshot ORDER BY seq")]
    assert kept == [2, 3], "by age"
    store.trim(Retention(size=0), now=450.0)
    assert tables(tmp_path, "SELECT seq FROM af_snapshot ORDER BY seq") == [(3,)], "by size, but never the newest"
    store.close()


# 4. One row per finished run


def test_the_row_of_a_run_is_whole(farm: FarmPlay) -> None:
    farm.submit(job(block(capacity=500, command="render @#@"), folders={"output": "/out"}))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR, exit_status=3, duration=2.5, resources="2 GB")
    row = msgspec.convert(farm.outcome.runs[0], RunRow, strict=True)
    assert (row.job, row.id_block, row.id_task, row.run) == tuple(key)
    assert (row.username, row.hostname, row.folder, row.service, row.capacity) == (
        "anna", "host1", "/out", "generic", 500,
    )  # fmt: skip
    assert (row.command, row.errors_count, row.starts_count, row.resources) == ("render @#@", 1, 1, "2 GB")
    assert (row.done_ms - row.started_ms, row.exit_status, row.status) == (2500, 3, "error")


def test_the_row_of_a_run_and_its_event_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    row = RunRow(job=2, serial=1, id_block=0, id_task=0, run=1, status="success")
    store = open_store(data=tmp_path)
    store.load()
    put(store, 1, runs=[row])
    assert tables(tmp_path, "SELECT run FROM tasks") == [(1,)]
    tables(tmp_path, "CREATE TRIGGER full BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'no room'); END")
    with pytest.raises(StoreError):
        put(store, 2, runs=[row])
    assert tables(tmp_path, "SELECT seq FROM af_journal") == [(1,)]
    store.close()


# 5. Files channel


def test_files_of_a_run_have_its_name_are_resumed_and_go_with_the_job(tmp_path: Path) -> None:
    answers: SimpleQueue[Any] = SimpleQueue()
    store = FileStore(tmp_path / "files", budget=1 << 20, largest_file=1 << 16, answer=answers.put, finished_jobs=list)
    store.start([2])
    try:
        store.keep(1, FileChunk(2, 0, 5, 3, "log", 0, zlib.compress(b"begin "), compressed=True))
        ((_, accepted),) = answers.get(timeout=60)
        assert (accepted.job, accepted.block, accepted.task, accepted.run) == (2, 0, 5, 3)
        assert (accepted.offset, accepted.done) == (6, False), "the next piece begins here, whoever asks"
        store.keep(1, FileChunk(2, 0, 5, 3, "log", 6, b"end", last=True))
        ((_, accepted),) = answers.get(timeout=60)
        assert accepted.done
        assert store.read(2, 0, 5, run=3).data == b"begin end"
        store.remove_job(2)
    finally:
        store.stop()
    assert not (tmp_path / "files" / "2").exists()


# 6. Readings channel


def test_readings_are_shown_and_never_journaled(farm: FarmPlay) -> None:
    farm.submit()
    render = farm.register(cores=1)
    (key,) = farm.solve()
    written, version = len(farm.entries), farm.core.farm.version
    for percent in (10, 20):
        progress = commands.ProgressReading(*key, percent=percent, last_line=f"{percent} percent")
        farm.do(commands.MeasureRender(render.id, render.session, {"cpu_idle": percent}, [progress]))
    assert len(farm.entries) == written and farm.core.farm.version > version
    run = farm.core.farm.runs[key]
    assert (run.last_line, render.resources) == ("20 percent", {"cpu_num": 1, "cpu_idle": 20}), "the latest wins"
    assert not set(events.READINGS) & set(events.FACTS)


# 7. A run may hold more than one host


def test_a_run_may_hold_captured_renders_each_with_what_it_takes_there(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=1)))
    master, helper = farm.register("master", cores=4), farm.register("helper", cores=4)
    started = events.RunStarted(
        shot.id, 0, 0, 1, master.id, 1000, captured=[Reservation(helper.id, 2500, {"nuke": 1})], tickets={"nuke": 2}
    )
    envelope = Envelope(commands.Solve(), Principal("system", Role.SYSTEM), farm.at)
    outcome = core.Outcome()
    farm.core._happen(started, envelope, outcome)
    assert check(farm.core.farm) == []
    assert (master.used_capacity, helper.used_capacity) == (1000, 2500)
    assert (master.tickets_used, helper.tickets_used) == ({"nuke": 2}, {"nuke": 1})
    assert (shot.running_tasks, shot.running_capacity) == (1, 3500)
    (key,) = farm.core.farm.runs
    assert list(master.runs) == list(helper.runs) == [key]
    assert make_run_spec(farm.core.farm, key).hosts == ["helper"]  # type: ignore[union-attr]
    entry = entry_of(envelope, outcome)
    assert entry is not None
    farm.entries.append(encode_entries([entry])[1:])
    again = farm.replayed()
    assert again.digest() == farm.core.digest()
    assert again.farm.runs[key].captured == (Reservation(helper.id, 2500, {"nuke": 1}),)
    assert again.farm.runs[key].tickets == (("nuke", 2),)
    farm.report(key)
    assert (master.used_capacity, helper.used_capacity, helper.runs, helper.tickets_used) == (0, 0, {}, {})


# 8. Devices


def test_a_render_tells_its_devices_and_a_start_may_carry_devices_environment_and_hosts(farm: FarmPlay) -> None:
    card = {"kind": "gpu", "name": "card", "memory_mb": 24000}
    render = farm.register(devices=[card])
    assert render.devices == [card]
    farm.submit(job(block(environment={"SHOW": "x"})))
    key, _ = farm.solve()
    farm.core.farm.runs[key].devices = (0,)
    spec = make_run_spec(farm.core.farm, key)
    assert spec is not None
    assert (spec.devices, spec.environment["SHOW"], spec.hosts) == ([0], "x", [])


# 9, 10. Servers, versions


def conversation(answer: Any, versions: tuple[int, ...] = (1,)) -> tuple[Session, Session]:
    server = Session("server", now=0.0, greet=lambda hello: answer, versions=(1, 2))
    client = Session("client", now=0.0, hello=Hello([], "test", "client", user="me", host="here"), versions=versions)
    server.receive(client.pending(), 0.0)
    return server, client


def test_clients_take_a_list_and_a_server_that_does_not_lead_says_who_does() -> None:
    assert parse_servers("one:1,two:2") == [Address("one", 1), Address("two", 2)]
    server, client = conversation(NotLeader(["two:2", "three:3"]))
    (answer,) = client.receive(server.pending(), 0.0)
    assert isinstance(answer, NotLeader) and answer.servers == ["two:2", "three:3"]
    assert server.state is client.state is SessionState.CLOSED


def test_versions_are_agreed_unknown_fields_left_out_and_unknown_kinds_refused_by_a_sentence() -> None:
    server, client = conversation(Welcome(0, "afserver", "farm", 1), versions=(2, 7))
    client.receive(server.pending(), 0.0)
    assert (server.version, client.version) == (2, 2)
    newer = [10, 4, "job.list", {}, "", "a field of tomorrow"]
    assert server.receive(msgspec.msgpack.encode([newer]), 0.0) == [Request(4, "job.list", {}, "")]
    assert server.receive(msgspec.msgpack.encode([[999, "a kind of tomorrow"]]), 0.0) == []
    (refused,) = client.receive(server.pending(), 0.0)
    assert isinstance(refused, Refused) and refused.code == "unknown_message" and "999" in refused.sentence
