"""The strip under a page of plots: one series over a day or a month, and a window in it that can be dragged."""

from __future__ import annotations

from typing import Any

import numpy
import pyqtgraph
from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from afwatch.delegates.cells import draw_text
from afwatch.plots.lanes import LEFT, RIGHT
from afwatch.plots.panels import Readings
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour

__all__ = ["Overview"]


class Overview(QWidget):
    """Shows where in a longer time the page is."""

    moved = Signal(float, float)
    """The window was dragged to this span."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._title = ""
        self._set = False
        self.plot = pyqtgraph.GraphicsView()
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.box = pyqtgraph.ViewBox(enableMenu=False)
        self.box.setMouseEnabled(x=False, y=False)
        self.plot.setCentralItem(self.box)
        self.plot.setAccessibleName(tr("Overview"))
        self.curve = pyqtgraph.PlotCurveItem(antialias=True, connect="finite", fillLevel=0)
        self.region = pyqtgraph.LinearRegionItem(swapMode="block")
        self.region.setZValue(10)
        self.box.addItem(self.curve)
        self.box.addItem(self.region)
        self.region.sigRegionChangeFinished.connect(self._on_moved)
        row = QHBoxLayout(self)
        row.setContentsMargins(LEFT, 0, RIGHT, 0)
        row.addWidget(self.plot)
        self.setFixedHeight(44)
        self.setAccessibleName(tr("Overview"))
        self.hide()

    def release(self) -> None:
        """Take the plot apart in order, as ``PanelView.release``."""
        self.plot.close()

    def restyle(self) -> None:
        """Take the colours of the look that is on."""
        look = self._theme.look
        self.plot.setBackground(colour(look.plot_ground))
        ink, fill, glass = QColor(look.plots["cpu_user"]), QColor(look.plots["cpu_user"]), QColor(look.accent)
        fill.setAlphaF(0.3)
        glass.setAlphaF(0.16)
        self.curve.setPen(pyqtgraph.mkPen(ink, width=1))
        self.curve.setBrush(fill)
        self.region.setBrush(glass)
        self.region.setHoverBrush(glass)
        for line in self.region.lines:
            line.setPen(pyqtgraph.mkPen(look.accent, width=1.5))
            line.setHoverPen(pyqtgraph.mkPen(look.focus, width=2))
        self.update()

    def show_readings(self, readings: Readings, values: Any) -> None:
        """Show a series."""
        self.setVisible(not numpy.isnan(values).all())
        span = readings.step * readings.count
        self._title = tr("{0} hours", round(span / 3600)) if span <= 90000 else tr("{0} days", round(span / 86400))
        self.curve.setData(readings.times, values)
        self.box.setXRange(readings.begin, readings.begin + span, padding=0)
        top = float(numpy.nanmax(values)) if not numpy.isnan(values).all() else 1.0
        self.box.setYRange(0, max(1.0, top), padding=0.05)
        self.region.setBounds((readings.begin, readings.begin + span + readings.step))
        self.restyle()

    def show_range(self, since: float, until: float) -> None:
        """Show where the page is."""
        self._set = True
        self.region.setRegion((since, until))
        self._set = False

    def _on_moved(self) -> None:
        if not self._set:
            since, until = self.region.getRegion()
            self.moved.emit(float(since), float(until))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the words at the left."""
        painter = QPainter(self)
        draw_text(painter, QRect(16, 0, LEFT - 40, 24), self._title, self._theme.font("strong"), self._theme.look.text1)
        painter.end()
