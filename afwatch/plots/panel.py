"""One panel of a page: words with values at the left, curves over a time axis by pyqtgraph at the right.

Rules of this file:
- The time axis is the page's: it sets the range of all panels, and one cursor goes through them.
- What is not known is a hatched band and never joined; a peak that a mean hides is a faint line above it.
"""

from __future__ import annotations

from typing import Any

import numpy
import pyqtgraph
from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from afwatch.delegates.cells import draw_text
from afwatch.plots.lanes import LEFT, RIGHT, ink_of
from afwatch.plots.panels import Panel, Readings, figure_text
from afwatch.texts import tr
from afwatch.theme.mixing import readable
from afwatch.theme.paint import Theme, colour

__all__ = ["PanelView"]

_AXIS = 80
"""Pixels of the axis' figures, at the right end of ``LEFT``."""
_LINE = 17
_ROOM = 7
"""Pixels above and below a plot, for half a figure of the axis."""


class _TimeBox(pyqtgraph.ViewBox):  # type: ignore[misc]
    """Pans by dragging, zooms by Ctrl and the wheel; the wheel alone scrolls the page."""

    doubled = Signal()

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        """Zoom about the pointer."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event, 0)
        else:
            event.ignore()

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Show all again."""
        self.doubled.emit()


class _Grid(pyqtgraph.GraphicsObject):  # type: ignore[misc]
    """Lines at quarters and at round times, under the curves, one pixel of the screen wide."""

    def __init__(self) -> None:
        super().__init__()
        self._times: list[float] = []
        self._since, self._until, self._top = 0.0, 1.0, 1.0
        self._ink = QColor()

    def show_times(self, times: list[float], since: float, until: float) -> None:
        """Draw lines at these times."""
        self.prepareGeometryChange()
        self._times, self._since, self._until = times, since, until
        self.update()

    def show_top(self, top: float, ink: str) -> None:
        """Draw quarters of this."""
        self.prepareGeometryChange()
        self._top, self._ink = top, QColor(ink)
        self.update()

    def boundingRect(self) -> QRectF:
        """The span of time, up to the top."""
        return QRectF(self._since, 0, self._until - self._since, self._top)

    def paint(self, painter: QPainter, *rest: Any) -> None:
        """Draw."""
        there = painter.transform()
        whole = there.mapRect(self.boundingRect())
        painter.save()
        painter.resetTransform()
        for quarter in range(5):
            y = whole.top() + whole.height() * quarter / 4
            painter.fillRect(QRectF(whole.left(), round(y), whole.width(), 1), self._ink)
        for at in self._times:
            x = whole.left() + whole.width() * (at - self._since) / max(1e-9, self._until - self._since)
            painter.fillRect(QRectF(round(x), whole.top(), 1, whole.height()), self._ink)
        painter.restore()


class _Gaps(pyqtgraph.GraphicsObject):  # type: ignore[misc]
    """Bands of time of which nothing is known, hatched."""

    def __init__(self) -> None:
        super().__init__()
        self._bands: list[tuple[float, float]] = []
        self._top = 1.0
        self._ink = QColor()

    def show(self, bands: list[tuple[float, float]], top: float, ink: str) -> None:
        """Hatch these."""
        self.prepareGeometryChange()
        self._bands, self._top, self._ink = bands, top, QColor(ink)
        self.update()

    def boundingRect(self) -> QRectF:
        """From the first to the last."""
        if not self._bands:
            return QRectF()
        return QRectF(self._bands[0][0], 0, self._bands[-1][1] - self._bands[0][0], self._top)

    def paint(self, painter: QPainter, *rest: Any) -> None:
        """Hatch in pixels of the screen, whatever the zoom."""
        there = painter.transform()
        painter.save()
        painter.resetTransform()
        brush = QBrush(self._ink, Qt.BrushStyle.BDiagPattern)
        for since, until in self._bands:
            painter.fillRect(there.mapRect(QRectF(since, 0, until - since, self._top)), brush)
        painter.restore()


class PanelView(QWidget):
    """One panel."""

    pointed = Signal(float)
    """The pointer is at this time."""
    doubled = Signal()

    def __init__(self, theme: Theme, panel: Panel) -> None:
        super().__init__()
        self._theme = theme
        self.panel = panel
        self._place = -1
        self._readings: Readings | None = None
        self.box = _TimeBox(enableMenu=False)
        self.box.setMouseEnabled(x=True, y=False)
        # A view box and an axis, not a whole PlotItem: that one has menus and controls of its own as hidden windows.
        self.plot = pyqtgraph.GraphicsLayoutWidget()
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._left = pyqtgraph.AxisItem("left")
        self._left.setWidth(_AXIS)
        self._left.setStyle(tickLength=0, tickTextOffset=6, hideOverlappingLabels=False)
        self._left.linkToView(self.box)
        self.plot.addItem(self._left, 0, 0)
        self.plot.addItem(self.box, 0, 1)
        self.plot.ci.layout.setContentsMargins(0, _ROOM, 0, _ROOM)
        self.plot.ci.layout.setSpacing(0)
        self._gaps, self._grid = _Gaps(), _Grid()
        self._grid.setZValue(-20)
        self._gaps.setZValue(-10)
        self._cursor = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self._cursor.setZValue(20)
        self._cursor.hide()
        self._threshold = pyqtgraph.InfiniteLine(angle=0, movable=False)
        self._curves: dict[str, Any] = {}
        self._peaks: dict[str, Any] = {}
        self.box.doubled.connect(self.doubled)
        self.plot.scene().sigMouseMoved.connect(self._on_moved)
        row = QHBoxLayout(self)
        row.setContentsMargins(LEFT - _AXIS, 0, RIGHT, 0)
        row.addWidget(self.plot)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.addItem(self._grid, ignoreBounds=True)
        self.box.addItem(self._gaps, ignoreBounds=True)
        self.box.addItem(self._cursor, ignoreBounds=True)
        self.box.addItem(self._threshold, ignoreBounds=True)
        self.plot.setAccessibleName(tr("{0} over time", panel.title))
        self.setAccessibleName(panel.title)

    def _on_moved(self, at: Any) -> None:
        if self.box.sceneBoundingRect().contains(at):
            self.pointed.emit(float(self.box.mapSceneToView(at).x()))

    # Content

    def show_panel(self, panel: Panel, readings: Readings, bands: list[tuple[float, float]]) -> None:
        """Show curves, their gaps and their top; called again with newer ones."""
        look = self._theme.look
        self.panel, self._readings = panel, readings
        times = readings.times
        wanted = {curve.key for curve in panel.curves}
        for kept in (self._curves, self._peaks):
            for key in [key for key in kept if key not in wanted]:
                self.box.removeItem(kept.pop(key))
        for place, curve in enumerate(panel.curves):
            ink = self._ink(curve.ink)
            drawn = curve.drawn(panel.top)
            item = self._curves.get(curve.key)
            if item is None:
                item = self._curves[curve.key] = pyqtgraph.PlotCurveItem(antialias=True, connect="finite")
                item.setZValue(5 - place if place else 4)
                self.box.addItem(item, ignoreBounds=True)
            style = Qt.PenStyle.DashLine if curve.is_dashed else Qt.PenStyle.SolidLine
            pen = pyqtgraph.mkPen(ink, width=1.5 if curve.is_filled else 1.2, style=style)
            item.setPen(pen)
            if curve.is_filled:
                fill = QColor(ink)
                fill.setAlphaF(0.28)
                item.setFillLevel(0)
                item.setBrush(fill)
            item.setData(times, drawn)
            if curve.is_filled and curve.on is None and readings.step > 1:
                peak = self._peaks.get(curve.key)
                if peak is None:
                    peak = self._peaks[curve.key] = pyqtgraph.PlotCurveItem(antialias=True, connect="finite")
                    peak.setZValue(1)
                    self.box.addItem(peak, ignoreBounds=True)
                faint = QColor(ink)
                faint.setAlphaF(0.45)
                peak.setPen(pyqtgraph.mkPen(faint, width=1))
                peak.setData(times, numpy.where(numpy.isnan(curve.mean), numpy.nan, curve.peak))
        self._gaps.show(bands, panel.top, look.line2)
        self.plot.setBackground(colour(look.bg1))
        self.box.setBackgroundColor(colour(look.plot_ground))
        self._cursor.setPen(pyqtgraph.mkPen(look.text1, width=1))
        self._threshold.setVisible(panel.threshold > 0)
        self._threshold.setPos(panel.threshold)
        self._threshold.setPen(pyqtgraph.mkPen(look.families["attn"].fill, width=1, style=Qt.PenStyle.DashLine))
        self.box.setYRange(0, panel.top, padding=0.02)
        self._label_axis()
        self.fit()
        self.update()

    def _ink(self, name: str) -> str:
        return readable(ink_of(self._theme, name), self._theme.look.plot_ground, 3.0)

    def _label_axis(self) -> None:
        look, panel = self._theme.look, self.panel
        small = self._theme.font("small")
        self._left.setPen(pyqtgraph.mkPen(look.line1))
        self._left.setTextPen(pyqtgraph.mkPen(look.text3))
        self._left.setTickFont(small)
        half = figure_text(panel.top / 2, panel.unit).split(" ")[0]
        labels = [(0.0, "0"), (panel.top / 2, half), (panel.top, figure_text(panel.top, panel.unit))]
        self._left.setTicks([labels])
        self._grid.show_top(panel.top, look.line1)

    def release(self) -> None:
        """Take the plot apart in order: left to chance, its items would outlive their scene."""
        self.plot.close()

    def fit(self) -> None:
        """Take the height that the words need, at least the panel's own."""
        small = QFontMetrics(self._theme.font("small")).height()
        strong = QFontMetrics(self._theme.font("strong")).height()
        lines = strong + 6 + len(self.panel.curves) * max(_LINE, small + 2)
        self.setFixedHeight(max(self.panel.least_height + 2 * _ROOM, lines + 4))

    def show_range(self, since: float, until: float, ticks: list[tuple[float, str]]) -> None:
        """Show a span, with lines at these times."""
        self.box.setXRange(since, until, padding=0)
        self._grid.show_times([at for at, _ in ticks], since, until)

    # The cursor

    def show_cursor(self, at: float, place: int) -> None:
        """Mark a time; ``place`` is the point of the readings whose values are told, -1 for the newest."""
        self._cursor.setPos(at)
        self._cursor.setVisible(place >= 0)
        self._place = place
        self.setAccessibleDescription(self.words())
        self.update()

    def value(self, place: int, curve: Any) -> float:
        """Return a curve's value at a point; of -1 the newest that is known."""
        if place >= 0:
            return float(curve.mean[place])
        known = numpy.flatnonzero(~numpy.isnan(curve.mean))
        return float(curve.mean[known[-1]]) if known.size else float("nan")

    def words(self) -> str:
        """Return the values at the cursor in words."""
        values = ((curve.title, figure_text(self.value(self._place, curve), curve.unit)) for curve in self.panel.curves)
        return ", ".join(f"{title} {text}" for title, text in values)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the words at the left."""
        theme, look, panel = self._theme, self._theme.look, self.panel
        painter = QPainter(self)
        strong, small = theme.font("strong"), theme.font("small")
        height = QFontMetrics(strong).height()
        room = LEFT - _AXIS - 16 - 12
        draw_text(painter, QRect(16, 2, room, height), panel.title, strong, look.text1)
        step = max(_LINE, QFontMetrics(small).height() + 2)
        top = height + 5
        for curve in panel.curves:
            ink = colour(self._ink(curve.ink))
            middle = top + step // 2
            if curve.is_dashed:
                painter.setPen(QPen(ink, 2, Qt.PenStyle.DotLine))
                painter.drawLine(16, middle, 25, middle)
            else:
                painter.fillRect(16, middle - 1, 9, 3, ink)
            line = QRect(32, top, room - 16, step)
            text = figure_text(self.value(self._place, curve), curve.unit)
            wide = draw_text(painter, line, text, strong, look.text1, right=True)
            draw_text(painter, line.adjusted(0, 0, -wide - 8, 0), curve.title, small, look.text2)
            top += step
        painter.end()
