"""Small plots of the last minutes: an area and a line each, with gaps where nothing was measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from afrender.tray.look import Theme

__all__ = ["POINTS", "Plot", "series"]

POINTS = 150
"""Readings that are kept; one a second while the panel is open."""


def series(reading: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return what the plots draw of a reading: shares of 1 for ``cpu``, ``mem``, ``gpu``; MiB/s for ``net``."""
    total = max(1, reading.get("mem_total_mb", 0))
    memory = max(1, reading.get("gpu_mem_total_mb", 0))
    user = reading.get("cpu_user", 0) + reading.get("cpu_nice", 0)
    return {
        "cpu": (user / 100, reading.get("cpu_system", 0) / 100),
        "mem": (1 - reading.get("mem_free_mb", 0) / total,),
        "net": (reading.get("net_recv_kbsec", 0) / 1024, reading.get("net_send_kbsec", 0) / 1024),
        "gpu": (reading.get("gpu_gpu_util", 0) / 100, reading.get("gpu_mem_used_mb", 0) / memory),
    }


class Plot(QWidget):
    """Lines over time. ``colours``: the names of each in the tokens; ``whole``: the top is 1, else the highest."""

    def __init__(self, name: str, colours: Sequence[str], theme: Theme, *, height: int, whole: bool = True) -> None:
        super().__init__()
        self._theme = theme
        self._colours = colours
        self._whole = whole
        self._values: deque[tuple[float, ...] | None] = deque(maxlen=POINTS)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Plot of {name}")

    def add(self, values: tuple[float, ...] | None) -> None:
        """Add a reading; None is a gap."""
        self._values.append(values)
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Draw in other colours."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground, then each line over its area."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme("plotGround"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        highest = max((max(value) for value in self._values if value is not None), default=0.0)
        # Room above the highest, and a top that a trickle does not fill.
        top = 1.0 if self._whole else max(1.0, highest * 1.15)
        for index, name in enumerate(self._colours):
            colour = self._theme("plot", name)
            for piece in self._pieces(index, top):
                self._draw(painter, piece, colour)
        painter.end()

    def _pieces(self, index: int, top: float) -> list[list[QPointF]]:
        step = self.width() / (POINTS - 1)
        first = self.width() - step * (len(self._values) - 1)
        pieces: list[list[QPointF]] = [[]]
        for number, values in enumerate(self._values):
            if values is None:
                pieces.append([])
            else:
                share = max(0.0, min(1.0, values[index] / top))
                pieces[-1].append(QPointF(first + number * step, (self.height() - 2) * (1 - share) + 1))
        return [piece for piece in pieces if len(piece) > 1]

    def _draw(self, painter: QPainter, points: list[QPointF], colour: QColor) -> None:
        area = QColor(colour)
        area.setAlphaF(0.32)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(area)
        bottom = float(self.height())
        painter.drawPolygon(QPolygonF([QPointF(points[0].x(), bottom), *points, QPointF(points[-1].x(), bottom)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.3))
        painter.drawPolyline(QPolygonF(points))
