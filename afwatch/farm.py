"""The farm of one machine: embedded server, agent beside it, and what becomes of both when the window closes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from afwatch.localagent import LocalAgent
from afwatch.texts import tr

if TYPE_CHECKING:
    from afwatch.embed import EmbeddedServer

__all__ = ["EmbeddedFarm", "Ending"]


class Ending(Enum):
    """What becomes of the farm when its window closes."""

    STOP = "stop"
    """Agent and server end in order."""
    KEEP = "keep"
    """A server without a window takes over the data folder and the ports; the agent goes on."""


class EmbeddedFarm:
    """Server and agent of this machine."""

    def __init__(self, server: EmbeddedServer, *, words: Sequence[str] = ()) -> None:
        """``words``: options for the server that takes over."""
        self.server = server
        self.agent = LocalAgent(server.addresses[0], server.data)
        self.ending = Ending.STOP
        self._words = list(words)

    def close(self) -> str:
        """End the farm's part in this process as ``ending`` says; returns a sentence for the terminal."""
        if self.ending is Ending.STOP:
            self.agent.stop()
            self.server.stop()
            return tr("afserver: stopped in order.")
        from afwatch.embed import go_on_headless  # late: a monitor that joins a farm loads no server

        addresses, data = list(self.server.addresses), self.server.data
        self.server.stop()
        self.agent.leave_running()
        process = go_on_headless(data, addresses, self._words)
        # A server that cannot start ends within its first moments: it is the last chance to tell somebody.
        time.sleep(0.3)
        if process.poll() is not None:
            return tr("afserver: the server without a window did not start; see {0}.", data / 'afserver.log')
        process.returncode = 0  # it outlives us: nobody waits for it here
        where = ", ".join(str(address) for address in addresses)
        return tr("afserver: goes on without a window at {0} (process {1}); `afwatch` opens it again.", where,
                  process.pid)
