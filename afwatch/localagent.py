"""The agent of this machine, started from the monitor: always a process of its own.

Rules of this file:
- It is started for the server that is embedded here and for nobody else; who started it ends it, unless it is to stay.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from afnet.client.servers import Address

__all__ = ["LocalAgent"]

log = logging.getLogger(__name__)

_LEAVE_TIME = 15.0
"""Seconds that an agent has to stop its tasks and leave."""


class LocalAgent:
    """At most one agent on this machine."""

    def __init__(self, server: Address, folder: Path) -> None:
        """``folder``: where its log is written."""
        self._server = server
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started here and lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> int:
        """Its process id; 0 when there is none."""
        return self._process.pid if self._process is not None and self.running else 0

    def start(self) -> None:
        """Start it; nothing happens while it runs."""
        if self.running:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "afrender.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "afrender.main", "--headless", "--server", str(self._server)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """Ask it to leave, which stops its tasks, and wait."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_LEAVE_TIME)
        except subprocess.TimeoutExpired:
            log.warning("the agent of this machine did not leave within %g s and is ended", _LEAVE_TIME)
            process.kill()
            process.wait()

    def leave_running(self) -> None:
        """Forget it: it goes on by itself."""
        process, self._process = self._process, None
        if process is not None:
            process.returncode = process.returncode or 0  # nobody waits for it here
