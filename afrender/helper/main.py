"""The program of a helper: makes services and parsers of runs and does with them what the agent asks.

Rules of this file:
- whatever a studio's module raises becomes an answer; whatever it prints goes to standard error, which the agent keeps
  the end of.
"""

from __future__ import annotations

import contextlib
import os
import sys

from afcore.pathmap import PathMap
from afrender.classic.load import OwnClasses
from afrender.helper.protocol import (
    Answer,
    Close,
    Closed,
    Failed,
    Feed,
    Judged,
    Leave,
    Prepare,
    Prepared,
    Ready,
    Setup,
    Stale,
    State,
)
from afrender.helper.serving import memory_used, serve
from afrender.own import Signature
from afrender.process.spawn import CannotStart, Exit
from afrender.reader import Applications, Reader

__all__ = ["Helper", "main"]


NICE = 5
"""After the agent, before the tasks: a helper that is woken must not push the agent aside in the middle of its turn."""

MEMORY_EVERY = 16
"""Ends of runs between two looks at the memory in use."""


class Helper:
    """What a helper knows. ``answer`` takes a request and returns what is said to it."""

    def __init__(self, setup: Setup) -> None:
        self._folder = setup.folder
        self._loaded: Signature | None = None
        self._readers: dict[int, Reader] = {}
        self._closed = self._used = 0
        self._applications = Applications(
            PathMap(setup.pairs, windows=setup.windows),
            settings=setup.settings,
            own=OwnClasses(setup.folder, setup.settings, setup.pairs, windows=setup.windows),
        )

    def answer(self, request: object) -> Answer:
        """Do what is asked."""
        if isinstance(request, Prepare):
            return self._prepare(request)
        if isinstance(request, Leave):
            self._readers.pop(request.seat, None)
            return Ready()
        if isinstance(request, Feed) and (reader := self._readers.get(request.seat)) is not None:
            reader.host = request.host or reader.host
            return _state(reader, reader.feed(request.data, request.pid))
        if isinstance(request, Close) and (reader := self._readers.pop(request.seat, None)) is not None:
            end = Exit(request.code, request.signal)
            state = _state(reader, reader.finish(end, stopped=request.stopped))
            judgement = reader.judge(end)
            judged = Judged(
                int(judgement.status),
                judgement.sentence,
                judgement.place,
                list(judgement.post),
                self._memory(),
                list(judgement.pictures),
                list(judgement.checks),
                judgement.said,
                list(judgement.found),
            )
            return Closed(state, judged)
        return Failed(f"A helper does not know what to do with {type(request).__name__}", "")

    def _memory(self) -> int:
        """Return bytes of memory in use, asked for now and then: it costs more than a trivial task's judgement."""
        if self._closed % MEMORY_EVERY == 0:
            self._used = memory_used()
        self._closed += 1
        return self._used

    def _prepare(self, request: Prepare) -> Answer:
        if self._loaded is None:
            self._loaded = Signature(self._folder)
        elif not self._loaded.same():
            return Stale()
        made = self._applications.prepare(request.run, request.store)
        if isinstance(made, CannotStart):
            return Failed(made.sentence, made.hint)
        self._readers[request.seat] = made
        plan = made.plan
        told = (plan.command, plan.folder, plan.environment, plan.files, plan.skip, plan.notes)
        return Prepared(*told, made.has_parser, made.raw)


def _state(reader: Reader, kept: bytes) -> State:
    percent, frame, percent_frame = reader.progress
    changed, reader.changed = reader.changed, False
    pictures, reader.pictures = reader.pictures, []
    return State(
        kept=kept,
        percent=percent,
        frame=frame,
        percent_frame=percent_frame,
        activity=reader.activity,
        report=reader.report,
        resources=reader.resources,
        failure=reader.failure,
        sentence=reader.sentence,
        verdict=int(reader.verdict) if reader.verdict is not None else 0,
        warning=reader.warning,
        changed=changed,
        pictures=pictures,
    )


def main() -> int:
    """Answer requests until the agent says no more."""
    # The studio's folder is its own, often one share for the whole farm; and byte code that appears there would look
    # like a change of it.
    sys.dont_write_bytecode = True
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    return serve(Helper)


if __name__ == "__main__":
    sys.exit(main())
