"""Cells of live plots: what a render measured in the last ten minutes, painted from rings, a picture per cell.

Rules of this file:
- A picture is made when its render has a newer reading or the look changes, else shown again; there is no widget.
- Pictures are made for a few milliseconds in one turn of the window; where more are due, cells show their older one or
  their ground until the next turn, so that scrolling past a thousand renders never holds a key press.
- A row's height is ours: a meter of the studio's own has its colours and its wished size within it.
- Networks and disks are drawn to the largest of the view, so that rows compare.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
from PySide6.QtCore import QPoint, QRect, QTimer
from PySide6.QtGui import QFont, QFontMetrics, QImage, QPainter, QRegion
from PySide6.QtWidgets import QWidget

from afcore.rows import RenderRow
from afwatch import words
from afwatch.delegates.cells import draw_text
from afwatch.models.columns import Column
from afwatch.plots.raster import Area, Line, draw_plot
from afwatch.plots.ring import LiveRings
from afwatch.texts import tr
from afwatch.theme.mixing import blend, readable
from afwatch.theme.paint import MeasuredFont, Theme, colour

__all__ = ["PlotCells", "layers_of"]

_HEIGHT = 34
_KEPT = 1500
_BUDGET_S = 0.01
"""Seconds for which pictures are made in one turn of the window."""
_FILL, _SECOND = 0.32, 0.5
_METER_LEAST, _METER_MOST, _METER_WIDTH = 36, 160, 74
_FULL = 0.95
"""Share of a disk from which on it needs somebody."""

_Look = Any


def _zeroed(values: Any) -> Any:
    return numpy.zeros(1) if values is None else values


def layers_of(column: str, id: int, rings: LiveRings, look: _Look) -> list[Area | Line]:
    """Return what the plot of a column shows of a render; nothing while nothing is known."""
    if rings.values(id, "cpu_user") is None:
        return []
    ground, plots = look.plot_ground, look.plots

    def read(key: str) -> Any:
        return _zeroed(rings.values(id, key))

    if column == "cpu":
        return _stacked(
            [(read(key) / 100, key) for key in ("cpu_iowait", "cpu_irq", "cpu_system", "cpu_nice", "cpu_user")], look
        ) + [Line(read("load") / max(1.0, rings.limit(id, "load")), blend(look.text1, ground, 0.7))]
    if column == "memory":
        total, swap = max(1.0, rings.limit(id, "mem_used")), max(1.0, rings.limit(id, "swap"))
        layers: list[Area | Line] = []
        layers += _stacked([(read(key) / total, key) for key in ("mem_used", "mem_buffers", "mem_cached")], look)
        if rings.limit(id, "swap"):
            layers.append(Line(read("swap") / swap, plots["swap"]))
        return layers
    if column == "network":
        top = max(1024.0, rings.largest("net_recv", "net_send"))
        received = read("net_recv") / top
        return [
            Area(received, blend(plots["net_recv"], ground, _FILL), plots["net_recv"]),
            Line(read("net_send") / top, plots["net_send"]),
        ]
    if column == "disk":
        top = max(1024.0, rings.largest("disk_read", "disk_write"))
        return [
            Area(read("disk_busy") / 100, blend(plots["disk_busy"], ground, 0.28)),
            Line(read("disk_read") / top, plots["disk_read"]),
            Line(read("disk_write") / top, plots["disk_write"]),
        ]
    top = max(1.0, rings.limit(id, "gpu_mem"))
    return [
        Area(read("gpu_util") / 100, blend(plots["gpu_util"], ground, _FILL), plots["gpu_util"]),
        Line(read("gpu_mem") / top, plots["gpu_mem"]),
    ]


def _stacked(parts: list[tuple[Any, str]], look: _Look) -> list[Area | Line]:
    """Return areas one on the other, the first lowest."""
    found: list[Area | Line] = []
    base: Any = None
    for values, key in parts:
        top = values if base is None else base + values
        ink = look.plots[key]
        found.append(Area(top, blend(ink, look.plot_ground, _SECOND), ink if key in _EDGED else "", base))
        base = top
    return found


_EDGED = ("cpu_user", "cpu_system", "mem_used")


class PlotCells:
    """Paints cells of the kinds ``plot`` and ``now``."""

    def __init__(self, theme: Theme, rings: LiveRings, canvas: QWidget) -> None:
        """``canvas`` is what they are painted on."""
        self._theme, self._rings, self._canvas = theme, rings, canvas
        self._pictures: dict[tuple[int, str], tuple[Any, QImage]] = {}
        self.drawn = 0
        """Pictures made so far."""
        self._due = QRegion()
        """Cells whose picture is due and was not made in this turn."""
        self._spent = 0.0
        self._turn = QTimer(canvas)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._on_turn)

    def _on_turn(self) -> None:
        """Another turn has begun."""
        self._spent = 0.0
        due, self._due = self._due, QRegion()
        if not due.isEmpty():
            self._canvas.repaint(due)

    @property
    def is_behind(self) -> bool:
        """Whether pictures are due that were not made in this turn."""
        return not self._due.isEmpty()

    def _make(self, key: tuple[int, str], rect: QRect, stamp: Any, draw: Callable[[], QImage]) -> QImage | None:
        """Return the picture of a cell, made anew when it is due and there is time; None when there is none yet."""
        known = self._pictures.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        if self._spent > _BUDGET_S:
            self._due = self._due.united(rect)
            # What is a little old is better than nothing, unless it has another size.
            return known[1] if known is not None and known[0][1:5] == stamp[1:5] else None
        if not self._turn.isActive():
            self._turn.start()
        if len(self._pictures) > _KEPT:
            self._pictures.clear()
        begun = time.perf_counter()
        picture = draw()
        self._spent += time.perf_counter() - begun
        self._pictures[key] = (stamp, picture)
        self.drawn += 1
        return picture

    def paint(self, painter: QPainter, rect: QRect, column: Column, row: RenderRow, state: str) -> None:
        """Paint a plot."""
        look = self._theme.look
        if state in words.OUT:
            return
        if column.key == "gpu" and not row.resources.get("gpus"):
            draw_text(painter, rect, tr("no GPU"), self._theme.font("small"), look.text3)
            return
        if column.key == "meters":
            self._paint_meters(painter, rect, row)
            return
        height = min(max(_HEIGHT, rect.height() - 10), rect.height() - 4)
        top = rect.top() + (rect.height() - height) // 2
        ratio = painter.device().devicePixelRatioF()
        scale = self._rings.largest("net_recv", "net_send", "disk_read", "disk_write") if column.rank in (2, 3) else 0
        stamp = (self._rings.stamp(row.id), rect.width(), height, ratio, look.name, scale)
        picture = self._make(
            (row.id, column.key), rect, stamp,
            partial(self._picture, row.id, column.key, rect.width(), height, ratio),
        )
        if picture is not None:
            painter.drawImage(QPoint(rect.left(), top), picture)
        else:
            painter.fillRect(rect.left(), top, rect.width(), height, colour(look.plot_ground))
        if column.key == "disk":
            self._paint_space(painter, QRect(rect.right() - 4, top, 4, height), row)

    def _picture(self, id: int, key: str, width: int, height: int, ratio: float) -> QImage:
        look = self._theme.look
        drawn = width - 7 if key == "disk" else width
        layers = layers_of(key, id, self._rings, look)
        return draw_plot(drawn, height, look.plot_ground, layers, gap=look.line2, ratio=ratio)

    def _paint_space(self, painter: QPainter, rect: QRect, row: RenderRow) -> None:
        """Paint how full the disk is."""
        look = self._theme.look
        total = self._rings.limit(row.id, "disk_used")
        used = self._rings.last(row.id, "disk_used")
        painter.fillRect(rect, colour(look.trough))
        if total > 0 and not math.isnan(used):
            share = min(1.0, used / total)
            high = max(1, round(rect.height() * share))
            fill = look.families["attn"].fill if share >= _FULL else look.plots["disk_used"]
            painter.fillRect(rect.left(), rect.bottom() + 1 - high, rect.width(), high, colour(fill))

    # A studio's own meters

    def _paint_meters(self, painter: QPainter, rect: QRect, row: RenderRow) -> None:
        meters = self._rings.meters(row.id)
        ratio, left = painter.device().devicePixelRatioF(), rect.left()
        small = self._theme.font("small")
        for place, (told, values) in enumerate(meters):
            width, height = _meter_size(told, rect.height() - 4)
            more = len(meters) - place
            if left + width > rect.right() + 1:
                room = rect.right() + 1 - left
                if place == 0 or (more == 1 and room >= _METER_LEAST):
                    width = room
                else:
                    draw_text(painter, QRect(left, rect.top(), room, rect.height()), f"+{more}", small,
                              self._theme.look.text3)  # fmt: skip
                    return
            top = rect.top() + (rect.height() - height) // 2
            stamp = (self._rings.stamp(row.id), width, height, ratio, self._theme.look.name, str(told))
            draw = partial(self._meter_picture, told, values, width, height, ratio)
            picture = self._make((row.id, f"meter.{told['name']}"), rect, stamp, draw)
            if picture is not None:
                painter.drawImage(left, top, picture)
            else:
                painter.fillRect(left, top, width, height, colour(self._theme.look.plot_ground))
            self._paint_label(painter, QRect(left + 3, top, width - 6, height), told)
            left += width + 4

    def _meter_picture(self, told: Any, values: Any, width: int, height: int, ratio: float) -> QImage:
        look = self._theme.look
        ink = readable(_told_colour(told, "graph_clr", look.plots["custom"]), look.plot_ground, 3.0)
        top = told.get("value_max")
        shares = values / (top if isinstance(top, int | float) and top > 0 else 100)
        layers: list[Area | Line] = [Area(shares, blend(ink, look.plot_ground, _FILL), ink)]
        return draw_plot(width, height, look.plot_ground, layers, gap=look.line2, ratio=ratio)

    def _paint_label(self, painter: QPainter, rect: QRect, told: Any) -> None:
        """Paint a meter's label in its colour and size, as far as they can be read and fit."""
        look = self._theme.look
        text = str(told.get("label") or told.get("name") or "")
        size = told.get("label_size")
        font = QFont(self._theme.font("small"))
        if isinstance(size, int) and size > 0:
            font.setPointSizeF(min(max(9.0, float(size)), 18.0))
        while QFontMetrics(font).height() > rect.height() and font.pointSizeF() > 9:
            font.setPointSizeF(font.pointSizeF() - 1)
        ink = readable(_told_colour(told, "label_clr", look.text1), look.plot_ground, 4.5)
        line = QFontMetrics(font).height()
        within = QRect(rect.left(), rect.top(), rect.width(), min(line, rect.height()))
        shown = QFontMetrics(font).boundingRect(text[:80])
        ground = colour(look.plot_ground)
        ground.setAlpha(190)
        painter.fillRect(within.left() - 3, within.top(), min(shown.width() + 6, within.width() + 6), line, ground)
        draw_text(painter, within, text, MeasuredFont(font), ink)

    # Words

    def paint_now(self, painter: QPainter, rect: QRect, column: Column, row: RenderRow, state: str) -> None:
        """Paint the newest figures, two lines to the right."""
        now = 0.0
        second = column.second(row, now) if column.second is not None else ""
        look = self._theme.look
        strong, small = self._theme.font("strong"), self._theme.font("small")
        height = QFontMetrics(strong).height()
        top = rect.top() + (rect.height() - 2 * height - 1) // 2
        ink = look.text3 if state in words.OUT else look.text1
        upper = QRect(rect.left(), top, rect.width(), height)
        draw_text(painter, upper, column.text(row, now), strong, ink, right=True)
        lower = QRect(rect.left(), top + height + 1, rect.width(), height)
        draw_text(painter, lower, second, small, look.text3, right=True)


def _meter_size(told: Any, most: int) -> tuple[int, int]:
    """Return the size of a meter's plot: what it wishes, within the row."""
    width, height = told.get("width"), told.get("height")
    wide = width if isinstance(width, int) and width > 0 else _METER_WIDTH
    high = height if isinstance(height, int) and height > 0 else most
    return min(max(wide, _METER_LEAST), _METER_MOST), min(max(high, 16), most)


def _told_colour(told: Any, key: str, otherwise: str) -> str:
    parts = told.get(key)
    if isinstance(parts, list | tuple) and len(parts) == 3 and all(isinstance(one, int) for one in parts):
        return "#{:02X}{:02X}{:02X}".format(*(min(255, max(0, one)) for one in parts))
    return otherwise
