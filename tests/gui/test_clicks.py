"""Everything that can be clicked is clicked, and every entry of every menu taken: no slot raises, whatever it does.

``slots_raise_nothing`` looks: Qt goes on when a slot raises, and a person sees a button that does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QMenu, QWidget

from afwatch.app import Watch
from afwatch.outside import Outside
from afwatch.views.pane import ListPane
from afwatch.views.tasks import TasksPane
from afwatch.views.viewmenu import view_menu
from tests.gui.conftest import Spin
from tests.gui.layouts import VIEWS, fill, show

_KEPT = ("Close", "Cancel")
"""What would end the test."""


def _clickable(window: QWidget) -> Iterator[QAbstractButton]:
    for each in window.findChildren(QAbstractButton):
        if each.isVisibleTo(window) and each.isEnabled() and each.window() is window and each.text() not in _KEPT:
            yield each


def _take(menu: QMenu) -> None:
    """Take every entry of a menu that may be taken, also of the menus in it."""
    for entry in list(menu.actions()):
        inner: QMenu | None = entry.menu()  # type: ignore[assignment]
        if inner is not None:
            _take(inner)
        elif entry.isEnabled() and not entry.isSeparator():
            entry.trigger()


@pytest.fixture
def impatient() -> Iterator[QTimer]:
    """Close every menu and dialog as soon as it is open."""
    timer = QTimer()

    def close() -> None:
        for opened in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
            if opened is not None:
                opened.close()

    timer.timeout.connect(close)
    timer.start(10)
    yield timer
    timer.stop()


@pytest.mark.parametrize("view", VIEWS[1:])  # my jobs are made as all jobs are
def test_whatever_is_clicked_nothing_raises(
    alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch, impatient: QTimer, view: str
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *told: ("", ""))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: True)
    window = alone.window
    window.outside = Outside(["Viewer|view @ARG@"], "", launch=lambda words, at: True)
    fill(alone, 12, False)
    shown = show(alone, view, 12)
    spin(shown.isVisible, view)
    clicked = 0
    for each in list(_clickable(shown)):
        if shiboken6.isValid(each) and each.isVisibleTo(shown):
            QTest.mouseClick(each, Qt.MouseButton.LeftButton)
            clicked += 1
    assert clicked
    pane = window.current()
    if isinstance(pane, ListPane):
        pane.clear_filter()
        for place in range(min(3, pane.model.rowCount())):
            pane.table.select_place(place)
            _take(pane.build_menu())
        _take(view_menu(pane))
        for section in range(pane.model.columnCount()):
            pane.table.horizontalHeader().sectionClicked.emit(section)
            pane.table.sortByColumn(section, Qt.SortOrder.DescendingOrder)
    if isinstance(pane, TasksPane):
        pane.table.select_place(1)
        _take(pane.build_menu())
        for section in range(3):
            pane.table.horizontalHeader().sectionClicked.emit(section)
    if shown is not window:
        build = getattr(shown, "build_menu", None)
        if build is not None:
            _take(build())
        shown.close()


def test_every_entry_of_the_menus_is_taken(alone: Watch, spin: Spin, impatient: QTimer) -> None:
    fill(alone, 12, False)
    window = alone.window
    taken: list[QAction] = []
    for act in window.menu_bar.commands:
        if act.text() != "Close" and act.isEnabled():
            act.trigger()
            taken.append(act)
    spin(window.isVisible, "the window to be there still")
    assert len(taken) > 20
