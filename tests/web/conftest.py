"""A real headless Chromium and a farm to look at, one of each for a module."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.processes import FarmProcess
from tests.gui.plotfarm import seed_history
from tests.waiting import wait_for
from tests.web.looking import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, with a fresh profile."""
    if CHROMIUM is None:
        pytest.skip("this machine has no Chromium")
    with sync_playwright() as driver:
        # It makes a profile of its own below the folder for temporary files, and removes it.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS), timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A server with an agent that has measured for three hours, and the accounts ann, kim (users) and zoe (GOD)."""
    made = FarmProcess(Path(tmp_path_factory.mktemp("web")) / "farm")
    try:
        seed_history(made.data / "resources", {"r1": {}}, time.time(), 3)
        made.start_server()
        made.ask("account.add", name="ann", role="user", password=PASSWORD)
        made.ask("account.add", name="zoe", role="god", password=PASSWORD)
        made.ask("account.add", name="kim", role="user", password=PASSWORD)
        made.start_agent("r1")
        wait_for(lambda: made.ask("render.list")["rows"], what="the agent to be there", seconds=60)
        made.forget_client()
        yield made
    finally:
        made.close()


@pytest.fixture
def farm(running_farm: FarmProcess) -> Iterator[FarmProcess]:
    """The farm of the module, for one test."""
    yield running_farm
    running_farm.forget_client()
