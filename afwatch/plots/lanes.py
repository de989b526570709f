"""The times above a page of plots, and the tasks that ran, as bars on the same axis: one lane a task at a time.

Rules of this file:
- It is painted, not made of items: a thousand bars are one widget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QBrush, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from afwatch.delegates.cells import draw_text
from afwatch.plots.times import tag_text
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour, draw_icon

__all__ = ["LaneView", "Span", "arrange", "run_state"]

LEFT = 250
"""Pixels at the left of every plot of a page: words, and the axis' figures."""
RIGHT = 16
_LANE, _BAR = 24, 21
_MOST = 6
"""Lanes that are shown; tasks beyond are told as a number."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of a task on a render."""

    since: float
    until: float
    """Unix seconds; of one that goes on, as late as is known."""
    name: str
    state: str
    """A state of tasks of the look: DONE, ERROR, RUNNING, SUSPENDED."""
    task: tuple[int, int, int]
    """Job, block, task."""
    note: str = ""
    """Whose it was, and how it ended."""


def run_state(run: dict[str, Any]) -> str:
    """Return the state of tasks of the look in which a run of the history ended."""
    known = {"success": "DONE", "parser_success": "DONE", "skipped": "SKIPPED"}.get(run["status"])
    return known or ("ERROR" if run["error"] else "SUSPENDED")


def arrange(spans: list[Span]) -> list[list[Span]]:
    """Return spans in lanes, each in the first lane that is free when it begins."""
    lanes: list[list[Span]] = []
    for span in sorted(spans, key=lambda each: (each.since, each.until)):
        for lane in lanes:
            if lane[-1].until <= span.since:
                lane.append(span)
                break
        else:
            lanes.append([span])
    return lanes


class LaneView(QWidget):
    """Times, and tasks under them when there are any to be shown."""

    opened = Signal(object)
    """A span was clicked."""
    pointed = Signal(float)
    """The pointer is at this time."""

    def __init__(self, theme: Theme, title: str = "") -> None:
        super().__init__()
        self._theme, self._title = theme, title
        self._since, self._until = 0.0, 1.0
        self._ticks: list[tuple[float, str]] = []
        self._cursor = float("nan")
        self.lanes: list[list[Span]] = []
        self.note = ""
        """Second line under the title."""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title or tr("Times"))
        self._fit()

    def show_spans(self, spans: list[Span], note: str) -> None:
        """Show these tasks."""
        self.lanes = arrange(spans)
        self.note = tr("{0}, first {1} of {2} lanes", note, _MOST, len(self.lanes)) if len(self.lanes) > _MOST else note
        self.setAccessibleDescription(note)
        self._fit()
        self.update()

    def show_range(self, since: float, until: float, ticks: list[tuple[float, str]]) -> None:
        """Show this span of time, with these times written."""
        self._since, self._until, self._ticks = since, until, ticks
        self.update()

    def show_cursor(self, at: float) -> None:
        """Mark a time."""
        self._cursor = at
        self.update()

    def span_at(self, at: float) -> Span | None:
        """Return the task that ran at a time, in the highest lane."""
        for lane in self.lanes:
            for span in lane:
                if span.since <= at <= span.until:
                    return span
        return None

    def _fit(self) -> None:
        lines = max(2, min(_MOST, len(self.lanes))) if self._title else 0
        self.setFixedHeight(self._axis + lines * _LANE + (8 if lines else 0))

    @property
    def _axis(self) -> int:
        return QFontMetrics(self._theme.font("small")).height() + 8

    def _x(self, at: float) -> float:
        share = (at - self._since) / max(1e-9, self._until - self._since)
        return LEFT + share * (self.width() - LEFT - RIGHT)

    def _at(self, x: float) -> float:
        return self._since + (x - LEFT) / max(1, self.width() - LEFT - RIGHT) * (self._until - self._since)

    def _hit(self, point: QPoint) -> Span | None:
        lane = (point.y() - self._axis) // _LANE
        if 0 <= lane < min(_MOST, len(self.lanes)) and point.x() >= LEFT:
            for span in self.lanes[lane]:
                if self._x(span.since) - 1 <= point.x() <= max(self._x(span.until), self._x(span.since) + 4):
                    return span
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        point = event.position().toPoint()
        if point.x() >= LEFT:
            self.pointed.emit(self._at(point.x()))
        hit = self._hit(point)
        self.setCursor(Qt.CursorShape.PointingHandCursor if hit is not None else Qt.CursorShape.ArrowCursor)
        if hit is not None:
            QToolTip.showText(event.globalPosition().toPoint(), f"{hit.name}\n{hit.note}".strip(), self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open a task."""
        hit = self._hit(event.position().toPoint())
        if hit is not None:
            self.opened.emit(hit)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint times, tasks and the cursor's tag."""
        look, theme = self._theme.look, self._theme
        painter = QPainter(self)
        small, right = theme.font("small"), self.width() - RIGHT
        if self._title:
            metrics = QFontMetrics(theme.font("strong"))
            words = QRect(16, self._axis, LEFT - 80, metrics.height())
            draw_text(painter, words, self._title, theme.font("strong"), look.text1)
            lower = words.translated(0, metrics.height() + 2)
            draw_text(painter, lower, self.note, small, look.text3)
            painter.fillRect(LEFT, self._axis, right - LEFT, self.height() - self._axis - 8, colour(look.plot_ground))
        for at, text in self._ticks:
            x = round(self._x(at))
            if self._title:
                painter.fillRect(x, self._axis, 1, self.height() - self._axis - 8, colour(look.line1))
            wide = QFontMetrics(small).horizontalAdvance(text) + 4
            covered = abs(at - self._cursor) < (self._until - self._since) * 70 / max(1, right - LEFT)
            if LEFT - 20 <= x - wide // 2 and x + wide // 2 <= self.width() and not covered:
                draw_text(painter, QRect(x - wide // 2, 2, wide, self._axis - 6), text, small, look.text3)
        painter.setClipRect(LEFT, 0, right - LEFT, self.height())
        for place, lane in enumerate(self.lanes[:_MOST]):
            for span in lane:
                self._paint_span(painter, span, self._axis + 2 + place * _LANE)
        painter.setClipping(False)
        if self._since <= self._cursor <= self._until:
            self._paint_cursor(painter)
        painter.end()

    def _paint_span(self, painter: QPainter, span: Span, top: int) -> None:
        if span.until < self._since or span.since > self._until:
            return
        theme = self._theme
        shown, ink = theme.state("task", span.state)
        family = theme.look.families[shown.family]
        left, right = self._x(max(span.since, self._since - 1)), self._x(min(span.until, self._until + 1))
        bar = QRect(round(left), top, max(3, round(right - left)), _BAR - 2)
        painter.setPen(QPen(colour(family.fill), 1))
        painter.setBrush(QBrush(colour(family.tint)))
        painter.drawRect(bar.adjusted(0, 0, -1, -1))
        seen = bar.intersected(QRect(LEFT, top, self.width() - LEFT - RIGHT, _BAR))
        if seen.width() >= 18:
            draw_icon(painter, shown.glyph, ink, seen.left() + 4, top + 3, 12)
        if seen.width() >= 48:
            words = seen.adjusted(21, 0, -4, 0)
            draw_text(painter, words, span.name, theme.font("small"), theme.look.text1)

    def _paint_cursor(self, painter: QPainter) -> None:
        look = self._theme.look
        x = round(self._x(self._cursor))
        painter.fillRect(x, self._axis - 4, 1, self.height(), colour(look.text1))
        text = tag_text(self._cursor, self._until - self._since)
        font = self._theme.font("strong")
        wide = QFontMetrics(font).horizontalAdvance(text) + 12
        tag = QRect(min(max(LEFT - 20, x - wide // 2), self.width() - wide), 0, wide, self._axis - 3)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(look.text1))
        painter.drawRoundedRect(tag, 3, 3)
        painter.setFont(font)
        painter.setPen(colour(look.bg1))
        painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), text)


def ink_of(theme: Theme, name: str) -> Any:
    """Return the colour of a curve by its name: a family's fill, ``text``, a metric's, or the name itself."""
    look = theme.look
    if name == "text":
        return look.text2
    if name in look.families:
        return look.families[name].fill
    return look.plots.get(name, name)
