"""Looks at the machine without making anybody wait: a thread of its own measures, the newest reading is kept.

Rules of this file:
- the loop waits for a reading only as long as it says, and gets the last one, marked as old, when none comes;
- the thread is a daemon: a probe that hangs in the system holds up neither the agent nor its end.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from afcore.ids import RunKey
from afrender.host.probe import HostProbe

__all__ = ["HostWatch"]

log = logging.getLogger(__name__)

FRESH = 0.9
"""Seconds for which a reading is given to everybody who asks."""


class HostWatch:
    """Measures ``probe`` in a thread; used by one event loop."""

    def __init__(self, probe: HostProbe, clock: Callable[[], float]) -> None:
        self._probe = probe
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._orders: SimpleQueue[asyncio.Future[dict[str, Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._under_way: asyncio.Future[dict[str, Any]] | None = None
        self._told = ""
        self.latest: dict[str, Any] = {}
        self.latest_at: float | None = None
        self._text = "{}"
        self._text_of: dict[str, Any] = self.latest

    def text(self) -> str:
        """Return the newest reading as parsers get it: ``{"host_resources": {…}}``; ``{}`` before the first."""
        if self._text_of is not self.latest:
            self._text, self._text_of = json.dumps({"host_resources": self.latest}), self.latest
        return self._text

    async def read(self, *, wait: float = 2.0, tasks: dict[RunKey, int] | None = None) -> dict[str, Any]:
        """Return a reading that is fresh, or after ``wait`` seconds the last one with ``old`` saying how old it is.

        ``tasks``: the first process of each run that is to be measured.
        """
        if self.latest_at is not None and self._clock() - self.latest_at < FRESH:
            return self.latest
        if not self._probe.slow:
            self._keep(self._probe.measure())
            return self.latest
        if self._under_way is None:
            if tasks is not None:
                self._probe.watch_tasks(tasks)
            self._order()
        assert self._under_way is not None
        done, _ = await asyncio.wait({self._under_way}, timeout=wait)
        if done:
            return self.latest
        age = 0.0 if self.latest_at is None else round(self._clock() - self.latest_at, 1)
        return {**self.latest, "old": {**self.latest.get("old", {}), "host": age}}

    def close(self) -> None:
        """Let the thread and the probe go."""
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join(2.0)
        self._probe.close()

    def _order(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="host", daemon=True)
            self._thread.start()
        self._under_way = self._loop.create_future()
        self._orders.put(self._under_way)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                reading, trouble = self._probe.measure(), ""
            except Exception as error:  # noqa: BLE001 - the agent lives on without readings, and says why
                reading, trouble = {}, f"{type(error).__name__}: {error}"
            try:
                self._loop.call_soon_threadsafe(self._measured, order, reading, trouble)
            except RuntimeError:
                # The loop is closed: nobody waits for it any more.
                return

    def _measured(self, order: asyncio.Future[dict[str, Any]], reading: dict[str, Any], trouble: str) -> None:
        self._under_way = None
        if trouble and trouble != self._told:
            log.warning("This machine cannot be measured (%s): the last reading stays.", trouble)
        self._told = trouble
        if trouble:
            age = 0.0 if self.latest_at is None else round(self._clock() - self.latest_at, 1)
            self.latest = {**self.latest, "old": {**self.latest.get("old", {}), "host": age}}
        else:
            self._keep(reading)
        if not order.done():
            order.set_result(self.latest)

    def _keep(self, reading: dict[str, Any]) -> None:
        self.latest, self.latest_at = reading, self._clock()
