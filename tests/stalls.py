"""Notices when the thread of the window is held: how long it computed between two looks at what a person does.

Rules of this file:
- What counts is the processor time of that one thread within one round of its loop of events: a busy machine makes it
  little longer.
- Who held it is told by its stack, taken by a helper thread while it is at it (where the system can tell its time).
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from types import TracebackType

from PySide6.QtCore import QAbstractEventDispatcher, QObject

__all__ = ["StallRecorder"]

_LOOK_S = 0.02


class StallRecorder(QObject):
    """Watches the calling thread while it is entered; ``worst`` is in seconds of processor time."""

    def __init__(self, limit: float) -> None:
        """``limit``: seconds from which on a stall is told."""
        super().__init__()
        self.limit = limit
        self.worst = 0.0
        self.stack = ""
        """Where the thread was in the worst stall over the limit; empty for none."""
        self._began = 0.0
        self._candidate = ""
        self._thread = threading.get_ident()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stall-watch", daemon=True)

    def __enter__(self) -> StallRecorder:
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None, "there is an application"
        dispatcher.awake.connect(self.turn)
        dispatcher.aboutToBlock.connect(self.turn)
        self._dispatcher = dispatcher
        self._began = time.thread_time()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dispatcher.awake.disconnect(self.turn)
        self._dispatcher.aboutToBlock.disconnect(self.turn)
        self._over.set()
        self._watcher.join()

    def lap(self) -> None:
        """Leave out what was computed since the last turn: it was the test's own doing, not the window's."""
        self._began = time.thread_time()

    def turn(self) -> None:
        """A round of events is over."""
        # Dispatchers differ in when they say that they sleep and wake; between any two of these signals lies at most
        # one round of events, and sleeping costs no processor time.
        now = time.thread_time()
        taken, self._began = now - self._began, now
        if taken > self.worst:
            self.worst = taken
            self.stack = self._candidate if taken > self.limit else self.stack
        self._candidate = ""

    def _watch(self) -> None:
        clock = getattr(time, "pthread_getcpuclockid", None)
        if clock is None:
            return
        own = clock(self._thread)
        while not self._over.wait(_LOOK_S):
            began = self._began
            if time.clock_gettime(own) - began > self.limit and self._began == began:
                frame = sys._current_frames().get(self._thread)
                self._candidate = "".join(traceback.format_stack(frame)[-12:]) if frame is not None else ""

    def check(self) -> None:
        """Fail when the thread was held for longer than the limit."""
        said = f"the window was held for {self.worst * 1000:.0f} ms, {self.limit * 1000:.0f} ms are allowed"
        assert self.worst <= self.limit, f"{said}\n{self.stack}"
