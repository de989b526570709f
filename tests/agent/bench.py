"""Helpers for tests with real processes: a watcher that remembers, and a bench on a process layer."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from afrender.process.posix import PosixLayer
from afrender.process.spawn import CannotStart, Exit, Launch, RunningProcess, marker_text

TOKEN = secrets.token_hex(8)
"""New for each run of the suite: two runs on one machine must not end each other's processes."""


async def until(condition: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
    """Wait until ``condition()`` is true; fail when it is not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether a process runs (a dead one that nobody waited for does not)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Seen:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.total = 0
        self.end: Exit | None = None
        self.over = asyncio.Event()

    def output(self, data: bytes) -> None:
        self.total += len(data)
        if len(self.data) < 100000:
            self.data += data

    def exited(self, end: Exit) -> None:
        assert self.end is None, "told twice"
        self.end = end
        self.over.set()

    async def finish(self, seconds: float = 60.0) -> Exit:
        await asyncio.wait_for(self.over.wait(), seconds)
        assert self.end is not None
        return self.end


class Bench:
    """A process layer on the running loop, and a counter for run markers."""

    def __init__(self, layer: PosixLayer, folder: Path) -> None:
        self.layer = layer
        self.folder = folder
        self.count = 0

    def marker(self) -> str:
        self.count += 1
        return marker_text(1, 0, 0, self.count, TOKEN)

    def try_start(
        self, words: list[str], *, folder: Path | None = None, environment: dict[str, str] | None = None
    ) -> tuple[RunningProcess | CannotStart, Seen]:
        seen = Seen()
        launch = Launch(words, folder=str(folder or self.folder), environment=environment or {}, marker=self.marker())
        return self.layer.start(launch, seen), seen

    def sh(self, command: str, *, environment: dict[str, str] | None = None) -> tuple[RunningProcess, Seen]:
        process, seen = self.try_start(["/bin/sh", "-c", command], environment=environment)
        assert not isinstance(process, CannotStart), process
        return process, seen

    def python(self, program: str) -> tuple[RunningProcess, Seen]:
        process, seen = self.try_start([sys.executable, "-I", "-S", "-c", program])
        assert not isinstance(process, CannotStart), process
        return process, seen
