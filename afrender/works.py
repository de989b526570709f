"""The processes of runs: prepares, starts, watches and judges them, and tells the agent.

Rules of this file:
- whatever goes wrong with one run is told as that run's end, with a sentence in its log;
- looking at a task's files may take long and happens in a worker thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from afcore.commands import ProgressReading
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from afrender.accounts import Account, Accounts
from afrender.helper.pool import HelperPool
from afrender.helper.remote import RemoteReader
from afrender.logs import LOG_LIMIT, RunLog
from afrender.pictures import Pictures, PictureSettings, thumbnail_commands
from afrender.post import run_post_commands
from afrender.process.spawn import CannotStart, Exit, Launch, ProcessLayer, RunningProcess, marker_text, shell_words
from afrender.reader import Applications, Judgement, Reader
from afrender.stimuli import (
    Kill,
    ProcessExited,
    ProcessRefused,
    ProcessStarted,
    ProgressSeen,
    Spawn,
    Terminate,
    VerdictReached,
)
from afrender.taskfolder import FOUND_FILES, FileLimits, collect_files, found_text, task_folder

__all__ = ["Work", "Works", "WorkSettings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """What the surroundings decide for processes.

    ``folder``: for logs. ``token``: marks the agent's processes. ``shell_prefix``: words before a shell line.
    ``accounts``: as which user of this system a run is started. ``log_limit``: bytes kept of one log. ``post_limit``:
    seconds for each command after a task; 0 is none. ``files``: what is taken from a task's folder.
    """

    folder: Path
    token: str = ""
    shell_prefix: str = "/bin/sh -c"
    log_limit: int = LOG_LIMIT
    post_limit: float = 16.0
    files: FileLimits = FileLimits()
    accounts: Accounts = field(default_factory=lambda: Accounts(()))


class Work:
    """A run that has a process, or is about to: its reader, log and process (the watcher of its process)."""

    __slots__ = (
        "_news", "_over", "_verdict", "_works", "account", "folder", "key", "log", "process", "reader", "stopped",
        "warned",
    )  # fmt: skip

    def __init__(
        self, works: Works, key: RunKey, reader: Reader | RemoteReader, run_log: RunLog, account: Account | None
    ) -> None:
        self._works = works
        self._news = False
        self._verdict = False
        self._over = False
        self.key = key
        self.account = account
        """The user as whom everything of it runs; None is the agent's own."""
        self.folder = ""
        """Where commands after it leave files, when that is not the run's folder beside the agent's."""
        self.reader = reader
        self.log = run_log
        self.process: RunningProcess | None = None
        self.stopped = 0.0
        self.warned = False
        """Something about its files is worth a look."""
        if isinstance(reader, RemoteReader):
            reader.heard = self.heard
            reader.hold = self._hold

    def output(self, data: bytes) -> None:
        """Read the output of the process."""
        self.reader.host = self._works.host()
        self.heard(self.reader.feed(data, self.process.pid if self.process else 0))

    def _hold(self, held: bool) -> None:
        if self.process is not None:
            self.process.hold(held)

    def heard(self, kept: bytes) -> None:
        """Take what belongs in the log, and what the reader learned."""
        reader = self.reader
        if kept:
            self.log.add(kept)
        if reader.pictures:
            self._works.pictures.make(self.key, reader.pictures, self.account)
            reader.pictures = []
        if self._over:
            return
        if reader.verdict is not None and not self._verdict:
            self._verdict = True
            self._works.tell(VerdictReached(self.key, reader.verdict, reader.sentence))
        elif not self._news:
            self._news = True
            self._works.tell(ProgressSeen(self.key))

    def goes_on(self, process: RunningProcess) -> None:
        """A command after the task runs now: it is what is ended when the task is."""
        self.process = process

    def exited(self, end: Exit) -> None:
        """Take the end of the process."""
        self._over = True
        kept = self.reader.finish(end, stopped=self.stopped)
        if kept:
            self.log.add(kept)
        self._works.ended(self, end)

    def reading(self) -> ProgressReading:
        """Return how far it is, and count the news as told."""
        self._news = False
        reader = self.reader
        percent, frame, percent_frame = reader.progress
        changed, reader.changed = reader.changed, False
        return ProgressReading(
            *self.key,
            percent=percent,
            frame=frame,
            percent_frame=percent_frame,
            changed=changed,
            warning=reader.warning or self.warned,
            activity=reader.activity,
            last_line=reader.last_line,
            report=reader.report,
        )


class Works:
    """All runs of the agent that have a process.

    ``tell`` takes stimuli for the agent; ``began_log`` and ``ended_log`` are given the log of a run, before that;
    ``deliver`` is given files for the server. ``pictures``: how to look at images. ``host`` returns the newest
    reading of the machine as JSON, for parsers.
    """

    def __init__(
        self,
        *,
        layer: ProcessLayer,
        applications: Applications,
        helpers: HelperPool | None = None,
        settings: WorkSettings,
        pictures: PictureSettings,
        deliver: Callable[[RunKey, str, bytes], None],
        tell: Callable[[object], None],
        began_log: Callable[[RunKey, RunLog], None],
        ended_log: Callable[[RunKey, RunLog], None],
        wall: Callable[[], float],
        host: Callable[[], str] = lambda: "{}",
    ) -> None:
        self.tell = tell
        self.host = host
        self.all: dict[RunKey, Work] = {}
        self.pictures = Pictures(pictures, deliver)
        self._deliver = deliver
        self._began_log = began_log
        self._ended_log = ended_log
        self._loop = asyncio.get_running_loop()
        self._layer = layer
        self._applications = applications
        self._helpers = helpers
        self._settings = settings
        self._folder = str(settings.folder)
        self._wall = wall
        self._errands: set[asyncio.Task[None]] = set()

    def log_path(self, key: RunKey) -> str:
        """Return where the log of a run lies when it is too long for memory."""
        return f"{self._folder}{os.sep}{key.job}.{key.block}.{key.task}.{key.run}.log"

    def kill_all(self) -> None:
        """End all processes now."""
        for work in self.all.values():
            if work.process is not None:
                work.process.kill()

    async def close(self) -> None:
        """Give up what is still being looked at."""
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        if self._helpers is not None:
            await self._helpers.close()
        await self.pictures.close()

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def spawn(self, action: Spawn) -> None:
        """Start the process of a run; the agent is told how that went."""
        run = action.run
        key = RunKey(run.job, run.block, run.task, run.run)
        account = self._settings.accounts.of(run)
        if isinstance(account, CannotStart):
            self._refuse(key, self._new_log(key), RunStatus.FAILED_TO_START, account)
        elif self._helpers is not None and self._helpers.wants(run):
            self._errand(self._spawn_helped(self._helpers, key, run, account))
        elif self._applications.is_slow(run):
            self._errand(self._spawn_slowly(key, run, account))
        else:
            self._spawn_prepared(key, self._applications.prepare(run), account)

    async def _spawn_slowly(self, key: RunKey, run: RunSpec, account: Account | None) -> None:
        reader = await self._loop.run_in_executor(None, self._applications.prepare, run, self._task_folder(key))
        self._spawn_prepared(key, reader, account)

    async def _spawn_helped(self, helpers: HelperPool, key: RunKey, run: RunSpec, account: Account | None) -> None:
        self._spawn_prepared(key, await helpers.prepare(run, self._task_folder(key)), account)

    def _task_folder(self, key: RunKey) -> str:
        return task_folder(self._folder, key)

    def _new_log(self, key: RunKey) -> RunLog:
        return RunLog(self.log_path(key), self._settings.log_limit)

    def _spawn_prepared(
        self, key: RunKey, reader: Reader | RemoteReader | CannotStart, account: Account | None
    ) -> None:
        run_log = self._new_log(key)
        if isinstance(reader, CannotStart):
            self._refuse(key, run_log, RunStatus.FAILED_TO_START, reader)
            return
        for note in reader.notes:
            run_log.add(f"[ afrender: {note} ]\n".encode())
        plan = reader.plan
        if plan.skip:
            self._refuse(key, run_log, RunStatus.SKIPPED, CannotStart("All files exist already"))
            return
        work = Work(self, key, reader, run_log, account)
        words = shell_words(plan.command, self._settings.shell_prefix)
        launch = Launch(words, plan.folder, plan.environment, marker_text(*key, self._settings.token), account)
        process = self._layer.start(launch, work)
        if isinstance(process, CannotStart):
            if isinstance(reader, RemoteReader):
                reader.done()
            self._refuse(key, run_log, RunStatus.FAILED_TO_START, process)
            return
        work.process = process
        self.all[key] = work
        self._began_log(key, run_log)
        self.tell(ProcessStarted(key, process.pid, self._wall()))

    def _refuse(self, key: RunKey, run_log: RunLog, status: RunStatus, why: CannotStart) -> None:
        if status is not RunStatus.SKIPPED:
            hint = f"\n[ {why.hint} ]" if why.hint else ""
            run_log.add(f"[ afrender: {why.sentence} ]{hint}\n".encode())
        self._ended_log(key, run_log)
        self.tell(ProcessRefused(key, status, why.sentence, self._wall(), run_log.size))

    def ended(self, work: Work, end: Exit) -> None:
        """The process of a run is gone; judge it."""
        reader = work.reader
        if isinstance(reader, RemoteReader):
            self._errand(self._judge_helped(work, reader, end))
        elif reader.judges_files and end.good:
            self._errand(self._judge_slowly(work, reader, end))
        else:
            self._judged(work, end, reader.judge(end))

    async def _judge_helped(self, work: Work, reader: RemoteReader, end: Exit) -> None:
        self._judged(work, end, await reader.judge_later(end))

    async def _judge_slowly(self, work: Work, reader: Reader, end: Exit) -> None:
        self._judged(work, end, await self._loop.run_in_executor(None, reader.judge, end))

    def _judged(self, work: Work, end: Exit, judgement: Judgement) -> None:
        if judgement.said:
            work.log.add(f"[ afrender: {judgement.said} ]\n".encode("utf-8", "replace"))
        wanted = judgement.post or judgement.checks or (judgement.pictures and self.pictures.settings.command)
        if judgement.status is RunStatus.SUCCESS and wanted and not work.stopped:
            self._errand(self._see_to_files(work, end, judgement))
        else:
            self._close_run(work, end, judgement)

    async def _see_to_files(self, work: Work, end: Exit, judgement: Judgement) -> None:
        """Look into what a good task wrote, then do what is wanted after it."""
        if judgement.checks and self.pictures.settings.check:
            ours = () if self.pictures.settings.command else judgement.pictures
            found = await self.pictures.check(work.key, judgement.checks, ours, work.account)
            for warning in found.warnings:
                work.warned = True
                work.log.add(f"[ afrender: WARNING: {warning} ]\n".encode())
            if found.wrong:
                self._close_run(work, end, Judgement(RunStatus.BAD_FILES, found.wrong))
                return
            left = [file for file in judgement.pictures if file not in found.pictured]
            judgement = replace(judgement, pictures=left)
        commands = list(judgement.post)
        if self.pictures.settings.command and judgement.pictures:
            folder = self._folder_of_commands(work)
            commands += thumbnail_commands(self.pictures.settings.command, judgement.pictures, folder)
            judgement = replace(judgement, pictures=())
        wrong = await self._do_post(work, commands) if commands and not work.stopped else ""
        status = RunStatus.POST_FAILED if wrong else RunStatus.SUCCESS
        self._close_run(work, end, replace(judgement, status=status, sentence=wrong))

    def _folder_of_commands(self, work: Work) -> str:
        """Make the folder in which commands after a run leave files; another user can not enter the agent's."""
        if work.account is None:
            folder = self._task_folder(work.key)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            return folder
        work.folder = tempfile.mkdtemp(prefix="afrender-")
        os.chown(work.folder, work.account.uid, work.account.gid)
        return work.folder

    async def _do_post(self, work: Work, commands: Sequence[str | list[str]]) -> str:
        plan, prefix = work.reader.plan, self._settings.shell_prefix
        marker = marker_text(*work.key, self._settings.token)
        launches = [
            Launch(shell_words(one, prefix), plan.folder, plan.environment, marker, work.account) for one in commands
        ]
        wrong = await run_post_commands(
            self._layer,
            launches,
            limit=self._settings.post_limit,
            heard=work.log.add,
            began=work.goes_on,
            stopped=lambda: bool(work.stopped),
        )
        if wrong:
            work.log.add(f"[ afrender: {wrong} ]\n".encode())
        return wrong

    def _close_run(self, work: Work, end: Exit, judgement: Judgement) -> None:
        reader = work.reader
        del self.all[work.key]
        quiet = (RunStatus.KILLED, RunStatus.POST_FAILED)
        if judgement.sentence and judgement.status not in quiet and not work.stopped:
            text = judgement.place.rstrip() or judgement.sentence
            work.log.add(f"[ afrender: {text} ]\n".encode())
        self._ended_log(work.key, work.log)
        self.tell(
            ProcessExited(
                work.key,
                judgement.status,
                -end.signal if end.signal else end.code,
                sentence=judgement.sentence,
                resources=reader.resources,
                warning=reader.warning or work.warned,
                report=reader.report,
                log_size=work.log.size,
                cpu=end.cpu_user + end.cpu_system,
                peak_memory=end.peak_memory,
            )
        )
        self.pictures.make(work.key, judgement.pictures, work.account)
        if judgement.found:
            self._deliver(work.key, FOUND_FILES, found_text(judgement.found))
        if isinstance(reader, RemoteReader) or self.pictures.settings.command:
            folder = self._task_folder(work.key)
            if os.path.isdir(folder):
                self._errand(self._send_files(work.key, folder))
        if work.folder and work.account is not None:
            self._errand(self._send_files(work.key, work.folder, work.account.uid))

    async def _send_files(self, key: RunKey, folder: str, owner: int | None = None) -> None:
        """Send what the service or a command left in the task's folder."""
        collect = partial(collect_files, folder, self._settings.files, owner=owner)
        found = await self._loop.run_in_executor(None, collect)
        for sentence in found.left:
            log.info("Run %s: %s.", key, sentence)
        for name, data in found.files:
            self._deliver(key, name, data)

    def terminate(self, action: Terminate) -> None:
        """Ask the process of a run to end."""
        work = self.all.get(action.key)
        if work is not None and work.process is not None:
            work.stopped = self._wall()
            work.process.terminate(action.grace)

    def kill(self, action: Kill) -> None:
        """End the process of a run now."""
        work = self.all.get(action.key)
        if work is not None and work.process is not None:
            work.stopped = self._wall()
            work.process.kill()
