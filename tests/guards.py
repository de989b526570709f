"""What a test may not leave behind, as snapshots of this process that are compared after each test.

Rules of this file:
- a snapshot is cheap: a few reads of /proc, no sleeping when nothing is left;
- what a fixture of a wider scope starts belongs to that fixture and is checked when the session ends;
- what is left gets a moment to end by itself (a thread that is about to return), and no longer.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.waiting import holds_within

__all__ = ["LASTING", "ExpectedLogs", "Kept", "LogGuard", "children", "end_children", "leftovers", "sockets", "threads"]

GRACE = 30.0
"""Seconds that a thread, child or socket, already told to end, may take."""

LASTING: set[int] = set()
"""Children that live as long as the session; theirs count as this process's own."""

_LINUX = sys.platform == "linux"


def threads() -> set[threading.Thread]:
    """Return the living threads of this process."""
    return set(threading.enumerate())


def children() -> set[int]:
    """Return the process ids of the living children of this process (not theirs); zombies count, as nobody waited."""
    if _LINUX:
        found: set[int] = set()
        for parent in ("self", *LASTING):
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    found.update(map(int, task.read_text().split()))
        return found - LASTING
    return {child.pid for child in psutil.Process().children()} - LASTING


def sockets() -> set[str]:
    """Return the open sockets of this process; empty where the system does not say cheaply."""
    if not _LINUX:
        return set()
    found: set[str] = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@dataclass
class Kept:
    """What was there before, or was started by a fixture that outlives the test."""

    threads: set[threading.Thread] = field(default_factory=set)
    children: set[int] = field(default_factory=set)
    sockets: set[str] = field(default_factory=set)

    @classmethod
    def now(cls) -> Kept:
        """Return what there is at this moment."""
        return cls(threads(), children(), sockets())

    def forget_gone(self) -> None:
        """Drop what is no more."""
        self.threads &= threads()
        self.children &= children()
        self.sockets &= sockets()

    def add_new_since(self, before: Kept) -> None:
        """Count what appeared since ``before`` as kept."""
        now = Kept.now()
        self.threads |= now.threads - before.threads
        self.children |= now.children - before.children
        self.sockets |= now.sockets - before.sockets


def leftovers(before: Kept, kept: Kept) -> list[str]:
    """Return a sentence for each thread, child process and socket that appeared since ``before`` and is not kept."""

    def new_threads() -> set[threading.Thread]:
        return threads() - before.threads - kept.threads

    def new_children() -> set[int]:
        return children() - before.children - kept.children

    def more_sockets() -> int:
        # A client that a wider fixture keeps hangs up when it was silent for long, and calls again: one for one.
        now, known = sockets(), before.sockets | kept.sockets
        return len(now - known) - len(known - now)

    found: list[str] = []
    if new_threads() and not holds_within(GRACE, lambda: not new_threads()):
        names = sorted(thread.name for thread in new_threads())
        found.append(f"threads left running: {', '.join(names)}")
    if new_children() and not holds_within(GRACE, lambda: not new_children()):
        found.append(f"child processes left: {', '.join(describe(pid) for pid in sorted(new_children()))}")
    if more_sockets() > 0:
        gc.collect()
        if not holds_within(GRACE, lambda: more_sockets() <= 0):
            found.append(f"sockets left open: {more_sockets()} (close the server, client or event loop)")
    return found


def describe(pid: int) -> str:
    """Return the pid with its command line, as far as the system tells."""
    try:
        process = psutil.Process(pid)
        return f"{pid} ({process.status()}: {' '.join(process.cmdline())[:80]})"
    except psutil.Error:
        return str(pid)


def end_children(pids: set[int]) -> None:
    """Kill the given children and wait for them."""
    for pid in pids:
        try:
            process = psutil.Process(pid)
            process.kill()
            process.wait(GRACE)
        except psutil.Error:
            continue


@dataclass
class ExpectedLogs:
    """Which records at WARNING or above a test expects; every pattern given by calling must be seen at least once."""

    required: list[re.Pattern[str]] = field(default_factory=list)
    permitted: list[re.Pattern[str]] = field(default_factory=list)

    def __call__(self, pattern: str) -> None:
        """Expect a record whose ``LEVEL logger: message`` matches the regular expression somewhere."""
        self.required.append(re.compile(pattern))

    def may(self, pattern: str) -> None:
        """Let such a record pass without asking for it."""
        self.permitted.append(re.compile(pattern))


class LogGuard(logging.Handler):
    """Collects the records at WARNING or above of one test."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.expected = ExpectedLogs()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as a line of text."""
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def complaints(self) -> list[str]:
        """Return what was logged and not expected, and what was expected and not logged."""
        patterns = self.expected.required + self.expected.permitted
        found = [f"unexpected log line: {line}" for line in self.lines if not any(p.search(line) for p in patterns)]
        found += [
            f"no log line matched {pattern.pattern!r}"
            for pattern in self.expected.required
            if not any(pattern.search(line) for line in self.lines)
        ]
        return found
