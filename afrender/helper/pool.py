"""The helpers of an agent: one for each running task that needs one, used again for the next task.

Rules of this file:
- a helper belongs to one run at a time: whatever happens in it hits nobody else;
- one that was in trouble, grew, worked long enough or knows old files is ended;
- looking at the studio's folder may take long (it lies on a server) and happens in a worker thread.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from afnet.wire.messages import RunSpec
from afrender.helper.process import HelperProcess, Trouble
from afrender.helper.protocol import Failed, Prepare, Prepared, Setup, Stale
from afrender.helper.remote import RemoteReader
from afrender.own import own_names
from afrender.process.spawn import CannotStart

__all__ = ["HelperPool", "HelperSettings"]

IDLE_TIME = 60.0
"""Seconds that a helper waits for the next task."""

STARTS_MOST = max(1, (os.cpu_count() or 2) - 1)
"""Helpers that come up at a time: a machine that starts sixty at once starts none."""

RUNS_MOST = 500
"""Runs after which a helper has worked enough."""

LOOK_PERIOD = 5.0
"""Seconds after which the folder is looked at again."""

STALE_TRIES = 10


@dataclass(frozen=True, slots=True)
class HelperSettings:
    """``folder`` of modules of one's own, limits of a step in ``seconds`` and of memory in bytes, and the settings."""

    folder: str
    seconds: float = 10.0
    memory: int = 1 << 30
    pairs: list[tuple[str, str]] = field(default_factory=list)
    windows: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


class HelperPool:
    """Makes readers for runs whose service or parser is of one's own."""

    def __init__(self, settings: HelperSettings) -> None:
        self.all: set[HelperProcess] = set()
        self._settings = settings
        self._idle: list[tuple[float, HelperProcess]] = []
        self._waiting: deque[asyncio.Future[HelperProcess]] = deque()
        self._starting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._names = own_names(settings.folder)
        self._looked = time.monotonic()
        self._errands: set[asyncio.Task[None]] = set()
        self._setup = Setup(
            folder=settings.folder,
            memory=settings.memory,
            pairs=settings.pairs,
            windows=settings.windows,
            settings=dict(settings.settings),
        )

    def wants(self, run: RunSpec) -> bool:
        """Whether the service or the parser of a run is of one's own."""
        if time.monotonic() - self._looked > LOOK_PERIOD:
            self._looked = time.monotonic()
            self._errand(self._look())
        return run.service in self._names["services"] or run.parser in self._names["parsers"]

    async def _look(self) -> None:
        folder = self._settings.folder
        self._names = await asyncio.get_running_loop().run_in_executor(None, own_names, folder)

    async def prepare(self, run: RunSpec, store: str = "") -> RemoteReader | CannotStart:
        """Return the plan of a run with its reader, or why there is none. ``store``: where its folder may be made."""
        for _ in range(STALE_TRIES):
            try:
                helper = await self._take()
            except OSError as error:
                return CannotStart(f"A helper for services and parsers cannot be started: {error.strerror or error}")
            except Trouble as trouble:
                return CannotStart(f"A helper for services and parsers {trouble.sentence}", trouble.place)
            try:
                answer = await helper.ask(Prepare(run, store))
            except Trouble as trouble:
                self._end(helper)
                who = f'The service "{run.service}" or the parser "{run.parser}"'
                return CannotStart(f"{who} {trouble.sentence}", trouble.place)
            except asyncio.CancelledError:
                self._end(helper)
                raise
            if isinstance(answer, Prepared):
                reader = RemoteReader(run, answer, helper, self._give_back)
                if answer.skip:
                    reader.done()
                return reader
            if isinstance(answer, Stale):
                # Whoever waits for a task knows the same old files.
                for _, idle in self._idle:
                    self._end(idle)
                self._idle.clear()
                self._end(helper)
                continue
            self._give_back(helper)
            if isinstance(answer, Failed):
                return CannotStart(answer.sentence, answer.hint)
            return CannotStart(f"The helper said {type(answer).__name__}")
        return CannotStart(f"The modules in {self._settings.folder} change all the time", "wait until they are copied")

    async def close(self) -> None:
        """End all helpers."""
        if self._timer is not None:
            self._timer.cancel()
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        for helper in list(self.all):
            await helper.close()
        self.all.clear()
        self._idle.clear()

    async def _take(self) -> HelperProcess:
        """Return a helper that nobody uses: one that waits, one that another task gives back, or a new one."""
        while self._idle:
            _, helper = self._idle.pop()
            if helper.over is None:
                return helper
            self._end(helper)
        waiting: asyncio.Future[HelperProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._start_more()
        return await waiting

    def _start_more(self) -> None:
        while self._starting < min(STARTS_MOST, len(self._waiting)):
            self._starting += 1
            self._errand(self._start())

    async def _start(self) -> None:
        try:
            helper = await HelperProcess.start(self._setup, self._settings.seconds)
        except (OSError, Trouble) as error:
            while self._waiting:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_exception(error)
                    break
        else:
            self.all.add(helper)
            self._hand_on(helper)
        finally:
            self._starting -= 1
        self._start_more()

    def _hand_on(self, helper: HelperProcess) -> None:
        """Give a free helper to whoever waits longest, else keep it for a while."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(helper)
                return
        self._idle.append((time.monotonic(), helper))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_TIME, self._send_home)

    def _send_home(self) -> None:
        """End helpers that nobody needed for long; those that were used last are taken first."""
        self._timer = None
        late = time.monotonic() - IDLE_TIME
        for since, helper in self._idle:
            if since <= late:
                self._end(helper)
        self._idle = [one for one in self._idle if one[0] > late]
        if self._idle:
            left = max(0.1, self._idle[0][0] - late)
            self._timer = asyncio.get_running_loop().call_later(left, self._send_home)

    def _give_back(self, helper: HelperProcess) -> None:
        helper.runs += 1
        worn = helper.runs >= RUNS_MOST or helper.memory > self._settings.memory // 2
        if helper.over is not None or worn:
            self._end(helper)
            self._start_more()
        else:
            self._hand_on(helper)

    def _end(self, helper: HelperProcess) -> None:
        self._errand(self._close(helper))

    async def _close(self, helper: HelperProcess) -> None:
        await helper.close()
        self.all.discard(helper)

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
