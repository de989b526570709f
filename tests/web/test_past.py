"""The farm as it was, in a real browser: by a link, a text and the slider."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for
from tests.web.looking import WAIT, looking, reads_well

pytestmark = [pytest.mark.e2e]


def test_the_slider_leads_to_what_was(chromium: Browser, farm: FarmProcess) -> None:
    block = {"frame_first": 1, "frame_last": 2, "command": "true"}
    first = farm.submit(block, name="early", user_name="ann", offline=True)
    between = time.time()
    wait_for(lambda: time.time() > between + 2, what="two seconds to pass")
    farm.submit(block, name="later", user_name="ann", offline=True)
    farm.ask("job.delete", ids=[first])
    with looking(chromium, farm.port) as page:
        page.goto("/")
        page.get_by_role("link", name="As it was…").click()
        page.wait_for_url("**/past")
        page.goto(f"/past?at={between + 1:.0f}")
        expect(page.get_by_role("link", name="early")).to_be_visible()
        expect(page.get_by_role("link", name="later", exact=True)).to_have_count(0)
        reads_well(page)
        slider = page.get_by_label("Slide through")
        slider.focus()
        page.keyboard.press("End")
        page.wait_for_url(lambda url: f"at={between + 1:.0f}" not in url, timeout=WAIT)
        expect(page.get_by_role("link", name="later")).to_be_visible()
        expect(page.locator(".jobs").get_by_text("early")).to_have_count(0)
        expect(page.get_by_role("region", name="Changes")).to_contain_text("job")
        answer = page.request.get("/past?at=not+a+time")
        assert answer.status == 400 and "is no time" in answer.text()
        page.get_by_label("Or a time").fill("10sec")
        page.get_by_label("Or a time").press("Enter")
        page.wait_for_url("**/past?at=10sec")
        page.get_by_role("link", name="Back to now").click()
        page.wait_for_url("**/")
