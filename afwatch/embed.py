"""The farm's server inside the monitor: the very same server in a thread, joined to the window by bytes in memory.

Rules of this file:
- The window never sees an object of the server: what crosses are the frames that would cross a network.
- The server ends in order before anything else gets its data folder; ``go_on_headless`` starts what takes it over.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from afcore.config import Config
from afcore.errors import AfError, ConnectionLost
from afnet.client.servers import Address
from afnet.server.app import FarmServer
from afnet.server.ground import Ground, data_folder, open_ground
from afnet.server.memory import keep_little
from afnet.server.peer import own_principal
from afnet.transport.base import FrameConnection, FrameReceiver
from afnet.transport.memory import join

__all__ = ["EmbeddedServer", "go_on_headless", "has_own_farm"]

log = logging.getLogger(__name__)


_KEPT = 32 << 20
"""Bytes kept for the next filter or order of a million tasks, which else takes twice as long; glibc allows no more."""


class EmbeddedServer:
    """One server in a thread of its own."""

    def __init__(self, config: Config) -> None:
        """Open the farm's memory; StoreError when another server has it, ConfigError for a bad address."""
        self._ground: Ground = open_ground(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: FarmServer | None = None
        self._begun = threading.Event()
        self._wrong: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="afwatch-server")
        self.addresses: list[Address] = []
        """Where it listens for everybody else."""
        self.exit_code = 0
        """How it ended: 0 in order, 3 a mistake of the server, 4 the database failed."""

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self._ground.data

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive() and self._server is not None

    def start(self) -> None:
        """Start the thread; on return the server answers.  AfError when it cannot."""
        # Window and server share one interpreter: they take turns often enough that neither stalls the other.
        sys.setswitchinterval(0.0005)
        keep_little(_KEPT)
        self._thread.start()
        self._begun.wait()
        if self._wrong is not None:
            self._thread.join()
            raise self._wrong

    def stop(self) -> int:
        """End it in order and wait: what was acknowledged is kept.  Returns the exit code."""
        loop, server = self._loop, self._server
        if self._thread.is_alive() and loop is not None and server is not None:
            loop.call_soon_threadsafe(server.ask_to_stop)
        if self._thread.ident is not None:
            self._thread.join()
        self._ground.store.close()
        return self.exit_code

    async def connect(self, receiver: FrameReceiver, address: Address) -> FrameConnection:
        """Connect the caller's own loop with the server (a ``Connect`` of the link)."""
        loop, server = self._loop, self._server
        if loop is None or server is None or loop.is_closed():
            raise ConnectionLost("The server inside this window has ended.", hint="Close the window and open it again.")
        here = asyncio.get_running_loop()

        async def enter() -> FrameConnection:
            peer = server.door.peers.new_peer(own_principal("window"))
            return join(peer, receiver, loop_one=loop, loop_two=here)[1]

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(enter(), loop))

    # In the server's thread

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve(self._loop))
        except AfError as error:
            self._wrong = error
        finally:
            self._server = None
            self._ground.store.close()
            self._begun.set()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        server = self._ground.build(loop)
        try:
            server.bind()
            await server.start()
            self.addresses = server.door.addresses
            self._server = server
            self._begun.set()
            self.exit_code = await server.wait()
        finally:
            self._server = None
            await server.stop()


def has_own_farm(config: Config) -> bool:
    """Say whether there was a farm of this user's own on this machine before."""
    return data_folder(config).exists()


def go_on_headless(data: Path, addresses: Sequence[Address], words: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a server without a window on a data folder whose server has ended; it outlives this process.

    ``words`` are further options of ``afserver``.  What it says goes to ``afserver.log`` in the data folder.
    """
    listen = [word for address in addresses for word in ("--listen", str(address))]
    # Names that only one system has, looked up as such.
    flags = sum(getattr(subprocess, name, 0) for name in ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP"))
    with (data / "afserver.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "afnet.server.main", "--headless", "--data", str(data), *listen, *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, creationflags=flags,
        )  # fmt: skip
