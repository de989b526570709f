"""Logs are kept within their limit and arrive whole, reports are kept until they are acknowledged."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.ids import RunKey
from afnet.wire.messages import FileAccepted, FileChunk, Report
from afrender.logs import PIECE, SPILL, WINDOW, RunLog, Uploads, cut_note
from afrender.reports import KeptReport, ReportSpool, SpoolError

KEY = RunKey(2, 0, 0, 1)


@given(st.lists(st.integers(1, 90000), max_size=12))
@settings(max_examples=60, deadline=None)
def test_head_and_tail_are_kept_and_the_cut_is_told(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("log") / "log"
    limit = 150000
    kept = RunLog(path, limit)
    stream = b""
    for number, size in enumerate(sizes):
        data = bytes([48 + number]) * size
        stream += data
        kept.add(data)
    if len(stream) <= limit:
        expected = stream
    else:
        tail = stream[-(limit - limit // 2) :]
        expected = stream[: limit // 2] + cut_note(len(stream) - limit) + tail
    assert kept.size == len(expected)
    assert kept.read(0, kept.size + 10) == expected
    assert b"".join(kept.read(at, 7000) for at in range(0, kept.size, 7000)) == expected
    again = RunLog.kept(path, total=kept.total, limit=limit, data=kept.in_memory)
    assert again.read(0, again.size) == expected
    again.close(remove=False)
    kept.close(remove=True)
    assert not path.exists()


def test_little_output_makes_no_file(tmp_path):
    kept = RunLog(tmp_path / "log")
    kept.add(b"x" * SPILL)
    assert kept.in_memory == b"x" * SPILL and not (tmp_path / "log").exists()
    kept.add(b"y")
    assert kept.in_memory is None and (tmp_path / "log").exists()
    kept.close(remove=True)


def test_a_log_that_cannot_be_written_keeps_its_beginning(tmp_path, caplog):
    kept = RunLog(tmp_path / "missing" / "log")
    with caplog.at_level(logging.CRITICAL):
        for _ in range(10):
            kept.add(b"z" * 20000)
    data = kept.read(0, kept.size)
    assert data.startswith(b"z" * 20000) and data.endswith(cut_note(kept.cut))


class Server:
    """Takes pieces as the real one does."""

    def __init__(self) -> None:
        self.room = 1000
        self.files: dict[RunKey, bytes] = {}
        self.inbox: list[FileChunk] = []
        self.done: list[RunKey] = []
        self.uploads = Uploads(self.take, self.gone)

    def take(self, chunk: FileChunk) -> bool:
        if len(self.inbox) >= self.room:
            return False
        self.inbox.append(chunk)
        return True

    def gone(self, key: RunKey, name: str) -> None:
        assert name == "log"
        self.done.append(key)

    def answer(self) -> bool:
        if not self.inbox:
            return False
        chunk = self.inbox.pop(0)
        assert len(chunk.data) <= PIECE
        key = RunKey(chunk.job, chunk.block, chunk.task, chunk.run)
        have = self.files.get(key, b"")
        data = zlib.decompress(chunk.data) if chunk.compressed else chunk.data
        fits = chunk.offset == len(have)
        if fits:
            have = self.files[key] = have + data
        self.uploads.accepted(FileAccepted(*key, name="log", offset=len(have), done=fits and chunk.last))
        return True


def log_of(tmp_path: Path, number: int, size: int) -> tuple[RunKey, RunLog]:
    made = RunLog(tmp_path / f"log{number}")
    data = bytes(range(256)) * (size // 256 + 1)
    made.add(data[:size])
    return RunKey(2, 0, number, 1), made


def test_logs_arrive_whole_within_the_window(tmp_path):
    server = Server()
    logs = [log_of(tmp_path, number, size) for number, size in enumerate((0, 10, 5000, 2_000_000, 3))]
    expected = {key: made.read(0, made.size) for key, made in logs if made.size}
    for key, made in logs:
        server.uploads.add(key, made)
    assert not server.inbox, "not connected"
    server.uploads.connected()
    assert sum(len(chunk.data) for chunk in server.inbox) <= WINDOW + PIECE
    while server.answer():
        pass
    assert server.files == expected
    assert sorted(server.done) == sorted(key for key, _ in logs)
    assert not server.uploads.waiting and not list(tmp_path.iterdir())


def test_a_link_without_room_is_waited_for(tmp_path):
    server = Server()
    server.room = 1
    server.uploads.connected()
    key, made = log_of(tmp_path, 1, 400_000)
    expected = made.read(0, made.size)
    server.uploads.add(key, made)
    while not server.done:
        server.answer()
        server.uploads.pump()
    assert server.files[key] == expected


def test_a_lost_connection_and_a_server_that_forgot_are_caught_up(tmp_path):
    server = Server()
    server.uploads.connected()
    key, made = log_of(tmp_path, 1, 1_500_000)
    expected = made.read(0, made.size)
    server.uploads.add(key, made)
    for _ in range(4):
        server.answer()
    server.uploads.lost()
    server.inbox.clear()
    server.files[key] = server.files[key][:PIECE]
    server.uploads.connected()
    while server.answer():
        pass
    assert server.files[key] == expected and server.done == [key]


def test_a_log_nobody_wants_is_deleted_and_makes_room(tmp_path):
    server = Server()
    server.uploads.connected()
    first, made = log_of(tmp_path, 1, 1_500_000)
    server.uploads.add(first, made)
    second, other = log_of(tmp_path, 2, 100)
    server.uploads.add(second, other)
    server.uploads.forget(first)
    assert not (tmp_path / "log1").exists()
    server.inbox.clear()
    server.uploads.pump()
    while server.answer():
        pass
    assert server.done == [second]


def test_when_logs_take_too_much_the_oldest_are_given_up(tmp_path):
    server = Server()
    server.uploads = Uploads(server.take, server.gone, budget=250_000)
    for number in range(4):
        server.uploads.add(*log_of(tmp_path, number, 100_000))
    assert [key.task for key in server.done] == [0, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log2", "log3"]
    server.uploads.connected()
    while server.answer():
        pass
    assert sorted(key.task for key in server.files) == [2, 3]


def test_small_files_go_beside_the_logs_and_the_oldest_are_given_up(monkeypatch):
    monkeypatch.setattr("afrender.logs.FILES_BUDGET", 250)
    sent: list[FileChunk] = []
    done: list[tuple[int, str]] = []
    uploads = Uploads(lambda chunk: sent.append(chunk) or True, lambda key, name: done.append((key.task, name)))
    for task in range(3):
        uploads.add_file(RunKey(2, 0, task, 1), "a.jpg", bytes(100))
    assert done == [(0, "a.jpg")] and uploads.files_waiting == 200
    uploads.add_file(RunKey(2, 0, 2, 1), "a.jpg", b"newer")
    uploads.add_file(RunKey(2, 0, 2, 1), "log", b"not a file's name")
    uploads.connected()
    assert [(chunk.task, chunk.name, len(chunk.data), chunk.last) for chunk in sent] == [
        (1, "a.jpg", 100, True), (2, "a.jpg", 5, True),
    ]  # fmt: skip
    uploads.forget(RunKey(2, 0, 1, 1))
    uploads.accepted(FileAccepted(2, 0, 2, 1, name="a.jpg", offset=5, done=True))
    assert uploads.files_waiting == 0 and done[1:] == [(2, "a.jpg")]
    uploads.add_file(RunKey(2, 0, 5, 1), "a.jpg", b"of another farm")
    uploads.forget_files()
    assert uploads.files_waiting == 0


def report(task: int = 0, *, log_size: int = 0) -> Report:
    return Report(2, 0, task, 1, status=1, exit_status=0, started=1.0, duration=2.0, log_size=log_size)


def reopened(spool: ReportSpool, folder: Path) -> list[KeptReport]:
    spool.close()
    again = ReportSpool(folder)
    kept = again.kept
    again.close()
    return kept


def test_reports_survive_until_they_are_acknowledged(tmp_path):
    spool = ReportSpool(tmp_path)
    spool.keep(KeptReport(report(1)))
    spool.keep(KeptReport(report(2, log_size=3), b"abc", 3, 1000))
    spool.keep(KeptReport(report(3, log_size=9000), None, 9000, 1000))
    assert spool.unsynced
    spool.sync()
    assert not spool.unsynced
    spool.acknowledged([RunKey(2, 0, 1, 1), RunKey(2, 0, 2, 1)])
    kept = reopened(spool, tmp_path)
    assert [(one.report.task, one.reported, one.log_data, one.log_total) for one in kept] == [
        (2, True, b"abc", 3),
        (3, False, None, 9000),
    ]


def test_a_log_may_arrive_before_the_acknowledgement(tmp_path):
    spool = ReportSpool(tmp_path)
    spool.keep(KeptReport(report(1, log_size=3), b"abc", 3))
    spool.keep(KeptReport(report(2)))
    spool.log_done(RunKey(2, 0, 1, 1))
    spool.log_done(RunKey(2, 0, 9, 9))
    spool.close()
    spool = ReportSpool(tmp_path)
    assert [(one.report.task, one.report.log_size) for one in spool.kept] == [(1, 0), (2, 0)]
    spool.acknowledged([RunKey(2, 0, 1, 1)])
    spool.forget([RunKey(2, 0, 2, 1)])
    assert reopened(spool, tmp_path) == []


def test_the_file_is_empty_when_nothing_waits_and_small_when_little_does(tmp_path):
    spool = ReportSpool(tmp_path)
    spool.keep(KeptReport(report(0)))
    for task in range(1, 20000):
        spool.keep(KeptReport(report(task, log_size=500), b"x" * 500, 500))
        spool.log_done(RunKey(2, 0, task, 1))
        spool.acknowledged([RunKey(2, 0, task, 1)])
    assert (tmp_path / "reports").stat().st_size < 5_000_000
    spool.acknowledged([RunKey(2, 0, 0, 1)])
    assert (tmp_path / "reports").stat().st_size == 0
    spool.close()


def test_a_record_that_was_cut_or_damaged_ends_the_file(tmp_path):
    spool = ReportSpool(tmp_path)
    for task in range(3):
        spool.keep(KeptReport(report(task)))
    spool.close()
    whole = (tmp_path / "reports").read_bytes()
    for damage in (whole[:-5], whole[:-5] + b"x" + whole[-4:]):
        (tmp_path / "reports").write_bytes(damage)
        assert [one.report.task for one in reopened(ReportSpool(tmp_path), tmp_path)] == [0, 1]


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "reports").mkdir()
    with pytest.raises(SpoolError, match="cannot be kept"):
        ReportSpool(tmp_path)
