"""The farm's own history of readings: gathers each minute, hands it to a thread that keeps it, answers for any span.

Rules of this file:
- Readings are never journaled; they are kept beside the farm, and a disk that refuses costs plots, nothing else.
- A minute's timer stands only while something was measured or happened in it: a farm without renders has no tick.
- The loop only adds up; columns are made, packed and written by one thread, read by any.
"""

import asyncio
import logging
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from afcore.errors import BadSpec, Problem
from afcore.events import Event, JobSubmitted, RenderMeasured, RunFinished, RunStarted
from afcore.model.farm import Farm
from afcore.series import FARM, limits_of, read_values, series_of
from afnet.server.farmminute import FarmMinute, count_ready, with_queue
from afnet.server.seriespack import Gathered, MinuteBody, Part, resample
from afnet.server.seriesstore import SeriesStore

__all__ = ["ResourceHistory"]

_log = logging.getLogger(__name__)

_WAITING_MOST = 30
"""Minutes that wait for a disk that does not answer; more are lost."""
_SLICE = 0.002
"""Seconds of counting jobs between two looks at the network."""
_LATE = 0.05
"""Seconds after the end of a minute at which it is taken."""
_POINTS = 600
"""Points of an answer, when no resolution is asked for."""
_POINTS_MOST = 3000
_LATEST = 2.0**32
"""No time is later (the year 2106), in unix seconds: days without a file are looked for one by one."""
_SPAN = 3600.0
"""Seconds of an answer, when no beginning is asked for."""


class ResourceHistory:
    """Minutes of every host and of the farm as a whole."""

    def __init__(
        self,
        farm: Farm,
        folder: Path,
        *,
        keep_days: float,
        keep_bytes: int,
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        thread: Any = None,
    ) -> None:
        """``now`` returns unix seconds; ``thread`` stands for the executor of one thread (tests)."""
        self._farm = farm
        self._keep_days = keep_days
        self._now = now
        self._loop = loop
        self.store = SeriesStore(folder, keep_days=keep_days, keep_bytes=keep_bytes)
        self._gathered = Gathered()
        self._of_farm = FarmMinute(farm, now())
        self._minute = 0
        """The minute that is gathered; 0 while nothing happened in the present one."""
        self._timer: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "resources") if thread is None else thread
        self._waiting: list[Future[None]] = []
        self._in_trouble = False
        self._stopped = False

    # Gathering

    def note(self, events: list[Event]) -> None:
        """Take what was measured, and count what happened."""
        for event in events:
            kind = type(event)
            if kind is RenderMeasured:
                self._measured(event)  # type: ignore[arg-type]
            elif kind is RunStarted or kind is RunFinished:
                self._begin()
                self._of_farm.note(event, self._now())
            elif kind is JobSubmitted:
                self._begin()

    def _measured(self, event: RenderMeasured) -> None:
        render = self._farm.renders.get(event.render)
        if render is not None and event.resources:
            self._begin()
            # A reading leaves out what never changes of the machine: the render knows all of it.
            keys, values = read_values(render.resources, len(render.runs))
            self._gathered.note(render.name, keys, values)

    def _begin(self) -> None:
        """Let the present minute end by a timer."""
        if not self._minute:
            now = self._now()
            self._minute = int(now // 60)
            self._of_farm.begin(self._minute * 60.0)
            self._timer = self._loop.call_later((self._minute + 1) * 60 - now + _LATE, self._end)

    def _end(self) -> None:
        """Take the minute; it goes to the thread when the queue is counted, in slices."""
        self._timer = None
        minute, gathered, self._minute, self._gathered = self._minute, self._gathered, 0, Gathered()
        figures = self._of_farm.end(minute * 60 + 60.0)
        self._count(count_ready(self._farm), 0, lambda ready: self._hand_over(minute, gathered, figures, ready))

    def _count(self, counting: Iterator[int], ready: int, done: Callable[[int], None]) -> None:
        end = time.perf_counter() + _SLICE
        for ready in counting:
            if time.perf_counter() > end:
                self._loop.call_soon(partial(self._count, counting, ready, done))
                return
        done(ready)

    def _hand_over(self, minute: int, gathered: Gathered, figures: "array[float]", ready: int) -> None:
        self._waiting = [each for each in self._waiting if not each.done()]
        if len(self._waiting) < _WAITING_MOST and not self._stopped:
            self._waiting.append(self._thread.submit(self._keep, minute, gathered, with_queue(figures, ready)))

    def stop(self) -> None:
        """Keep what is gathered and end the thread; for a thread that is not the loop's."""
        if self._minute:
            *_, ready = count_ready(self._farm)
            figures = self._of_farm.end(self._now())
            self._hand_over(self._minute, self._gathered, figures, ready)
            self._minute = 0
        self._stopped = True
        self._thread.submit(self.store.close)
        self._thread.shutdown(wait=True)

    def cancel(self) -> None:
        """Let no minute end by itself any more; on the loop, before ``stop``."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # In the thread

    def _keep(self, minute: int, gathered: Gathered, of_farm: bytes) -> None:
        body = gathered.body()
        shape = len(body.shapes)
        whole = MinuteBody([*body.shapes, list(FARM)], [*body.parts, Part("", shape, 1, of_farm)])
        try:
            self.store.add(minute, whole)
        except (OSError, sqlite3.Error) as error:
            self.store.close()
            if not self._in_trouble:
                _log.warning("the history of readings cannot be written: %s; the farm goes on without", error)
            self._in_trouble = True
        else:
            if self._in_trouble:
                _log.warning("The history of readings can be written again.")
            self._in_trouble = False

    # Answers

    def answer(self, arguments: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Return what reads the answer to ``history.resources``, for any thread.

        Raises BadSpec for a span that is none, or has more points than one answer holds.
        """
        name = arguments["render"]
        until = arguments["until"] or self._now()
        since = arguments["since"] or until - _SPAN
        step = _step(since, until, arguments["resolution"])
        first = int(since // 60) // step * step
        count = -(-(int(-(-until // 60)) - first) // step)
        wanted = frozenset(arguments["series"])
        id = self._farm.renders_by_name.get(name, 0)
        limits = limits_of(self._farm.renders[id].resources) if id else {}

        def read() -> dict[str, Any]:
            chunks = self.store.read(name, first, first + step * count)
            found = resample(chunks, first=first, step=step, count=count, wanted=wanted)
            rows = []
            for key, points in found.items():
                series = series_of(key) if name else FARM.get(key, series_of(key))
                rows.append({
                    "key": key, "title": series.title, "unit": series.unit, "group": series.group,
                    "limit": limits.get(key), "min": points.low, "mean": points.mean, "max": points.high,
                })  # fmt: skip
            return {
                "render": name, "begin": first * 60, "step": step * 60, "count": count, "columns": rows,
                "keep_days": self._keep_days,
            }  # fmt: skip

        return read


def _step(since: float, until: float, resolution: float) -> int:
    """Return the minutes of a point; BadSpec with what is wrong with the span."""
    if not 0 <= since <= _LATEST or not 0 <= until <= _LATEST:
        raise BadSpec([Problem("since" if not 0 <= since <= _LATEST else "until", "this is no time of a farm",
                               "unix seconds, or 0")], code="bad_arguments")  # fmt: skip
    if not since < until:
        raise BadSpec([Problem("since", "the span ends before it begins", "since is earlier than until")],
                      code="bad_arguments")  # fmt: skip
    if not resolution:
        return max(1, -(-int((until - since) / 60) // _POINTS))
    step = max(1, round(min(resolution, until - since) / 60))
    if (until - since) / 60 / step > _POINTS_MOST:
        least = -(-int(until - since) // _POINTS_MOST)
        raise BadSpec([Problem("resolution", f"more than {_POINTS_MOST} points", f"at least {least} seconds each")],
                      code="bad_arguments")  # fmt: skip
    return step
