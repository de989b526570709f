"""The helpers of an agent: one that all short tasks share, and others that belong to one task at a time.

Rules of this file:
- the shared one makes trivial tasks cheap: requests of many go there and back together;
- once it is in trouble, everybody concerned moves to a helper of their own (``afrender.helper.seat``), and for a while
  nobody shares: whatever happens in a helper hits one task in the end;
- one that was in trouble, grew, worked long enough or knows old files is ended;
- looking at the studio's folder may take long (it lies on a server) and happens in a worker thread.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from afnet.wire.messages import RunSpec
from afrender.helper.process import HelperProcess, Trouble
from afrender.helper.protocol import Answer, Failed, Prepare, Prepared, Setup, Stale
from afrender.helper.remote import RemoteReader
from afrender.helper.seat import Seat
from afrender.own import own_names
from afrender.process.spawn import CannotStart

__all__ = ["HelperPool", "HelperSettings"]

IDLE_TIME = 60.0
"""Seconds that a helper waits for the next task."""

STARTS_MOST = max(1, (os.cpu_count() or 2) - 1)
"""Helpers that come up at a time: a machine that starts sixty at once starts none."""

RUNS_MOST = 500
"""Runs after which a helper has worked enough."""

SHARED_RUNS_MOST = 20_000
"""Runs after which the shared helper has worked enough."""

SHARED_SECONDS = 2.0
"""Seconds that anybody waits for the shared helper before they go to one of their own."""

APART = 30.0
"""Seconds for which nobody shares after that."""

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
        self._shared: HelperProcess | None = None
        self._coming: asyncio.Task[HelperProcess] | None = None
        self._apart_until = 0.0
        self._closing = False
        self._retired: set[HelperProcess] = set()
        """Helpers that were shared and still have runs."""
        self._numbers = itertools.count(1)
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
        request = Prepare(next(self._numbers), run, store)
        for _ in range(STALE_TRIES):
            try:
                shared = await self._share()
            except OSError as error:
                return CannotStart(f"A helper for services and parsers cannot be started: {error.strerror or error}")
            except Trouble as trouble:
                return CannotStart(f"A helper for services and parsers {trouble.sentence}", trouble.place)
            seat: Seat | None = None
            try:
                if shared is not None:
                    seat = Seat(self, shared, request, shared=True)
                    answer = await seat.ask(request)
                else:
                    helper, answer = await self.own(request)
                    seat = Seat(self, helper, request, shared=False)
            except OSError as error:
                return CannotStart(f"A helper for services and parsers cannot be started: {error.strerror or error}")
            except Trouble as trouble:
                if seat is not None:
                    seat.leave()
                who = f'The service "{run.service}" or the parser "{run.parser}"'
                return CannotStart(f"{who} {trouble.sentence}", trouble.place)
            except asyncio.CancelledError:
                if seat is not None:
                    seat.leave()
                raise
            if isinstance(answer, Prepared):
                reader = RemoteReader(run, answer, seat)
                if answer.skip:
                    reader.done()
                return reader
            seat.leave(closed=True)
            if isinstance(answer, Stale):
                self._retire()
                continue
            if isinstance(answer, Failed):
                return CannotStart(answer.sentence, answer.hint)
            return CannotStart(f"The helper said {type(answer).__name__}")
        return CannotStart(f"The modules in {self._settings.folder} change all the time", "wait until they are copied")

    # -- the shared one ------------------------------------------------------------------------------------------

    async def _share(self) -> HelperProcess | None:
        """Return the shared helper; None while nobody shares. Raises OSError and Trouble."""
        if self._shared is not None and self._shared.over is not None:
            self._part()
        if time.monotonic() < self._apart_until:
            return None
        if self._shared is None:
            if self._coming is None:
                self._coming = asyncio.get_running_loop().create_task(self._start_shared())
            return await asyncio.shield(self._coming)
        return self._shared

    async def _start_shared(self) -> HelperProcess:
        try:
            setup = msgspec.structs.replace(self._setup, gather=True)
            helper = await HelperProcess.start(setup, min(SHARED_SECONDS, self._settings.seconds))
        finally:
            self._coming = None
        self.all.add(helper)
        self._shared = helper
        return helper

    def _part(self) -> None:
        """The shared helper is in trouble: nobody shares for a while."""
        self._apart_until = time.monotonic() + APART
        if self._shared is not None:
            self._end(self._shared)
            self._shared = None

    def _retire(self) -> None:
        """Let nobody new into the shared helper; it ends with the last of those that are there."""
        helper, self._shared = self._shared, None
        if helper is not None:
            self._retired.add(helper)
            self.left(helper)

    async def own(self, prepare: Prepare) -> tuple[HelperProcess, Answer]:
        """Return a helper for one run alone, with its answer to ``prepare``. Raises OSError and Trouble."""
        for _ in range(STALE_TRIES):
            helper = await self._take()
            try:
                answer = await helper.ask(prepare)
            except BaseException:
                self._end(helper)
                raise
            if not isinstance(answer, Stale):
                return helper, answer
            # Whoever waits for a task knows the same old files.
            for _, idle in self._idle:
                self._end(idle)
            self._idle.clear()
            self._end(helper)
        raise Trouble("did not come to rest: the modules change all the time")

    def left(self, helper: HelperProcess) -> None:
        """A run has left a helper."""
        if helper is self._shared:
            helper.runs += 1
            if helper.over is not None:
                self._part()
            elif helper.runs >= SHARED_RUNS_MOST or helper.memory > self._settings.memory // 2:
                self._retire()
            elif not helper.seats and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(IDLE_TIME, self._send_home)
        elif helper in self._retired:
            if not helper.seats:
                self._retired.discard(helper)
                self._end(helper)
        elif helper in self.all:
            self._give_back(helper)

    def errand(self, errand: Coroutine[Any, Any, None]) -> None:
        """Have something done meanwhile."""
        self._errand(errand)

    async def close(self) -> None:
        """End all helpers."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        if self._coming is not None:
            await asyncio.wait([self._coming])
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
        while self._starting < min(STARTS_MOST, len(self._waiting)) and not self._closing:
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
        if self._shared is not None and not self._shared.seats and not self._idle:
            self._retire()
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
