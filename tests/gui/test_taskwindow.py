"""The window of a task: it acts, takes back, says why, and follows its task wherever it was opened from."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from afcore.states import Role
from afwatch.app import Watch
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin

BLOCK = {"name": "beauty", "service": "generic", "frame_first": 1, "frame_last": 5, "command": "echo frame @#@"}


def test_a_tasks_window_acts_takes_back_and_says_why(
    farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.start_server()
    id = farm.submit({**BLOCK, "hosts_mask": "titan.*"}, name="too big", user_name="anna")
    spin(lambda: id in watch.session.state.jobs, "the job")
    task = watch.window.open_task(id, 0, 2)
    spin(lambda: task._row, "the task")
    assert not task._deeds["skip"].isEnabled() and "anna" in task._deeds["skip"].toolTip()
    watch.session.choose_mode(Role.GOD)
    spin(task._deeds["skip"].isEnabled, "the mode to allow it")
    task.turn("why")
    spin(lambda: task.why.answered == id, "the farm's answer")
    assert id not in watch.session.state.opened, "nobody has the job's tasks open"
    task.activateWindow()
    QTest.keyClick(task, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    spin(lambda: task._state == "SKIPPED", "the window to follow what was done")
    assert "Skipped 1 task" in task.toast._text.text()
    asked: list[str] = []
    ask = watch.session.ask

    def noted(operation: str, **arguments: Any) -> Any:
        asked.append(operation)
        return ask(operation, **arguments)

    monkeypatch.setattr(watch.session, "ask", noted)
    task._look()
    spin(lambda: asked == ["task.show"] and not watch.session._pending, "the answer")
    assert not task._following, "what is known is not read again"
    monkeypatch.undo()
    task.toast._undo.click()
    spin(lambda: task._state == "READY", "it to be taken back")
    said = [entry.text().split("\t")[0] for entry in task.build_menu().actions() if entry.text()]
    assert {"Restart with what they wait for", "Not next any more", "Set done"} <= set(said)
    task.close()


def test_what_is_tried_next_is_taken_back(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, user_name="jo", offline=True)
    watch.session.choose_mode(Role.GOD)
    spin(lambda: id in watch.session.state.jobs, "the job")
    task = watch.window.open_task(id, 0, 3)
    spin(lambda: task._row and not task._reason(), "the task")
    task.do("try-next")
    spin(lambda: [list(each) for each in watch.session.state.jobs[id].try_next] == [[0, 3]], "it to be next")
    task.do("try-usual")
    spin(lambda: not watch.session.state.jobs[id].try_next, "the usual order")
    task.close()
