"""Task processes on Windows: each in a job object that ends with its last handle, so no keeper is needed.

Never run on a real Windows machine so far (``docs/platforms.md``): the pure parts are tested, the calls are written
after the documentation of the system.

Rules of this file:
- the job object is told to end its processes when its handle is closed, which happens however the agent ends;
- the process starts suspended and runs only once it is in its job;
- one thread reads each pipe, and nothing but bytes passes from it to the loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from afrender.process.output import READ_SIZE
from afrender.process.spawn import MARKER_VARIABLE, CannotStart, Exit, Launch, RunningProcess, Watcher

__all__ = ["WindowsLayer", "WindowsProcess", "command_line", "exit_of", "priority_class"]

ABOVE_NORMAL, BELOW_NORMAL, HIGH, IDLE, NORMAL = 0x8000, 0x4000, 0x80, 0x40, 0x20
CREATE_SUSPENDED = 0x4
CREATE_NEW_PROCESS_GROUP = 0x200
CREATE_NO_WINDOW = 0x8000000
CTRL_BREAK_EVENT = 1
JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
LIMIT_BREAKAWAY_OK = 0x800
LIMIT_DIE_ON_UNHANDLED_EXCEPTION = 0x400
LIMIT_KILL_ON_JOB_CLOSE = 0x2000
TERMINATED_CODE = 0xC000013A
KILLED_CODE = 0xFFFF
READER_TIME = 5.0


def priority_class(nice: int) -> int:
    """Return the priority class that stands for a niceness, by the trade's habit."""
    if nice > 10:
        return IDLE
    if nice > 0:
        return BELOW_NORMAL
    if nice == 0:
        return NORMAL
    return ABOVE_NORMAL if nice >= -10 else HIGH


def command_line(words: Sequence[str]) -> str:
    """Return one line for a new process.

    A line for ``cmd.exe /c`` is given as it is behind those words: the interpreter has its own rules for quotes, and
    takes one more pair around the whole.
    """
    if len(words) == 3 and os.path.basename(words[0].replace("\\", "/")).lower() in ("cmd", "cmd.exe"):
        return f'{words[0]} {words[1]} "{words[2]}"'
    return subprocess.list2cmdline(list(words))


def exit_of(code: int, *, killed: bool, terminated: bool) -> Exit:
    """Return what an exit code means; an end that we caused is told as the signal it stands for."""
    if killed:
        return Exit(0, signal=9)
    if terminated and code == TERMINATED_CODE:
        return Exit(0, signal=15)
    return Exit(code)


class _Basic(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class _Extended(ctypes.Structure):
    _fields_ = (
        ("basic", _Basic),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class _Job:
    """A job object of the system."""

    def __init__(self) -> None:
        self._kernel: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009 - Windows only
        self._kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._handle = self._kernel.CreateJobObjectW(None, None)
        limits = _Extended()
        limits.basic.flags = LIMIT_KILL_ON_JOB_CLOSE | LIMIT_DIE_ON_UNHANDLED_EXCEPTION | LIMIT_BREAKAWAY_OK
        self._kernel.SetInformationJobObject(
            ctypes.c_void_p(self._handle),
            JOB_OBJECT_EXTENDED_LIMIT_INFORMATION,
            ctypes.byref(limits),
            ctypes.sizeof(limits),
        )

    def take(self, process: int) -> None:
        """Put the process with this handle into the job, and let it run."""
        self._kernel.AssignProcessToJobObject(ctypes.c_void_p(self._handle), ctypes.c_void_p(process))
        native: Any = getattr(ctypes, "WinDLL")("ntdll")  # noqa: B009 - Windows only
        native.NtResumeProcess(ctypes.c_void_p(process))

    def end(self) -> None:
        """End every process of the job."""
        if self._handle:
            self._kernel.TerminateJobObject(ctypes.c_void_p(self._handle), KILLED_CODE)

    def close(self) -> None:
        """Let the job go; what is left of it ends."""
        if self._handle:
            self._kernel.CloseHandle(ctypes.c_void_p(self._handle))
            self._handle = None


class WindowsLayer:
    """Starts processes in job objects. ``nice`` chooses their priority class."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, nice: int = 10, environment: Mapping[str, str] | None = None
    ) -> None:
        self.loop = loop
        self.living: set[WindowsProcess] = set()
        self._flags = priority_class(nice) | CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW
        self._environment = dict(os.environ if environment is None else environment)

    def start(self, launch: Launch, watcher: Watcher) -> RunningProcess | CannotStart:
        """Start a process; its standard input is empty and both outputs are one pipe."""
        if launch.folder and not os.path.isdir(launch.folder):
            return CannotStart(
                f'The working directory "{launch.folder}" does not exist on this machine',
                "make it, mount it, or add a line to pathsmap",
            )
        try:
            child = subprocess.Popen(
                command_line(launch.words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=launch.folder or None,
                env={**self._environment, **launch.environment, MARKER_VARIABLE: launch.marker},
                creationflags=self._flags,
            )
        except (OSError, ValueError) as error:
            return CannotStart(f'The program "{launch.words[0]}" cannot be started: {error}')
        job = _Job()
        job.take(int(getattr(child, "_handle")))  # noqa: B009 - the handle has no public name
        process = WindowsProcess(self, child, job, watcher)
        self.living.add(process)
        return process

    def close(self) -> None:
        """Nothing is held beyond the processes."""


class WindowsProcess:
    """One task process with its job object and reader thread."""

    def __init__(self, layer: WindowsLayer, child: subprocess.Popen[bytes], job: _Job, watcher: Watcher) -> None:
        self.pid = child.pid
        self._layer = layer
        self._child = child
        self._job = job
        self._watcher = watcher
        self._killed = False
        self._terminated = False
        self._timer: asyncio.TimerHandle | None = None
        self._open = threading.Event()
        self._open.set()
        self._reader = threading.Thread(target=self._read, name=f"read-{child.pid}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, name=f"wait-{child.pid}", daemon=True).start()

    def terminate(self, grace: float) -> None:
        """Send a break to the process group; end the job after ``grace`` seconds."""
        if self._terminated:
            return
        self._terminated = True
        try:
            os.kill(self.pid, CTRL_BREAK_EVENT)
        except OSError:
            self.kill()
            return
        self._timer = self._layer.loop.call_later(grace, self.kill)

    def kill(self) -> None:
        """End the job now."""
        self._killed = True
        self._job.end()

    def hold(self, held: bool) -> None:
        """Read no output while ``held``: the process waits when its pipe is full."""
        if held:
            self._open.clear()
        else:
            self._open.set()

    def _read(self) -> None:
        pipe = self._child.stdout
        while pipe is not None:
            self._open.wait()
            data = os.read(pipe.fileno(), READ_SIZE)
            if not data:
                return
            self._layer.loop.call_soon_threadsafe(self._watcher.output, data)

    def _wait(self) -> None:
        code = self._child.wait()
        self._open.set()
        # What is left of the job would keep the pipe open; with its end the reader comes to its own.
        self._job.end()
        self._reader.join(READER_TIME)
        self._layer.loop.call_soon_threadsafe(self._ended, code)

    def _ended(self, code: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._job.close()
        self._layer.living.discard(self)
        self._watcher.exited(exit_of(code, killed=self._killed, terminated=self._terminated))
