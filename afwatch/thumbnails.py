"""Pictures of jobs and tasks, a thumbnail of each: asked for while somebody sees it, one after another.

Rules of this file:
- Nobody asks for what is out of sight, and a picture that is known is asked for again only while what it is of changes.
- At most some hundred are held; the one that was looked at longest ago goes first.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from afcore.errors import AfError

if TYPE_CHECKING:
    from afwatch.session import Session

__all__ = ["Thumbnails"]

_MOST = 400
_MOST_ASKED = 5000
_AGAIN_S = 10.0
_TASKS_AT_ONCE = 100
_NONE_YET = -2
"""In the place of a version: there was no picture."""

Key = int | tuple[int, int, int]
"""A job, or job, block and task."""


class Thumbnails(QObject):
    """What is known of the pictures of jobs and tasks."""

    came = Signal(object)
    """A picture of this job (its id) or task (job, block, task) is here, or another one."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._known: OrderedDict[Key, tuple[str, QImage]] = OrderedDict()
        self._asked: dict[Key, tuple[float, int]] = {}
        """When each was asked about, and which version it had."""
        self._queue: deque[tuple[Key, str]] = deque()
        self._reading = False

    def of(self, key: Key) -> QImage | None:
        """Return the picture of a job or task, None while none is known."""
        found = self._known.get(key)
        if found is None:
            return None
        self._known.move_to_end(key)
        return found[1]

    def want(self, jobs: Iterable[int]) -> None:
        """Somebody sees these jobs: ask for the pictures of those that changed since they were asked about."""
        rows = self._session.state.jobs
        wanted = self._changed((job, rows[job].version) for job in jobs if job in rows)
        if wanted:
            pending = self._session.ask("job.thumbnails", ids=wanted)
            pending.success(lambda body: self._listed((row["job"], row["id"]) for row in body["rows"]))
            pending.failure(partial(self._failed, wanted))

    def want_tasks(self, job: int, block: int, tasks: Iterable[tuple[int, int]]) -> None:
        """Somebody sees these tasks of a block, each with a number that grows when it has run again."""
        wanted = self._changed((((job, block, task), version) for task, version in tasks), _TASKS_AT_ONCE)
        if wanted:
            numbers = [key[2] for key in wanted if isinstance(key, tuple)]
            pending = self._session.ask("task.thumbnails", job=job, block=block, tasks=numbers)
            pending.success(partial(self._tasks_listed, job, block, wanted)).failure(partial(self._failed, wanted))

    def _tasks_listed(self, job: int, block: int, wanted: list[Key], body: dict[str, Any]) -> None:
        found: dict[Key, str] = {(job, block, row["task"]): row["id"] for row in body["rows"]}
        for key in wanted:
            if key not in found and key in self._asked:
                # A picture comes some seconds after its run.
                self._asked[key] = (self._asked[key][0], _NONE_YET)
        self._listed(found.items())

    def _changed(self, versions: Iterable[tuple[Key, int]], most: int = _MOST_ASKED) -> list[Key]:
        """Return what has to be asked about, at most so many, and note that it is."""
        if not self._session.state.connected or self._session.past is not None:
            return []
        now = time.monotonic()
        wanted: list[Key] = []
        for key, newest in versions:
            at, version = self._asked.get(key, (0.0, -1))
            if len(wanted) < most and newest != version and (version == -1 or now - at > _AGAIN_S):
                self._asked[key] = (now, newest)
                wanted.append(key)
        for old in list(self._asked)[: max(0, len(self._asked) - _MOST_ASKED)]:
            # Who scrolls through a million tasks has seen most of them long ago.
            if old not in self._known:
                del self._asked[old]
        return wanted

    def _failed(self, keys: list[Key], error: AfError) -> None:
        for key in keys:
            self._asked.pop(key, None)

    def _listed(self, found: Iterable[tuple[Key, str]]) -> None:
        for key, file in found:
            known = self._known.get(key)
            if known is None or known[0] != file:
                self._queue.append((key, file))
        while len(self._queue) > _MOST:
            # Scrolled away long ago.
            gone, _ = self._queue.popleft()
            self._asked.pop(gone, None)
        self._read()

    def _read(self) -> None:
        if self._reading or not self._queue:
            return
        # What was asked for last is what is looked at.
        key, file = self._queue.pop()
        self._reading = True
        self._session.ask("file.read", id=file).success(partial(self._came, key, file)).failure(self._not_read)

    def _not_read(self, error: AfError) -> None:
        self._reading = False
        self._read()

    def _came(self, key: Key, file: str, body: dict[str, Any]) -> None:
        self._reading = False
        image = QImage.fromData(body["data"])
        if not image.isNull():
            self._known[key] = (file, image)
            self._known.move_to_end(key)
            while len(self._known) > _MOST:
                gone, _ = self._known.popitem(last=False)
                self._asked.pop(gone, None)
            self.came.emit(key)
        self._read()
