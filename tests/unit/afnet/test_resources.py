"""The history of readings: columns and bytes, files that outlive a server, spans resampled, and a quiet farm."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afcore.errors import BadSpec
from afcore.events import Event
from afcore.series import MOST, limits_of, read_values, series_of
from afnet.server.resources import ResourceHistory
from afnet.server.seriespack import Gathered, MinuteBody, merge_parts, pack_hour, resample, unpack_hour
from afnet.server.seriesstore import SeriesStore
from afnet.wire.messages import Readings
from tests.unit.afnet.pieces import House

HOUR = 460_000
READING = {
    "cpu_user": 61, "cpu_system": 7, "cpu_irq": 1, "cpu_softirq": 2, "cpu_loadavg": [3.5, 2.0, 1.0], "cpu_num": 8,
    "mem_total_mb": 16384, "mem_free_mb": 12288, "net_recv_kbsec": 120, "hdd_total_gb": 500, "hdd_free_gb": 400,
}  # fmt: skip


class AtOnce:
    """An executor whose thread has done everything already."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Any:
        work(*arguments)

        class _Done:
            def done(self) -> bool:
                return True

        return _Done()

    def shutdown(self, wait: bool) -> None:
        assert wait


class Watched(House):
    """A house that keeps its readings."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        loop: Any = self.loop
        self.history = ResourceHistory(
            self.core.farm, folder, keep_days=30, keep_bytes=1 << 30, now=self.clock.now, loop=loop, thread=AtOnce()
        )

    def happened(self, events: list[Event], initiator: str) -> None:
        super().happened(events, initiator)
        history = getattr(self, "history", None)
        if history is not None:
            history.note(events)

    def show(self, render: str = "", **asked: Any) -> dict[str, Any]:
        """Return the answer, its columns by key."""
        whole = {"render": render, "series": [], "since": 0, "until": 0, "resolution": 0, **asked}
        answer = self.history.answer(whole)()
        return {**answer, "columns": {each["key"]: each for each in answer["columns"]}}


def minute(low: float, high: float, *, key: str = "cpu_user", more: tuple[str, ...] = ()) -> MinuteBody:
    gathered = Gathered()
    for value in (low, high):
        gathered.note("r1", (key, *more), [value] * (1 + len(more)))
    return gathered.body()


def test_a_reading_becomes_series_with_names_units_and_limits() -> None:
    keys, values = read_values(READING, 3)
    found = dict(zip(keys, values, strict=True))
    assert found["cpu_irq"] == 3
    assert found["load"] == 3.5
    assert found["mem_used"] == 4096
    assert found["disk_used"] == 100
    assert found["slots_used"] == 3
    assert "gpu_util" not in found
    assert limits_of(READING) == {"load": 8, "mem_used": 16384, "disk_used": 500}
    gpus = [{"index": n, "util": 10 * n, "mem_used_mb": 100, "temp": 40, "mem_total_mb": 8000} for n in range(2)]
    meters = [{"name": "licenses", "value": 7, "value_max": 20, "valid": True}, {"name": "bad", "valid": False}]
    keys, values = read_values({**READING, "gpus": gpus, "gpu_gpu_util": 10, "custom": meters}, 0)
    found = dict(zip(keys, values, strict=True))
    assert found["gpu1_util"] == 10
    assert found["meter.licenses"] == 7
    assert "meter.bad" not in found
    groups = [series_of(key).group for key in ("gpu1_util", "meter.licenses", "gpu0_temp")]
    assert groups == ["gpu", "meters", "temperature"]


@pytest.mark.parametrize("wrong", ["x", None, float("nan"), float("inf"), 10**400, True, [], {}])
def test_a_reading_that_is_no_number_counts_as_nothing(wrong: Any) -> None:
    keys, values = read_values({name: wrong for name in (*READING, "gpus", "custom", "cpu_temp")}, 0)
    assert len(keys) == len(values) <= MOST
    assert set(values) == {0}


@given(st.lists(st.floats(0, 1e7, width=32), min_size=1, max_size=60, unique=True))
def test_an_hour_as_bytes_comes_back_nearly_the_same(numbers: list[float]) -> None:
    parts = [
        (HOUR * 60 + place, body.shapes[0], body.parts[0])
        for place, body in enumerate(minute(number / 2, number) for number in numbers)
    ]
    chunk = merge_parts(parts)
    back = unpack_hour(pack_hour(chunk, HOUR), HOUR)
    assert back.minutes == chunk.minutes
    for mine, theirs in zip(chunk.columns["cpu_user"], back.columns["cpu_user"], strict=True):
        for number, kept in zip(mine, theirs, strict=True):
            assert math.isclose(number, kept, rel_tol=3e-4, abs_tol=1e-37)
            assert kept == number or number != int(number) or number > 4096


def test_what_was_not_measured_is_not_there_and_never_zero() -> None:
    parts = [
        (HOUR * 60, ["a", "b"], minute(1, 3, key="a", more=("b",)).parts[0]),
        (HOUR * 60 + 2, ["a"], minute(5, 5, key="a").parts[0]),
    ]
    chunk = unpack_hour(pack_hour(merge_parts(parts), HOUR), HOUR)
    found = resample([chunk], first=HOUR * 60, step=1, count=4)
    assert found["a"].mean == [2, None, 5, None]
    assert found["b"].mean == [2, None, None, None]
    assert found["a"].low == [1, None, 5, None]
    wide = resample([chunk], first=HOUR * 60, step=3, count=1)
    assert (wide["a"].low, wide["a"].mean, wide["a"].high) == ([1], [3.5], [5])
    assert wide["b"].mean == [2], "a minute without it does not count"
    assert list(resample([chunk], first=HOUR * 60, step=1, count=4, wanted=frozenset(("b",)))) == ["b"]


def test_two_parts_of_a_minute_count_by_their_readings() -> None:
    few, many = Gathered(), Gathered()
    few.note("r1", ("a",), [10.0])
    for _ in range(3):
        many.note("r1", ("a",), [2.0])
    chunk = merge_parts([(7, ["a"], few.body().parts[0]), (7, ["a"], many.body().parts[0])])
    assert [column[0] for column in chunk.columns["a"]] == [2, 4, 10]


def test_the_store_survives_packing_and_being_opened_again(tmp_path: Path) -> None:
    store = SeriesStore(tmp_path / "r", keep_days=30, keep_bytes=1 << 30)
    for place in range(130):
        store.add(HOUR * 60 + place, minute(place, place + 2))
    store.close()
    again = SeriesStore(tmp_path / "r", keep_days=30, keep_bytes=1 << 30)
    again.add(HOUR * 60 + 130, minute(130, 132))
    found = resample(again.read("r1", HOUR * 60, HOUR * 60 + 200), first=HOUR * 60, step=1, count=131)
    assert found["cpu_user"].mean == [place + 1 for place in range(131)]
    assert again.read("r2", HOUR * 60, HOUR * 60 + 200) == []
    with sqlite3.connect(tmp_path / "r" / "minutes.db") as newest:
        assert newest.execute("SELECT COUNT(*) FROM minutes").fetchone() == (11,), "full hours are packed"
    newest.close()
    again.close()


def test_an_hour_that_was_packed_before_a_crash_is_not_doubled(tmp_path: Path) -> None:
    store = SeriesStore(tmp_path, keep_days=30, keep_bytes=1 << 30)
    store.add(HOUR * 60, minute(1, 3))
    newest = store._open_newest()
    row = newest.execute("SELECT minute, part, body FROM minutes").fetchone()
    store.add(HOUR * 60 + 60, minute(5, 5))
    with newest:
        newest.execute("INSERT INTO minutes VALUES (?, ?, ?)", row)
    read = store.read("r1", HOUR * 60, HOUR * 60 + 120)
    assert [chunk.minutes for chunk in read] == [[HOUR * 60], [HOUR * 60 + 60]]
    store.add(HOUR * 60 + 120, minute(5, 5))
    read = store.read("r1", HOUR * 60, HOUR * 60 + 60)
    assert [chunk.minutes for chunk in read] == [[HOUR * 60]]
    store.close()


def test_days_that_are_too_old_or_too_large_are_dropped(tmp_path: Path) -> None:
    store = SeriesStore(tmp_path, keep_days=3, keep_bytes=1 << 30)
    for day in range(6):
        store.add((HOUR + 24 * day) * 60, minute(1, 1))
    kept = sorted(path.stem for path in tmp_path.glob("????-??-??.db"))
    assert len(kept) == 3
    assert store.read("r1", HOUR * 60, HOUR * 60 + 60) == []
    assert store.read("r1", (HOUR + 96) * 60, (HOUR + 96) * 60 + 60) != []
    store.close()
    small = SeriesStore(tmp_path, keep_days=30, keep_bytes=0)
    small.drop_old((HOUR + 144) * 60)
    assert list(tmp_path.glob("????-??-??.db")) == []


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path, expected_logs: Any) -> None:
    (tmp_path / "minutes.db").write_bytes(b"this is no database, and longer than its header would be" * 30)
    store = SeriesStore(tmp_path, keep_days=3, keep_bytes=1 << 30)
    store.add(HOUR * 60, minute(1, 3))
    assert store.read("r1", HOUR * 60, HOUR * 60 + 60)[0].minutes == [HOUR * 60]
    assert (tmp_path / "minutes.unreadable").exists()
    expected_logs("put aside")
    store.close()


def test_minutes_of_renders_and_of_the_farm_are_kept_and_told(tmp_path: Path) -> None:
    house = Watched(tmp_path)
    peer = house.agent("r1", slots=8)
    house.submit(tasks=12)
    house.loop.turn()
    for value in (10, 30):
        house.say(peer, Readings({**READING, "cpu_user": value}, []))
        house.loop.pass_time(5)
    house.loop.pass_time(35)
    told = house.show("r1", since=house.clock.now() - 600)
    cpu = told["columns"]["cpu_user"]
    assert [value for value in cpu["mean"] if value is not None] == [20]
    assert [value for value in cpu["min"] if value is not None] == [10]
    assert [value for value in cpu["max"] if value is not None] == [30]
    assert (cpu["title"], cpu["unit"], cpu["group"]) == ("user", "%", "cpu")
    assert told["columns"]["mem_used"]["limit"] == 16384
    place = cpu["mean"].index(20)
    at = told["begin"] + place * told["step"]
    assert at <= house.clock.now() - 45 < at + 60
    farm = house.show(since=house.clock.now() - 600)["columns"]
    assert [value for value in farm["slots"]["mean"] if value is not None][-1] == 8
    assert max(value for value in farm["slots_used"]["max"] if value is not None) == len(house.core.farm.runs) == 8
    assert [value for value in farm["queue"]["mean"] if value is not None][-1] == 4
    assert sum(value for value in farm["started"]["mean"] if value is not None) == 8


def test_a_reading_that_leaves_out_what_never_changes_is_whole(tmp_path: Path) -> None:
    house = Watched(tmp_path)
    peer = house.agent("r1")
    house.say(peer, Readings(READING, []))
    for _ in range(3):
        house.loop.pass_time(40)  # a host that is silent for longer counts as lost
        house.say(peer, Readings({"cpu_user": 30, "mem_free_mb": 8192}, []))
    house.loop.pass_time(70)
    columns = house.show("r1", since=house.clock.now() - 600)["columns"]

    def values(key: str) -> set[float]:
        return {value for each in ("min", "max") for value in columns[key][each] if value is not None}

    assert values("mem_used") == {4096, 8192} and values("cpu_user") == {61, 30} and values("cpu_system") == {7}


def test_a_quiet_farm_has_no_timer(tmp_path: Path) -> None:
    house = Watched(tmp_path)
    house.loop.turn()
    assert house.loop.timers == []
    house.agent("r1")
    house.say(house.agent("r2"), Readings(READING, []))
    house.loop.pass_time(130)
    assert house.history._timer is None
    before = (tmp_path / "minutes.db").stat().st_mtime_ns
    house.loop.pass_time(600)
    assert (tmp_path / "minutes.db").stat().st_mtime_ns == before


def test_what_is_gathered_is_kept_when_the_server_stops(tmp_path: Path) -> None:
    house = Watched(tmp_path)
    house.say(house.agent("r1"), Readings(READING, []))
    house.history.cancel()
    house.history.stop()
    assert house.show("r1")["columns"]["cpu_user"]["mean"].count(61) == 1


def test_a_disk_that_refuses_costs_plots_alone(
    tmp_path: Path, expected_logs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    house = Watched(place)
    peer = house.agent("r1")
    for _ in range(2):
        house.say(peer, Readings(READING, []))
        house.loop.pass_time(61)
    assert caplog.text.count("cannot be written") == 1, "said once"
    place.unlink()
    house.say(house.agent("r1"), Readings(READING, []))
    house.loop.pass_time(61)
    expected_logs("cannot be written")
    expected_logs("can be written again")
    assert house.show("r1", since=house.clock.now() - 600)["columns"]["cpu_user"]["mean"].count(61) == 1


def test_a_span_that_is_none_is_refused(tmp_path: Path) -> None:
    house = Watched(tmp_path)
    with pytest.raises(BadSpec, match="ends before it begins"):
        house.show("r1", since=100.0, until=50.0)
    with pytest.raises(BadSpec, match="more than 3000 points"):
        house.show("r1", since=1.0, until=30 * 86400.0, resolution=60)
    month = house.show("r1", since=1.0, until=30 * 86400.0)
    assert month["step"] == 72 * 60
    assert month["columns"] == {}


def test_chunks_of_a_span_meet_in_one_point() -> None:
    parts = [(0, ["cpu_user"], minute(1, 1).parts[0]), (1, ["cpu_user"], minute(3, 3).parts[0])]
    first = unpack_hour(pack_hour(merge_parts(parts), 0), 0)
    second = merge_parts([(2, ["cpu_user"], minute(8, 8).parts[0])])
    points = resample([first, second], first=0, step=3, count=1)["cpu_user"]
    assert (points.low, points.mean, points.high) == ([1], [4], [8])
