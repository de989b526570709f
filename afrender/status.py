"""The agent's side of the small channel to its tray: lines of JSON on a socket in the agent's own folder.

Rules of this file:
- the socket is for the agent's own user only: it lies in a folder nobody else can read; where sockets have no place in
  folders (Windows) it is a loopback port with a secret word, which lies there instead;
- whoever is slow or speaks nonsense is let go; nothing here waits for a tray.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ADDRESS_FILE", "StatusChannel"]

log = logging.getLogger(__name__)

ADDRESS_FILE = "tray.json"
LINE_LIMIT = 1 << 16
BACKLOG = 1 << 20
"""Bytes that may wait for a tray before it is let go."""

LONGEST_PATH = 100
"""Bytes of a socket's path that every system takes."""


class StatusChannel:
    """Listens in ``folder``; ``take`` is given what a tray says, ``joined`` is called for each one that comes."""

    def __init__(
        self,
        folder: Path,
        *,
        take: Callable[[dict[str, Any]], None],
        joined: Callable[[], None],
        unix: bool = hasattr(asyncio, "start_unix_server"),
    ) -> None:
        self._folder = folder
        self._take = take
        self._joined = joined
        self._unix = unix
        self._server: asyncio.Server | None = None
        self._secret = secrets.token_hex(16)
        self._trays: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self._made: list[Path] = []

    def __len__(self) -> int:
        return len(self._trays)

    async def open(self) -> None:
        """Listen, and write where. Raises OSError."""
        if self._unix:
            path = self._folder / "tray.socket"
            if len(os.fsencode(path)) > LONGEST_PATH:
                place = Path(tempfile.mkdtemp(prefix="afrender-"))
                path = place / "socket"
                self._made.append(place)
            path.unlink(missing_ok=True)
            self._made.insert(0, path)
            self._server = await asyncio.start_unix_server(self._talk, str(path), limit=LINE_LIMIT)
            address: dict[str, Any] = {"unix": str(path)}
        else:
            self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=LINE_LIMIT)
            address = {"port": self._server.sockets[0].getsockname()[1], "secret": self._secret}
        fresh = self._folder / f"{ADDRESS_FILE}.new"
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(address, file)
        fresh.replace(self._folder / ADDRESS_FILE)

    def send(self, message: dict[str, Any]) -> None:
        """Say something to every tray."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        for tray in list(self._trays):
            if tray.transport.get_write_buffer_size() > BACKLOG:
                tray.transport.abort()
            else:
                tray.write(line)

    async def close(self) -> None:
        """Let every tray go and leave nothing behind."""
        if self._server is None:
            return
        self._server.close()
        for tray in list(self._trays):
            tray.close()
        for talk in list(self._talks):
            talk.cancel()
        if self._talks:
            await asyncio.wait(self._talks)
        with contextlib.suppress(OSError):
            (self._folder / ADDRESS_FILE).unlink(missing_ok=True)
            for path in self._made:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        self._server = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            if self._unix or await self._knows_secret(reader):
                self._trays.add(writer)
                self._joined()
                while line := await reader.readline():
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self._take(message)
        except (OSError, ValueError) as error:
            # ValueError: no JSON, or a line without end.
            log.debug("A tray is let go: %s", error)
        except asyncio.CancelledError:
            pass
        finally:
            self._trays.discard(writer)
            self._talks.discard(task)
            writer.close()

    async def _knows_secret(self, reader: asyncio.StreamReader) -> bool:
        line = await reader.readline()
        return hmac.compare_digest(line.strip(), self._secret.encode())
