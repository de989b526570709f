"""The agent's side of a helper process for readings: asks, never waits, and knows how old an answer is.

Rules of this file:
- ``ask`` starts and asks and returns; answers are taken in a thread of the helper's own;
- a helper that does not answer within its limit is ended, one that ends by itself is started again after a while;
- one that measured and then finds nothing is asked again later: what it measured went away, and may come back;
- whoever was being measured then is blamed: after ``BLAMES`` times it is left out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import IO, Any

__all__ = ["SideProbe"]

log = logging.getLogger(__name__)

LIMIT = 10.0
"""Seconds a helper has for an answer."""

BLAMES = 2
RETRY = 30.0
"""Seconds before a helper that ended is started again."""


class SideProbe:
    """A helper of ``afrender.host.helper`` for ``words``; ``take`` is called with each message, in another thread.

    ``failed`` holds what is left out, with a sentence why. ``command`` replaces the program (tests).
    """

    def __init__(
        self,
        words: Callable[[set[str]], Sequence[str]],
        take: Callable[[dict[str, Any]], None],
        *,
        limit: float = LIMIT,
        retry: float = RETRY,
        clock: Callable[[], float] = time.monotonic,
        command: Sequence[str] = (sys.executable, "-m", "afrender.host.helper"),
    ) -> None:
        self.failed: dict[str, str] = {}
        self.empty = False
        """The helper said that there is nothing to measure; it is not asked again."""
        self._words = words
        self._take = take
        self._limit = limit
        self._retry = retry
        self._clock = clock
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lock = threading.Condition()
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._begun = ""
        self._start_at = 0.0
        self._blames: Counter[str] = Counter()
        self._closed = False

    @property
    def age(self) -> float | None:
        """Seconds since the last whole answer; None when there was none yet."""
        return None if self._answered_at is None else self._clock() - self._answered_at

    @property
    def is_late(self) -> bool:
        """Whether an answer is being waited for, or there is no helper to ask."""
        return not self.empty and (self._asked_at is not None or self._process is None)

    def ask(self, wait: float = 0.0) -> None:
        """Ask for a measurement, unless one is under way; wait at most ``wait`` seconds for its end."""
        with self._lock:
            if self.empty or self._closed:
                return
            now = self._clock()
            if self._asked_at is not None:
                if now - self._asked_at > self._limit:
                    self._end(f"it did not answer within {self._limit:g} s")
                return
            if self._process is None and not self._start(now):
                return
            self._asked_at = now
            try:
                self._stdin().write("measure\n")
                self._stdin().flush()
            except OSError:
                self._end("its process ended")
                return
            if wait > 0:
                self._lock.wait_for(lambda: self._asked_at is None or self.empty, wait)

    def close(self) -> None:
        """End the helper."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
            self._finish(process)
        if self._reader is not None:
            self._reader.join(2.0)

    def _stdin(self) -> IO[str]:
        assert self._process is not None and self._process.stdin is not None
        return self._process.stdin

    def _start(self, now: float) -> bool:
        if now < self._start_at:
            return False
        words = self._words(set(self.failed))
        if not words:
            self.empty = True
            return False
        try:
            self._process = subprocess.Popen(
                [*self._command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
        except OSError as error:
            log.warning("The helper for readings cannot be started (%s).", error)
            self._start_at = now + self._retry
            return False
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="readings", daemon=True)
        self._reader.start()
        return True

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._lock:
                    if self._process is process:
                        self._answer(json.loads(line))
        process.wait()
        with self._lock:
            if self._process is process:
                self._end("its process ended")

    def _answer(self, message: dict[str, Any]) -> None:
        if "begin" in message:
            self._begun = message["begin"]
        elif "done" in message:
            self._begun, self._asked_at, self._answered_at = "", None, self._clock()
            self._lock.notify_all()
        elif "empty" in message and self._answered_at is not None:
            self._end("what it measured is away")
        elif "empty" in message:
            self.empty, self._asked_at = True, None
            process, self._process = self._process, None
            self._finish(process)
            self._lock.notify_all()
        else:
            self._take(message)

    def _end(self, why: str) -> None:
        """Give up the helper that is there now, and blame whoever was being measured."""
        process, self._process = self._process, None
        begun, self._begun, self._asked_at = self._begun, "", None
        if begun:
            self._blames[begun] += 1
        if begun and begun != "gpu" and self._blames[begun] >= BLAMES:
            self.failed[begun] = why
            log.info('The meter "%s" is left out: %s.', begun, why)
            self._start_at = 0.0
        else:
            log.info("The helper for readings%s is started again: %s.", f" ({begun})" if begun else "", why)
            self._start_at = self._clock() + self._retry
        self._finish(process)
        self._lock.notify_all()

    def _finish(self, process: subprocess.Popen[str] | None) -> None:
        """End a process; its reader waits for that, and for ever when a driver does not let it go."""
        if process is None:
            return
        process.kill()
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
