"""Starts the tray beside the agent, where somebody can see it: a process of its own, in a session of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from afrender.status import StatusChannel

__all__ = ["TrayStarter", "has_display"]

log = logging.getLogger(__name__)

PATIENCE = 2.5
"""Seconds in which the tray of an earlier agent may come back before a new one is started."""


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Say whether windows can be shown: by the variables of a session, or always where there are no such."""
    if platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


END_TIME = 3.0


class TrayStarter:
    """Starts one tray for the agent in ``folder``, unless it is ``headless`` or there is nothing to show it with."""

    def __init__(
        self,
        folder: Path,
        channel: StatusChannel,
        environment: Mapping[str, str],
        *,
        headless: bool = False,
        patience: float = PATIENCE,
        words: Sequence[str] = (sys.executable, "-m", "afrender.tray"),
    ) -> None:
        self._folder = folder
        self._channel = channel
        self._wanted = not headless and has_display(environment)
        if self._wanted and importlib.util.find_spec("PySide6") is None:
            self._wanted = False
            log.info("There is no tray icon: Qt is not installed here. --headless says that none is wanted.")
        self._patience = patience
        self._words = words
        self._starting: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        """Start it soon, unless one comes by itself."""
        if self._wanted:
            self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        await asyncio.sleep(self._patience)
        if len(self._channel):
            return
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self._words,
                str(self._folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            log.info("The tray cannot be started (%s); the agent goes on without.", error)
            return
        status = await self.process.wait()
        if status:
            log.info("The tray ended with status %d; the agent goes on without.", status)

    async def close(self) -> None:
        """Ask the tray to end; it hears of it by the channel, too."""
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._starting
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_TIME):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
