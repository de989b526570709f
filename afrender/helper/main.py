"""The program of a helper: makes the service and the parser of one run after the other and does what the agent asks.

Rules of this file:
- whatever a studio's module raises becomes an answer; whatever it prints goes to standard error, which the agent keeps
  the end of;
- it ends when the agent ends, at the latest when it is killed: a hanging module cannot hear.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from typing import BinaryIO

from afcore.pathmap import PathMap
from afrender.classic.load import OwnClasses
from afrender.helper.protocol import (
    MESSAGE_LIMIT,
    Answer,
    Failed,
    Feed,
    Finish,
    Judge,
    Judged,
    Prepare,
    Prepared,
    Ready,
    Setup,
    Stale,
    State,
    decode_request,
    encode,
)
from afrender.own import signature
from afrender.process.spawn import CannotStart, Exit
from afrender.reader import Applications, Reader

__all__ = ["Helper", "main"]

PARENT_PERIOD = 1.0
"""Seconds between two looks whether the agent lives, where the system does not tell."""


class Helper:
    """What a helper knows. ``answer`` takes a request and returns what is said to it."""

    def __init__(self, setup: Setup) -> None:
        self._folder = setup.folder
        self._loaded: tuple[tuple[str, int, int], ...] | None = None
        self._reader: Reader | None = None
        self._applications = Applications(
            PathMap(setup.pairs, windows=setup.windows),
            settings=setup.settings,
            own=OwnClasses(setup.folder, setup.settings, setup.pairs, windows=setup.windows),
        )

    def answer(self, request: object) -> Answer:
        """Do what is asked."""
        if isinstance(request, Prepare):
            return self._prepare(request)
        reader = self._reader
        if reader is None:
            return Failed("Nothing was prepared", "")
        if isinstance(request, Feed):
            return _state(reader, reader.feed(request.data, request.pid))
        if isinstance(request, Finish):
            end = Exit(request.code, request.signal)
            return _state(reader, reader.finish(end, stopped=request.stopped))
        if isinstance(request, Judge):
            judgement = reader.judge(Exit(request.code, request.signal))
            self._reader = None
            status, post = int(judgement.status), list(judgement.post)
            return Judged(status, judgement.sentence, judgement.place, post, memory_used())
        return Failed(f"A helper does not know {type(request).__name__}", "")

    def _prepare(self, request: Prepare) -> Answer:
        files = signature(self._folder)
        if self._loaded not in (None, files):
            return Stale()
        self._loaded = files
        made = self._applications.prepare(request.run)
        if isinstance(made, CannotStart):
            return Failed(made.sentence, made.hint)
        self._reader = made
        plan = made.plan
        return Prepared(plan.command, plan.folder, plan.environment, plan.files, plan.skip, plan.notes, made.has_parser)


def _state(reader: Reader, kept: bytes) -> State:
    percent, frame, percent_frame = reader.progress
    changed, reader.changed = reader.changed, False
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
    )


def memory_used() -> int:
    """Return how many bytes of memory this process takes; 0 when the system does not tell."""
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)


def _limit_memory(most: int) -> None:
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """Have this process ended when the agent is gone, also while a module hangs where the system can do that."""
    parent = os.getppid()
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() == parent:
            return
    if sys.platform == "win32":
        # The read of the pipe tells; a hanging module is ended with the agent's own job object.
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_PERIOD)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _read(pipe: BinaryIO) -> bytes:
    """Return the next message's body; nothing at the end of the conversation."""
    head = pipe.read(4)
    if len(head) < 4:
        return b""
    size = int.from_bytes(head, "little")
    if size > MESSAGE_LIMIT:
        raise ValueError(f"a message of {size} bytes")
    body = pipe.read(size)
    return body if len(body) == size else b""


def main() -> int:
    """Answer requests until the agent says no more."""
    reading, writing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    faulthandler.enable()
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    first = decode_request(_read(reading))
    if not isinstance(first, Setup):
        return 2
    _limit_memory(first.memory)
    helper = Helper(first)
    writing.write(encode(Ready()))
    writing.flush()
    watched = sys.platform != "linux"
    while body := _read(reading):
        answer = helper.answer(decode_request(body))
        if watched and memory_used() > first.memory:
            sys.stderr.write(f"The helper took more than {first.memory} bytes of memory\n")
            return 3
        writing.write(encode(answer))
        writing.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
