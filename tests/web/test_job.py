"""A job, its tasks and a render in a real browser: an artist with a phone, and what another may not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, Page, expect

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for
from tests.web.looking import WAIT, looking, reads_well

pytestmark = [pytest.mark.e2e]

FAILS = "echo cannot open '<b>spray</b>'.@#@.tx; test @#@ -gt 2"


@pytest.fixture
def broken(farm: FarmProcess) -> Iterator[int]:
    """A job of ann's of which two tasks have failed."""
    block = {"frame_first": 1, "frame_last": 4, "command": FAILS, "errors_retries": 0}
    job = farm.submit(block, name="fx_spray", user_name="ann")
    wait_for(lambda: farm.job(job)["counts"][6] == 2, what="two tasks to fail", seconds=60)
    yield job
    if job in [row["id"] for row in farm.ask("job.list")["rows"]]:
        farm.ask("job.delete", ids=[job])


def test_an_artist_cures_a_job_on_a_phone(chromium: Browser, farm: FarmProcess, broken: int) -> None:
    with looking(chromium, farm.port, phone=True) as page:
        page.goto("/mine")
        page.get_by_role("link", name="fx_spray").click()
        expect(page.get_by_role("heading", name="2 tasks failed")).to_be_visible()
        expect(page.locator("html[data-live=on]")).to_be_attached(timeout=WAIT)
        reads_well(page)
        heights = page.locator(".act:visible").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
        assert min(heights) >= 44
        page.get_by_role("link", name="Output").click()
        expect(page.locator("pre")).to_contain_text("cannot open <b>spray</b>.1.tx")
        reads_well(page)
        page.go_back()
        page.get_by_role("button", name="Skip 2").click()
        expect(page.locator("#toast")).to_contain_text("Skip 2: done.", timeout=WAIT)
        # What has the focus does not go away by itself, however long the rest takes.
        page.locator("#toast").get_by_role("button", name="Undo").focus()
        expect(page.locator(".title .state")).to_contain_text("Done", timeout=WAIT)
        expect(page.get_by_text("2 tasks failed")).to_have_count(0)
        page.locator("#toast").get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="2 tasks failed")).to_be_visible(timeout=WAIT)
    assert farm.job(broken)["counts"][6] == 2


def test_pause_start_and_priority(chromium: Browser, farm: FarmProcess, broken: int) -> None:
    with looking(chromium, farm.port) as page:
        page.goto(f"/job/{broken}")
        expect(page.locator("html[data-live=on]")).to_be_attached(timeout=WAIT)
        page.get_by_role("button", name="Pause").press("Enter")
        expect(page.get_by_role("button", name="Start")).to_be_visible(timeout=WAIT)
        # The keyboard stays where it was, on what has become the way back.
        expect(page.get_by_role("button", name="Start")).to_be_focused()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=WAIT)
        page.get_by_label("Priority").fill("77")
        page.get_by_role("button", name="Change").click()
        page.wait_for_url("**?said=done")
        expect(page.get_by_label("Priority")).to_have_value("77")
        expect(page.get_by_role("region", name="What happened")).to_contain_text("priority from 99 to 77")
    assert farm.job(broken)["priority"] == 77


def test_a_question_is_escaped_from(chromium: Browser, farm: FarmProcess, broken: int) -> None:
    with looking(chromium, farm.port) as page:
        page.goto(f"/job/{broken}?ask=delete")
        expect(page.get_by_role("link", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        page.wait_for_url(f"**/job/{broken}")
        expect(page.get_by_text("gone for ever")).to_have_count(0)


def test_deletion_asks_first_also_without_a_script(chromium: Browser, farm: FarmProcess, broken: int) -> None:
    with looking(chromium, farm.port, script=False) as page:
        page.goto(f"/job/{broken}")
        page.get_by_role("link", name="Delete…").click()
        expect(page.get_by_text("4 tasks with their output and pictures are gone for ever")).to_be_visible()
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("link", name="Delete…").click()
        page.get_by_role("button", name="Delete the job").click()
        page.wait_for_url("**/mine?said=done")
    wait_for(lambda: broken not in [row["id"] for row in farm.ask("job.list")["rows"]], what="the job to be gone")


def test_what_belongs_to_another_is_shown_with_the_reason(
    chromium: Browser, farm: FarmProcess, broken: int
) -> None:
    with looking(chromium, farm.port, name="kim") as page:
        page.goto(f"/job/{broken}")
        expect(page.get_by_role("button", name="Skip 2")).to_be_disabled()
        expect(page.get_by_text("belongs to ann").first).to_be_visible()
        page.goto(f"/job/{broken}?ask=delete")
        expect(page.get_by_text("gone for ever")).to_have_count(0)
        # A form that somebody made by hand is refused by the farm itself, and told as a page.
        csrf = page.locator("html").get_attribute("data-csrf") or ""
        form = {"csrf": csrf, "arguments": f'{{"ids": [{broken}]}}', "next": "/"}
        refused = page.request.post("/do/job.delete", form=form)
        assert refused.status == 403 and "belongs to" in refused.text()
        without = page.request.post("/do/job.pause", form={**form, "csrf": "0" * 64})
        assert without.status == 403
    assert farm.job(broken)["state"] != "deleting"


def test_why_a_job_waits(chromium: Browser, farm: FarmProcess) -> None:
    job = farm.submit({"frame_first": 1, "frame_last": 2, "command": "true", "hosts_mask": "nowhere"}, user_name="ann")
    with looking(chromium, farm.port) as page:
        page.goto(f"/job/{job}")
        page.get_by_role("link", name="Why?").click()
        expect(page.get_by_text("hosts mask").first).to_be_visible()
        reads_well(page)
    farm.ask("job.delete", ids=[job])


def test_a_million_tasks_are_a_hundred_rows(chromium: Browser, farm: FarmProcess) -> None:
    block = {"frame_first": 1, "frame_last": 1_000_000, "command": "true"}
    job = farm.submit(block, name="tiles", user_name="ann", offline=True)
    farm.ask("task.skip", job=job, block=0, tasks="999990-999999")
    with looking(chromium, farm.port) as page:
        page.goto(f"/job/{job}")
        expect(page.locator("table.tasks tbody tr")).to_have_count(100)
        page.get_by_role("link", name="Next").click()
        expect(page.locator("table.tasks tbody tr").first).to_contain_text("frame 101")
        page.locator("#tasks .chips").get_by_role("link", name="Skipped").click()
        expect(page.locator("table.tasks tbody tr")).to_have_count(10)
        expect(page.locator("table.tasks tbody tr").first).to_contain_text("frame 999991")
    farm.ask("job.delete", ids=[job])


def test_the_output_of_a_running_task_comes_by_itself(chromium: Browser, farm: FarmProcess) -> None:
    gate, end = farm.folder / "gate", farm.folder / "end"
    wait = "while [ ! -e {} ]; do sleep 0.1; done"
    command = f"echo 'it <begins>'; {wait.format(gate)}; echo it goes on; {wait.format(end)}; echo it ends"
    job = farm.submit({"frame_first": 1, "frame_last": 1, "command": command}, name="talks", user_name="ann")
    wait_for(lambda: farm.job(job)["running"] == 1, what="the task to run")
    with looking(chromium, farm.port) as page:
        page.goto(f"/job/{job}/block/0/task/0")
        output = page.locator("[data-part=output] pre")
        expect(output).to_contain_text("it <begins>", timeout=WAIT)
        gate.touch()
        expect(output).to_contain_text("it goes on", timeout=WAIT)
        reads_well(page)
        end.touch()
        expect(output).to_contain_text("it ends", timeout=WAIT)
        expect(page.locator("[data-part=task] .state")).to_contain_text("Done", timeout=WAIT)
        expect(page.get_by_role("link", name="Whole output")).to_be_visible(timeout=WAIT)
        expect(page.get_by_role("region", name="Runs")).to_contain_text("success", timeout=WAIT)
    farm.ask("job.delete", ids=[job])


def _render(farm: FarmProcess) -> dict[str, Any]:
    row: dict[str, Any] = farm.ask("render.show", name="r1")["row"]
    return row


def test_an_administrator_changes_renders_and_chooses_a_mode(chromium: Browser, farm: FarmProcess) -> None:
    job = farm.submit({"frame_first": 1, "frame_last": 1, "command": "sleep 600"}, name="long", user_name="ann")
    wait_for(lambda: farm.job(job)["running"] == 1, what="the task to run")
    with looking(chromium, farm.port, name="zoe", phone=True) as page:
        page.goto("/farm")
        expect(page.locator("html[data-live=on]")).to_be_attached(timeout=WAIT)
        page.get_by_label("Choose r1").check()
        page.get_by_role("button", name="Pause").click()
        page.wait_for_url("**/farm?said=done")
        assert "paused" in _render(farm)["words"]
        page.get_by_label("All").check()
        page.get_by_role("button", name="Eject all…").click()
        expect(page.get_by_text("r1: 1 running task.")).to_be_visible()
        page.get_by_role("button", name="Eject all: r1").click()
        page.wait_for_url("**/farm?said=done")
        wait_for(lambda: farm.job(job)["running"] == 0, what="the task to be ejected")
        # Nothing is ticked.
        assert _post(page, "/do/renders/chosen", deed="pause").status == 400
        forged = {"csrf": "0" * 64, "deed": "start", "names": "r1"}
        assert page.request.post("/do/renders/chosen", form=forged).status == 403
        page.goto("/render/r1")
        reads_well(page)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        page.locator("summary", has_text="More").click()
        expect(page.get_by_role("link", name="Reboot the machine…")).to_be_visible()
        # In a smaller mode the same is off, on pages and for what was made by hand.
        page.get_by_label("Mode GOD").click()
        reads_well(page)
        page.get_by_role("button", name="VISOR").click()
        expect(page.get_by_label("Mode VISOR")).to_be_visible()
        page.locator("summary", has_text="More").click()
        expect(page.get_by_role("button", name="Reboot the machine…")).to_be_disabled()
        expect(page.get_by_text("needs GOD").first).to_be_visible()
        refused = _post(page, "/do/account.add", arguments='{"name": "eve", "role": "user"}', next="/")
        assert refused.status == 403
        page.get_by_label("Mode VISOR").click()
        page.get_by_role("button", name="GOD").click()
        expect(page.get_by_label("Mode GOD")).to_be_visible()
    with looking(chromium, farm.port, script=False) as page:
        page.goto("/farm")
        expect(page.locator("summary.mode")).to_have_count(0)
        # Nobody becomes more than they are: the cookie only narrows.
        _post(page, "/mode", to="GOD", next="/farm")
        page.reload()
        expect(page.get_by_text("USER", exact=True)).to_be_visible()
    farm.ask("job.delete", ids=[job])


def _post(page: Page, path: str, **fields: str) -> APIResponse:
    csrf = page.locator("html").get_attribute("data-csrf") or ""
    return page.request.post(path, form={"csrf": csrf, **fields})


def test_a_render_shows_what_it_runs_and_measured(chromium: Browser, farm: FarmProcess) -> None:
    # A name of its own: a job that another test deleted a moment ago may still be there, and this one be "long-1".
    job = farm.submit({"frame_first": 1, "frame_last": 1, "command": "sleep 600"}, name="measured", user_name="ann")
    wait_for(lambda: farm.job(job)["running"] == 1, what="the task to run", seconds=60)
    with looking(chromium, farm.port, dark=True) as page:
        page.goto("/farm")
        page.get_by_role("link", name="r1", exact=True).click()
        # Once stored, the run stands also among the runs of the past, as a cell of that table.
        expect(page.get_by_role("link", name="measured › frame 1", exact=True)).to_be_visible()
        reads_well(page)
        expect(page.get_by_text("Readings are kept for 30 days.")).to_be_visible()
        drawn = page.locator("[data-chart]")
        for place in range(drawn.count()):
            drawn.nth(place).scroll_into_view_if_needed()
            expect(drawn.nth(place).locator(".uplot canvas")).to_be_visible()
        assert drawn.count() >= 4
        plot = page.request.get("/render/r1/cpu.png?span=12h")
        assert plot.ok and plot.headers["content-type"] == "image/png"
        assert page.request.get("/render/r1/nothing.svg").status == 404
        assert page.request.get("/render/nobody").status == 404
    farm.ask("job.delete", ids=[job])


def test_pictures_of_a_task_are_on_its_pages(chromium: Browser, farm: FarmProcess) -> None:
    image = farm.folder / "image.png"
    Image.new("RGB", (96, 54), (180, 60, 20)).save(image)
    frame = {"frame_first": 1, "frame_last": 1, "command": f"cp {image} f.@####@.png", "files": ["f.@####@.png"],
             "working_directory": str(farm.folder), "flags": 129}  # fmt: skip
    job = farm.submit(frame, name="pictured", user_name="ann")
    wait_for(lambda: farm.ask("job.thumbnails", ids=[job])["rows"], what="the picture")
    with looking(chromium, farm.port, phone=True) as page:
        for path in (f"/job/{job}", f"/job/{job}/block/0/task/0"):
            page.goto(path)
            picture = page.locator(".shots img")
            expect(picture).to_be_visible()
            picture.scroll_into_view_if_needed()
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("image => image.naturalWidth") == 96
        expect(page.get_by_role("region", name="Runs")).to_contain_text("success")
        expect(page.get_by_text("kept for 365 days")).to_be_visible()
        reads_well(page)
    farm.ask("job.delete", ids=[job])


def test_a_cookie_of_nobody_leads_to_the_sign_in(chromium: Browser, farm: FarmProcess) -> None:
    with looking(chromium, farm.port, name="") as page:
        answer = page.request.get("/job/1", headers={"Cookie": "af_session=af_0_nonsense"}, max_redirects=0)
        assert answer.status == 303 and answer.headers["location"].startswith("/login?next=")
