"""Numeric arithmetic of a block: index to frames and back, frames of names, commands and files, dependence by frames.

Rules of this file:
 - everything is computed from a few numbers, nothing is stored per task;
 - ``index`` is the number of a task in its block, from 0; ``frame`` is a frame number, which may be negative;
 - ranges given back are inclusive at both ends;
 - numbers that make no sense are repaired in one place only, ``FrameRange.repaired``.

The order in which the tasks of a block are taken, ``SequentialOrder``, is written in ``frameorder``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, Union

from afcore.frameorder import OrderCursor, SequentialOrder

__all__ = [
    "BlockFrames",
    "FrameRange",
    "ListedFrames",
    "OrderCursor",
    "SequentialOrder",
    "TaskFrames",
    "depend_range",
    "expand_file",
    "fill_command",
    "fill_name",
    "join_listed",
    "numeric_task_name",
    "sub_task_ready",
    "waiting_range",
]

_PATTERN = re.compile("@(#+)@")
_PATTERN_OR_RESET = re.compile("@(#+)@|;")


class TaskFrames(NamedTuple):
    """The frames of one task: ``start`` and ``end`` inclusive, and how many there are.

    ``frames_num`` is negative for a task that is one of several parts of a frame: -4 says that a frame has four parts.
    """

    start: int
    end: int
    frames_num: int


class FrameRange(NamedTuple):
    """The frames of a numeric block: ``first`` to ``last`` by ``increment``, ``per_task`` frames in a task.

    The arithmetic holds for ``per_task`` and ``increment`` of at least 1 and ``last`` not before ``first``.
    """

    first: int
    last: int
    per_task: int = 1
    increment: int = 1

    @classmethod
    def repaired(cls, first: int, last: int, per_task: int = 1, increment: int = 1) -> FrameRange:
        """Return a range that makes sense: per task and increment at least 1, last not before first."""
        return cls(first, max(first, last), max(1, per_task), max(1, increment))

    @property
    def span(self) -> int:
        """How far the starts of two neighbouring tasks are apart, in frame numbers."""
        return self.per_task * self.increment

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return (self.last - self.first) // self.increment + 1

    @property
    def tasks(self) -> int:
        """How many tasks the frames make; the last one may be short."""
        return -(-self.frames // self.per_task)

    def task(self, index: int) -> TaskFrames:
        """Return the frames of task ``index``."""
        start = self.first + index * self.span
        steps = min(self.per_task - 1, (self.last - start) // self.increment)
        return TaskFrames(start, start + steps * self.increment, steps + 1)

    def task_of(self, frame: int) -> int:
        """Return the task that holds ``frame``, or the nearest task when none does.

        A frame between two steps of the increment belongs to the step before it.
        """
        return min(max(0, (frame - self.first) // self.span), self.tasks - 1)

    def holds(self, frame: int) -> bool:
        """Say whether ``frame`` lies inside the range."""
        return self.first <= frame <= self.last


class ListedFrames(NamedTuple):
    """The frames of a block whose tasks are listed: counted from 0.

    A positive ``per_task`` says how many frames a task has, a negative one how many tasks make a frame. It is never 0.
    """

    tasks: int
    per_task: int = 1

    def task(self, index: int) -> TaskFrames:
        """Return the frames of task ``index``."""
        if self.per_task > 0:
            start = index * self.per_task
            return TaskFrames(start, start + self.per_task - 1, self.per_task)
        frame = index // -self.per_task
        return TaskFrames(frame, frame, self.per_task)

    def task_of(self, frame: int) -> int:
        """Return the task that holds ``frame`` (its first part, when a frame has several), or the nearest task."""
        index = frame // self.per_task if self.per_task > 0 else frame * -self.per_task
        return min(max(0, index), self.tasks - 1)


BlockFrames = Union[FrameRange, ListedFrames]


def fill_command(pattern: str, start: int, end: int) -> str:
    """Fill every ``@#@`` of a command: start, end, start, end and so on, zero padded to the number of ``#``.

    The minus sign counts in the width; a wider number is not cut.
    """
    numbers = (start, end)
    position = -1

    def number(found: re.Match[str]) -> str:
        nonlocal position
        position += 1
        return _padded(numbers[position % 2], len(found.group(1)))

    return _PATTERN.sub(number, pattern)


def fill_name(pattern: str, start: int, end: int) -> str:
    """Fill every ``@#@`` of a task name: as in a command, but each ``;`` begins again with start."""
    numbers = (start, end)
    position = -1

    def number(found: re.Match[str]) -> str:
        nonlocal position
        if found.group(1) is None:
            position = -1
            return ";"
        position += 1
        return _padded(numbers[position % 2], len(found.group(1)))

    return _PATTERN_OR_RESET.sub(number, pattern)


def _padded(number: int, width: int) -> str:
    return f"{number:0{width}d}"


def expand_file(pattern: str, frames: TaskFrames, increment: int = 1) -> list[str]:
    """Return the files of a task: ``pattern`` filled for each of its frames, or as it is when it has no ``@#@``."""
    if _PATTERN.search(pattern) is None:
        return [pattern]
    return [fill_command(pattern, frame, frame) for frame in range(frames.start, frames.end + 1, increment)]


def numeric_task_name(pattern: str, frames: TaskFrames, increment: int = 1) -> str:
    """Return the name of a task of a numeric block: the filled pattern, or ``frame 1-4 / 2`` when there is none."""
    if pattern:
        return fill_name(pattern, frames.start, frames.end)
    if frames.start == frames.end:
        return f"frame {frames.start}"
    name = f"frame {frames.start}-{frames.end}"
    return f"{name} / {increment}" if increment > 1 else name


def join_listed(pattern: str, text: str) -> str:
    """Return a text of a listed task: every ``@#@`` of the block's pattern is the task's own text.

    A pattern without ``@#@`` is followed directly by the task's text. An empty pattern leaves the task's text alone, an
    empty text leaves the pattern as it is.
    """
    if not text:
        return pattern
    if "@#@" in pattern:
        return pattern.replace("@#@", text)
    return pattern + text


def _frames_needed(task: int, of: BlockFrames, on: BlockFrames) -> tuple[int, int]:
    """Return first and last frame of a task of block ``of``, in the frame numbers of block ``on``."""
    frames = of.task(task)
    shift = 0
    if isinstance(of, FrameRange) and isinstance(on, ListedFrames):
        shift = -of.first
    elif isinstance(of, ListedFrames) and isinstance(on, FrameRange):
        shift = on.first
    return frames.start + shift, frames.end + shift


def depend_range(task: int, *, of: BlockFrames, on: BlockFrames) -> tuple[int, int]:
    """Return first and last task of block ``on`` that ``task`` of block ``of`` waits for.

    Frames outside of ``on`` mean its nearest task, so nothing starts before the end that it lies at.
    Where a frame of ``on`` has several parts the task waits for all the parts of its own frames, and for no part
    of the next one.
    """
    first_frame, last_frame = _frames_needed(task, of, on)
    first = on.task_of(first_frame)
    if isinstance(on, ListedFrames) and on.per_task < 0:
        parts = -on.per_task
        return first, max(first, min((last_frame + 1) * parts - 1, on.tasks - 1))
    return first, on.task_of(last_frame)


def waiting_range(task: int, *, of: BlockFrames, on: BlockFrames) -> tuple[int, int]:
    """Return first and last task of block ``of`` that wait for ``task`` of block ``on``: ``depend_range`` turned round.

    First is greater than last when no task waits for it. Costs two binary searches, as both ends of ``depend_range``
    never go back when the task number grows.
    """
    first = _bisect(of.tasks, lambda index: depend_range(index, of=of, on=on)[1] >= task)
    last = _bisect(of.tasks, lambda index: depend_range(index, of=of, on=on)[0] > task) - 1
    return first, last


def sub_task_ready(task: int, *, of: BlockFrames, on: BlockFrames, on_task: int, finished: int) -> bool:
    """Say whether running task ``on_task`` of block ``on`` is far enough for ``task`` of block ``of``.

    ``finished`` counts the frames that ``on_task`` reported as finished, from 0. With an increment a finished frame
    stands for the whole step.
    """
    last_frame = _frames_needed(task, of, on)[1]
    step = on.increment if isinstance(on, FrameRange) else 1
    if on.per_task < 0:
        last_frame += 1
    return on.task(on_task).start + finished * step > last_frame


def _bisect(count: int, reached: Callable[[int], bool]) -> int:
    """Return the smallest number below ``count`` for which ``reached`` is true, ``count`` when there is none."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low
