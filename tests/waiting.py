"""Waiting in tests: for a condition with a deadline, never for a guess of how long something takes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

__all__ = ["holds_within", "until", "wait_for"]

_PAUSE = 0.01


def holds_within(seconds: float, condition: Callable[[], object]) -> bool:
    """Ask ``condition`` every 10 ms until it is true or ``seconds`` have passed; return whether it became true."""
    end = time.monotonic() + seconds
    nothing = threading.Event()
    while not condition():
        if time.monotonic() > end:
            return bool(condition())
        nothing.wait(_PAUSE)
    return True


def wait_for(condition: Callable[[], object], *, what: str, seconds: float = 60.0) -> None:
    """Wait until ``condition`` is true; fail the test with ``what`` (a phrase: "the job to be done") when it is not."""
    if not holds_within(seconds, condition):
        raise AssertionError(f"waited {seconds:g} s for {what}")


async def until(condition: Callable[[], object], *, what: str, seconds: float = 60.0) -> None:
    """Wait as ``wait_for`` does, and let the loop work meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        await asyncio.sleep(_PAUSE)
