"""What a person needs to read and to reach: contrast as it is painted, names for screen readers, keys for everything.

Every view of ``layouts`` with rows in it, the pages of the inspector, dialogs, and a lost connection; light and dark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)

from afcore.states import Role
from afwatch.app import Watch
from afwatch.changes import Lost
from afwatch.views.palette import Palette
from afwatch.views.window import MainWindow
from tests.gui.conftest import Spin
from tests.gui.layouts import VIEWS, fill, picture, show
from tests.unit.afwatch.test_theme import contrast

_LEAST = 4.5
"""Contrast of text that everybody reads (WCAG 2, AA)."""
_CONTROLS = (
    QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QAbstractItemView, QAbstractSlider,
)  # fmt: skip
_INNER = ("QHeaderView", "QTableCornerButton", "QComboBoxListView", "QComboBoxPrivateContainer")
"""Parts of Qt's own controls, which speak for the control."""


def _visible(window: QWidget) -> Iterator[QWidget]:
    for each in window.findChildren(QWidget):
        if each.isVisibleTo(window) and each.window() is window and each.width() > 2 and each.height() > 2:
            yield each


def _ground(image: QImage, area: QRect) -> str:
    """Return the colour that most of an area has."""
    area = area.intersected(image.rect())
    found = Counter(
        image.pixel(x, y)
        for y in range(area.top(), area.bottom() + 1, 2) for x in range(area.left(), area.right() + 1, 2)
    )  # fmt: skip
    return QColor(found.most_common(1)[0][0]).name() if found else ""


def _mixed(colour: str, over: str, share: float) -> str:
    """Return a colour with a share of another one over it."""
    pairs = [(int(colour[at : at + 2], 16), int(over[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(below * (1 - share) + above * share):02x}" for below, above in pairs)


def _faint(window: QWidget) -> Iterator[str]:
    """Yield the texts of a window that stand out too little from what they are painted on.

    Under the veil of a lost connection that is what is worked with; captions and what cannot be done are to be seen.
    """
    image = picture(window, 1.0)
    veil = window._veil if isinstance(window, MainWindow) else None
    spared = veil.spared if veil is not None else QRect()
    for each in _visible(window):
        if not isinstance(each, QLabel | QAbstractButton | QLineEdit) or not each.text():
            continue
        if each.visibleRegion().isEmpty():
            continue
        area, ink, least = QRect(each.mapTo(window, QPoint(0, 0)), each.size()), _ink(each), _LEAST
        if veil is not None and veil.strength and not spared.contains(area.translated(-veil.mapTo(window, QPoint()))):
            least = _LEAST if ink in (veil._theme.look.text1.lower(), veil._theme.look.text2.lower()) else 3.0
            ink = _mixed(ink, veil._theme.look.scrim, veil.strength)
        ground = _ground(image, area)
        if ground and contrast(ink, ground) < least:
            yield f'"{each.text()[:40]}" {ink} on {ground}: {contrast(ink, ground):.1f}'


def _ink(widget: QWidget) -> str:
    """Return the colour of a widget's text."""
    return widget.palette().color(widget.foregroundRole()).name()


def _mute(window: QWidget) -> Iterator[str]:
    """Yield the controls of a window of which a screen reader could say nothing."""
    for each in _visible(window):
        if not isinstance(each, _CONTROLS) or isinstance(each, QScrollBar):
            continue
        if type(each).__name__ in _INNER or each.objectName().startswith("qt_"):
            continue
        if isinstance(each.parent(), QAbstractSpinBox | QComboBox | QLineEdit):
            continue
        said = each.accessibleName() or (each.text() if isinstance(each, QAbstractButton) else "")
        if not said.strip():
            yield f"{type(each).__name__} {each.objectName()} in {type(each.parent()).__name__}"


def _out_of_reach(window: QWidget) -> Iterator[str]:
    """Yield the buttons and fields of a window to which the Tab key does not lead."""
    chain, each = set(), window.nextInFocusChain()
    while each is not window and each not in chain:
        chain.add(each)
        each = each.nextInFocusChain()
    for each in _visible(window):
        if isinstance(each, QScrollBar) or type(each).__name__ in _INNER or not each.isEnabled():
            continue
        if isinstance(each.parent(), QAbstractSpinBox | QComboBox | QLineEdit) or each.objectName().startswith("qt_"):
            continue
        if isinstance(each.parent(), Palette):
            continue  # its field has the keyboard: arrows move in the list
        if isinstance(each, _CONTROLS) and (
            each not in chain or not each.focusPolicy() & Qt.FocusPolicy.TabFocus
        ):
            name = each.accessibleName() or each.objectName()
            yield f"{type(each).__name__} {name} in {type(each.parent()).__name__}: no Tab"


def _states(watch: Watch, spin: Spin) -> Iterator[tuple[str, QWidget]]:
    """Show everything there is to see, one thing after another."""
    window = watch.window
    for view in VIEWS:
        shown = show(watch, view, 12)
        spin(shown.isVisible, view)
        yield view, shown
        if view == "task":
            shown.turn("why")
            yield "why of a task", shown
        if shown is not window:
            shown.close()
    for place, page in (("jobs", "parameters"), ("jobs", "why"), ("jobs", "log"), ("farm", "parameters"),
                        ("farm", "live"), ("farm", "history"), ("farm", "log"),
                        ("users", "parameters"), ("work", "parameters")):  # fmt: skip
        window.go(place)
        model = window.pane(place).model
        window.pane(place).table.select_place(next(at for at, id in enumerate(model.ids) if id > 0))
        window.turn_inspector(page)
        spin(window.inspector.isVisible, page)
        yield f"{place}, {page}", window
    window.toggle_messages()
    window.toast.say("Paused 3 jobs.", undo=lambda: None)
    yield "messages and toast", window
    window.open_palette()
    yield "palette", window
    window._palette.close()
    window.show_past()
    yield "the past", window
    window.past.turn_off()
    watch.session.receive([Lost("the server left")])
    spin(lambda: window._band.isVisible(), "the band")
    assert watch.session.mode is Role.GOD, "places and mode stay as they were: nothing empties"
    yield "a lost connection", window


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_everything_can_be_read_reached_and_said(alone: Watch, spin: Spin, scheme: str) -> None:
    alone.window.theme.choose(scheme)
    fill(alone, 12, False)
    found = {
        f"{what}: {fault}": None
        for what, shown in _states(alone, spin)
        for look in (_faint, _mute, _out_of_reach)
        for fault in look(shown)
    }  # fmt: skip
    assert not found, "\n".join(found)
