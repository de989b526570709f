"""The panel at the icon: the state, who renders here and what for, what the machine does, and what can be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from afrender.tray import words
from afrender.tray.look import Theme, draw_glyph, menu_style, sign, state_icon
from afrender.tray.plots import Plot, series

__all__ = ["Panel"]

WIDTH = 340
MOST_TASKS = 4
_AROUND_RULE = 62
"""Pixels beside the text and the button of what a rule did: edges and gaps."""

_PLOTS = (
    ("cpu", "CPU", ("cpu_user", "cpu_system"), 44, True),
    ("mem", "Memory", ("mem_used",), 36, True),
    ("net", "Network", ("net_recv", "net_send"), 36, False),
    ("gpu", "GPU", ("gpu_util", "gpu_mem"), 36, True),
)


class _Glyph(QWidget):
    """The shape of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(20, 20)
        self._drawing: Callable[[QPainter], None] = lambda painter: None

    def show_state(self, state: str, theme: Theme) -> None:
        self._drawing = lambda painter: draw_glyph(
            painter, state, QRectF(0, 0, 20, 20), theme.ink(state), theme("ground", "bg2")
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        self._drawing(painter)
        painter.end()


class _Elided(QLabel):
    """A label that ends in an ellipsis where there is no room, and tells all in its tooltip."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setToolTip(text)

    def set_text(self, text: str) -> None:
        """Show another text."""
        self.setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as fits."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


class _Task(QWidget):
    """One task: what, how far, whose."""

    def __init__(self) -> None:
        super().__init__()
        self._name, self._task, self._percent = _Elided(), QLabel(), QLabel()
        self._name.setObjectName("strong")
        self._task.setObjectName("dim")
        self._whose = _Elided()
        self._whose.setObjectName("dim")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(4)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._name, 1)
        line.addWidget(self._task)
        line.addWidget(self._percent)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addLayout(line)
        rows.addWidget(self._bar)
        rows.addWidget(self._whose)

    def show_task(self, task: Mapping[str, Any]) -> None:
        self._name.set_text(f"{task['job']} {task['block']}")
        self._task.setText(str(task["task"]))
        self._percent.setText(f"{task['percent']} %")
        self._bar.setValue(max(0, min(100, int(task["percent"]))))
        self._whose.set_text(words.whose(task, time.time()))
        self.setAccessibleName(f"{self._name.text()} {task['task']}, {task['percent']} percent, {self._whose.text()}")


class Panel(QFrame):
    """The window; ``order`` is emitted with what a person wants done, ``shown`` when it opens or closes.

    ``grown`` is emitted when it has another height, which takes another place.
    """

    order = Signal(str)
    shown = Signal(bool)
    grown = Signal()

    def __init__(self, theme: Theme, flags: Qt.WindowType = Qt.WindowType.Popup) -> None:
        super().__init__(None, flags)
        self.setObjectName("panel")
        self.setWindowTitle("Afwatch render")
        self.setFixedWidth(WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._theme = theme
        self._measured: object = None
        self._glyph, self._title, self._load = _Glyph(), QLabel(), _Elided()
        self._title.setObjectName("title")
        self._load.setObjectName("dim")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self._make_head())
        self._rule = self._make_rule()
        rows.addWidget(self._rule)
        self._trouble = QLabel(wordWrap=True)
        self._trouble.setObjectName("trouble")
        rows.addWidget(self._trouble)
        rows.addWidget(self._make_tasks())
        rows.addWidget(self._make_plots())
        rows.addWidget(self._make_foot())
        self.set_theme(theme)
        self.show_state({"state": "offline"})

    # -- building ------------------------------------------------------------------------------------------------

    def _make_head(self) -> QWidget:
        head = QWidget()
        rows = QVBoxLayout(head)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(12)
        line = QHBoxLayout()
        line.setSpacing(10)
        names = QVBoxLayout()
        names.setSpacing(1)
        names.addWidget(self._title)
        names.addWidget(self._load)
        line.addWidget(self._glyph)
        line.addLayout(names, 1)
        rows.addLayout(line)
        switch = QFrame()
        switch.setObjectName("switch")
        parts = QHBoxLayout(switch)
        parts.setContentsMargins(1, 1, 1, 1)
        parts.setSpacing(0)
        self._switch = QButtonGroup(self)
        self._states: dict[str, QPushButton] = {}
        for state in ("free", "nimby", "NIMBY"):
            button = QPushButton({"free": "Free"}.get(state, state))
            button.setCheckable(True)
            button.setObjectName("part")
            button.setMinimumHeight(30)
            button.clicked.connect(lambda _=False, order=state: self.order.emit(order))
            self._switch.addButton(button)
            self._states[state] = button
            parts.addWidget(button, 1)
        self._states["free"].setToolTip("Everybody's tasks may start here")
        self._states["nimby"].setToolTip("Only your own tasks start here")
        self._states["NIMBY"].setToolTip("No tasks start here")
        rows.addWidget(switch)
        return head

    def _make_rule(self) -> QWidget:
        outer = QWidget()
        place = QVBoxLayout(outer)
        place.setContentsMargins(16, 0, 16, 12)
        card = QFrame()
        card.setObjectName("rule")
        self._rule_card = card
        place.addWidget(card)
        line = QHBoxLayout(card)
        line.setContentsMargins(12, 8, 8, 8)
        text = QVBoxLayout()
        text.setSpacing(2)
        self._rule_title, self._rule_text = QLabel(), QLabel(wordWrap=True)
        self._rule_title.setObjectName("strong")
        text.addWidget(self._rule_title)
        text.addWidget(self._rule_text)
        line.addLayout(text, 1)
        undo = QPushButton("Undo")
        undo.setObjectName("button")
        undo.setToolTip("Let the farm use this machine now")
        undo.clicked.connect(lambda: self.order.emit("undo"))
        line.addWidget(undo, 0, Qt.AlignmentFlag.AlignTop)
        self.undo = undo
        return outer

    def _make_tasks(self) -> QWidget:
        part = QFrame()
        part.setObjectName("part_above")
        self._tasks_part = part
        rows = QVBoxLayout(part)
        rows.setContentsMargins(16, 10, 16, 10)
        rows.setSpacing(10)
        self._tasks = [_Task() for _ in range(MOST_TASKS)]
        for task in self._tasks:
            rows.addWidget(task)
        self._more = QLabel()
        self._more.setObjectName("dim")
        rows.addWidget(self._more)
        return part

    def _make_plots(self) -> QWidget:
        part = QFrame()
        part.setObjectName("part_above")
        self._plots_part = part
        rows = QVBoxLayout(part)
        rows.setContentsMargins(16, 10, 16, 12)
        rows.setSpacing(4)
        self._plots: dict[str, tuple[QWidget, QLabel, Plot]] = {}
        for name, heading, colours, height, whole in _PLOTS:
            outer = QWidget()
            column = QVBoxLayout(outer)
            column.setContentsMargins(0, 0, 0, 4)
            column.setSpacing(3)
            line = QHBoxLayout()
            label, figure = QLabel(heading), QLabel()
            label.setObjectName("strong")
            figure.setObjectName("dim")
            line.addWidget(label)
            line.addStretch(1)
            line.addWidget(figure)
            plot = Plot(heading, colours, self._theme, height=height, whole=whole)
            column.addLayout(line)
            column.addWidget(plot)
            rows.addWidget(outer)
            self._plots[name] = (outer, figure, plot)
        return part

    def _make_foot(self) -> QWidget:
        foot = QFrame()
        foot.setObjectName("foot")
        line = QHBoxLayout(foot)
        line.setContentsMargins(16, 8, 16, 8)
        line.setSpacing(8)
        self._monitor = monitor = QPushButton(" Open monitor")
        monitor.setObjectName("button")
        monitor.clicked.connect(lambda: self.order.emit("monitor"))
        self._eject = QToolButton()
        self._eject.setObjectName("button")
        self._eject.setText(" Eject  ")
        self._eject.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._eject.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._eject)
        menu.addAction("What is not mine", lambda: self.order.emit("eject_other"))
        menu.addAction("All…", lambda: self.order.emit("eject_all"))
        self._eject.setMenu(menu)
        self._pool = QLabel()
        self._pool.setObjectName("dim")
        line.addWidget(monitor)
        line.addWidget(self._eject)
        line.addStretch(1)
        line.addWidget(self._pool)
        return foot

    # -- showing -------------------------------------------------------------------------------------------------

    def show_state(self, state: Mapping[str, Any]) -> None:
        """Show what the agent told."""
        name = str(state.get("state", "offline"))
        theme = self._theme
        self._glyph.show_state(name, theme)
        self._title.setText(words.title(state))
        self._title.setStyleSheet(f"color: {theme.ink(name).name()}")
        self._load.set_text(words.load(state))
        nimby = state.get("nimby")
        self._switch.setExclusive(nimby is not None)
        for order, button in self._states.items():
            button.setEnabled(nimby is not None)
            button.setChecked(nimby is not None and order == (nimby or "free"))
        rule = state.get("rule")
        self._rule.setVisible(rule is not None)
        if rule is not None:
            first, text = words.what_rule_did(rule)
            self._rule_title.setText(first)
            self._rule_text.setText(text)
        trouble = str(state.get("trouble", ""))
        self._trouble.setText(trouble)
        self._trouble.setVisible(bool(trouble))
        tasks = state.get("tasks", ())
        self._tasks_part.setVisible(bool(tasks))
        for widget, task in zip(self._tasks, [*tasks, *[None] * MOST_TASKS]):
            widget.setVisible(task is not None)
            if task is not None:
                widget.show_task(task)
        self._more.setVisible(len(tasks) > MOST_TASKS)
        self._more.setText(f"and {len(tasks) - MOST_TASKS} more")
        self._eject.setEnabled(bool(tasks))
        self._pool.setText(str(state.get("pool", "")).strip("/").rpartition("/")[2])
        self._show_reading(state.get("reading", {}), state.get("measured"))
        self._fit()

    def _fit(self) -> None:
        """Be as high as what is shown; lines that wrap tell their height by their width only."""
        _wrap(self._rule_text, WIDTH - _AROUND_RULE - self.undo.sizeHint().width())
        _wrap(self._trouble, WIDTH - 2)
        # By hand: what was hidden so far has not told its layout how high it is.
        self._rule_card.setFixedHeight(self._rule_title.sizeHint().height() + self._rule_text.height() + 18)
        self._rule.setFixedHeight(self._rule_card.height() + 12)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = layout.totalSizeHint().height()
        if height != self.height():
            self.setFixedHeight(height)
            self.grown.emit()

    def _show_reading(self, reading: Mapping[str, Any], measured: object) -> None:
        figures = words.figures(reading)
        values = series(reading)
        self._plots_part.setVisible(bool(figures))
        for name, (outer, figure, plot) in self._plots.items():
            outer.setVisible(name in figures)
            if name in figures:
                figure.setText(figures[name])
                figure.setAccessibleName(f"{name} {figures[name]}")
            if measured != self._measured:
                plot.add(values[name] if name in figures and not reading.get("old", {}).get("host") else None)
        self._measured = measured

    def set_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        for state, button in self._states.items():
            button.setIcon(state_icon(state, theme))
        for _, _, plot in self._plots.values():
            plot.set_theme(theme)
        signs = ((self.undo, "undo"), (self._monitor, "monitors"), (self._eject, "eject"))
        for place, picture in signs:
            place.setIcon(sign(picture, theme))
        colours = {
            "bg1": theme("ground", "bg1"), "bg2": theme("ground", "bg2"), "bg3": theme("ground", "bg3"),
            "line1": theme("line", "line1"), "line2": theme("line", "line2"), "text1": theme("text", "text1"),
            "text2": theme("text", "text2"), "text3": theme("text", "text3"), "off": theme("text", "off"),
            "selection": theme("selection"), "focus": theme("focus"), "trough": theme("trough"),
            "live": theme("family", "live", "fill"), "wait": theme("family", "wait", "tint"),
            "bad": theme("family", "bad", "ink"), "foot": theme("ground", "bg0"),
        }  # fmt: skip
        style = _STYLE.format(**{name: colour.name() for name, colour in colours.items()})
        self.setStyleSheet(style + menu_style(theme))

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that somebody looks."""
        super().showEvent(event)
        self.setFocus()
        self.shown.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that nobody looks any more."""
        super().hideEvent(event)
        self.shown.emit(False)

    def picture(self) -> QPixmap:
        """Return what is to be seen."""
        return self.grab()


def _wrap(label: QLabel, width: int) -> None:
    label.ensurePolished()
    label.setFixedWidth(width)
    label.setFixedHeight(max(0, label.heightForWidth(width)))


_STYLE = """
#panel {{ background: {bg2}; border: 1px solid {line2}; }}
QLabel {{ color: {text1}; background: transparent; }}
QLabel#title {{ font-size: 12pt; font-weight: 600; }}
QLabel#strong {{ font-weight: 600; }}
QLabel#dim {{ color: {text3}; }}
QLabel#trouble {{ color: {bad}; padding: 0 16px 10px 16px; }}
#switch {{ border: 1px solid {line2}; border-radius: 6px; background: {bg1}; }}
QPushButton#part {{ border: 0; color: {text2}; background: transparent; border-radius: 4px; padding: 4px; }}
QPushButton#part:checked {{ background: {selection}; color: {text1}; font-weight: 600; }}
QPushButton#part:focus, QPushButton#button:focus, QToolButton#button:focus {{ border: 1px solid {focus}; }}
QPushButton#button, QToolButton#button {{ border: 1px solid {line2}; border-radius: 5px; color: {text1};
  background: {bg3}; padding: 4px 10px; min-height: 18px; }}
QPushButton:disabled, QToolButton:disabled {{ color: {off}; border-style: dashed; }}
QToolButton#button::menu-indicator {{ subcontrol-position: right center; right: 6px; }}
#rule {{ background: {wait}; border-radius: 6px; }}
#part_above {{ border: 0; border-top: 1px solid {line1}; }}
#foot {{ border: 0; border-top: 1px solid {line1}; background: {foot}; }}
QProgressBar {{ border: 0; border-radius: 2px; background: {trough}; }}
QProgressBar::chunk {{ border-radius: 2px; background: {live}; }}
"""
