"""Finds every process that belongs to a run: its group, its descendants, and those in sessions of their own.

Rules of this file:
- a process is ours when its environment carries our marker, or when its chain of parents leads to one that is;
- a process number alone is never enough to send a signal: numbers are used again.

Reading another process's environment can hang while that process is stuck in the kernel, so these functions are called
in a worker thread, never on the loop.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from afrender.process.spawn import MARKER_VARIABLE

__all__ = [
    "Found",
    "belonging",
    "family",
    "group_alive",
    "group_lives",
    "marked",
    "signal_group",
    "signal_processes",
    "start_ticks",
]

_PROC = "/proc"
_MARKER = f"{MARKER_VARIABLE}=".encode()


@dataclass(frozen=True, slots=True)
class Found:
    """A process as it was seen: ``pid``, its ``parent``, ``group``, and ``start`` in ticks since boot."""

    pid: int
    parent: int
    group: int
    start: int


def _stat(pid: int | str) -> Found | None:
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything, brackets and spaces too.
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return Found(int(pid), int(fields[1]), int(fields[2]), int(fields[19]))


def start_ticks(pid: int) -> int:
    """Return when process ``pid`` started, in ticks since boot; 0 when it is gone or the system does not tell."""
    seen = _stat(pid)
    return seen.start if seen else 0


def _marker_of(pid: int) -> str:
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:
            data = file.read()
    except OSError:
        return ""
    at = 0 if data.startswith(_MARKER) else data.find(b"\0" + _MARKER) + 1
    if at == 0 and not data.startswith(_MARKER):
        return ""
    end = data.find(b"\0", at)
    return data[at + len(_MARKER) : end if end >= 0 else len(data)].decode("utf-8", "replace")


def _table() -> list[tuple[Found, str]]:
    """Return all living processes with their markers (empty where there is none or we may not look)."""
    if os.path.exists(f"{_PROC}/self/stat"):
        seen = (_stat(name) for name in os.listdir(_PROC) if name.isdigit())
        return [(found, _marker_of(found.pid)) for found in seen if found is not None]
    rows = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            marker = ""
            with contextlib.suppress(psutil.Error):
                marker = process.environ().get(MARKER_VARIABLE, "")
            group = os.getpgid(process.pid) if hasattr(os, "getpgid") else 0
            rows.append((Found(process.pid, process.ppid(), group, int(process.create_time() * 100)), marker))
    return rows


def marked(token: str) -> list[Found]:
    """Return every living process that carries a marker of the agent ``token``, whatever its run."""
    ending = f":{token}"
    return [found for found, marker in _table() if marker.endswith(ending)]


def belonging(marker: str, roots: Iterable[int]) -> list[Found]:
    """Return the living processes of one run: ``marker`` carriers, groups of ``roots``, and all their descendants."""
    table = _table()
    starters = set(roots)
    ours = {found.pid for found, text in table if text == marker or found.pid in starters or found.group in starters}
    ours.discard(os.getpid())
    return family(ours, [found for found, _ in table])


def family(pids: Iterable[int], table: Iterable[Found]) -> list[Found]:
    """Return ``pids`` and all their descendants, as far as ``table`` knows them. Parents come before children."""
    children: dict[int, list[Found]] = {}
    rows = {}
    for found in table:
        rows[found.pid] = found
        children.setdefault(found.parent, []).append(found)
    result: list[Found] = []
    seen: set[int] = set()
    queue = [rows[pid] for pid in sorted(pids) if pid in rows]
    while queue:
        found = queue.pop(0)
        if found.pid in seen:
            continue
        seen.add(found.pid)
        result.append(found)
        queue.extend(children.get(found.pid, ()))
    return result


def group_alive(group: int) -> bool:
    """Return whether any process, also a dead one nobody has waited for, is in ``group``."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def group_lives(group: int) -> bool:
    """Return whether any process of ``group`` still runs; dead ones that nobody waits for do not count.

    Slower than ``group_alive``: it looks at every process of the machine.
    """
    if not group_alive(group):
        return False
    if os.path.exists(f"{_PROC}/self/stat"):
        seen = (_stat(name) for name in os.listdir(_PROC) if name.isdigit())
        return any(found is not None and found.group == group for found in seen)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def signal_group(group: int, number: int) -> None:
    """Send a signal to all of ``group``; an empty group is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def signal_processes(processes: Iterable[Found], number: int = signal.SIGTERM) -> None:
    """Send a signal to processes that are still the ones that were seen."""
    for found in processes:
        if start_ticks(found.pid) in (found.start, 0):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(found.pid, number)
