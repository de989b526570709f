"""Progress strips as images: states painted with their colours and patterns, and the rail that shows errors.

Rules of this file:
- A strip is looked up, not drawn: what a state's pixel is at each height and step of its pattern is made once a look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from afcore.states import STATE_COUNT, TaskState
from afwatch.models.strip import counts_to_pixels
from afwatch.theme.paint import colour
from afwatch.theme.tokens import Look, load_look, measures

__all__ = ["StripPainter", "strip_image"]

_Array = numpy.ndarray[Any, Any]
_FAMILY = {
    TaskState.WAIT_DEP: "wait",
    TaskState.RUNNING: "live",
    TaskState.WAIT_RECONNECT: "live",
    TaskState.DONE: "good",
    TaskState.SKIPPED: "held",
    TaskState.ERROR: "bad",
    TaskState.SUSPENDED: "held",
}
_PERIOD = 4
"""Pixels after which a pattern comes again."""


@lru_cache(maxsize=16)
def _patterns(look_name: str, height: int, scale: int) -> _Array:
    """Return the pixels of a body, by state, row from the top, and column within a pattern's period."""
    look = load_look(look_name)
    rows = numpy.arange(height)[:, None] // scale
    columns = numpy.arange(_PERIOD * scale)[None, :] // scale
    middle = height // scale // 2
    drawn = {
        TaskState.WAIT_DEP: (rows + columns) % 4 < 2,
        TaskState.SKIPPED: (rows == middle) | (rows == middle - 1),
        TaskState.SUSPENDED: rows >= middle,
        TaskState.WAIT_RECONNECT: (rows // 2 + columns // 2) % 2 == 0,
    }
    found = numpy.full((STATE_COUNT, height, _PERIOD * scale), colour(look.trough).rgba(), dtype=numpy.uint32)
    for state, family in _FAMILY.items():
        part = numpy.broadcast_to(drawn.get(state, numpy.True_), found.shape[1:])
        found[state][part] = colour(look.families[family].fill).rgba()
    return found


def strip_image(picture: _Array, errors: _Array, look: Look, *, height: int, ratio: float = 1.0) -> QImage:
    """Return the image of a body (states by pixel, or by column) with the rail under it where ``errors`` has any.

    ``ratio``: device pixels per pixel, which ``height`` and the body's shape already contain.
    """
    width = picture.shape[-1]
    scale = max(1, round(ratio))
    gap, rail = measures.strip_gap * scale, measures.strip_rail * scale
    pixels = numpy.zeros((height + gap + rail, width), dtype=numpy.uint32)
    steps = numpy.arange(width) % (_PERIOD * scale)
    pixels[:height] = _patterns(look.name, height, scale)[picture, numpy.arange(height)[:, None], steps]
    bad = errors > 0
    bad[1:] |= bad[:-1].copy()
    pixels[height + gap :, bad] = colour(look.families["bad"].fill).rgba()
    image = QImage(pixels.tobytes(), width, pixels.shape[0], width * 4, QImage.Format.Format_ARGB32_Premultiplied)
    image = image.copy()  # its own memory
    image.setDevicePixelRatio(ratio)
    return image


class StripPainter:
    """Strips of rows, made once for what they show."""

    def __init__(self, most: int = 600) -> None:
        self._images: OrderedDict[Any, QImage] = OrderedDict()
        self._most = most

    def draw(self, painter: QPainter, rect: QRect, blocks: Sequence[Sequence[int]], look: Look) -> None:
        """Draw a job's strip into a cell, its body centred on the row."""
        ratio = painter.device().devicePixelRatioF()
        width = max(8, rect.width())
        key = (tuple(tuple(counts) for counts in blocks), width, ratio, look.name)
        image = self._images.get(key)
        if image is None:
            states = counts_to_pixels(blocks, round(width * ratio))
            height = round(measures.strip_body * ratio)
            image = strip_image(states, states == TaskState.ERROR, look, height=height, ratio=ratio)
            self._images[key] = image
            while len(self._images) > self._most:
                self._images.popitem(last=False)
        else:
            self._images.move_to_end(key)
        painter.drawImage(rect.left(), rect.center().y() - measures.strip_body // 2 + 1, image)
