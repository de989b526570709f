"""What every helper program does: reads requests, answers them one by one, and ends with the agent.

Rules of this file:
- whatever the code that is run here prints goes to standard error, which the agent keeps the end of;
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
from collections.abc import Callable, Sequence
from typing import Protocol

from afrender.helper.protocol import MESSAGE_LIMIT, Answer, Ready, Setup, decode_request, encode

__all__ = ["Answerer", "memory_used", "serve"]

PARENT_PERIOD = 1.0
"""Seconds between two looks whether the agent lives, where the system does not tell."""


READ_SIZE = 1 << 18
"""Bytes that are read, and answers that are gathered, at a time."""


class Answerer(Protocol):
    """Who answers requests in a helper."""

    def answer(self, request: object) -> Answer:
        """Do what is asked."""


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


def _become(account: Sequence[int]) -> None:
    """Give up being the agent's user for ever."""
    user, *groups = account
    if sys.platform != "win32":
        os.setgroups(groups)
        os.setresgid(groups[0], groups[0], groups[0])
        os.setresuid(user, user, user)


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


class _Requests:
    """The requests that come in: all that are there at once, so that many small ones cost one read and one write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = bytearray()

    def take(self) -> list[bytes]:
        """Wait for requests and return them; none at the end of the conversation."""
        while True:
            whole = self._whole()
            if whole:
                return whole
            data = os.read(self._descriptor, READ_SIZE)
            if not data:
                return []
            self._data += data

    def _whole(self) -> list[bytes]:
        found, place = [], 0
        while len(self._data) >= place + 4:
            size = int.from_bytes(self._data[place : place + 4], "little")
            if size > MESSAGE_LIMIT:
                raise ValueError(f"a message of {size} bytes")
            if len(self._data) < place + 4 + size:
                break
            found.append(bytes(self._data[place + 4 : place + 4 + size]))
            place += 4 + size
        del self._data[:place]
        return found


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def serve(make: Callable[[Setup], Answerer]) -> int:
    """Answer requests until the agent says no more; ``make`` is given the first. Return the exit status."""
    requests, writing = _Requests(os.dup(0)), os.dup(1)
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
    waiting = requests.take()
    first = decode_request(waiting.pop(0)) if waiting else None
    if not isinstance(first, Setup):
        return 2
    _limit_memory(first.memory)
    answerer = make(first)
    if first.account:
        _become(first.account)
        _end_with_parent()  # the system forgets that wish with the user
    _write(writing, encode(Ready()))
    watched = sys.platform != "linux"
    while waiting or (waiting := requests.take()):
        answers = bytearray()
        for body in waiting:
            answers += encode(answerer.answer(decode_request(body)))
            if watched and memory_used() > first.memory:
                sys.stderr.write(f"The helper took more than {first.memory} bytes of memory\n")
                return 3
            if not first.gather or len(answers) > READ_SIZE:
                _write(writing, bytes(answers))
                answers.clear()
        _write(writing, bytes(answers))
        waiting = []
    return 0
