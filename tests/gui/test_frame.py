"""The frame: everything by keyboard, names on controls, the palette, parameters, trees, saved views, submitting."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from afcore.states import Role
from afnet.registry import OPERATIONS
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.acts.renders import POOL_ACTIONS, RENDER_ACTIONS
from afwatch.acts.tree import BRANCH_ACTIONS, USER_ACTIONS
from afwatch.app import Watch
from afwatch.models.operationform import offered as operations_offered
from afwatch.parameterwords import choice_text
from afwatch.places import places
from afwatch.savedviews import forget_view, save_view
from afwatch.views.palette import match, palette_entries
from afwatch.views.taskdeeds import TASK_ACTIONS
from afwatch.views.window import MainWindow
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin

BLOCK = {"name": "beauty", "service": "generic", "frame_first": 1, "frame_last": 20, "command": "echo frame @#@"}
ACTIONS = (*JOB_ACTIONS, *RENDER_ACTIONS, *POOL_ACTIONS, *BRANCH_ACTIONS, *USER_ACTIONS)
TASK_OPERATIONS = {f"task.{action}" for action, *_ in TASK_ACTIONS}
ELSEWHERE = {
    "job.submit": "the submit dialog",
    "operation.undo": "Ctrl+Z and the toast",
    "block.set": "the page of parameters",
    "farm.load": "the form of an operation, from a file",
    "job.append-blocks": "the form of an operation, from a file",
    "block.append-tasks": "the form of an operation, from a file",
}
"""Commands of the registry that are no action on rows, and where they are."""


def test_every_operation_of_the_registry_is_somewhere() -> None:
    commands = {name for name, operation in OPERATIONS.items() if operation.kind == "command"}
    offered = {action.operation for action in ACTIONS} | TASK_OPERATIONS | set(ELSEWHERE)
    assert {name for name in commands if name not in offered} == set()
    by_form = {operation.name for operation in operations_offered()}
    assert {name for name, told in ELSEWHERE.items() if "form" in told} <= by_form


def test_every_action_has_a_key_of_its_own_within_its_kind() -> None:
    for kind in ("job", "render", "pool", "branch", "user"):
        keys = [action.shortcut for action in ACTIONS if action.kind == kind]
        assert all(keys), [action.key for action in ACTIONS if action.kind == kind and not action.shortcut]
        assert len(set(keys)) == len(keys), kind
        assert all(not QKeySequence(key).isEmpty() for key in keys)
        letters = [key for key in keys if len(key) == 1]
        assert letters == [], "no bare letter acts"


def test_keys_of_rows_and_of_the_window_do_not_clash(watch: Watch) -> None:
    window_keys = {act.shortcut().toString() for act in watch.window.menu_bar.commands if not act.shortcut().isEmpty()}
    rows = {QKeySequence(action.shortcut).toString() for action in ACTIONS if action.shortcut != "Return"}
    assert window_keys & rows == set()
    assert len(window_keys) == sum(not act.shortcut().isEmpty() for act in watch.window.menu_bar.commands)


def test_every_place_and_every_control_is_reached_and_named(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.submit(BLOCK)
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.mode is Role.GOD and watch.session.state.jobs, "the farm")
    window = watch.window
    for number, place in enumerate(places(), 1):
        QTest.keyClick(window, Qt.Key(int(Qt.Key.Key_0) + number), Qt.KeyboardModifier.ControlModifier)
        spin(lambda place=place: window.current() is window.pane(place.key), place.key)
        spin(lambda: window.focusWidget() is not None, "the keyboard to be somewhere")
    window.go("jobs")
    seen: list[Any] = []
    for _ in range(4):
        QTest.keyClick(window, Qt.Key.Key_F6)
        seen.append(window.focusWidget())
    assert len(set(map(id, seen))) == 4, "F6 goes through the areas"
    nameless = [
        f"{type(each).__name__} {each.objectName()} in {type(each.parent()).__name__}"
        for each in window.findChildren(QWidget)
        if isinstance(each, QAbstractButton | QLineEdit | QComboBox | QSpinBox | QPlainTextEdit | QAbstractItemView)
        and each.focusPolicy() is not Qt.FocusPolicy.NoFocus
        and not each.accessibleName()
        and not (isinstance(each, QAbstractButton) and each.text())
        and not each.objectName().startswith("qt_")
        and type(each).__name__ not in ("QHeaderView", "QTableCornerButton", "QToolButton", "QComboBoxListView")
    ]
    assert nameless == []


def test_parameters_of_many_jobs_are_edited_and_refused_in_place(
    farm: FarmProcess, watch: Watch, spin: Spin
) -> None:
    farm.start_server()
    ids = [farm.submit(BLOCK, name=f"shot {n}", priority=50 + n) for n in range(3)]
    watch.session.choose_mode(Role.GOD)
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == 3, "the jobs")
    watch.window.go("jobs")
    pane.table.selectAll()
    QTest.keyClick(pane.table, Qt.Key.Key_F2)
    page = watch.window.inspector.widget("parameters")
    spin(lambda: page._fields, "the fields")
    priority, retries = page._fields["priority"], page._fields["annotation"]
    assert priority.text() == "" and priority.placeholderText() == "differs"
    assert sorted(page._notes["priority"].text().split(", ")) == ["50 (1)", "51 (1)", "52 (1)"]
    priority.setFocus()
    QTest.keyClicks(priority, "77")
    QTest.keyClicks(retries, "soon")
    assert page._said.text() == "2 changes"
    QTest.keyClick(priority, Qt.Key.Key_Return)
    spin(lambda: {watch.session.state.jobs[id].priority for id in ids} == {77}, "the priority of all")
    spin(lambda: "Changed" in watch.window.messages.toPlainText(), "the farm's answer")
    spin(lambda: page._said.text() == "", "the fields to show it")
    assert all(farm.job(id)["annotation"] == "soon" for id in ids)
    QTest.keyClicks(page._fields["priority"], "7")
    assert "must be 0 to 255" in page._notes["priority"].text()
    assert not page._apply.isEnabled()
    page.revert()
    method = page._fields["solve_method"]
    value = page._set.entries["solve_method"].values[0][0]
    assert method.currentText() == (choice_text(value) if value else ""), "no code of the farm's"
    method.activated.emit(method.findData("solve_order"))
    assert page._set.changes() == {"solve_method": "solve_order"}
    page.revert()
    assert method.currentData() == (value or None)
    mask = page._fields["hosts_mask"]
    QTest.keyClicks(mask, "(")
    page.apply()
    spin(lambda: page._set.entries["hosts_mask"].problem, "the refusal beside the field")
    assert page._notes["hosts_mask"].text() == page._set.entries["hosts_mask"].problem
    watch.window.undo()
    spin(lambda: {watch.session.state.jobs[id].priority for id in ids} == {50, 51, 52}, "the old priorities")


def test_the_palette_finds_and_does(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, name="coast")
    watch.session.choose_mode(Role.GOD)
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == 1, "the job")
    watch.window.go("jobs")
    pane.table.select_place(0)
    palette, holds = watch.window._palette, watch.window.focusWidget
    assert holds() is pane.table
    watch.window.open_palette()
    assert holds() is palette.field
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    assert holds() is pane.table, "who had the keyboard has it again"
    watch.window.open_palette()
    QTest.keyClicks(palette.field, "pause")
    assert palette.shown[0].text == "Pause" and palette.shown[0].about == "1 job"
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    spin(lambda: watch.session.state.jobs[id].offline, "the job to be paused")
    assert holds() is pane.table
    spin(lambda: watch.window.toast._undo.isVisible(), "the answer, which may come after the row")
    watch.window.toast._undo.click()
    QTest.mouseClick(pane._chips["PAUSED"], Qt.MouseButton.LeftButton)
    assert holds() is pane.table
    spin(lambda: not watch.session.state.jobs[id].offline, "that to be taken back")
    pane.clear_filter()
    pane.table.select_place(0)
    watch.session.ask("job.pause", ids=[id])
    spin(lambda: watch.session.state.jobs[id].offline and pane.selected(), "it to be paused again")
    entries = palette_entries(watch.window)
    assert next(entry for entry in entries if entry.text == "Pause").reason == "Paused already."
    assert match(entries, "coast")[0].text == "coast"


def test_the_server_holds_a_screen_to_its_mode(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    id = farm.submit(BLOCK, user_name="somebody_else")
    watch.session.choose_mode(Role.USER)
    spin(lambda: id in watch.session.state.jobs, "the job")
    told: list[Any] = []
    watch.session._chosen = Role.GOD  # a window that thinks it may
    watch.session.ask("job.pause", ids=[id]).failure(told.append)
    spin(lambda: told, "the server's refusal")
    assert told[0].code == "not_allowed"
    watch.session.choose_mode(Role.GOD)
    done: list[Any] = []
    watch.session.ask("job.pause", ids=[id]).success(done.append)
    spin(lambda: done, "the pause")


def test_renders_and_jobs_stand_under_their_groups(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.submit(BLOCK, name="deep", branch="/show")
    farm.start_agent("host-1")
    watch.session.choose_mode(Role.GOD)
    work, renders = watch.window.pane("work"), watch.window.pane("farm")
    watch.window.go("farm")
    spin(lambda: len(renders.model.ids) == 2, "pool and render")
    watch.window.go("work")
    spin(lambda: len(work.model.ids) == 3, "branches and job")
    rows = [work.model.row_at(place) for place in range(len(work.model.ids))]
    assert [getattr(row, "path", getattr(row, "name", "")) for row in rows] == ["/", "/show", "deep"]
    assert [work.model.depth(place) for place in range(3)] == [0, 1, 2]
    watch.window.go("work")
    work.table.select_place(1)
    QTest.keyClick(work.table, Qt.Key.Key_Return)
    assert len(work.model.ids) == 2, "folded"
    work.search.setText("nothing-like-this")
    spin(lambda: work.model.ids == [], "no group without a job that matches")


def test_a_view_is_saved_and_comes_back(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.submit(BLOCK, name="one")
    farm.submit(BLOCK, name="two")
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == 2, "the jobs")
    watch.window.go("jobs")
    pane.show_query("name~two")
    pane.show_column("user", False)
    pane.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    watch.window.places_changed(save_view(watch.window.settings, pane.view_state("twos")))
    try:
        view = watch.window.pane("view:twos")
        assert watch.window.current() is view
        spin(lambda: len(view.model.ids) == 1, "the view's filter")
        assert view.hidden == {"user"}
        assert "twos" in [place.title for place in places()]
    finally:
        forget_view(watch.window.settings, "twos")


def test_a_scene_is_submitted_from_the_dialog(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.state.connected, "the farm")
    watch.window.open_submit()
    dialog = watch.window._submit
    dialog.fields["scene"].setEditText("/shows/a/shot.hip")
    dialog.refresh()
    assert "ROP" in dialog.checks.text() and not dialog._submit.isEnabled()
    dialog.fields["node"].setText("/out/mantra1")
    dialog.fields["last"].setValue(10)
    dialog.refresh()
    assert dialog._commands["last"].toPlainText().startswith("hrender_af -s 10 -e 10 --by 1")
    dialog.submit()
    spin(lambda: dialog.submitted, "the job to be taken")
    job = farm.job(dialog.submitted)
    assert job["name"] == "shot" and job["blocks"][0]["service"] == "hbatch_mantra"
    assert watch.window.settings.text("scenes") == "/shows/a/shot.hip"


def test_a_task_shows_its_runs_command_and_files(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent("host-1")
    id = farm.submit({**BLOCK, "frame_last": 1, "command": "echo bad; exit 3", "errors_retries": 0,
                      "errors_task_same_host": 1})  # fmt: skip
    farm.wait_job(id, "error")
    farm.ask("job.restart", ids=[id], only="error")
    farm.wait_job(id, "error")
    watch.session.choose_mode(Role.GOD)
    spin(lambda: id in watch.session.state.jobs, "the job")
    window = watch.window.open_task(id, 0, 0)
    spin(lambda: window._row, "the task")
    window.turn("runs")
    spin(lambda: window.runs.table.rowCount() == 2, "both runs")
    assert window.runs.summary.text() == "2 errors, on host-1 (2). Runs are kept for 365 days."
    spin(lambda: window.runs.avoided.isVisible(), "who is avoided")
    assert "host-1 (failed it 1 time)" in window.runs.avoided.text()
    window.show_run(1)
    spin(lambda: "bad" in window.output.toPlainText(), "the output of the first run")
    window.turn("command")
    spin(lambda: "Its block" in window.command.text.toPlainText(), "the block's settings")
    assert "echo bad; exit 3" in window.command.text.toPlainText()
    window.turn("files")
    spin(lambda: window.files.note.text(), "what is kept")
    window.close()


def test_why_has_a_button_for_each_change(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent("host-1")
    id = farm.submit({**BLOCK, "hosts_mask": "titan.*"}, name="too big")
    watch.session.choose_mode(Role.GOD)
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == 1 and watch.session.state.renders, "job and render")
    watch.window.go("jobs")
    pane.table.select_place(0)
    QTest.keyClick(pane.table, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    page = watch.window.inspector.widget("why")
    spin(lambda: page.buttons, "the farm's proposals")
    assert "Hosts: none" in page.buttons[0].text()
    page.buttons[0].click()
    spin(lambda: watch.session.state.jobs[id].counts[4], "the job to run", 60)


@pytest.mark.parametrize("typed", ["", "1"])
def test_what_cannot_be_undone_may_ask_for_a_word(watch: Watch, typed: str) -> None:
    from afwatch.views.ask import ConfirmDialog

    dialog = ConfirmDialog(watch.theme, watch.window, deed="Delete it?", names=["a"], cost="It goes.", act="Delete",
                           typed=typed)  # fmt: skip
    assert dialog._act.isEnabled() == (not typed)
    for field in dialog.findChildren(QLineEdit):
        field.setText(typed)
    assert dialog._act.isEnabled()
    assert isinstance(watch.window, MainWindow)


def test_numbers_have_room_to_be_read(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    """Number fields once gave their text a single pixel: the style sheet and hidden arrows do not go together."""
    farm.start_server()
    spin(lambda: watch.session.state.connected, "the farm")
    watch.window.open_submit()
    fields = watch.window._submit.findChildren(QSpinBox)
    spin(lambda: all(field.isVisible() for field in fields), "the dialog to be laid out")
    narrow = [
        field.accessibleName()
        for field in fields
        if field.lineEdit().width() < field.fontMetrics().horizontalAdvance(field.text())
    ]
    assert len(fields) >= 6 and narrow == []
