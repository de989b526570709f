"""Progress strips as images: states painted with their colours and patterns, and the rail that shows errors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from afcore.states import TaskState
from afwatch.models.strip import counts_to_pixels, stack
from afwatch.theme.paint import colour
from afwatch.theme.tokens import Look, measures

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


def strip_image(picture: _Array, errors: _Array, look: Look, *, ratio: float = 1.0) -> QImage:
    """Return the image of a body (states by pixel) with the rail under it where ``errors`` has any.

    ``ratio``: device pixels per pixel, which the body's shape already contains.
    """
    height, width = picture.shape
    scale = max(1, round(ratio))
    gap, rail = measures.strip_gap * scale, measures.strip_rail * scale
    pixels = numpy.zeros((height + gap + rail, width), dtype=numpy.uint32)
    body = pixels[:height]
    trough = colour(look.trough).rgba()
    body[:] = trough
    rows = numpy.arange(height)[:, None] // scale
    columns = numpy.arange(width)[None, :] // scale
    middle = height // scale // 2
    for state, family in _FAMILY.items():
        mask = picture == state
        if not mask.any():
            continue
        if state is TaskState.WAIT_DEP:
            mask &= (rows + columns) % 4 < 2
        elif state is TaskState.SKIPPED:
            mask &= (rows == middle) | (rows == middle - 1)
        elif state is TaskState.SUSPENDED:
            mask &= rows >= middle
        elif state is TaskState.WAIT_RECONNECT:
            mask &= (rows // 2 + columns // 2) % 2 == 0
        body[mask] = colour(look.families[family].fill).rgba()
    bad = errors > 0
    bad[1:] |= bad[:-1].copy()
    pixels[height + gap :, bad] = colour(look.families["bad"].fill).rgba()
    image = QImage(pixels.tobytes(), width, pixels.shape[0], width * 4, QImage.Format.Format_ARGB32).copy()
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
            pixels = counts_to_pixels(blocks, round(width * ratio))
            counts = (pixels[None, :] == numpy.arange(8)[:, None]).astype(numpy.int32)
            picture = stack(counts, round(measures.strip_body * ratio))
            image = strip_image(picture, counts[TaskState.ERROR], look, ratio=ratio)
            self._images[key] = image
            while len(self._images) > self._most:
                self._images.popitem(last=False)
        else:
            self._images.move_to_end(key)
        painter.drawImage(rect.left(), rect.center().y() - measures.strip_body // 2 + 1, image)
