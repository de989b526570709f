"""Brings what is finished to the farm: reports until they are acknowledged, logs until they are kept.

Rules of this file:
- a report is on disk before it is said, and its log is there with it;
- nothing here is decided: the agent says what to keep, to say and to forget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from afcore.ids import RunKey
from afnet.wire.messages import FileChunk, Follow, Message, Report
from afrender.follow import Followers
from afrender.logs import LOG, RunLog, Uploads
from afrender.reports import KeptReport, ReportSpool
from afrender.stimuli import Forget, Keep, Say

__all__ = ["Delivery"]

SYNC_AFTER = 0.5
"""Seconds a report may wait for its acknowledgement before the spool is synced."""


class Delivery:
    """Reports and logs of runs that are over, and those who follow the running ones.

    Without a ``spool`` nothing is put on disk (simulations).
    """

    def __init__(
        self,
        *,
        send: Callable[[Message], bool],
        send_chunk: Callable[[FileChunk], bool],
        spool: ReportSpool | None,
        log_limit: int,
        log_budget: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._send = send
        self._spool = spool
        self._log_limit = log_limit
        self._changed = asyncio.Event()
        self._over_logs: dict[RunKey, RunLog] = {}
        self._sync_timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[None] | None = None
        self.uploads = Uploads(send_chunk, self._file_done, budget=log_budget)
        self.followers = Followers(self._loop, send)

    @property
    def waits(self) -> bool:
        """Whether anything waits to be acknowledged or kept by the farm."""
        return bool(self.uploads.files_waiting) or (self._spool is not None and bool(self._spool.kept))

    async def change(self) -> None:
        """Wait until something was delivered, or the server is lost."""
        self._changed.clear()
        await self._changed.wait()

    def restore(self, log_path: Callable[[RunKey], str]) -> list[Report]:
        """Take up what an earlier life left; return the reports that are not acknowledged."""
        if self._spool is None:
            return []
        kept = self._spool.kept
        for one in kept:
            key = RunKey(one.report.job, one.report.block, one.report.task, one.report.run)
            if one.report.log_size:
                limit = one.log_limit or self._log_limit
                found = RunLog.kept(log_path(key), total=one.log_total, limit=limit, data=one.log_data)
                self.uploads.add(key, found)
        return [one.report for one in kept if not one.reported]

    def began(self, key: RunKey, run_log: RunLog) -> None:
        """A run has a process: whoever waited for that follows it now."""
        self.followers.began(key, run_log, over=False)

    def ended(self, key: RunKey, run_log: RunLog) -> None:
        """Take over the log of a run that has ended."""
        self.followers.ended(key, run_log)
        self._over_logs[key] = run_log

    def keep(self, action: Keep) -> None:
        """Put a report on disk with its log, and begin to bring the log over."""
        report = action.report
        key = RunKey(report.job, report.block, report.task, report.run)
        run_log = self._over_logs.pop(key, None)
        if self._spool is not None:
            kept = KeptReport(report)
            if run_log is not None and report.log_size:
                kept.log_data, kept.log_total, kept.log_limit = run_log.in_memory, run_log.total, run_log.limit
            self._spool.keep(kept)
            if self._sync_timer is None:
                self._sync_timer = self._loop.call_later(SYNC_AFTER, self._sync)
        if run_log is not None:
            self.uploads.add(key, run_log)

    def say(self, action: Say) -> None:
        """Send a report."""
        self._send(action.report)

    def forget(self, action: Forget) -> None:
        """Delete what is kept of runs: their reports, and for dropped ones their logs."""
        if self._spool is not None:
            if action.log:
                self._spool.forget(action.keys)
            else:
                self._spool.acknowledged(action.keys)
        if action.log:
            for key in action.keys:
                self.uploads.forget(key)
                run_log = self._over_logs.pop(key, None)
                if run_log is not None:
                    run_log.close(remove=True)
        self._changed.set()

    def lost(self) -> None:
        """The server is away."""
        self.uploads.lost()
        self.followers.clear()
        self._changed.set()

    def follow(self, message: Follow, living: Mapping[RunKey, RunLog], early: Iterable[RunKey]) -> None:
        """Let somebody follow a run: one of the ``living``, one whose log waits here, or an ``early`` one.

        ``early``: the runs that are to start and have no process yet.
        """
        task = (message.job, message.block, message.task)
        for over, logs in ((False, living), (True, self.uploads.waiting)):
            for key, run_log in logs.items():
                if key[:3] == task and message.run in (0, key.run):
                    self.followers.add(message.id, key, run_log, over=over)
                    return
        for key in early:
            if key[:3] == task and message.run in (0, key.run):
                self.followers.wait(message.id, key)
                return
        self.followers.add(message.id, RunKey(*task, message.run), None, over=True)

    async def close(self) -> None:
        """Let files and timers go; what waits stays for the next life."""
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        if self._syncing is not None:
            await self._syncing
        self.followers.close()
        self.uploads.close()
        if self._spool is not None:
            if self._spool.unsynced:
                self._spool.sync()
            self._spool.close()

    def _file_done(self, key: RunKey, name: str) -> None:
        if self._spool is not None and name == LOG:
            self._spool.log_done(key)
        self._changed.set()

    def _sync(self) -> None:
        self._sync_timer = None
        if self._spool is not None and self._spool.unsynced:
            self._syncing = self._loop.run_in_executor(None, self._spool.sync)
