"""A page of plots over one time axis: spans, a cursor through all panels, zoom, an overview, picture and table.

Rules of this file:
- What is shown is asked of the server when a person asks for another span, and again a minute later when something of
  it changed and the newest is in view: there is no timer that asks by itself.
- Everything works by keys: arrows move the cursor, plus and minus zoom, Home and End go to the ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pyqtgraph
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afwatch import words
from afwatch.actions import Asking
from afwatch.plots.lanes import LEFT, RIGHT, LaneView
from afwatch.plots.overview import Overview
from afwatch.plots.panel import PanelView
from afwatch.plots.panels import Panel, Readings, write_table
from afwatch.plots.times import SPANS, span_text, tag_text, time_ticks
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.parts import Empty, Shrinking, button, label
from afwatch.views.searchline import bar

__all__ = ["PlotPage"]

_ZOOM_MS = 180
"""Between the last movement of a zoom and the question for its readings."""
_AGAIN = 60.0
"""Seconds after which the newest readings are asked for again, when something changed."""
_LEAST_SPAN, _MOST_SPAN = 60.0, 31 * 86400.0


class _Area(QScrollArea):
    """What scrolls, and takes the keys of the page."""

    def __init__(self, page: PlotPage) -> None:
        super().__init__()
        self._page = page
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there, so that what stands above is as wide.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setObjectName("plots")
        self.setAccessibleName(tr("Plots"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The page's keys first, then those that scroll."""
        if not self._page.take_key(event):
            super().keyPressEvent(event)


class PlotPage(QWidget):
    """Plots of one thing; a pane as the window wants it."""

    chosen = Signal(object)
    opened = Signal(object)
    told = Signal(str)
    back = Signal()

    lanes_title = ""
    """What stands beside the lanes; empty: there are none."""
    empty_text = tr("First readings come within a minute.")

    def __init__(
        self,
        window: Asking,
        theme: Theme,
        *,
        title: str,
        render: str,
        make: Callable[[Readings], list[Panel]],
        overview: str,
        with_back: bool,
    ) -> None:
        """``overview``: the series that stands for all of them below."""
        super().__init__()
        self.setObjectName("main")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.noun = "plot"
        self.actions: Any = ()
        self.actions_here: tuple[Any, ...] = ()
        self.window_asked, self.theme, self.session = window, theme, window.session
        self.render_name = render
        self.readings: Readings | None = None
        self.panels: list[PanelView] = []
        self.span = 3600.0
        self.since = self.until = 0.0
        self.follows = True
        """Whether the newest is in view."""
        self._make, self._overview_key = make, overview
        self._asked_at = -1e9
        self._asked_number = 0
        self._kept = ""
        """How long the farm keeps readings, in words; empty before it said so."""
        self._cursor = float("nan")
        self._moving = False
        self.is_released = False
        self._back: QPushButton | None = None
        self._zoom = QTimer(self)
        self._zoom.setSingleShot(True)
        self._zoom.setInterval(_ZOOM_MS)
        self._zoom.timeout.connect(self._ask)
        self.title = title
        self._title, self._subtitle = label(title), label(tone="quiet")
        self._info = Shrinking()
        self._keys = label(tr("Arrows move the cursor · Ctrl+wheel or + and − zoom · Home, End"), tone="quiet")
        self._spans: dict[float, QPushButton] = {}
        self.lanes = LaneView(theme, self.lanes_title)
        self.overview = Overview(theme)
        self._rows = QVBoxLayout()
        self.area = _Area(self)
        self._empty = Empty(theme, self)
        self._stack = QStackedWidget()
        self._lay_out(with_back)
        self.lanes.pointed.connect(self.move_cursor)
        self.overview.moved.connect(self._on_overview)
        self.session.changed.connect(self._on_changed)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self._say_empty(tr("Asking the farm…"))
        self.choose_span(self.span)
        closing = getattr(window, "closing", None)
        if closing is not None:
            closing.connect(self.release)

    def _lay_out(self, with_back: bool) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        header, row = bar("header", measures.view_header)
        if with_back:
            self._back = button("", self.back.emit, icon=self.theme.icon("back"), tip=tr("Back to the farm (Esc)"))
            row.addWidget(self._back)
        row.addWidget(self._title)
        row.addWidget(self._subtitle)
        row.addStretch(1)
        for seconds, named in SPANS:
            text = tr(named)
            tip = tr("The last {0}", text)
            made = button(text, partial(self.choose_span, float(seconds)), shape="segment", tip=tip)
            made.setCheckable(True)
            self._spans[float(seconds)] = made
            row.addWidget(made)
        row.addSpacing(8)
        tip = tr("Save what is shown as a picture (Ctrl+Shift+P)")
        row.addWidget(button(tr("Picture"), self._ask_picture, tip=tip))
        row.addWidget(button("CSV", self._ask_table, tip=tr("Save the readings as a table (Ctrl+Shift+S)")))
        column.addWidget(header)
        line, row = bar("search-row", 32)
        row.addWidget(self._info, 1)
        row.addWidget(self._keys)
        column.addWidget(line)
        inside = QWidget()
        self._rows.setContentsMargins(0, 0, 0, 12)
        self._rows.setSpacing(12)
        whole = QVBoxLayout(inside)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(8)
        whole.addLayout(self._rows)
        whole.addWidget(self.overview)
        whole.addStretch(1)
        self.area.setWidget(inside)
        self._inside = inside
        shown = QFrame()
        below = QVBoxLayout(shown)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        above = QHBoxLayout()
        above.setContentsMargins(2, 0, 2 + self.area.verticalScrollBar().sizeHint().width(), 0)
        above.addWidget(self.lanes)
        below.addLayout(above)
        below.addWidget(self.area, 1)
        self.area.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        self._shown = shown
        self._stack.addWidget(shown)
        self._stack.addWidget(self._empty)
        column.addWidget(self._stack, 1)

    def _on_theme(self) -> None:
        self._title.setFont(self.theme.font("title2"))
        if self._back is not None:
            self._back.setIcon(self.theme.icon("back"))
        look = self.theme.look
        ring = "#plots {{ border: 2px solid {0}; background: {0}; }} #plots:focus {{ border: 2px solid {1}; }}"
        self.area.setStyleSheet(ring.format(look.bg1, look.focus))
        if self.readings is not None:
            self._show(self.readings)
        self._go(self.since, self.until)
        self.overview.restyle()

    # Asking

    def choose_span(self, seconds: float) -> None:
        """Show the last so many seconds."""
        self.span, self.follows = seconds, True
        now = self.session.clock()
        self._go(now - seconds, now)
        self._ask()

    def _go(self, since: float, until: float) -> None:
        """Let a span of time be what is in view."""
        if self.is_released:
            return
        self.since, self.until = since, until
        ticks = time_ticks(since, until, max(2, (self.width() - LEFT - RIGHT) // 110))
        self._moving = True
        for view in self.panels:
            view.show_range(since, until, ticks)
        self._moving = False
        self.lanes.show_range(since, until, ticks)
        self.overview.show_range(since, until)
        for seconds, made in self._spans.items():
            made.setChecked(self.follows and abs(seconds - (until - since)) < 1)

    def _ask(self) -> None:
        """Ask for the readings of what is in view, and for the overview."""
        if not self.session.state.connected:
            if self.readings is None:
                self._say_empty(tr("There is no connection to the farm. The plots come when it is back."))
            return
        self._asked_number += 1
        self._asked_at = self.session.clock()
        number, since, until = self._asked_number, self.since, self.until
        self.ask_readings(since, until, partial(self._came, number))
        span = 86400.0 if until - since <= 86400 else 30 * 86400.0
        end = self.session.clock()
        pending = self.session.ask(
            "history.resources", render=self.render_name, series=[self._overview_key], since=end - span, until=end
        )
        pending.success(self._overview_came)
        self.asked(since, until)

    def ask_readings(self, since: float, until: float, came: Callable[[Any], None]) -> None:
        """Get the readings of a span."""
        pending = self.session.ask("history.resources", render=self.render_name, since=since, until=until)
        pending.success(came)
        pending.failure(self._refused)

    def asked(self, since: float, until: float) -> None:
        """Readings of a span were asked for: ask for what belongs to them."""

    def _refused(self, error: AfError) -> None:
        if self.readings is None and not self.is_released:
            self._say_empty(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    def _came(self, number: int, answer: Any) -> None:
        if number == self._asked_number and not self.is_released:
            self._show(Readings.of(answer) if isinstance(answer, dict) else answer)

    def _overview_came(self, answer: Any) -> None:
        if self.is_released:
            return
        if "keep_days" in answer:  # a server of an older version does not say
            self._kept = words.kept(answer["keep_days"])
        if self._info.text():
            self._tell()
        readings = Readings.of(answer)
        column = readings.columns.get(self._overview_key)
        values = column["mean"] if column is not None else numpy.full(readings.count, numpy.nan)
        self.overview.show_readings(readings, values)
        self.overview.show_range(self.since, self.until)

    def _on_changed(self, changes: Any) -> None:
        """Ask again when the newest is in view, something changed, and what is shown is a minute old."""
        if changes.connection and self.session.state.connected and self.readings is None:
            self.choose_span(self.span)
        elif self.follows and self.isVisible() and self.is_about(changes):
            now = self.session.clock()
            if now - self._asked_at >= self.again_after:
                self._go(now - self.span, now)
                self._ask()

    @property
    def again_after(self) -> float:
        """Seconds after which newer readings are worth a question."""
        return _AGAIN

    def is_about(self, changes: Any) -> bool:
        """Say whether changes are about what is shown."""
        return bool(changes.touches("renders") or changes.touches("jobs"))

    def showEvent(self, event: Any) -> None:
        """Catch up."""
        super().showEvent(event)
        if self.follows and self.session.clock() - self._asked_at >= self.again_after:
            self.choose_span(self.span)

    # Showing

    def _say_empty(self, text: str) -> None:
        self._empty.say("history", text)
        self._stack.setCurrentWidget(self._empty)

    def _show(self, readings: Readings) -> None:
        self.readings = readings
        if readings.is_empty and self.lanes_are_empty:
            self._say_empty(self.empty_text)
            self._info.setText("")
            return
        self._stack.setCurrentWidget(self._shown)
        bands = self._bands(readings)
        panels = self._make(readings)
        if [view.panel.key for view in self.panels] != [panel.key for panel in panels]:
            self._make_views(panels)
        for view, panel in zip(self.panels, panels):
            view.show_panel(panel, readings, bands)
        self._fit()
        self._go(self.since, self.until)
        self._tell()
        self._move(self._cursor)

    def _fit(self) -> None:
        """Give every panel its height; more than there is room for is scrolled to."""
        heights = [view.height() for view in self.panels]
        self._inside.setMinimumHeight(sum(heights) + self._rows.spacing() * len(heights) + self.overview.height() + 28)
        self._rows.invalidate()
        layout = self._inside.layout()
        if layout is not None:
            layout.invalidate()
            layout.activate()

    @property
    def lanes_are_empty(self) -> bool:
        """Whether there are no tasks to be shown either."""
        return not self.lanes.lanes

    def _make_views(self, panels: list[Panel]) -> None:
        for view in self.panels:
            self._rows.removeWidget(view)
            view.release()
            view.deleteLater()
        self.panels = [PanelView(self.theme, panel) for panel in panels]
        for view in self.panels:
            view.pointed.connect(self.move_cursor)
            view.doubled.connect(lambda: self.choose_span(self.span))
            view.box.sigXRangeChanged.connect(self._on_range)
            self._rows.addWidget(view)
            view.show()

    def _bands(self, readings: Readings) -> list[tuple[float, float]]:
        """Return the spans of which nothing is known; the newest minute may still be on its way."""
        return readings.gaps(self.session.clock() - 90)

    def _tell(self) -> None:
        readings = self.readings
        if readings is None:
            return
        said = [span_text(self.since, self.until), tr("one point is {0}", words.duration(readings.step))]
        if readings.step > 60:
            said.append(tr("mean of {0} minutes, the faint line is their peak", round(readings.step / 60)))
        elif readings.step == 60:
            said.append(tr("mean, the faint line is the peak"))
        if self._kept:
            said.append(self._kept)
        self._info.setText(", ".join(said))

    # Zoom

    def _on_range(self, box: Any, shown: Any) -> None:
        """The person pans or zooms in a panel."""
        since, until = float(shown[0]), float(shown[1])
        if not self._moving and abs(since - self.since) + abs(until - self.until) > 1e-3 * (until - since):
            self._zoom_to(since, until)

    def _on_overview(self, since: float, until: float) -> None:
        self._zoom_to(since, until)

    def _zoom_to(self, since: float, until: float) -> None:
        span = min(_MOST_SPAN, max(_LEAST_SPAN, until - since))
        middle = (since + until) / 2
        now = self.session.clock()
        until = min(now, middle + span / 2)
        self.follows = until >= now - 60
        self.span = span
        self._go(until - span, until)
        self._tell()
        self._zoom.start()

    def zoom(self, factor: float) -> None:
        """Zoom about the cursor, or the middle."""
        about = self._cursor if self.since <= self._cursor <= self.until else (self.since + self.until) / 2
        self._zoom_to(about - (about - self.since) * factor, about + (self.until - about) * factor)

    # The cursor

    @property
    def cursor_at(self) -> float:
        """Where the cursor is, unix seconds; NaN while there is none."""
        return self._cursor

    def move_cursor(self, at: float) -> None:
        """Put the cursor at a time."""
        self._move(min(max(at, self.since), self.until))

    def _move(self, at: float) -> None:
        self._cursor = at
        readings = self.readings
        place = readings.place_of(at) if readings is not None and at == at else -1
        for view in self.panels:
            view.show_cursor(at if at == at else self.since, place)
        self.lanes.show_cursor(at)
        if place >= 0:
            self.area.setAccessibleDescription(self.cursor_words())

    def cursor_words(self) -> str:
        """Return what there is at the cursor, in a sentence."""
        if self._cursor != self._cursor:
            return ""
        said = [f"{view.panel.title}: {view.words()}" for view in self.panels]
        return f"{tag_text(self._cursor, self.until - self.since)}. " + ". ".join(said)

    def take_key(self, event: QKeyEvent) -> bool:
        """Do what a key means; False when it means nothing here."""
        key, modifiers = event.key(), event.modifiers()
        readings = self.readings
        if readings is None:
            return False
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            if shift and key in (Qt.Key.Key_P, Qt.Key.Key_S):
                (self._ask_picture if key == Qt.Key.Key_P else self._ask_table)()
                return True
            return False
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = readings.step * (10 if shift else 1) * (-1 if key == Qt.Key.Key_Left else 1)
            begun = self._cursor if self._cursor == self._cursor else self.until
            self.move_cursor(begun + step)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.move_cursor(self.since if key == Qt.Key.Key_Home else self.until)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(0.5)
        elif key == Qt.Key.Key_Minus:
            self.zoom(2.0)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_at_cursor()
        else:
            return False
        self.told.emit(self.cursor_words())
        return True

    def open_at_cursor(self) -> None:
        """Open what is under the cursor."""

    # What is taken along

    def _ask_picture(self) -> None:
        suggested = f"{self.render_name or 'farm'}.png"
        name, _ = QFileDialog.getSaveFileName(self, tr("Save picture"), suggested, "PNG (*.png)")
        if name:
            self.save_picture(Path(name))

    def _ask_table(self) -> None:
        suggested = f"{self.render_name or 'farm'}.csv"
        name, _ = QFileDialog.getSaveFileName(self, tr("Save table"), suggested, "CSV (*.csv)")
        if name:
            self.save_table(Path(name))

    def save_picture(self, path: Path) -> None:
        """Save what is shown as a picture."""
        if not self._shown.grab().save(str(path)):
            self.told.emit(tr("The picture cannot be written to {0}.", path))

    def save_table(self, path: Path) -> None:
        """Save the readings that are shown: a row a point, three columns a series."""
        readings = self.readings
        if readings is None:
            return
        try:
            write_table(path, readings)
        except OSError as error:
            self.told.emit(tr("The table cannot be written to {0}: {1}.", path, error.strerror))

    # What the window asks of a pane

    @property
    def table(self) -> QWidget:
        """What takes the keyboard."""
        return self.area

    @property
    def search(self) -> QWidget:
        """There is nothing to search: the span that is chosen."""
        return next((made for made in self._spans.values() if made.isChecked()), next(iter(self._spans.values())))

    def selected(self) -> list[Any]:
        """Return the rows that the page is about."""
        return []

    def do(self, action: Any) -> None:
        """Do an action to what the page is about."""
        action.run(self.window_asked, self.selected())

    def focus(self) -> None:
        """Take the keyboard."""
        self.area.setFocus()

    def begin_search(self) -> None:
        """Put the keyboard to the spans."""
        self.search.setFocus(Qt.FocusReason.TabFocusReason)

    def say_subtitle(self, text: str) -> None:
        """Say something beside the title."""
        self._subtitle.setText(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the ticks; give up the reminder of keys where it is narrow."""
        super().resizeEvent(event)
        self._keys.setVisible(self.width() > 1150)
        self._go(self.since, self.until)

    def release(self) -> None:
        """Let go of the session: the page is over."""
        if self.is_released:
            return
        self.is_released = True
        self._zoom.stop()
        self.session.changed.disconnect(self._on_changed)
        self.theme.changed.disconnect(self._on_theme)
        for view in self.panels:
            view.release()
        self.overview.release()


pyqtgraph.setConfigOptions(antialias=True)
