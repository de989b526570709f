"""The past in a real browser: charts with and without a script, folders, pictures, and records that are deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for
from tests.web.looking import PASSWORD, WAIT, looking, reads_well
from tests.web.past import write_past

pytestmark = [pytest.mark.e2e]

RUNS = 600


@pytest.fixture(scope="module")
def running_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A farm with a past: the rows of a classic server, taken over."""
    made = FarmProcess(Path(tmp_path_factory.mktemp("past")) / "farm")
    try:
        made.data.mkdir(parents=True)
        write_past(made.data / "statistics.db", time.time(), runs=RUNS + 9, days=20, old=9)
        made.start_server()
        made.ask("account.add", name="ann", role="user", password=PASSWORD)
        made.ask("account.add", name="zoe", role="god", password=PASSWORD)
        made.ask("statistics.update-tables")
        wait_for(lambda: not made.ask("statistics.lag")["trouble"], what="the tables to be taken over")
        made.forget_client()
        yield made
    finally:
        made.close()


def test_charts_are_drawn_and_lead_on(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port) as page:
        page.goto("/history")
        expect(page.locator(".fig .figure b").first).to_have_text(f"{RUNS}")
        expect(page.get_by_text("Everything that ended is in these figures.")).to_be_visible()
        expect(page.locator("[data-chart][data-drawn=yes] .uplot canvas")).to_be_visible(timeout=WAIT)
        reads_well(page)
        page.get_by_role("link", name="Users").click()
        # The page before has as many rows, and a link of the same name.
        page.wait_for_url("**/history?by=user")
        expect(page.locator("table.past tbody tr")).to_have_count(6)
        page.get_by_role("link", name="Failed").click()
        page.wait_for_url("**/history?by=user&order=errors")
        counts = [int(text) for text in page.locator("table.past td:nth-child(3)").all_inner_texts()]
        assert counts == sorted(counts, reverse=True) and sum(counts) > 0
        page.locator("table.past").get_by_role("link", name="jo", exact=True).click()
        expect(page.get_by_role("link", name="No longer only user jo")).to_be_visible()
        runs = [int(text) for text in page.locator("table.past td:nth-child(2)").all_inner_texts()]
        assert 0 < sum(runs) < RUNS


def test_folders_lead_down_and_back_on_a_phone(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, phone=True, dark=True) as page:
        page.goto("/history?by=folder")
        page.locator("table.past").get_by_role("link", name="/shows", exact=True).click()
        page.locator("table.past").get_by_role("link", name="/shows/nova", exact=True).click()
        expect(page.locator("table.past tbody tr").first).to_contain_text("/shows/nova/s0")
        reads_well(page)
        page.locator(".crumbs").get_by_role("link", name="shows").click()
        expect(page.locator("table.past tbody tr")).to_have_count(3)


def test_every_chart_is_a_picture_of_its_own(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, script=False) as page:
        page.goto("/history?by=service")
        pictures = page.locator("picture img")
        expect(pictures).to_have_count(2)
        for place in range(2):
            pictures.nth(place).scroll_into_view_if_needed()
            expect(pictures.nth(place)).to_have_js_property("complete", True, timeout=WAIT)
            assert pictures.nth(place).evaluate("image => image.naturalWidth") > 300
        for kind in ("time", "names"):
            for theme in ("dark", "light"):
                answer = page.request.get(f"/history/{kind}.png?by=service&theme={theme}")
                assert answer.ok and Image.open(BytesIO(answer.body())).size[0] == 1800
                answer = page.request.get(f"/history/{kind}.svg?by=service&theme={theme}")
                assert answer.headers["content-type"] == "image/svg+xml" and "blender" in answer.text()
        assert page.request.get("/history/names.gif?by=user").status == 404


def test_what_cannot_be_asked_is_said(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port) as page:
        answer = page.request.get("/history?since=yesterday-ish")
        assert answer.status == 400 and "is no time" in answer.text()
        page.goto("/history?since=1h")
        expect(page.get_by_role("button", name="Delete records…")).to_be_disabled()
        assert page.request.get("/history/delete?folder=/shows").status == 403


def test_records_of_a_folder_are_deleted_when_it_is_meant(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, name="zoe", script=False) as page:
        page.goto("/history?by=folder&since=1y")
        expect(page.locator("table.past tbody tr")).to_have_count(2)
        page.get_by_label("Folder, with all below it").fill("/old")
        page.get_by_role("button", name="Delete records…").click()
        expect(page.get_by_text("9 runs and 0 jobs of /old and all below it are deleted for ever")).to_be_visible()
        page.get_by_role("link", name="Cancel").click()
        page.wait_for_url(lambda url: "/history/delete" not in url)
        page.goto("/history/delete?folder=/old")
        page.get_by_role("button", name="Delete").click()
        page.wait_for_url("**/history?said=done")
        page.goto("/history?by=folder&since=1y")
        expect(page.locator("table.past tbody tr")).to_have_count(1)
    acts = farm.ask("audit.list", action="statistics.delete")["rows"]
    assert [(row["who"], "/old" in row["what"]) for row in acts] == [("zoe", True)]
