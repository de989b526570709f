"""What survives the end of a window: how lists stand, areas, pages; and acts on many jobs that are one act."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from afcore.states import Role
from afwatch.app import Watch
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin
from tests.gui.layouts import fill


def test_a_window_comes_back_as_it_was_left(application: QApplication, spin: Spin, tmp_path: Path) -> None:
    def opened() -> Watch:
        made = Watch([], user="jo", mode=Role.GOD, settings_file=tmp_path / "watch.json", scheme="dark")
        made.window.show()
        fill(made, 12, False)
        return made

    first = opened()
    window = first.window
    window.resize(1400, 860)
    pane = window.pane("jobs")
    window.go("jobs")
    pane.show_query("user:jo")
    QTest.mouseClick(pane._chips["ERROR"], Qt.MouseButton.LeftButton)
    QTest.mouseClick(pane._chips["PAUSED"], Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier)
    spin(lambda: pane.model.ids == [11, 9], "failing and paused jobs of jo")
    pane.show_column("percent", False)
    pane.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    header = pane.table.horizontalHeader()
    header.moveSection(header.visualIndex(2), 0)
    pane.table.setColumnWidth(2, 131)
    pane.choose_style("items")
    shown = pane.model.ids
    window.turn_inspector("parameters")
    window.splitter.setSizes([700, 480])
    areas = window.splitter.sizes()
    window.toggle_messages()
    window.toggle_sidebar()
    first.leave()
    first.close()

    second = opened()
    window, pane = second.window, second.window.pane("jobs")
    window.resize(1400, 860)
    spin(lambda: pane.model.ids == shown, "the filter to be on again")
    assert pane.search.text() == "user:jo" and pane._chips["ERROR"].isChecked()
    assert "percent" in pane.hidden and pane.style_of_rows == "items"
    header = pane.table.horizontalHeader()
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (2, Qt.SortOrder.DescendingOrder)
    assert header.visualIndex(2) == 0 and header.sectionSize(2) == 0, "an item says itself whose it is"
    pane.choose_style("table")
    assert header.sectionSize(2) == 131
    assert window.inspector.page == "parameters" and window.areas == areas
    assert window.messages.isVisible() and not window.sidebar.isVisible()
    second.leave()
    second.close()


def test_a_damaged_file_of_settings_costs_only_comfort(application: QApplication, tmp_path: Path) -> None:
    (tmp_path / "watch.json").write_text(
        '{"lists": {"jobs": [1], "users": {"nosuch": 1}}, "areas": {"view": "x"}, "notices": 3, "place": "users",'
        ' "inspector page": "nosuch", "views": "[3]"}'
    )
    made = Watch([], user="jo", mode=Role.GOD, settings_file=tmp_path / "watch.json", scheme="dark")
    assert made.window.place == "users" and made.window.inspector.page == "overview"
    made.leave()
    made.close()


def test_many_jobs_are_skipped_in_one_act_and_taken_back_together(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    block = {"name": "b", "service": "generic", "frame_first": 1, "frame_last": 5, "command": "true"}
    ids = [farm.submit(block, user_name="jo", offline=True) for _ in range(4)]
    watch.session.choose_mode(Role.GOD)
    pane = watch.window.pane("jobs")
    spin(lambda: len(pane.model.ids) == 4 and watch.session.mode is Role.GOD, "the jobs")
    watch.window.go("jobs")
    pane.table.selectAll()
    pane.do(next(action for action in pane.actions_here if action.key == "skip"))
    skipped = 5
    spin(lambda: all(watch.session.state.jobs[id].counts[skipped] == 5 for id in ids), "all to be skipped")
    spin(lambda: watch.window._undoable, "the act to be told")
    assert len(watch.window._undoable) == 1 and "4 jobs" in watch.window.toast._text.text()
    watch.window.undo()
    spin(lambda: not any(watch.session.state.jobs[id].counts[skipped] for id in ids), "all to be taken back")
    spin(lambda: "Taken back" in watch.window.toast._text.text(), "that to be told")


def test_a_link_opens_its_job_once_the_farm_has_told_its_jobs(alone: Watch, spin: Spin) -> None:
    window = alone.window
    window.show_when_known(5)
    window.show_when_known(999)
    fill(alone, 12, False)
    spin(lambda: window._tasks is not None, "the job's tasks")
    assert window._tasks is not None and window._tasks.job == 5
    assert "There is no job 999" in window.messages.toPlainText()
