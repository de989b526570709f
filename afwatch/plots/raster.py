"""Small plots as pictures made from arrays: areas, lines and gaps, one column of pixels at a time all at once.

Rules of this file:
- Values are shares of the height, 0 to 1, the oldest first; NaN is a gap.  No antialiasing, no axes.
- It draws no text and knows no series: what is drawn in which colour is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy
from PySide6.QtGui import QColor, QImage

__all__ = ["Area", "Line", "draw_plot"]

Shares = numpy.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Area:
    """Filled from ``base`` (the ground when None) up to ``top``, with a brighter edge."""

    top: Shares
    fill: str
    edge: str = ""
    base: Shares | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one pixel (at 100 %)."""

    values: Shares
    ink: str


@lru_cache(maxsize=512)
def _pixel(text: str) -> int:
    return QColor(text).rgb()


@lru_cache(maxsize=256)
def _rows(high: int) -> Shares:
    """Return the numbers of rows, one under the other."""
    return numpy.arange(high, dtype=numpy.int16)[:, None]


@lru_cache(maxsize=256)
def _hatching(wide: int, high: int, step: int) -> Shares:
    hatching: Shares = (numpy.arange(high)[:, None] + numpy.arange(wide)[None, :]) % step == 0
    return hatching


@lru_cache(maxsize=256)
def _edges(size: int, width: int) -> Shares:
    """Return for each column of pixels the first of the values that fall into it."""
    first: Shares = numpy.arange(width) * size // width
    return first


def _fitted(values: Shares, width: int) -> Shares:
    """Return values at each column of pixels."""
    size = len(values)
    if size == width:
        return values
    edges = _edges(size, width)
    # The greatest of what falls into a column: no peak is lost.
    fitted: Shares = numpy.fmax.reduceat(values, edges) if size > width else values[edges]
    return fitted


def draw_plot(
    width: int, height: int, ground: str, layers: list[Area | Line], *, gap: str = "", ratio: float = 1.0
) -> QImage:
    """Return a picture of ``width`` by ``height`` at 100 %, drawn at the pixel ratio.

    ``gap``: the colour of the hatching where the first layer has none between its first value and its end.
    """
    wide, high = max(1, round(width * ratio)), max(1, round(height * ratio))
    canvas = numpy.full((high, wide), _pixel(ground), numpy.uint32)
    rows, thick = _rows(high), max(1, round(ratio))
    levels = [_levels(layer.top if isinstance(layer, Area) else layer.values, wide, high) for layer in layers]
    if gap and layers:
        known = levels[0] < high
        missing = numpy.logical_or.accumulate(known) & ~known
        if missing.any():
            hatch = _hatching(wide, high, max(2, round(5 * ratio)))
            numpy.copyto(canvas, numpy.uint32(_pixel(gap)), where=hatch & missing)
    for layer, level in zip(layers, levels):
        if isinstance(layer, Area):
            inside = rows >= level
            if layer.base is not None:
                inside &= rows < _levels(layer.base, wide, high)
            numpy.copyto(canvas, numpy.uint32(_pixel(layer.fill)), where=inside)
            if layer.edge:
                _stroke(canvas, rows, level, thick, high, layer.edge)
        else:
            _stroke(canvas, rows, level, thick, high, layer.ink)
    picture = QImage(canvas.data, wide, high, wide * 4, QImage.Format.Format_RGB32).copy()
    picture.setDevicePixelRatio(ratio)
    return picture


def _levels(values: Shares, wide: int, high: int) -> Shares:
    """Return the row of pixels at which each column's value lies; ``high``, under the last, for a gap."""
    fitted = _fitted(values, wide)
    rows = (1.0 - numpy.minimum(numpy.maximum(fitted, 0.0), 1.0)) * (high - 1) + 0.5
    levels: Shares = numpy.where(fitted == fitted, rows, high).astype(numpy.int16)
    return levels


def _stroke(canvas: Shares, rows: Shares, level: Shares, thick: int, high: int, ink: str) -> None:
    """Draw a line through the levels, joined where both neighbours are known."""
    before = numpy.empty_like(level)
    before[0], before[1:] = level[0], level[:-1]
    numpy.copyto(before, level, where=before == high)
    upper, lower = numpy.minimum(level, before), numpy.maximum(level, before)
    on = rows >= upper
    on &= rows < lower + numpy.int16(thick)
    on &= level < high
    numpy.copyto(canvas, numpy.uint32(_pixel(ink)), where=on)
