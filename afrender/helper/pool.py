"""The helpers of an agent: one for each running task that needs one, used again for the next task.

Rules of this file:
- a helper belongs to one run at a time: whatever happens in it hits nobody else;
- one that was in trouble, grew, worked long enough or knows old files is ended;
- looking at the studio's folder may take long (it lies on a server) and happens in a worker thread.
"""

from __future__ import annotations

import asyncio
import time
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

IDLE_MOST = 8
"""Helpers that are kept for the next task."""

RUNS_MOST = 500
"""Runs after which a helper has worked enough."""

LOOK_PERIOD = 5.0
"""Seconds after which the folder is looked at again."""

STALE_TRIES = 3


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
        self._idle: list[HelperProcess] = []
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

    async def prepare(self, run: RunSpec) -> RemoteReader | CannotStart:
        """Return the plan of a run with its reader, or why there is none."""
        for _ in range(STALE_TRIES):
            try:
                helper = await self._take()
            except OSError as error:
                return CannotStart(f"A helper for services and parsers cannot be started: {error.strerror or error}")
            try:
                answer = await helper.ask(Prepare(run))
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
                self._end(helper)
                continue
            self._give_back(helper)
            if isinstance(answer, Failed):
                return CannotStart(answer.sentence, answer.hint)
            return CannotStart(f"The helper said {type(answer).__name__}")
        return CannotStart(f"The modules in {self._settings.folder} change all the time", "wait until they are copied")

    async def close(self) -> None:
        """End all helpers."""
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        for helper in list(self.all):
            await helper.close()
        self.all.clear()
        self._idle.clear()

    async def _take(self) -> HelperProcess:
        while self._idle:
            helper = self._idle.pop()
            if helper.over is None:
                return helper
            self._end(helper)
        helper = await HelperProcess.start(self._setup, self._settings.seconds)
        self.all.add(helper)
        return helper

    def _give_back(self, helper: HelperProcess) -> None:
        helper.runs += 1
        worn = helper.runs >= RUNS_MOST or helper.memory > self._settings.memory // 2
        if helper.over is not None or worn or len(self._idle) >= IDLE_MOST:
            self._end(helper)
        else:
            self._idle.append(helper)

    def _end(self, helper: HelperProcess) -> None:
        self._errand(self._close(helper))

    async def _close(self, helper: HelperProcess) -> None:
        await helper.close()
        self.all.discard(helper)

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
