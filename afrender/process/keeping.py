"""The agent's side of the keeper, and the record by which the next agent ends what both left behind.

Rules of this file:
- every group is told to the keeper before the next turn of the loop; its marker covers the moment between;
- a keeper that dies is replaced and told everything again;
- the record is written without syncing: after a restart of the machine nothing in it lives, which the boot id tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from afrender.process import cancel
from afrender.process.exits import ExitWatch

__all__ = ["Keeper", "end_leftovers"]

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("keeper.py")
_RECORD = "processes"
_RECORD_LIMIT = 262144
_TICKS = os.sysconf("SC_CLK_TCK")
_SAME_TICKS = 2 * _TICKS


def _now_ticks() -> int:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS)
    return 0


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


class Keeper:
    """Tells the keeper process and the record about each process group.

    Calls are gathered and written once per turn of the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, token: str) -> None:
        self._loop = loop
        self._token = token
        self._groups: dict[int, int] = {}
        self._pending: list[str] = []
        self._backlog = b""
        self._scheduled = False
        self._closing = False
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: ExitWatch | None = None
        self._pipe = -1
        self._record_path = folder / _RECORD
        self._record = -1
        self._record_size = 0
        self._open_record()
        self._start()

    @property
    def pid(self) -> int:
        """Number of the keeper process; 0 when it could not be started."""
        return self._child.pid if self._child else 0

    def started(self, group: int) -> None:
        """A process group came to life."""
        start = _now_ticks()
        self._groups[group] = start
        self._say(f"+{group} {start}")

    def ended(self, group: int) -> None:
        """A process group is over."""
        if self._groups.pop(group, None) is not None:
            self._say(f"-{group}")

    def close(self) -> None:
        """Let the keeper go; it ends what is still registered. Waits for it in the orderly case only."""
        self._closing = True
        self._flush()
        if self._pipe >= 0:
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
        if self._watch is not None:
            self._watch.close()
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            self._child = None
        if self._record >= 0:
            os.close(self._record)
            self._record = -1
            if not self._groups:
                self._record_path.unlink(missing_ok=True)

    def _say(self, line: str) -> None:
        self._pending.append(line)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if not self._pending:
            return
        lines, self._pending = self._pending, []
        if self._record >= 0:
            self._write_record(lines)
        self._send("".join(line.split(" ")[0] + "\n" for line in lines).encode())

    # -- the process ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SCRIPT), self._token],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        except OSError as error:
            os.close(writing)
            self._child = None
            log.warning("The keeper process did not start (%s): should this agent be killed, its tasks go on.", error)
            return
        finally:
            os.close(reading)
        os.set_blocking(writing, False)
        self._pipe = writing
        self._backlog = b""
        child = self._child
        self._watch = ExitWatch(self._loop, child.pid, lambda: self._gone(child))
        self._send("".join(f"+{group}\n" for group in self._groups).encode())

    def _gone(self, child: subprocess.Popen[bytes]) -> None:
        if self._closing or self._child is not child:
            return
        child.wait()
        log.warning("The keeper process %d ended; starting another.", child.pid)
        if self._pipe >= 0:
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
        self._start()

    def _send(self, data: bytes) -> None:
        if self._pipe < 0 or not data:
            return
        if self._backlog:
            self._backlog += data
            return
        self._backlog = self._write(data)
        if self._backlog:
            self._loop.add_writer(self._pipe, self._writable)

    def _writable(self) -> None:
        self._backlog = self._write(self._backlog)
        if not self._backlog:
            self._loop.remove_writer(self._pipe)

    def _write(self, data: bytes) -> bytes:
        try:
            return data[os.write(self._pipe, data) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            return b""

    # -- the record ----------------------------------------------------------------------------------------------

    def _open_record(self) -> None:
        self._record = os.open(self._record_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._rewrite()

    def _rewrite(self) -> None:
        os.ftruncate(self._record, 0)
        os.lseek(self._record, 0, os.SEEK_SET)
        self._record_size = 0
        self._write_record([f"boot {_boot()}", *(f"+{group} {start}" for group, start in self._groups.items())])

    def _write_record(self, lines: list[str]) -> None:
        data = ("\n".join(lines) + "\n").encode()
        try:
            os.write(self._record, data)
        except OSError as error:
            log.warning("%s cannot be written (%s); running processes are not recorded.", self._record_path, error)
            return
        self._record_size += len(data)
        if self._record_size > _RECORD_LIMIT:
            self._rewrite()


def _recorded(folder: Path) -> dict[int, int]:
    """Return groups and start ticks that the record of ``folder`` holds as living, if the machine was not restarted."""
    try:
        lines = (folder / _RECORD).read_text().splitlines()
    except FileNotFoundError:
        return {}
    if not lines or lines[0] != f"boot {_boot()}":
        return {}
    groups: dict[int, int] = {}
    for line in lines[1:]:
        with contextlib.suppress(ValueError):
            if line.startswith("+"):
                group, _, start = line[1:].partition(" ")
                groups[int(group)] = int(start)
            elif line.startswith("-"):
                groups.pop(int(line[1:]), None)
    return groups


def _same(group: int, start: int) -> bool:
    """Whether the leader of ``group`` lives and started when the record says (which was written just after)."""
    return abs(cancel.start_ticks(group) - start) <= _SAME_TICKS


def end_leftovers(folder: Path, token: str, *, polite: float = 1.0, limit: float = 10.0) -> int:
    """End every process that an earlier agent of ``folder`` left behind; return how many there were.

    Called before the agent starts any task; it waits (``polite`` seconds before killing, ``limit`` in all).
    """
    recorded = _recorded(folder)
    pause = threading.Event()
    first: set[int] = set()
    waited = 0.0
    number = signal.SIGTERM
    while True:
        groups = [group for group, start in recorded.items() if start and _same(group, start)]
        left = cancel.marked(token)
        if not groups and not left:
            break
        first.update(groups, (found.pid for found in left))
        for group in groups:
            cancel.signal_group(group, number)
        cancel.signal_processes(left, number)
        if waited >= limit:
            log.error("Processes of an earlier run of this agent cannot be ended: %s.", sorted(f.pid for f in left))
            break
        pause.wait(0.05)
        waited += 0.05
        if waited >= polite:
            number = signal.SIGKILL
    (folder / _RECORD).unlink(missing_ok=True)
    return len(first)
