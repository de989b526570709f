"""Pictures of jobs, the newest thumbnail of each: asked for while somebody sees the job, one after another.

Rules of this file:
- Nobody asks for what is out of sight, and a picture that is known is asked for again only while its job changes.
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
_AGAIN_S = 10.0


class Thumbnails(QObject):
    """What is known of the pictures of jobs."""

    came = Signal(int)
    """A picture of this job is here, or another one."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._known: OrderedDict[int, tuple[str, QImage]] = OrderedDict()
        self._asked: dict[int, tuple[float, int]] = {}
        """When each job was asked about, and which version it had."""
        self._queue: deque[tuple[int, str]] = deque()
        self._reading = False

    def of(self, job: int) -> QImage | None:
        """Return the picture of a job, None while none is known."""
        found = self._known.get(job)
        if found is None:
            return None
        self._known.move_to_end(job)
        return found[1]

    def want(self, jobs: Iterable[int]) -> None:
        """Somebody sees these jobs: ask for the pictures of those that changed since they were asked about."""
        now, rows = time.monotonic(), self._session.state.jobs
        wanted = []
        for job in jobs:
            row = rows.get(job)
            at, version = self._asked.get(job, (0.0, -1))
            if row is not None and row.version != version and (version < 0 or now - at > _AGAIN_S):
                self._asked[job] = (now, row.version)
                wanted.append(job)
        if wanted and self._session.state.connected and self._session.past is None:
            pending = self._session.ask("job.thumbnails", ids=wanted)
            pending.success(self._listed).failure(partial(self._failed, wanted))

    def _failed(self, jobs: list[int], error: AfError) -> None:
        for job in jobs:
            self._asked.pop(job, None)

    def _listed(self, body: dict[str, Any]) -> None:
        for row in body["rows"]:
            known = self._known.get(row["job"])
            if known is None or known[0] != row["id"]:
                self._queue.append((row["job"], row["id"]))
        self._read()

    def _read(self) -> None:
        if self._reading or not self._queue:
            return
        job, file = self._queue.popleft()
        self._reading = True
        self._session.ask("file.read", id=file).success(partial(self._came, job, file)).failure(self._not_read)

    def _not_read(self, error: AfError) -> None:
        self._reading = False
        self._read()

    def _came(self, job: int, file: str, body: dict[str, Any]) -> None:
        self._reading = False
        image = QImage.fromData(body["data"])
        if not image.isNull():
            self._known[job] = (file, image)
            self._known.move_to_end(job)
            while len(self._known) > _MOST:
                gone, _ = self._known.popitem(last=False)
                self._asked.pop(gone, None)
            self.came.emit(job)
        self._read()
