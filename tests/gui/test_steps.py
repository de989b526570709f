"""Alt+Left and Alt+Right in the window: lists with what was chosen, opened jobs with their task, renders."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from afcore.states import Role
from afwatch.app import Watch
from afwatch.views.steps import Walk
from afwatch.views.window import MainWindow
from tests.gui.conftest import Spin
from tests.gui.layouts import _tasks, fill


@pytest.fixture
def window(alone: Watch) -> MainWindow:
    """Return a window on a farm, in which every choice is older than a moment."""
    fill(alone, 12, False)
    alone.session.choose_mode(Role.GOD)
    made, now = alone.window, [0.0]

    def clock() -> float:
        now[0] += 60.0
        return now[0]

    made.walk._clock = clock
    return made


def where(window: MainWindow) -> tuple[str, object, list[int]]:
    opened: object = ""
    if window._tasks is not None:
        opened = window._tasks.job
    elif window._page is not None:
        opened = window._page.render_name
    shown = window._tasks if window._tasks is not None else window.current()
    chosen = [getattr(row, "id", row) for row in shown.selected()] if not window._page else []
    return window.place, opened, chosen


def press(window: MainWindow, key: Qt.Key) -> None:
    QTest.keyClick(window.focusWidget() or window, key, Qt.KeyboardModifier.AltModifier)


def test_one_goes_back_through_lists_jobs_and_tasks_and_forth_again(
    alone: Watch, window: MainWindow, spin: Spin
) -> None:
    window.activateWindow()
    spin(window.isActiveWindow, "the window to be active")
    window.go("jobs")
    jobs = window.pane("jobs")
    spin(lambda: len(jobs.model.ids) == 12, "the jobs")
    jobs.table.select_place(jobs.model.place_of(5))
    jobs.table.select_place(jobs.model.place_of(2))
    window.open_job(2)
    _tasks(alone, 40)
    assert window._tasks is not None
    spin(lambda: window._tasks._model.rowCount() == 40, "the tasks")
    window._tasks.show_task(7)
    window.go("farm")
    window.open_render("render-3")
    visited = [where(window)]
    for _ in range(4):
        press(window, Qt.Key.Key_Left)
        if window._tasks is not None:
            spin(lambda: window._tasks._wanted is None or _tasks(alone, 40), "the task to be chosen again")
        visited.append(where(window))
    assert visited[:5] == [
        ("farm", "render-3", []), ("farm", "", []), ("jobs", 2, [7]), ("jobs", "", [2]), ("jobs", "", [5]),
    ]  # fmt: skip
    press(window, Qt.Key.Key_Right)
    assert where(window) == ("jobs", "", [2]) and window.walk.trail.can_go_forward


def test_the_buttons_at_the_head_say_what_can_be_gone_to(window: MainWindow) -> None:
    window.go("jobs")
    window.go("users")
    back, forward = window.current().findChild(object, "steps").findChildren(QPushButton)
    assert back.isEnabled() and not forward.isEnabled()
    back.click()
    assert window.place == "jobs"
    back, forward = window.current().findChild(object, "steps").findChildren(QPushButton)
    assert forward.isEnabled()
    assert "Alt+Right" in forward.toolTip() and forward.accessibleName()


def test_a_place_that_the_mode_does_not_show_any_more_is_passed_over(alone: Watch, window: MainWindow) -> None:
    window.go("jobs")
    window.go("monitors")
    window.go("users")
    alone.session.choose_mode(Role.USER)
    assert isinstance(window.walk, Walk)
    window.walk.step(-1)
    assert window.place == "jobs"
