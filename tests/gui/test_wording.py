"""Names in full, brief or abbreviated: columns, states and marks follow the level at once, and have room for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from afcore.states import Role, TaskFlag
from afwatch.app import Watch
from afwatch.changes import ChangeSet, ColumnsPiece
from afwatch.models.columns import Shown
from afwatch.models.tasks import COLUMNS, TasksModel
from afwatch.places import places
from afwatch.tasktables import OpenedJob
from afwatch.theme.tokens import choose_level
from afwatch.views.pane import ListPane
from tests.gui.conftest import Spin
from tests.unit.afwatch.rows import job_row, render_row


@pytest.fixture(autouse=True)
def brief() -> Iterator[None]:
    yield
    choose_level("brief")


def titles(pane: ListPane) -> dict[str, str]:
    header = Qt.Orientation.Horizontal
    return {column.key: pane.model.headerData(at, header) for at, column in enumerate(pane.shown.columns)}


def narrow(pane: ListPane) -> list[str]:
    """Return the titles that are cut."""
    header, found = pane.table.horizontalHeader(), []
    for at, column in enumerate(pane.shown.columns):
        font = header.fontMetrics()
        if not pane.table.isColumnHidden(at) and font.horizontalAdvance(column.heading) > header.sectionSize(at) - 16:
            found.append(f"{column.heading} {header.sectionSize(at)}")
    return found


def test_every_list_has_its_columns_in_three_levels(alone: Watch, spin: Spin) -> None:
    state, window = alone.session.state, alone.window
    state.jobs.update({1: job_row(1, READY=3)})
    state.renders.update({1: render_row(1, "pc1")})
    alone.session.choose_mode(Role.GOD)
    window.resize(1900, 900)
    panes = []
    for place in places():
        window.go(place.key)
        pane = window.current()
        if isinstance(pane, ListPane):
            panes.append(pane)
    alone.session.changed.emit(ChangeSet(changed={"jobs": {1}, "renders": {1}}))
    assert len(panes) >= 6
    said = {}
    for level in ("brief", "abbreviated", "full"):
        while window.settings.text("names", "brief") != level:
            window.next_level()
        said[level] = [titles(pane) for pane in panes]
        for pane in panes:
            window.go(pane.place)
            spin(lambda pane=pane: pane.isVisible(), "the list")
            assert narrow(pane) == [], (pane.title, level)
    jobs = {level: found[0] for level, found in said.items()}
    assert [jobs[level]["priority"] for level in ("full", "brief", "abbreviated")] == ["Priority", "Prio", "P"]
    assert [jobs[level]["errors"] for level in ("full", "brief", "abbreviated")] == ["Errors", "Errors", "Err"]
    pane = panes[0]
    at = [column.key for column in pane.shown.columns].index("state")
    assert pane.table.columnWidth(at) == pane.shown.columns[at].widths[0]


def test_a_width_that_somebody_chose_stays(alone: Watch) -> None:
    window = alone.window
    window.go("jobs")
    pane = window.current()
    assert isinstance(pane, ListPane)
    at = [column.key for column in pane.shown.columns].index("state")
    pane.table.setColumnWidth(at, 140)
    window.next_level()
    assert pane.table.columnWidth(at) == 140


def test_marks_of_tasks_follow_the_level(application: QApplication) -> None:
    job = OpenedJob(1)
    flags = TaskFlag.RETRIED | TaskFlag.BAD_FILES
    job.put(ColumnsPiece(1, 0, 0, 1, 1, 1, {"state": numpy.ones(1, "u1"), "flags": numpy.full(1, flags, "u1")}))
    model = TasksModel(job, 0, clock=lambda: 0.0, render_name=str, fetch=lambda first: None)
    said = []
    for level in ("full", "brief", "abbreviated"):
        choose_level(level)
        said.append(model.text(0, "note"))
    assert said == ["retried after error, files are missing", "retried, files missing", "RER, BRF"]
    headings = [column.heading for column in COLUMNS]
    assert "St" in headings and "Err" in headings


def test_titles_are_whole_where_there_is_room(alone: Watch) -> None:
    """Menus and screen readers have the title in full whatever the level is."""
    choose_level("abbreviated")
    alone.window.go("jobs")
    pane = alone.window.current()
    assert isinstance(pane, ListPane)
    shown: Shown = pane.shown
    at = [column.key for column in shown.columns].index("priority")
    tip = pane.model.headerData(at, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert shown.columns[at].whole == "Priority" and tip.startswith("Priority: the higher")
