"""Progress strips as pictures of bytes: from counts of blocks or from a column of states, at any width.

Rules of this file:
- numpy only, no Qt: a picture is an array of state numbers, which the delegate paints with colours and patterns.
- One bad task among thousands is seen: errors and running tasks get at least two pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from afcore.states import STATE_COUNT, TaskState

__all__ = ["BOTTOM_UP", "counts_to_pixels", "pixel_counts", "stack"]

_Array = numpy.ndarray[Any, Any]

BOTTOM_UP = (
    TaskState.DONE,
    TaskState.SKIPPED,
    TaskState.SUSPENDED,
    TaskState.WAIT_DEP,
    TaskState.WAIT_RECONNECT,
    TaskState.RUNNING,
    TaskState.ERROR,
)
"""How a pixel's column is filled; what is left above is ready."""

_ALONG = (
    TaskState.DONE,
    TaskState.SKIPPED,
    TaskState.RUNNING,
    TaskState.WAIT_RECONNECT,
    TaskState.ERROR,
    TaskState.SUSPENDED,
    TaskState.READY,
    TaskState.WAIT_DEP,
)
"""How a block of which only counts are known is laid out from left to right."""
_ALONG_STATES = numpy.array(_ALONG, dtype=numpy.uint8)

_SEEN = (TaskState.ERROR, TaskState.RUNNING)
_LEAST = 2


def counts_to_pixels(blocks: Sequence[Sequence[int]], width: int) -> _Array:
    """Return the state shown at each of ``width`` pixels for blocks of which the counts of states are known."""
    sizes = [sum(counts) for counts in blocks]
    total = sum(sizes)
    pixels = numpy.full(width, TaskState.READY, dtype=numpy.uint8)
    done = 0
    for counts, size in zip(blocks, sizes):
        left, done = width * done // max(1, total), done + size
        right = width * done // max(1, total)
        if right > left:
            pixels[left:right] = _along(counts, right - left)
    return pixels


def _along(counts: Sequence[int], width: int) -> _Array:
    # Eight numbers are counted sooner one by one than as arrays.
    share, done, edge = width / sum(counts), 0, 0
    widths = []
    for state in _ALONG:
        done += counts[state]
        before, edge = edge, round(done * share)
        widths.append(edge - before)
    for state in _SEEN:
        place = _ALONG.index(state)
        lack = min(_LEAST, width) - widths[place]
        if counts[state] and lack > 0:
            widths[place] += lack
            widths[widths.index(max(widths))] -= lack
    pixels: _Array = numpy.repeat(_ALONG_STATES, widths)[:width]
    return pixels


def pixel_counts(state: _Array, width: int) -> _Array:
    """Return how many tasks of each state fall on each pixel, as an array of (states, pixels).

    With fewer tasks than pixels a task is as wide as the pixels it falls on.
    """
    size = len(state)
    if not size or width <= 0:
        return numpy.zeros((STATE_COUNT, max(0, width)), dtype=numpy.int32)
    if size <= width:
        shown = state[numpy.arange(width) * size // width]
        single: _Array = (shown[None, :] == numpy.arange(STATE_COUNT)[:, None]).astype(numpy.int32)
        return single
    edges = (numpy.arange(width, dtype=numpy.int64) * size) // width
    found = numpy.zeros((STATE_COUNT, width), dtype=numpy.int32)
    for number in range(STATE_COUNT):
        same = state == number
        if same.any():  # to add up nothing takes as long as to add up a million
            found[number] = numpy.add.reduceat(same.view(numpy.uint8), edges, dtype=numpy.int32)
    return found


def stack(counts: _Array, height: int) -> _Array:
    """Return a picture (``height`` rows from the top, one column a pixel) of the states, stacked by their shares."""
    width = counts.shape[1]
    total = numpy.maximum(1, counts.sum(axis=0))
    ordered = counts[list(BOTTOM_UP)]
    edges = numpy.rint(numpy.cumsum(ordered, axis=0) * (height / total)).astype(numpy.int64)
    heights = numpy.diff(edges, axis=0, prepend=0)
    ready = height - heights.sum(axis=0)
    heights = numpy.vstack([heights, ready])
    for state in _SEEN:
        place = BOTTOM_UP.index(state)
        lack = numpy.where(counts[state] > 0, numpy.maximum(0, min(_LEAST, height) - heights[place]), 0)
        if lack.any():
            heights[place] += lack
            greatest = numpy.argmax(heights, axis=0)
            heights[greatest, numpy.arange(width)] -= lack
    tops = numpy.cumsum(heights, axis=0)
    level = numpy.arange(height - 1, -1, -1)[:, None]
    picture = numpy.full((height, width), TaskState.READY, dtype=numpy.uint8)
    for place in range(len(BOTTOM_UP) - 1, -1, -1):
        picture[level < tops[place][None, :]] = BOTTOM_UP[place]
    return picture
