"""What the monitor knows of the farm: rows by id, columns of opened jobs, and whether the farm is there.

Rules of this file:
- ``receive`` is the only mutator; it returns what changed.  No Qt, no clock, no thread.
- A lost connection forgets nothing; a whole answer forgets what it does not hold, once its last part is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from afcore.rows import BranchRow, JobRow, MonitorRow, NoticeRow, PoolRow, RenderRow, UserRow
from afnet.wire.messages import Welcome
from afwatch.changes import Arrival, ChangeSet, ColumnsPiece, Connected, Lost, RowsCame, Unreachable
from afwatch.tally import JobTally
from afwatch.tasktables import OpenedJob

__all__ = ["KINDS", "WatchState"]

KINDS = {1: "jobs", 2: "renders", 3: "users", 4: "pools", 5: "branches", 6: "notices", 7: "monitors"}
"""Subscriptions that every monitor has, by their ids; the last is refused to all but administrators."""


class WatchState:
    """Everything that panes show."""

    def __init__(self) -> None:
        self.jobs: dict[int, JobRow] = {}
        self.tally = JobTally()
        """How many jobs each user has."""
        self.renders: dict[int, RenderRow] = {}
        self.users: dict[int, UserRow] = {}
        self.pools: dict[int, PoolRow] = {}
        self.branches: dict[int, BranchRow] = {}
        self.notices: dict[int, NoticeRow] = {}
        """What is not as it should be with the server itself."""
        self.monitors: dict[int, MonitorRow] = {}
        """Who watches the farm; known in GOD mode."""
        self.versions = dict.fromkeys(KINDS.values(), 0)
        """The version that the rows of each kind stand for: what a new subscription begins from."""
        self.opened: dict[int, OpenedJob] = {}
        self.welcome: Welcome | None = None
        """The server's word; None while there is no connection."""
        self.server = ""
        """Address of the server that was spoken to last."""
        self.lost_at = 0.0
        """When the connection was lost; 0 while there is one, or never was."""
        self.trouble = ""
        """Why there is no connection: a sentence."""
        self.farm = ""
        """Random id of the farm that the rows are of."""
        self._stale: dict[str, set[int]] = {}

    @property
    def connected(self) -> bool:
        """Whether the server answers."""
        return self.welcome is not None

    def rows(self, kind: str) -> dict[int, Any]:
        """Return the rows of a kind by id."""
        found: dict[int, Any] = getattr(self, kind)
        return found

    def is_complete(self, kind: str) -> bool:
        """Say whether all rows of a kind are here."""
        return self.versions[kind] > 0

    def open_job(self, job: int) -> OpenedJob:
        """Return the columns of a job, which come as soon as they are subscribed to."""
        return self.opened.setdefault(job, OpenedJob(job))

    def close_job(self, job: int) -> None:
        """Forget the columns of a job."""
        self.opened.pop(job, None)

    def replace(self, kind: str, rows: Iterable[Any], changes: ChangeSet) -> None:
        """Show these rows of a kind instead of what is known; what differs is added to ``changes``."""
        known, new = self.rows(kind), {row.id: row for row in rows}
        self._forget(kind, [id for id in known if id not in new], changes)
        changed = changes.changed.setdefault(kind, set())
        for id, row in new.items():
            if known.get(id) != row:
                if kind == "jobs":
                    self.tally.replace(known.get(id), row)
                known[id] = row
                changed.add(id)

    def receive(self, arrival: Arrival, now: float) -> ChangeSet:
        """Take over one arrival; return what it changed."""
        changes = ChangeSet()
        if isinstance(arrival, RowsCame):
            self._rows(arrival, changes)
        elif isinstance(arrival, Connected):
            self._connected(arrival, changes)
        elif isinstance(arrival, Lost):
            self._gone(arrival.reason, now, changes)
        elif isinstance(arrival, Unreachable):
            self._gone(f"{arrival.sentence} {arrival.hint}".strip(), now, changes)
        return changes

    def _connected(self, arrival: Connected, changes: ChangeSet) -> None:
        if self.farm and arrival.welcome.farm != self.farm:
            # Another farm answers at this address: nothing that is known is about it.
            for kind in KINDS.values():
                changes.gone.setdefault(kind, set()).update(self.rows(kind))
                self.rows(kind).clear()
                self.versions[kind] = 0
            self.tally.clear()
            for job in self.opened.values():
                job.gone = True
        self.farm = arrival.welcome.farm
        self.welcome, self.server = arrival.welcome, arrival.server
        self.lost_at, self.trouble = 0.0, ""
        changes.connection = True

    def _gone(self, sentence: str, now: float, changes: ChangeSet) -> None:
        if self.welcome is not None:
            self.lost_at = now
        self.welcome = None
        self.trouble = sentence
        changes.connection = True

    def _rows(self, arrival: RowsCame, changes: ChangeSet) -> None:
        changes.initiators.extend(arrival.initiators)
        kind = KINDS.get(arrival.id)
        if kind is None:
            self._columns(arrival, changes)
            return
        known = self.rows(kind)
        if arrival.whole:
            self._stale[kind] = set(known)
        stale = self._stale.get(kind)
        changed = changes.changed.setdefault(kind, set())
        tally = self.tally if kind == "jobs" else None
        for row in arrival.rows:
            if tally is not None:
                tally.replace(known.get(row.id), row)
            known[row.id] = row
            changed.add(row.id)
        if stale is not None:
            stale -= changed
        self._forget(kind, arrival.gone, changes)
        if arrival.version != self.versions[kind]:
            # Versions move with the last part only: what a whole answer did not name is not there any more.
            self.versions[kind] = arrival.version
            self._forget(kind, self._stale.pop(kind, ()), changes)

    def _forget(self, kind: str, ids: Iterable[int], changes: ChangeSet) -> None:
        known = self.rows(kind)
        for id in ids:
            row = known.pop(id, None)
            if row is not None:
                if kind == "jobs":
                    self.tally.replace(row, None)
                changes.gone.setdefault(kind, set()).add(id)
                changes.changed.get(kind, set()).discard(id)

    def _columns(self, arrival: RowsCame, changes: ChangeSet) -> None:
        for piece in arrival.rows:
            if isinstance(piece, ColumnsPiece) and piece.job in self.opened:
                changes.tasks.append(self.opened[piece.job].put(piece))
        for job in arrival.gone:
            if job in self.opened:
                self.opened[job].gone = True
                changes.gone.setdefault("opened", set()).add(job)
