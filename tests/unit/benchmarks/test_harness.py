"""The benchmark harness: medians, invalid runs, missed targets and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.harness import CheckFailed, Invalid, LagWatch, Outcome, Target, measure, percentile, report


@dataclass
class Fake:
    """A benchmark that plays a list: figures, or an error to raise."""

    plays: list[dict[str, float] | Exception]
    NAME: str = "fake"
    TARGETS: tuple[Target, ...] = (Target("tasks_per_second", least=400), Target("p99_ms", most=50))

    def run(self, folder: Path) -> dict[str, float]:
        assert folder.is_dir()
        assert not list(folder.iterdir())
        (folder / "left").write_text("x")
        play = self.plays.pop(0)
        if isinstance(play, Exception):
            raise play
        return play


def _good(rate: float) -> dict[str, float]:
    return {"tasks_per_second": rate, "p99_ms": 20.0}


def test_the_median_of_three_counts_and_the_spread_is_told() -> None:
    outcome = measure(Fake([_good(900), _good(100), _good(500)]))
    assert outcome.figures["tasks_per_second"] == 500
    assert outcome.spread("tasks_per_second") == (100, 900)
    assert outcome.missed == []
    assert "500   (100 .. 900)   target at least 400" in report(outcome)


def test_a_figure_on_the_wrong_side_is_a_miss() -> None:
    low = measure(Fake([_good(399)] * 3))
    assert low.missed == ["tasks_per_second is 399, the target is at least 400"]
    assert "MISS" in report(low)
    slow = measure(Fake([{"tasks_per_second": 500, "p99_ms": 50.5}] * 3))
    assert slow.missed == ["p99_ms is 50.5, the target is at most 50"]
    lost = measure(Fake([{"tasks_per_second": 500}] * 3))
    assert lost.missed == ["p99_ms was not measured"]


def test_invalid_runs_are_told_and_repeated_but_not_for_ever() -> None:
    told: list[str] = []
    outcome = measure(Fake([Invalid("late by 31 ms"), _good(500), _good(500), _good(500)]), tell=told.append)
    assert len(outcome.runs) == 3
    assert outcome.missed == []
    assert "late by 31 ms" in told[0]
    assert "invalid run: late by 31 ms" in report(outcome)
    never = measure(Fake([Invalid("late")] * 9))
    assert len(never.invalid) == 5
    assert never.missed == ["no valid run: late"]


def test_work_that_was_not_done_is_no_figure() -> None:
    outcome = measure(Fake([_good(9000), CheckFailed("1 of 2,000 tasks left no row"), _good(1)]))
    assert outcome.missed == ["1 of 2,000 tasks left no row"]


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.991, 100), (0.01, 1), (0.011, 2)]
)
def test_percentiles_are_by_nearest_rank(share: float, value: float) -> None:
    values = list(range(100, 0, -1))
    assert percentile(values, share) == value


def test_a_lag_above_the_limit_makes_the_run_invalid() -> None:
    watch = LagWatch()
    with watch:
        pass
    watch.worst = 0.019
    watch.check()
    watch.worst = 0.021
    with pytest.raises(Invalid, match="late by 21 ms, 20 ms are allowed"):
        watch.check()


def _play(rate: float) -> Callable[[], Fake]:
    return lambda: Fake([_good(rate)] * 3)


def test_the_program_saves_all_and_its_exit_code_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results.json"
    assert harness.main({"fake": _play(500)(), "other": _play(600)()}, [], results) == 0
    data = json.loads(results.read_text())
    assert {"processor", "cores", "disk_sync_ms", "versions", "sqlite", "python"} <= data["machine"].keys()
    assert [each["figures"]["tasks_per_second"] for each in data["benchmarks"]] == [500, 600]
    assert len(data["benchmarks"][0]["runs"]) == 3
    assert harness.main({"fake": _play(500)(), "other": _play(300)()}, ["other", "--runs=1"], results) == 1
    assert [each["missed"] for each in json.loads(results.read_text())["benchmarks"]] == [
        ["tasks_per_second is 300, the target is at least 400"]
    ]
    capsys.readouterr()
    assert harness.main({"fake": _play(500)()}, ["fa"], results) == 2
    assert "There is no benchmark 'fa'; these are: fake" in capsys.readouterr().err


def test_an_outcome_without_any_run_is_a_miss() -> None:
    assert Outcome("fake", ()).missed == ["no valid run: none was made"]
