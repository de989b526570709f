"""What goes on now and what was, in a real browser: sign-in, live rows, order, keys, contrast, and no script at all."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for
from tests.web.looking import PASSWORD, WAIT, looking, reads_well

pytestmark = [pytest.mark.e2e]


def submit(farm: FarmProcess, name: str, *, user: str = "ann", **job: object) -> int:
    """Submit a paused job of four tasks."""
    block = {"frame_first": 1, "frame_last": 4, "command": "echo frame @#@"}
    return farm.submit(block, name=name, user_name=user, **{"offline": True, **job})


def is_live(page: Page) -> None:
    expect(page.locator("html[data-live=on]")).to_be_attached(timeout=WAIT)


def test_who_is_not_known_is_led_to_the_form_and_back(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, name="") as page:
        page.goto("/login?next=/farm%3Ffirst=0")
        reads_well(page)
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/farm?first=0")
        expect(page.get_by_text("USER", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")


def test_rows_change_by_themselves_and_stay_the_same_elements(chromium: Browser, farm: FarmProcess) -> None:
    job = submit(farm, "<b>shot</b> & light")
    with looking(chromium, farm.port) as page:
        page.goto("/")
        row = page.locator(f"#job-{job}")
        expect(row).to_contain_text("<b>shot</b> & light")
        expect(row).to_contain_text("Paused")
        is_live(page)
        row.evaluate("row => row.mine = true")
        row.get_by_role("link", name="shot").focus()
        farm.ask("job.start", ids=[job])
        expect(row).to_contain_text("Done", timeout=WAIT)
        expect(row).to_contain_text("100 %")
        assert row.evaluate("row => row.mine === true && row.contains(document.activeElement)")
        new = submit(farm, "came later")
        expect(page.locator(f"#job-{new}")).to_contain_text("came later", timeout=WAIT)
        farm.ask("job.delete", ids=[new])
        expect(page.locator(f"#job-{new}:not(.gone)")).to_have_count(0, timeout=WAIT)
        expect(page.locator("[data-rows=cells] li")).to_have_count(1)


def test_nothing_moves_under_the_pointer(chromium: Browser, farm: FarmProcess) -> None:
    low, high = submit(farm, "low", priority=10), submit(farm, "high", priority=200)
    with looking(chromium, farm.port) as page:
        page.goto("/?q=ann")
        is_live(page)
        page.locator("tbody[data-rows=jobs] tr").first.hover()
        farm.ask("job.set", ids=[low], parameters={"priority": 250})
        button = page.locator("#sort")
        expect(button).to_contain_text("moved", timeout=WAIT)
        places = page.locator("tbody[data-rows=jobs] tr").evaluate_all("rows => rows.map(row => row.id)")
        assert places.index(f"job-{high}") < places.index(f"job-{low}")
        button.click()
        expect(button).to_be_hidden()
        places = page.locator("tbody[data-rows=jobs] tr").evaluate_all("rows => rows.map(row => row.id)")
        assert places.index(f"job-{low}") < places.index(f"job-{high}")


def test_jobs_are_found_by_state_user_and_words(chromium: Browser, farm: FarmProcess) -> None:
    submit(farm, "nova beauty", user="jo")
    mine = submit(farm, "nova comp")
    with looking(chromium, farm.port) as page:
        page.goto("/jobs")
        page.keyboard.press("/")
        page.keyboard.type("nova")
        page.keyboard.press("Enter")
        page.wait_for_url("**/jobs?q=nova")
        expect(page.locator("tbody[data-rows=jobs] tr")).to_have_count(2)
        page.goto("/mine?q=nova")
        expect(page.locator("tbody[data-rows=jobs] tr")).to_have_count(1)
        page.get_by_role("link", name="Paused").first.click()
        expect(page.locator(f"#job-{mine}")).to_be_visible()
        page.goto("/jobs?q=nothing-like-it")
        expect(page.get_by_text("No job matches")).to_be_visible()
        page.get_by_role("link", name="Clear filter").click()
        page.wait_for_url("**/jobs")


def test_the_search_leads_to_a_render_and_to_a_number(chromium: Browser, farm: FarmProcess) -> None:
    job = submit(farm, "number")
    with looking(chromium, farm.port) as page:
        page.goto("/")
        page.keyboard.press("/")
        page.keyboard.type("r1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/render/r1")
        page.get_by_role("searchbox").fill(str(job))
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/job/{job}")
        # More digits than any number that is read.
        page.goto(f"/jobs?q={'1' * 5000}")
        expect(page.get_by_text("No job matches")).to_be_visible()


@pytest.mark.parametrize(("phone", "dark"), [(False, True), (True, False)])
def test_every_page_reads_well(chromium: Browser, farm: FarmProcess, phone: bool, dark: bool) -> None:
    submit(farm, "a name " * 12)
    with looking(chromium, farm.port, phone=phone, dark=dark) as page:
        for path in ("/", "/mine", "/farm"):
            page.goto(path)
            is_live(page)
            reads_well(page)


def test_it_reads_without_a_script(chromium: Browser, farm: FarmProcess) -> None:
    job = submit(farm, "plain")
    with looking(chromium, farm.port, script=False, fresh=True) as page:
        page.goto("/now")
        expect(page.locator(f"#job-{job}")).to_contain_text("plain")
        page.get_by_role("link", name="Look: as system").click()
        expect(page.locator("html[data-theme=light]")).to_be_attached()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")


def test_a_sign_in_that_was_revoked_ends_an_open_page(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, name="kim", fresh=True) as page:
        page.goto("/")
        is_live(page)
        for token in farm.ask("token.list", account="kim")["rows"]:
            farm.ask("token.revoke", id=token["id"])
        page.wait_for_url("**/login?next=%2F", timeout=WAIT)


def test_the_slider_leads_to_what_was(chromium: Browser, farm: FarmProcess) -> None:
    block = {"frame_first": 1, "frame_last": 2, "command": "true"}
    first = farm.submit(block, name="early", user_name="ann", offline=True)
    for priority in range(25):
        farm.ask("job.set", ids=[first], parameters={"priority": priority})
    between = time.time()
    wait_for(lambda: time.time() > between + 2, what="two seconds to pass")
    farm.submit(block, name="later", user_name="ann", offline=True)
    farm.ask("job.delete", ids=[first])
    with looking(chromium, farm.port) as page:
        page.goto("/")
        page.get_by_role("link", name="As it was…").click()
        page.wait_for_url("**/past")
        page.goto(f"/past?at={between + 1:.0f}")
        expect(page.get_by_role("link", name="early", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="later", exact=True)).to_have_count(0)
        expect(page.locator("table.users").get_by_role("link", name="ann", exact=True)).to_be_visible()
        reads_well(page)
        # The job as it was, though it is no more; nothing can be done to what was.
        page.get_by_role("link", name="early", exact=True).click()
        expect(page.get_by_role("heading", name="early")).to_be_visible()
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
        expect(page.get_by_text("as it was then").first).to_be_visible()
        page.locator("#tasks .chips").get_by_role("link", name="Ready").click()
        page.wait_for_url("**state=ready**")
        expect(page.locator("table.tasks tbody tr")).to_have_count(2)
        back = page.locator("p.band").get_by_role("link", name="Back to now")
        expect(back).to_have_attribute("href", f"/job/{first}")
        reads_well(page)
        page.get_by_role("link", name="The farm as it was").click()
        page.wait_for_url("**/past?at=*")
        slider = page.get_by_label("Slide through")
        slider.focus()
        page.keyboard.press("End")
        page.wait_for_url(lambda url: f"at={between + 1:.0f}" not in url, timeout=WAIT)
        # There is "a minute later", too, once a minute has passed.
        expect(page.get_by_role("link", name="later", exact=True)).to_be_visible()
        expect(page.locator(".jobs").get_by_text("early")).to_have_count(0)
        expect(page.get_by_role("region", name="Changes")).to_contain_text("job")
        page.get_by_role("link", name="What the farm did, too").click()
        expect(page.get_by_role("heading", name="What happened in the hour before")).to_be_visible()
        expect(page.get_by_role("region", name="Changes")).to_contain_text("deleted job")
        # A longer span, and what is older than the first twenty of it.
        page.locator("#changes").get_by_role("link", name="the 6 hours before").click()
        expect(page.get_by_role("heading", name="What happened in the 6 hours before")).to_be_visible()
        expect(page.locator("table.happened tbody tr")).to_have_count(20)
        newest = page.locator("table.happened tbody tr").first.inner_text()
        page.locator("#changes").get_by_role("link", name="Older").click()
        page.wait_for_url("**before=*")
        expect(page.get_by_role("heading", name="What happened in the 6 hours before")).to_be_visible()
        assert newest not in page.locator("table.happened tbody tr").all_inner_texts()
        reads_well(page)
        assert page.request.get("/past/job/1?at=now").status == 404, "the system job is for administrators"
        assert page.request.get("/past/job/99999?at=now").status == 404
        answer = page.request.get("/past?at=not+a+time")
        assert answer.status == 400 and "is no time" in answer.text()
        page.get_by_label("Or a time").fill("1sec")
        page.get_by_label("Or a time").press("Enter")
        page.wait_for_url("**/past?at=1sec")
        page.get_by_role("link", name="Back to now").click()
        page.wait_for_url("**/")
