"""A day at a real window: the program itself under Xvfb, driven by keys and mouse as a person does it.

What came of it is asked of the farm, never of the window.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import ROOT, FarmProcess
from tests.tray.display import Display
from tests.waiting import holds_within, wait_for

_FIRST_ROW = (520, 200)
"""Where the first row of a list is in a window of 1270 x 1000."""
_SECONDS = 60.0


class Person:
    """Hands at keys and mouse."""

    def __init__(self, display: str, program: subprocess.Popen[bytes]) -> None:
        self._environment = dict(os.environ, DISPLAY=display)
        self._program = program
        self.window = ""

    def _do(self, *words: str) -> str:
        assert self._program.poll() is None, "the monitor has ended"
        done = subprocess.run(["xdotool", *words], env=self._environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def sit_down(self) -> None:
        """Wait for the window and bring it under the hands."""
        wait_for(lambda: self._do("search", "--onlyvisible", "--name", "^Afwatch$"), what="the window",
                 seconds=_SECONDS)
        self.window = self._do("search", "--onlyvisible", "--name", "^Afwatch$").splitlines()[-1]
        self._do("windowmove", self.window, "0", "0", "windowsize", self.window, "1270", "1000")
        self._do("windowfocus", "--sync", self.window)

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        self._do("key", "--clearmodifiers", "--delay", "60", *keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self._do("type", "--delay", "25", text)

    def click(self, x: int, y: int) -> None:
        """Click there."""
        self._do("mousemove", str(x), str(y), "click", "1")

    def click_first_row(self) -> None:
        """Choose the first row."""
        self.click(*_FIRST_ROW)

    def answer_dialog(self, title: str, *keys: str) -> None:
        """Wait for a dialog and press keys in it."""
        wait_for(lambda: self._do("search", "--onlyvisible", "--name", title), what=f"the dialog {title}",
                 seconds=_SECONDS)
        dialog = self._do("search", "--onlyvisible", "--name", title).splitlines()[-1]
        self._do("windowfocus", "--sync", dialog)
        self.press(*keys)

    def back_to_window(self) -> None:
        """The dialog is gone: the window has the keyboard again."""
        self._do("windowfocus", "--sync", self.window)


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmProcess]:
    """Return a farm with a render and a job that fails in parts."""
    made = FarmProcess(tmp_path / "farm")
    made.start_server()
    yield made
    made.close()


@pytest.fixture
def person(farm: FarmProcess, tmp_path: Path) -> Iterator[Person]:
    """Return hands at the program ``afwatch --god``, in a display that nobody sees."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    with Display() as display:
        environment = {
            **farm.environment, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        }  # fmt: skip
        log = (tmp_path / "afwatch.log").open("wb")
        words = [sys.executable, "-m", "afwatch.main", "--server", f"127.0.0.1:{farm.port}", "--god", "--scheme",
                 "dark"]
        program = subprocess.Popen(words, env=environment, cwd=tmp_path, stdout=log, stderr=log)
        try:
            hands = Person(display, program)
            hands.sit_down()
            yield hands
        finally:
            program.terminate()
            try:
                program.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
                raise
            finally:
                log.close()


def test_the_commonest_tasks_of_a_day(farm: FarmProcess, person: Person) -> None:
    farm.start_agent("atlas-01")
    failing = farm.submit({"name": "b", "service": "generic", "frame_first": 1, "frame_last": 4, "errors_retries": 0,
                           "command": f"test -e {farm.marks}/okay || exit 1"}, name="alpha")  # fmt: skip
    farm.wait_job(failing, "error", seconds=90)
    long = farm.submit({"name": "b", "service": "generic", "frame_first": 1, "frame_last": 30, "command": "true"},
                       name="omega", offline=True)  # fmt: skip

    def job(id: int) -> dict[str, Any]:
        found: dict[str, Any] = farm.job(id)
        return found

    def until(condition: Callable[[], object], what: str) -> None:
        wait_for(condition, what=what, seconds=_SECONDS)

    # 1. Find a job by its name and start it.
    def start() -> bool:
        person.press("ctrl+f", "ctrl+a")
        person.type("omega")
        person.press("Return")
        person.click_first_row()
        person.press("ctrl+shift+p")
        # Not at once again: two clicks would be a double click.
        return holds_within(5.0, lambda: not job(long)["offline"])

    farm.ask("render.set", names=["atlas-01"], parameters={"paused": True})
    until(start, "the job to be started")
    # 2. Pause it, 3. and take that back.
    def pause() -> bool:
        person.press("ctrl+p")  # the window may not have heard yet that it was started
        return holds_within(5.0, lambda: job(long)["offline"])

    until(pause, "the pause")

    def take_back() -> bool:
        person.press("ctrl+z")  # the window may not have heard yet that there is something to take back
        return holds_within(5.0, lambda: not job(long)["offline"])

    until(take_back, "the pause to be taken back")
    # 4. Give it another priority.
    person.press("ctrl+shift+y")
    person.answer_dialog("Priority", "ctrl+a", "1", "4", "2", "Return")
    until(lambda: job(long)["priority"] == 142, "the priority")
    person.back_to_window()
    # 5. By the palette: suspend its tasks, 6. and continue them by key.
    person.press("ctrl+k")
    person.type("suspend tasks")
    person.press("Return")
    until(lambda: job(long)["counts"][7] == 30, "the tasks to be suspended")
    person.click_first_row()
    person.press("ctrl+shift+u")
    until(lambda: job(long)["counts"][7] == 0, "the tasks to go on")
    # 7. Open its tasks and skip the first one.
    person.press("Return")

    def skip_one() -> bool:
        person.click(520, 420)
        person.press("ctrl+j")
        return holds_within(5.0, lambda: job(long)["counts"][5] == 1)

    until(skip_one, "a task to be skipped")
    person.press("Escape")
    # 8. Find what failed and retry it once its cause is gone.
    (farm.marks / "okay").touch()
    farm.ask("render.set", names=["atlas-01"], parameters={"paused": False})
    person.press("ctrl+f", "ctrl+a")
    person.type("state:error")
    person.press("Return")
    person.click_first_row()
    person.press("ctrl+e")
    until(lambda: job(failing)["state"] == "done", "the failed job to be done")
    # 9. Keep a render for oneself.
    person.press("ctrl+4")
    person.click(520, 245)
    person.press("ctrl+n")
    until(lambda: "nimby" in farm.ask("render.list")["rows"][0]["words"], "the render to be kept")
    # 10. Delete a job that is done with.
    person.press("ctrl+2", "ctrl+f", "ctrl+a")
    person.type("alpha")
    person.press("Return")
    person.click_first_row()
    person.press("Delete")
    person.answer_dialog("Delete", "Tab", "space")
    until(lambda: all(row["id"] != failing for row in farm.ask("job.list")["rows"]), "the job to be deleted")
