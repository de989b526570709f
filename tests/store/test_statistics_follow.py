"""Rows follow into every kind of database exactly once, whatever breaks meanwhile, and their sums stay true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from afcore.errors import BadSpec, StoreError
from afcore.store.base import JobRow, RunRow
from afcore.store.memory import MemoryStore
from afcore.store.statistics import follower as module
from afcore.store.statistics import target
from afcore.store.statistics.follower import Follower, whole_jobs
from afcore.store.statistics.questions import Question, answer, parse_time
from afcore.store.statistics.removing import remove
from afcore.store.statistics.rollups import Sums, fold_jobs, fold_runs
from afcore.store.statistics.summing import sum_up
from afcore.store.statistics.tables import MEASURES
from afcore.store.statistics.target import Target, parse_address
from afcore.store.statistics.tending import empty, update_tables
from afcore.store.statistics.writing import NowKind
from tests.store.builders import batch
from tests.store.cluster import Cluster
from tests.waiting import wait_for

UTC = "UTC"
T = 1_700_000_000


def run(number: int, **more: object) -> RunRow:
    """A finished run; its number spreads it over users, hosts, folders, days."""
    began = (T + number * 977) * 1000
    values: dict[str, object] = {
        "job": 1 + number // 10, "serial": 100 + number // 10, "id_block": 0, "id_task": number % 10, "run": 1,
        "status": "success" if number % 7 else "error", "error": 0 if number % 7 else 1, "started_ms": began,
        "done_ms": began + 1500 + number, "username": f"user{number % 3}", "hostname": f"host{number % 5}",
        "service": "nuke" if number % 2 else "maya", "folder": f"/shows/s{number % 2}/shot{number % 4}",
        "pool": "/farm",
        "jobname": f"job{number // 10}", "blockname": "b\\t'", "capacity": 1000, "waited_ms": number % 4 - 1,
        "cpu_ms": 5, "command": "render \t tab\n\\N",
    }  # fmt: skip
    return RunRow(**{**values, **more})  # type: ignore[arg-type]


def deleted(job: int, block: int = 0, **more: object) -> JobRow:
    values: dict[str, object] = {
        "job": job, "serial": 100 + job, "id_block": block, "jobname": f"job{job}", "username": f"user{job % 3}",
        "service": "maya", "folder": f"/shows/s{job % 2}", "tasks_quantity": 10, "run_time_ms": 70_000,
        "done_ms": (T + job) * 1000,
    }  # fmt: skip
    return JobRow(**{**values, **more})  # type: ignore[arg-type]


class Farm:
    """A source of rows, and followers of it."""

    def __init__(self, address: str) -> None:
        self.store = MemoryStore(created=1.0)
        self.store.load()
        self.address = address
        self.trouble: list[StoreError | None] = []
        self._batch = 0

    def write(self, runs: list[RunRow], jobs: list[JobRow] | None = None) -> None:
        self._batch += 1
        self.store.commit([batch(self._batch, self.store, runs=runs, jobs=jobs or [])])

    @contextmanager
    def following(self, identity: str = "farm") -> Iterator[Follower]:
        made = Follower(
            Target(parse_address(self.address)), farm=identity, zone=UTC, history=self.store.history,
            newest=lambda: self.store.last_rows, on_trouble=self.trouble.append,
        )  # fmt: skip
        made.start()
        try:
            yield made
        finally:
            assert made.stop(60)

    def wait(self, made: Follower) -> None:
        made.wake()
        wait_for(lambda: made.lag().rows == 0, what=f"the rows to follow: {made.lag()}", seconds=60)


@pytest.fixture
def farm(statistics: str) -> Farm:
    return Farm(statistics)


def query(address: str, statement: str) -> list[tuple[object, ...]]:
    place = Target(parse_address(address))
    with place.connected() as connection, connection.begin():
        return [tuple(row) for row in connection.execute(text(statement))]


def check_sums(address: str, zone: str = UTC) -> None:
    """The sums are those of the rows that are there."""
    place = Target(parse_address(address))
    columns = ", ".join(f"r.{measure}" for measure in MEASURES)
    statement = (
        f"SELECT r.period, r.dimension, r.start, n.name, {columns} FROM af_rollup r JOIN af_names n ON n.id = r.name"
    )
    kept = {tuple(row[:4]): list(row[4:]) for row in query(address, statement)}
    with place.connected() as connection:
        with connection.begin():
            runs = list(connection.execute(text("SELECT * FROM tasks")).mappings())
            jobs = list(connection.execute(text("SELECT * FROM jobs")).mappings())
    sums: Sums = {}
    fold_runs(sums, runs, ZoneInfo(zone))
    fold_jobs(sums, jobs, ZoneInfo(zone))
    assert kept == sums


def test_who_catches_up_rests_three_times_as_long_as_it_worked(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, rests = iter(range(1000)), []
    monkeypatch.setattr(module, "AT_ONCE", 7)
    monkeypatch.setattr(module.time, "thread_time", lambda: next(seconds))
    monkeypatch.setattr(Follower, "_rest", lambda self, seconds: rests.append(seconds))
    farm.write([run(number) for number in range(20)], [])
    with farm.following() as made:
        farm.wait(made)
    assert rests == [3.0, 3.0], "after each full batch, and not after the last one"


def test_rows_follow_once_over_restarts(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 7)
    farm.write([run(number) for number in range(30)], [deleted(1), deleted(1, 1), deleted(2)])
    with farm.following() as made:
        farm.wait(made)
    farm.write([run(number) for number in range(30, 50)], [deleted(job, block) for job in (3, 4) for block in range(6)])
    with farm.following() as made:
        farm.wait(made)
        assert made.lag().seconds == 0 and made.lag().trouble == ""
    with farm.following("another farm") as made:
        farm.wait(made)
    rows = query(farm.address, "SELECT farm, seq, hostname, command, time_done FROM tasks ORDER BY farm, seq")
    assert [row[:2] for row in rows] == [(number, seq) for number in (1, 2) for seq in range(1, 51)]
    assert rows[3][2:] == ("host3", "render \t tab\n\\N", run(3).time_done)
    sums = "SELECT sum(runs), sum(jobs), sum(blocks) FROM af_rollup WHERE period = 2 AND dimension = 0"
    assert query(farm.address, sums) == [(100, 8, 30)]
    check_sums(farm.address)


def test_values_that_a_database_cannot_hold_are_mended(farm: Farm) -> None:
    farm.write([run(0, jobname="nul\0here", exit_status=2**70, blockname="half \ud800")])
    with farm.following() as made:
        farm.wait(made)
    assert query(farm.address, "SELECT jobname, exit_status, blockname FROM tasks") == [
        ("nulhere", 2**63 - 1, "half ?")
    ]  # fmt: skip


def test_what_the_farm_is_now_is_replaced(farm: Farm) -> None:
    job = (5, 7, "shot", "ann", "/", "running", 99, 10, 4, 1, 1, 1, 1, 1000, 1, "host", 1, 2, 3, "", "")
    block = (5, 0, "b", "nuke", "nuke", 10, 4, 1, 1, 1, 1, 1000, 9, 2, 3)
    with farm.following() as made:
        wait_for(lambda: made.ready, what="the database")
        made.put_now({"jobs": NowKind(whole=True, rows=[job]), "blocks": NowKind(whole=True, rows=[block])})
        wait_for(lambda: made.ready, what="the first rows")
        made.put_now({
            "jobs": NowKind(rows=[(6, *job[1:]), (*job[:5], "done", *job[6:])]),
            "blocks": NowKind(gone=[5], rows=[(5, 1, *block[2:])]),
        })  # fmt: skip
        wait_for(lambda: made.ready, what="the second rows")
        assert query(farm.address, "SELECT id, state FROM farm_jobs ORDER BY id") == [(5, "done"), (6, "running")]
        assert query(farm.address, "SELECT job, id_block FROM farm_blocks") == [(5, 1)]
        made.put_now({"jobs": NowKind(gone=[6])})
        wait_for(lambda: made.ready, what="the end")
    assert query(farm.address, "SELECT id FROM farm_jobs") == [(5,)]


def test_emptied_tables_do_not_fill_again(farm: Farm) -> None:
    farm.write([run(number) for number in range(5)])
    with farm.following() as made:
        farm.wait(made)
        done: list[object] = []
        made.do(lambda: empty(made.target, "all", UTC), lambda found, error: done.append((found, error)))
        wait_for(lambda: done, what="the reset")
        assert done == [({"tasks": 5, "jobs": 0}, None)]
        farm.write([run(number) for number in range(5, 8)])
        farm.wait(made)
    assert query(farm.address, "SELECT seq FROM tasks ORDER BY seq") == [(6,), (7,), (8,)]
    check_sums(farm.address)


def test_records_go_with_their_sums(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afcore.store.statistics.removing._AT_ONCE", 7)
    farm.write([run(number) for number in range(60)], [deleted(job, block) for job in range(8) for block in (0, 1)])
    with farm.following() as made:
        farm.wait(made)
        assert remove(made.target, folder="/shows/s0") == {"tasks": 30, "jobs": 8}
        check_sums(farm.address)
        old = query(farm.address, "SELECT count(*) FROM tasks WHERE time_done < 1700020000")[0][0]
        assert old
        assert remove(made.target, before=1_700_020_000) == {"tasks": old, "jobs": 8}
        check_sums(farm.address)
        with pytest.raises(ValueError, match="neither"):
            remove(made.target)
    left = query(farm.address, "SELECT min(time_done) FROM tasks WHERE folder LIKE '/shows/s1%'")
    assert left[0][0] >= 1_700_020_000  # type: ignore[operator]


def test_sums_made_anew_are_the_same(farm: Farm) -> None:
    farm.write([run(number) for number in range(40)], [deleted(1), deleted(1, 1)])
    with farm.following() as made:
        farm.wait(made)
    place = Target(parse_address(farm.address))
    with place.connected() as connection:
        assert sum_up(connection) == 42
    check_sums(farm.address)
    assert update_tables(place, "Asia/Kolkata")["rows"] == 42
    days = query(farm.address, "SELECT DISTINCT start FROM af_rollup WHERE period = 1")
    assert {int(str(start)) % 86_400 for (start,) in days} == {86_400 - 19_800}, "days begin at midnight in India"


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"])
def test_sums_made_anew_keep_the_hours_of_a_zone(zone: str, tmp_path: Path) -> None:
    farm = Farm(str(tmp_path / "statistics.db"))
    # Every 20 minutes around the days of 2018 on which clocks were put forward or back, somewhere at midnight.
    changes = (1_519_000_000, 1_522_500_000, 1_538_800_000, 1_541_200_000)
    times = [at + 1200 * step for at in changes for step in range(-80, 80)]
    farm.write([run(number, done_ms=at * 1000, started_ms=at * 1000 - 5000) for number, at in enumerate(times)])
    with farm.following() as made:
        farm.wait(made)
    assert update_tables(Target(parse_address(farm.address)), zone)["rows"] == len(times)
    check_sums(farm.address, zone)


def test_a_job_is_counted_once_however_rows_are_cut() -> None:
    store = MemoryStore(created=1.0)
    store.load()
    store.commit([batch(1, store, jobs=[deleted(1, block) for block in range(9)] + [deleted(2, 0), deleted(2, 1)])])
    history = store.history()
    assert [row.job for row in whole_jobs(history, 0, 5)] == [1] * 9
    assert [row.job for row in whole_jobs(history, 0, 10)] == [1] * 9
    assert [row.job for row in whole_jobs(history, 9, 10)] == [2, 2]


@pytest.mark.postgres
def test_the_database_is_killed_between_and_in_batches(
    cluster: Cluster, farm_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 20)
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(module, "LAST_RETRY", 0.2)
    farm = Farm(cluster.url(farm_database))
    farm.write([run(number) for number in range(400)])
    with farm.following() as made:
        for _ in range(3):
            seen = made.lag().rows
            wait_for(lambda: made.lag().rows < seen or made.lag().rows == 0, what="some rows")  # noqa: B023
            cluster.stop("immediate")
            made.wake()
            wait_for(lambda: made.lag().trouble, what="the follower to notice")
            assert made.lag().hint
            cluster.start()
            wait_for(lambda: not made.lag().trouble, what="the follower to be back")
            farm.write([run(number) for number in range(400, 430)])
            made.wake()
        farm.wait(made)
    assert query(farm.address, "SELECT seq FROM tasks ORDER BY seq") == [(seq,) for seq in range(1, 491)]
    check_sums(farm.address)


@pytest.mark.postgres
def test_a_full_disk_is_told_and_waited_for(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(module, "LAST_RETRY", 0.1)
    place = cluster.new_fillable_database()
    farm = Farm(cluster.url(place.name))
    empty(Target(parse_address(farm.address)), "all", UTC)
    with farm.following() as made:
        with place.full():
            farm.write([run(number) for number in range(2000)])
            made.wake()
            wait_for(lambda: "disk is full" in made.lag().trouble, what="the follower to notice")
            assert made.lag().rows and made.lag().seconds > 0 and "make room" in made.lag().hint
        farm.wait(made)
    assert farm.trouble[-1] is None
    check_sums(farm.address)


def test_a_full_file_is_told_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(module, "LAST_RETRY", 0.1)
    usual = target._LITE
    monkeypatch.setattr(target, "_LITE", (*usual, "PRAGMA max_page_count=90"))
    farm = Farm(str(tmp_path / "statistics.db"))
    farm.write([run(number) for number in range(2000)])
    with farm.following() as made:
        wait_for(lambda: "disk is full" in made.lag().trouble, what="the follower to notice")
        assert made.lag().rows == 2000
        monkeypatch.setattr(target, "_LITE", usual)
        farm.wait(made)
    assert query(farm.address, "SELECT count(*) FROM tasks") == [(2000,)]
    check_sums(farm.address)


def test_questions_are_answered_from_sums_and_from_rows(farm: Farm) -> None:
    rows = [run(number) for number in range(300)]
    farm.write(rows, [deleted(job) for job in range(9)])
    with farm.following() as made:
        farm.wait(made)
    place = Target(parse_address(farm.address))
    since, until = T - T % 86_400 + 3600, T + 300 * 977 - 7200
    inside = [row for row in rows if since <= row.time_done < until - until % 3600 + 3600]

    def asked(**question: object) -> list[dict[str, object]]:
        with place.connected(reading=True) as connection:
            return answer(connection, Question(since=since, until=until, **question)).rows  # type: ignore[arg-type]

    (total,) = asked()
    assert total["runs"] == len(inside) and total["errors"] == sum(row.error for row in inside)
    assert total["run_seconds"] == sum(row.done_ms - row.started_ms for row in inside) / 1000
    known = [row.waited_ms for row in inside if row.waited_ms >= 0]
    assert total["average_wait_seconds"] == round(sum(known) / len(known) / 1000, 3)
    by_user = {row["name"]: row["runs"] for row in asked(by="user")}
    assert by_user == {name: sum(row.username == name for row in inside) for name in ("user0", "user1", "user2")}
    crossed = asked(by="host", where={"user": "user1", "service": "nuke"})
    expected = [row for row in inside if row.username == "user1" and row.service == "nuke"]
    assert {row["name"]: row["runs"] for row in crossed} == {
        name: sum(row.hostname == name for row in expected) for name in {row.hostname for row in expected}
    }
    for per, seconds in (("hour", 3600), ("day", 86_400), ("week", 7 * 86_400)):
        steps = asked(per=per)
        assert sum(int(str(row["runs"])) for row in steps) == len(inside)
        monday = 4 * 86_400 if per == "week" else 0
        starts = {max(since, (row.time_done - monday) // seconds * seconds + monday) for row in inside}
        assert [row["start"] for row in steps] == sorted(starts)
        whole = asked(per=per, where={"user": "user1", "service": "nuke"})
        assert sum(int(str(row["runs"])) for row in whole) == len(expected)
    assert [row["name"] for row in asked(by="folder")] == ["/shows"]
    assert {row["name"] for row in asked(by="folder", under="/shows/s1")} == {"/shows/s1/shot1", "/shows/s1/shot3"}
    below = asked(by="folder", under="/shows", where={"user": "user1"})
    assert {row["name"] for row in below} == {"/shows/s0", "/shows/s1"}
    (one,) = asked(where={"folder": "/shows/s1"})
    assert one["runs"] == sum(row.folder.startswith("/shows/s1") for row in inside)
    best = asked(by="host", order="errors", limit=2)
    assert len(best) == 2 and int(str(best[0]["errors"])) >= int(str(best[1]["errors"]))
    assert asked(by="folder", under="/nowhere") == []


def test_times_as_people_write_them() -> None:
    now, zone = 1_700_000_000.0, ZoneInfo("Europe/Berlin")

    def read(words: str) -> int:
        return parse_time(words, now=now, zone=zone, name="since")

    assert read("7d") == 1_700_000_000 - 7 * 86_400 and read(" NOW ") == 1_700_000_000
    assert read("2026-01-31 03:12") == 1_769_825_520 and read("today") == 1_699_916_400
    for extreme in ("999999999y", "9999-12-31", "0001-01-01", "99999999999999999999"):
        assert 86_400 <= read(extreme) <= 2**33
    for wrong in ("", "yesterday-ish", "7", "-3d", "\ud800", "٣d", "2026-13-01"):
        with pytest.raises(BadSpec):
            read(wrong)


@pytest.mark.parametrize(
    "words",
    [
        {"by": "planet"}, {"per": "year"}, {"order": "name"}, {"limit": 0}, {"under": "/x"},
        {"where": {"user": "nul\0"}}, {"where": {"moon": "x"}}, {"by": "folder", "under": "half \ud800"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words(words: dict[str, object], tmp_path: Path) -> None:
    place = Target(parse_address(str(tmp_path / "statistics.db")))
    empty(place, "all", UTC)
    with place.connected(reading=True) as connection, pytest.raises(BadSpec):
        answer(connection, Question(since=0, until=2**33, **words))  # type: ignore[arg-type]
