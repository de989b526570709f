"""Every page on a phone: nothing scrolls sideways or is cut in silence, a finger finds everything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import FarmProcess
from tests.gui.plotfarm import seed_history
from tests.waiting import wait_for
from tests.web.looking import PASSWORD, fits_a_hand, looking, reads_well
from tests.web.past import write_past

pytestmark = [pytest.mark.e2e]

NAME = "nva_0120_0080_" + "lighting_and_everything_else_" * 3
HOST = "render-node-017.a-floor-with-a-name.studio.example"
FAILS = {"frame_first": 1, "frame_last": 3, "command": "echo no; false", "errors_retries": 0}


@pytest.fixture(scope="module")
def running_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A farm with a past of both kinds, and a render with a long name."""
    made = FarmProcess(Path(tmp_path_factory.mktemp("phone")) / "farm")
    try:
        made.data.mkdir(parents=True)
        seed_history(made.data / "resources", {HOST: {}}, time.time(), 2)
        write_past(made.data / "statistics.db", time.time(), runs=200, days=20)
        made.start_server()
        made.ask("account.add", name="zoe", role="god", password=PASSWORD)
        made.ask("statistics.update-tables")
        wait_for(lambda: not made.ask("statistics.lag")["trouble"], what="the tables to be taken over")
        made.start_agent(HOST)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def pages(running_farm: FarmProcess) -> list[str]:
    """The addresses of every kind of page, each with something on it."""
    farm = running_farm
    failed = farm.submit(FAILS, {"frame_first": 1, "frame_last": 1, "command": "true", "name": NAME}, name=f"fx_{NAME}")
    wait_for(lambda: farm.job(failed)["counts"][6] == 3, what="three tasks to fail")
    runs = farm.submit({"frame_first": 1, "frame_last": 5, "command": "echo works; sleep 600"}, name=NAME)
    wait_for(lambda: farm.job(runs)["running"] > 0, what="a task to run")
    waits = farm.submit({"frame_first": 1, "frame_last": 1, "command": "true", "hosts_mask": "nobody"}, name="waits")
    wait_for(lambda: farm.ask("history.runs", render=HOST)["rows"], what="the runs to be kept")
    farm.forget_client()
    past = [f"/history?by={by}&since=1y" for by in ("total", "user", "host", "folder", "job")]
    return [
        "/", "/mine", "/jobs", "/jobs?q=nothing-like-it", "/farm", "/past?at=now", f"/past/job/{failed}?at=now",
        f"/job/{failed}", f"/job/{failed}?ask=delete", f"/job/{failed}/block/0/task/0", f"/job/{runs}",
        f"/job/{runs}/block/0/task/0", f"/job/{waits}/why", f"/render/{HOST}", f"/render/{HOST}?ask=eject",
        *past, "/history?by=user&since=1y&order=error_seconds", "/history?by=folder&under=/shows/nova&since=1y",
        "/history/delete?folder=/shows",
    ]  # fmt: skip


@pytest.mark.parametrize(("wide", "dark"), [(360, False), (390, True)])
def test_every_page_fits_a_hand(
    chromium: Browser, farm: FarmProcess, pages: list[str], wide: int, dark: bool
) -> None:
    with looking(chromium, farm.port, name="zoe", phone=True, dark=dark, wide=wide) as page:
        for path in pages:
            page.goto(path)
            expect(page.locator("main")).to_be_visible()
            try:
                reads_well(page)
                fits_a_hand(page)
            except AssertionError as error:
                raise AssertionError(f"{path} at {wide}: {error}") from None


def _lines(page: Page, table: str) -> list[set[int]]:
    """Return, for each row of a table, where its lines begin."""
    found: list[list[int]] = page.locator(f"table.{table} tbody tr").evaluate_all(
        """rows => rows.map((row) => [...row.cells].filter((cell) => cell.getClientRects().length).map((cell) => {
             const box = cell.getBoundingClientRect(); return Math.round(box.top + box.height / 2); }))"""
    )
    return [{min(other for other in row if abs(other - middle) < 8) for middle in row} for row in found]


def test_tables_are_rows_of_two_lines(chromium: Browser, farm: FarmProcess, pages: list[str]) -> None:
    with looking(chromium, farm.port, name="zoe", phone=True) as page:
        page.goto(f"/render/{HOST}")
        for table in ("running", "ended"):
            lines = _lines(page, table)
            assert lines and {len(row) for row in lines} == {2}, (table, lines)
        # The end of a task's name, which frame it is, stays whole; the name of its job is what is cut.
        expect(page.locator("table.running .both").first).to_contain_text("› frame 1")
        page.goto("/history?by=user&since=1y&order=error_seconds")
        assert {len(row) for row in _lines(page, "past")} == {2}
        first = page.locator("table.past tbody tr").first
        # What is asked for is in sight, with its heading.
        expect(first.locator(".l-side")).to_have_attribute("data-label", "Time of failed runs")
        expect(first.locator(".l-side")).to_be_visible()
