"""What stopped the server: remembered, refused, put offline once; and what every client is told meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from afcore.commands import RegisterRender, ReportRun, SetJobs, SetRenders, Solve, SubmitJob, Tick
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.rows import NoticeRow
from afcore.states import RunStatus
from afnet.server.notices import Notices
from afnet.server.quarantine import WITHIN, Quarantine, culprits
from tests.guards import ExpectedLogs
from tests.unit.afcore.plays import FarmPlay, block, job


def envelope(command: Any) -> Envelope[Any]:
    """Return a command as the runner sends it."""
    return Envelope(command, SYSTEM_PRINCIPAL, 1.0)


def test_a_message_is_known_again_whoever_sends_it_over_whatever_connection(tmp_path: Path) -> None:
    farm = FarmPlay()
    render = farm.register()
    first = RegisterRender("host1", session=3, instance="a", launched=1.0, resources={"cpu_num": 2})
    quarantine = Quarantine(tmp_path)
    assert quarantine.refusal(first) is None
    stop = quarantine.add(5.0, tmp_path / "dumps" / "dump-5.json", RuntimeError("x"), envelope(first), farm.core)
    assert (stop.renders, stop.jobs, stop.command) == ([render.name], [], "RegisterRender")
    again = Quarantine(tmp_path)
    other = RegisterRender("host1", session=9, instance="b", launched=2.0, resources={"cpu_num": 4})
    refused = again.refusal(other)
    assert refused is not None and "this message stopped the server, see dump 5" in refused.sentence
    assert again.refusal(RegisterRender("host2", session=3)) is None
    assert again.offline() == [SetRenders(["host1"], {"paused": True, "annotation": stop.note})]
    assert again.offline() == [] and Quarantine(tmp_path).offline() == [], "put offline once"


def test_what_the_server_asks_of_itself_is_never_refused(tmp_path: Path) -> None:
    farm = FarmPlay()
    quarantine = Quarantine(tmp_path)
    for command in (Tick(), Solve(128)):
        quarantine.add(5.0, tmp_path / "dump-5.json", RuntimeError("x"), envelope(command), farm.core)
        assert Quarantine(tmp_path).refusal(command) is None


def test_the_culprit_of_solving_and_of_a_tick_is_what_was_looked_at() -> None:
    farm = FarmPlay()
    shot = farm.submit(job(block(task_max_run_time=5)))
    render = farm.register()
    (key, *_) = farm.solve()
    assert culprits(farm.core, Solve()) == ([shot.id], [])
    assert culprits(farm.core, Tick()) == ([], [])
    for _kind, _key in farm.core.deadlines.due(farm.at + 10.0):
        assert culprits(farm.core, Tick()) == ([shot.id], [])
        break
    for _kind, _key in farm.core.deadlines.due(farm.at + 1000.0):
        found = culprits(farm.core, Tick())
    assert found == ([], [render.name])
    assert culprits(farm.core, ReportRun(render.id, *key, RunStatus.SUCCESS)) == ([shot.id], [])
    assert culprits(farm.core, SubmitJob(job())) == ([], [])
    assert culprits(farm.core, SetJobs([shot.id, 99], {})) == ([shot.id], [])


def test_three_stops_in_ten_minutes_pause_until_somebody_resumes(tmp_path: Path) -> None:
    farm = FarmPlay()
    quarantine = Quarantine(tmp_path)
    for at in (0.0, 500.0, 700.0):
        quarantine.add(at, tmp_path / f"dump-{at:.0f}.json", RuntimeError("x"), None, farm.core)
    assert Quarantine(tmp_path).paused(701.0) == "", "the first is too long ago"
    quarantine.add(800.0, tmp_path / "dump-800.json", RuntimeError("x"), None, farm.core)
    assert "see dump 800" in Quarantine(tmp_path).paused(801.0)
    later = Quarantine(tmp_path)
    assert later.paused(801.0 + 10 * WITHIN), "it does not pass by itself"
    later.resume(810.0)
    assert Quarantine(tmp_path).paused(811.0) == ""
    assert len(Quarantine(tmp_path).stops) == 4


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, expected_logs: ExpectedLogs) -> None:
    expected_logs("quarantine.json cannot be read and is set aside")
    (tmp_path / "quarantine.json").write_text("{")
    assert Quarantine(tmp_path).stops == []
    assert (tmp_path / "quarantine.unreadable").read_text() == "{"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, expected_logs: ExpectedLogs) -> None:
    expected_logs("quarantine.json cannot be written")
    quarantine = Quarantine(tmp_path)
    (tmp_path / "quarantine.new").mkdir()
    quarantine.add(5.0, tmp_path / "dump-5.json", RuntimeError("x"), None, FarmPlay().core)
    assert len(quarantine.stops) == 1


def test_the_file_says_what_happened(tmp_path: Path) -> None:
    farm = FarmPlay()
    shot = farm.submit()
    command = SetJobs([shot.id], {"annotation": "x"})
    Quarantine(tmp_path).add(5.0, tmp_path / "dump-5.json", RuntimeError("why"), envelope(command), farm.core)
    (stop,) = json.loads((tmp_path / "quarantine.json").read_text())["stops"]
    assert (stop["command"], stop["error"], stop["jobs"], stop["dump"]) == ("SetJobs", "why", [shot.id], "dump 5")


class _Peer:
    def __init__(self, number: int) -> None:
        self.number = number
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)


def test_who_asked_is_told_when_something_changes() -> None:
    now: list[NoticeRow] = []
    notices = Notices(lambda: list(now), first_version=10)
    one: Any = _Peer(1)
    two: Any = _Peer(2)
    notices.subscribe(one, 6)
    notices.subscribe(two, 7)
    assert [(rows.id, rows.rows, rows.whole) for rows in one.sent + two.sent] == [(6, [], True), (7, [], True)]
    now.append(NoticeRow(1, "Solving is paused."))
    notices.changed()
    notices.changed()
    assert [rows.rows for rows in one.sent] == [[], now]
    notices.unsubscribe(one, 6)
    notices.forget(two)
    now.clear()
    notices.changed()
    assert len(one.sent) == len(two.sent) == 2
    notices.subscribe(one, 6)
    versions = [rows.version for rows in one.sent]
    assert versions == sorted(set(versions)), "a version never comes twice"
