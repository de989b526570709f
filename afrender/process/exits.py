"""Tells the loop that a child process ended, without polling: a process descriptor where there is one, else a thread.

Rules of this file:
- the child is not waited for here where the system allows it (it stays a zombie, so its number cannot be used again
  before its group was ended); ``reap`` does that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable

from afrender.process.spawn import Exit

__all__ = ["ExitWatch", "reap"]

_RSS_UNIT = 1024


class ExitWatch:
    """Calls ``done()`` from the loop once process ``pid``, a child of ours, has ended. ``close`` forgets it."""

    __slots__ = ("_descriptor", "_done", "_loop", "pid")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pid: int, done: Callable[[], None], *, threads: bool = False
    ) -> None:
        self.pid = pid
        self._loop = loop
        self._done: Callable[[], None] | None = done
        self._descriptor = -1
        if not threads and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._descriptor = os.pidfd_open(pid)
        if self._descriptor >= 0:
            loop.add_reader(self._descriptor, self._ended)
        else:
            threading.Thread(target=self._wait, name=f"wait-{pid}", daemon=True).start()

    def _wait(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        done = self._done
        self.close()
        if done is not None:
            done()

    def close(self) -> None:
        """Stop watching."""
        self._done = None
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def reap(pid: int) -> Exit | None:
    """Take the end of child ``pid`` from the system; None when it still runs.

    A child that somebody else waited for counts as ended with code 255.
    """
    try:
        found, status, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return Exit(255)
    if not found:
        return None
    if os.WIFSIGNALED(status):
        code, number = 0, os.WTERMSIG(status)
    else:
        code, number = os.waitstatus_to_exitcode(status), 0
    return Exit(code, number, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * _RSS_UNIT)
