"""Task processes on Linux and macOS: own session and group, one pipe for all output, ended with the whole tree.

Rules of this file:
- no hook runs in the child (it would double the cost of a start and can hang); what can be done is done from outside;
- the number of a process is used for signals only while we know it is ours: its group is signalled before it is reaped;
- a task is over when its first process has ended; what is left of its group is ended then;
- a pipe that somebody keeps open never holds a task up.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from afrender.accounts import Account, surroundings_of
from afrender.process import cancel
from afrender.process.exits import ExitWatch, reap
from afrender.process.keeping import Keeper
from afrender.process.output import READ_SIZE
from afrender.process.spawn import MARKER_VARIABLE, CannotStart, Exit, Launch, RunningProcess, Watcher

__all__ = ["PosixLayer", "PosixProcess"]

LEFTOVER_GRACE = 1.0
"""Seconds that background children get between terminate and kill when their task finished by itself."""

DRAIN_LIMIT = 4 * 1024 * 1024
"""Bytes still read from the pipe after the task ended; more can only come from somebody who does not belong to it."""

KILL_PAUSE = 0.05
KILL_ROUNDS = 100


class PosixLayer:
    """Starts processes in sessions of their own.

    ``nice`` is added to the agent's own niceness. ``folder`` is where processes start that name no folder.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        nice: int = 10,
        folder: str = "/",
        keeper: Keeper | None = None,
        environment: Mapping[str, str] | None = None,
        threads: bool = False,
    ) -> None:
        self.loop = loop
        self.keeper = keeper
        self.living: set[PosixProcess] = set()
        self._threads = threads
        self._folder = folder
        self._nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + nice) if nice else None
        # As bytes, once: turning each variable into bytes anew took a third of every start.
        self._plain = dict(os.environ if environment is None else environment)
        self._environment = _encoded(self._plain)
        self._surroundings: dict[Account, dict[bytes, bytes]] = {}
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._autogroup = _autogroup_enabled() and nice > 0

    def start(self, launch: Launch, watcher: Watcher) -> RunningProcess | CannotStart:
        """Start a process; it is in a new session, its standard input is empty, both outputs are one pipe."""
        folder = launch.folder or self._folder
        reading, writing = _pipe()
        try:
            own = _encoded({**launch.environment, MARKER_VARIABLE: launch.marker})
            child = subprocess.Popen(
                launch.words,
                stdin=self._null,
                stdout=writing,
                stderr=writing,
                cwd=folder,
                env={**self._surroundings_of(launch.account), **own},
                start_new_session=True,
                **_user_of(launch.account),
            )
        except (OSError, ValueError) as error:
            os.close(reading)
            return _refusal(error, launch, folder)
        finally:
            os.close(writing)
        pid = child.pid
        # Reaping is ours alone: without this the object would wait for the child itself, or warn that nobody did.
        child.returncode = 0
        if self._nice is not None:
            self._lower(pid)
        os.set_blocking(reading, False)
        if self.keeper is not None:
            self.keeper.started(pid)
        process = PosixProcess(self, pid, reading, launch.marker, watcher, threads=self._threads)
        self.living.add(process)
        return process

    def _surroundings_of(self, account: Account | None) -> dict[bytes, bytes]:
        if account is None:
            return self._environment
        if account not in self._surroundings:
            self._surroundings[account] = _encoded(surroundings_of(account, self._plain))
        return self._surroundings[account]

    def _lower(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PGRP, pid, self._nice or 0)
        if self._autogroup:
            # With automatic groups the scheduler weighs sessions against each other, and niceness counts inside only.
            # The kernel takes few such requests a second from ordinary users; a refused one costs nothing.
            with contextlib.suppress(OSError):
                file = os.open(f"/proc/{pid}/autogroup", os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.write(file, b"%d" % (self._nice or 0))
                finally:
                    os.close(file)

    def close(self) -> None:
        """Free what the layer holds; all its processes must be over."""
        if self._null >= 0:
            os.close(self._null)
            self._null = -1


class PosixProcess:
    """One task process with its group, pipe and watch."""

    __slots__ = ("_end", "_ending", "_exit_watch", "_layer", "_marker", "_pipe", "_timer", "_watcher", "pid")

    def __init__(
        self, layer: PosixLayer, pid: int, pipe: int, marker: str, watcher: Watcher, *, threads: bool = False
    ) -> None:
        self.pid = pid
        self._layer = layer
        self._pipe = pipe
        self._marker = marker
        self._watcher = watcher
        self._end: Exit | None = None
        self._ending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        layer.loop.add_reader(pipe, self._readable)
        self._exit_watch = ExitWatch(layer.loop, pid, self._leader_ended, threads=threads)

    def terminate(self, grace: float) -> None:
        """Ask the tree to end, kill it after ``grace`` seconds. Asking again changes nothing."""
        if self._ending is None and self._end is None:
            self._ending = self._layer.loop.create_task(self._end_tree(grace))

    def kill(self) -> None:
        """End the tree now, also when it is being terminated."""
        if self._end is not None:
            self._sweep(0.0, LEFTOVER_GRACE)
            return
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._layer.loop.create_task(self._end_tree(0.0))

    # -- output --------------------------------------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Read no output while ``held``: the process waits when its pipe is full."""
        if self._pipe >= 0:
            if held:
                self._layer.loop.remove_reader(self._pipe)
            else:
                self._layer.loop.add_reader(self._pipe, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._pipe, READ_SIZE)
        except BlockingIOError:
            return
        if data:
            self._watcher.output(data)
        else:
            self._close_pipe()

    def _drain(self) -> None:
        taken = 0
        while self._pipe >= 0 and taken < DRAIN_LIMIT:
            try:
                data = os.read(self._pipe, READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close_pipe()
                return
            taken += len(data)
            self._watcher.output(data)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._layer.loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    # -- the end by itself ---------------------------------------------------------------------------------------

    def _leader_ended(self) -> None:
        if self._ending is None:
            # The ended leader still holds the group's number, so this can hit nobody else.
            cancel.signal_group(self.pid, signal.SIGTERM)
        self._end = reap(self.pid) or Exit(255)
        if self._ending is None:
            self._sweep(0.0, LEFTOVER_GRACE)

    def _sweep(self, waited: float, grace: float) -> None:
        """Wait until the group is empty, killing it after ``grace``; usually it is empty at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not (cancel.group_lives(self.pid) if waited else cancel.group_alive(self.pid)):
            self._finish()
            return
        if waited >= grace:
            cancel.signal_group(self.pid, signal.SIGKILL)
        pause = min(KILL_PAUSE, 0.002 + waited)
        self._timer = self._layer.loop.call_later(pause, self._sweep, waited + pause, grace)

    def _finish(self) -> None:
        if self not in self._layer.living:
            return
        self._drain()
        self._close_pipe()
        self._layer.living.discard(self)
        if self._layer.keeper is not None:
            self._layer.keeper.ended(self.pid)
        self._watcher.exited(self._end or Exit(255))

    # -- the end by order ----------------------------------------------------------------------------------------

    async def _end_tree(self, grace: float) -> None:
        """Terminate, wait up to ``grace``, kill until nobody of the tree is left, then tell the watcher."""
        family = await self._family()
        if grace > 0:
            if self._end is None:
                cancel.signal_group(self.pid, signal.SIGTERM)
                # One that was halted cannot end otherwise.
                cancel.signal_group(self.pid, signal.SIGCONT)
            cancel.signal_processes((one for one in family if one.group != self.pid), signal.SIGTERM)
            await self._gone(family, grace)
        for _ in range(KILL_ROUNDS):
            if self._end is None or cancel.group_lives(self.pid):
                cancel.signal_group(self.pid, signal.SIGKILL)
            family = _together(family, await self._family())
            living = [one for one in family if cancel.start_ticks(one.pid) == one.start]
            if self._end is not None and not living and not cancel.group_lives(self.pid):
                break
            cancel.signal_processes(living, signal.SIGKILL)
            await self._gone(family, KILL_PAUSE)
        while self._end is None:
            # A process stuck in the kernel takes no signal; the task is not over before it is.
            await asyncio.sleep(1.0)
        self._finish()

    async def _family(self) -> list[cancel.Found]:
        return await self._layer.loop.run_in_executor(None, cancel.belonging, self._marker, (self.pid,))

    async def _gone(self, family: list[cancel.Found], limit: float) -> None:
        waited = 0.0
        pause = 0.002
        while waited < limit:
            if self._end is not None and not any(cancel.start_ticks(one.pid) == one.start for one in family):
                return
            await asyncio.sleep(pause)
            waited += pause
            pause = min(KILL_PAUSE, pause * 1.5)


def _together(first: list[cancel.Found], second: list[cancel.Found]) -> list[cancel.Found]:
    return list(dict.fromkeys((*first, *second)))


def _encoded(environment: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}


def _user_of(account: Account | None) -> dict[str, Any]:
    """Return as whom a process is started; nothing for the agent's own user, who starts processes faster."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": account.groups}


def _pipe() -> tuple[int, int]:
    if hasattr(os, "pipe2"):
        return os.pipe2(os.O_CLOEXEC)
    reading, writing = os.pipe()
    for end in (reading, writing):
        fcntl.fcntl(end, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    return reading, writing


def _autogroup_enabled() -> bool:
    with contextlib.suppress(OSError), open("/proc/sys/kernel/sched_autogroup_enabled", "rb") as file:
        return file.read().strip() == b"1"
    return False


def _refusal(error: OSError | ValueError, launch: Launch, folder: str) -> CannotStart:
    """Return in words why the system did not start a process."""
    program = launch.words[0] if launch.words else ""
    if isinstance(error, ValueError):
        return CannotStart(f"The command cannot be started: {error}", "a command holds no null characters")
    reason = error.strerror or str(error)
    if error.filename == folder:
        if isinstance(error, FileNotFoundError):
            return CannotStart(
                f'The working directory "{folder}" does not exist on this machine',
                "make it, mount it, or add a line to pathsmap",
            )
        return CannotStart(f'The working directory "{folder}" cannot be entered: {reason}')
    if isinstance(error, FileNotFoundError):
        return CannotStart(
            f'The program "{program}" is not found on this machine', "install it, or set PATH for the task"
        )
    if error.errno == 7:
        return CannotStart(
            "The command is longer than the system takes",
            "write it to a script file and run that",
        )
    return CannotStart(f'The program "{program}" cannot be started: {reason}')
