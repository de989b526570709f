"""A real window against a real server: what a person sees, does by key, is refused, and takes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidgetItem

from afcore.states import Role
from afwatch.actions import reason_against
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.app import Watch
from afwatch.changes import ChangeSet
from afwatch.outside import Outside
from afwatch.views.pane import ListPane
from afwatch.views.window import MainWindow
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin

BLOCK = {"name": "beauty", "service": "generic", "frame_first": 1, "frame_last": 20, "command": "echo frame @#@"}
ACTIONS = {action.key: action for action in JOB_ACTIONS}


def jobs_of(watch: Watch, spin: Spin, count: int) -> ListPane:
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == count, f"{count} jobs in the table")
    return pane


def select(pane: ListPane, id: int) -> None:
    pane.table.select_place(pane.model.place_of(id))


def test_the_window_waits_for_a_server_that_is_not_there_yet(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    pane = watch.window.pane("jobs")
    spin(lambda: watch.session.state.trouble, "the first try to fail")
    texts = [label.text() for label in pane._empty.findChildren(type(pane._title))]
    assert any("monitor connects by itself" in text for text in texts)
    assert not watch.session.state.connected
    farm.start_server()
    id = farm.submit(BLOCK, name="late")
    jobs_of(watch, spin, 1)
    assert pane.model.row_at(0).id == id
    farm.kill_server()
    spin(lambda: watch.session.state.lost_at, "the loss to be noticed")
    assert watch.window._veil.strength > 0
    assert pane.model.rowCount() == 1, "what was known stays"
    select(pane, id)
    assert "no connection" in reason_against(ACTIONS["pause"], watch.session, pane.selected())
    farm.start_server()
    spin(lambda: watch.session.state.connected, "the server to be found again")
    assert watch.window._veil.strength == 0


def test_a_job_is_paused_by_key_and_the_pause_taken_back(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, name="beauty v1")
    pane = jobs_of(watch, spin, 1)
    watch.session.choose_mode(Role.GOD)
    select(pane, id)
    pane.table.setFocus()
    QTest.keyClick(pane.table, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    spin(lambda: watch.session.state.jobs[id].offline, "the job to be paused")
    spin(watch.window.toast.isVisible, "the toast")
    assert "Paused beauty v1." in watch.window.messages.toPlainText()
    assert farm.job(id)["offline"] is True
    watch.window.toast._on_undo()
    spin(lambda: not watch.session.state.jobs[id].offline, "the pause to be taken back")


def test_priority_is_set_and_taken_back(
    farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, priority=50)
    pane = jobs_of(watch, spin, 1)
    watch.session.choose_mode(Role.GOD)
    select(pane, id)
    monkeypatch.setattr(MainWindow, "ask_number", lambda self, *rest: 77)
    pane.do(ACTIONS["priority"])
    spin(lambda: watch.session.state.jobs[id].priority == 77, "the priority")
    spin(watch.window.toast.isVisible, "the toast")
    watch.window.toast._on_undo()
    spin(lambda: watch.session.state.jobs[id].priority == 50, "the old priority")


def test_deleting_asks_first(farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, name="old")
    pane = jobs_of(watch, spin, 1)
    watch.session.choose_mode(Role.GOD)
    asked: list[Any] = []
    answers = iter([False, True])

    def confirm(self: MainWindow, *question: Any) -> bool:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(MainWindow, "confirm", confirm)
    select(pane, id)
    pane.do(ACTIONS["delete"])
    assert id in watch.session.state.jobs
    pane.do(ACTIONS["delete"])
    jobs_of(watch, spin, 0)
    assert asked[0][0] == "Delete old?"
    assert asked[0][3] == "Delete 1 job"


def test_what_is_not_mine_is_disabled_with_its_reason(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, user_name="somebody_else")
    pane = jobs_of(watch, spin, 1)
    select(pane, id)
    made = pane._buttons["pause"]
    assert not made.isEnabled()
    assert "Belongs to somebody_else" in made.toolTip()
    entries = {entry.text().split("\t")[0]: entry for entry in pane.build_menu().actions()}
    assert not entries["Delete…"].isEnabled()
    assert "Belongs to somebody_else" in entries["Delete…"].toolTip()
    watch.session.choose_mode(Role.GOD)
    assert made.isEnabled()
    assert watch.window.status.badge.text() == "GOD"


def test_a_refusal_is_shown_with_its_hint(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    jobs_of(watch, spin, 0)
    spin(lambda: watch.session.state.is_complete("jobs"), "the farm's answer")
    told: list[Any] = []
    pending = watch.session.ask("job.show", job=999)
    pending.failure(told.append)
    watch.window.tell_done(pending, "never said")
    spin(lambda: told, "the refusal")
    assert told[0].code == "not_found"
    assert told[0].sentence in watch.window.toast._text.text()
    bad = watch.session.ask("job.pause", idz=[1]).failure(told.append)
    spin(lambda: bad.over, "the mistake to be told")
    assert "ids" in str(told[1].problems)


def test_the_tasks_of_a_job_and_their_output(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent()
    failing = {**BLOCK, "command": "echo frame @#@; test @#@ -ne 7", "errors_retries": 0}
    id = farm.submit(failing, name="seven fails")
    pane = jobs_of(watch, spin, 1)
    watch.session.choose_mode(Role.GOD)
    spin(lambda: sum(watch.session.state.jobs[id].counts[state] for state in (4, 6)) == 20, "20 tasks to be over", 60)
    select(pane, id)
    pane.table.setFocus()
    QTest.keyClick(pane.table, Qt.Key.Key_Return)
    tasks = watch.window._tasks
    assert tasks is not None
    spin(lambda: tasks._model.table.known == 20, "the columns")
    spin(lambda: tasks._model.name(6) == "frame 7", "the names")
    spin(lambda: tasks._chips["ERROR"].text().endswith("1"), "the count of errors")
    for chip, rows in (("ERROR", 1), ("DONE", 19), ("DONE", 20)):
        QTest.mouseClick(tasks._chips[chip], Qt.MouseButton.LeftButton)
        assert tasks._model.rowCount() == rows, "a chip shows its state alone, a second click all again"
    tasks.search.setText("state:error")
    spin(lambda: tasks._model.rowCount() == 1, "the filter")
    assert tasks._model.task_at(0) == 6
    tasks.show_task(6)
    window = watch.window.open_task(id, 0, 6)
    spin(lambda: "frame 7" in window.output.toPlainText(), "the output")
    window.close()
    watch.window.activateWindow()
    spin(watch.window.isActiveWindow, "the main window to be active")
    tasks.table.setFocus()
    QTest.keyClick(tasks.table, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    spin(lambda: watch.session.state.jobs[id].counts[5] == 1, "the failed task to be skipped")
    spin(lambda: tasks._model.rowCount() == 0, "the filter to follow")
    QTest.keyClick(watch.window, Qt.Key.Key_Escape)
    spin(lambda: watch.window._tasks is None, "the list to be back")
    assert not watch.session.state.opened


def test_every_place_is_painted_in_both_schemes(
    farm: FarmProcess, watch: Watch, spin: Spin, application: QApplication
) -> None:
    farm.start_server()
    farm.start_agent("host-1")
    farm.submit(BLOCK, name="x" * 200)
    jobs_of(watch, spin, 1)
    spin(lambda: watch.session.state.renders, "the render")
    for scheme in ("light", "dark"):
        watch.theme.choose(scheme)
        for number, key in enumerate(("mine", "jobs", "work", "farm", "users"), 1):
            QTest.keyClick(watch.window, Qt.Key(int(Qt.Key.Key_0) + number), Qt.KeyboardModifier.ControlModifier)
            spin(lambda key=key: watch.window.current() is watch.window.pane(key), key)
            picture = watch.window.grab()
            ground = picture.toImage().pixelColor(watch.window.sidebar.width() + 20, 400).name().upper()
            assert ground == watch.theme.look.bg1.upper(), (scheme, key)
    watch.theme.choose_size(130)
    assert watch.window.pane("jobs").table.verticalHeader().defaultSectionSize() >= 32


def test_the_window_comes_back_as_it_was(farm: FarmProcess, watch: Watch) -> None:
    watch.window.go("farm")
    watch.window.close()
    assert '"place": "farm"' in (farm.folder.parent / "watch.json").read_text()


def test_the_inspector_cuts_nothing_off(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit({**BLOCK, "name": "b" * 150}, {**BLOCK, "name": "second", "depend_mask": "b+"}, name="n" * 190)
    pane = jobs_of(watch, spin, 1)
    select(pane, id)
    area = watch.window.inspector.widget("overview")._area
    spin(lambda: area.widget() is not None and area.widget().width() > 0, "the page")
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    watch.window.inspector.show_rows([], "job")
    assert watch.window.status._selection.text() == "1 selected"


def test_what_is_closed_before_its_answer_comes_hears_nothing(
    farm: FarmProcess, watch: Watch, spin: Spin, application: QApplication
) -> None:
    """Answers that find their window, page or table deleted raise nothing (``slots_raise_nothing`` looks)."""
    farm.start_server()
    farm.start_agent("rnd-1")
    id = farm.submit(BLOCK, name="closed at once")
    jobs_of(watch, spin, 1)
    pane = watch.window.pane("farm")
    spin(lambda: len(watch.session.state.renders) == 1, "the render")
    for page in ("runs", "command", "files"):
        task = watch.window.open_task(id, 0, 3)
        task.turn(page)
        task.files._picture("no-such-file", QListWidgetItem("gone"))
        task.close()
    watch.window.open_render("rnd-1")
    watch.window.open_job(id)
    for place in ("jobs", "work"):
        watch.window.go(place)
    assert watch.session._pending, "answers are on their way"
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not shiboken6.isValid(task), "and the window is deleted"
    spin(lambda: not watch.session._pending, "every answer")
    pane.deleteLater()
    watch.window._panes.pop("farm")
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    watch.session.rings.has_meters = True
    watch.session.changed.emit(ChangeSet(changed={"renders": {1}}))


def test_the_folder_of_a_tasks_files_is_opened(
    farm: FarmProcess, watch: Watch, spin: Spin, tmp_path: Path
) -> None:
    ran: list[list[str]] = []
    previews = ["Viewer|view @ARG@"]
    watch.window.outside = Outside(previews, "open @PATH@", launch=lambda words, at: ran.append(words) or True)
    farm.start_server()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "f.0003.exr").write_bytes(b"x")
    id = farm.submit({**BLOCK, "files": [str(tmp_path / "out" / "f.@####@.exr")]}, {**BLOCK, "name": "silent"})
    jobs_of(watch, spin, 1)
    watch.window.open_job(id)
    tasks = watch.window._tasks
    spin(lambda: tasks._model.rowCount() == 20, "the tasks")
    tasks.table.setFocus()
    tasks.table.select_place(2)
    QTest.keyClick(tasks.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    spin(lambda: ran == [["open", str(tmp_path / "out")]], "the folder")
    entry = next(entry for entry in tasks.build_menu().actions() if entry.text() == "Show its file: Viewer")
    entry.trigger()
    spin(lambda: ran[1:] == [["view", str(tmp_path / "out" / "f.0003.exr")]], "the file")
    tasks._use(1)
    tasks.table.select_place(0)
    tasks._open_folder()
    window = watch.window.open_task(id, 0, 2)
    spin(lambda: window._state, "the task's state")
    before = window._word.styleSheet(), window._folder.icon().cacheKey()
    watch.window.other_scheme()
    assert window._word.styleSheet() != before[0] and window._folder.icon().cacheKey() != before[1], "another look"
    spin(lambda: "says no files" in watch.window.messages.toPlainText(), "why there is nothing to open")
