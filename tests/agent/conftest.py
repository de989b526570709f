"""Fixtures for tests with real processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from afrender.process import cancel
from afrender.process.posix import PosixLayer
from tests.agent.bench import TOKEN, Bench, until


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[[Callable[[Bench], object]], None]]:
    """Run an async play with a process bench; everything it started must be over when it ends."""

    def run(scene: Callable[[Bench], object], **options: object) -> None:
        async def whole() -> None:
            layer = PosixLayer(asyncio.get_running_loop(), **options)  # type: ignore[arg-type]
            bench = Bench(layer, tmp_path)
            try:
                await scene(bench)  # type: ignore[misc]
            finally:
                for process in list(layer.living):
                    process.kill()
                await until(lambda: not layer.living, what="processes left by the test")
                layer.close()
                strangers = cancel.marked(TOKEN)
                cancel.signal_processes(strangers, 9)
            assert not strangers, "processes left by the test"

        asyncio.run(whole())

    before = set(os.listdir("/proc/self/fd"))
    yield run
    after = set(os.listdir("/proc/self/fd"))
    assert len(after) <= len(before) + 1, "descriptors left open"
