"""TLS straight over a socket, against Python's own: great answers, slow readers, ends of every kind, on both loops."""

import asyncio
import hashlib
import random
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from afnet.transport.secure import SecureTransport
from tests.wire.test_door import Run, contexts, run

__all__ = ["contexts", "run"]

GREAT = random.Random(7).randbytes(3_000_000)
"""More than the system takes at once, which is told to take little."""


class Served(asyncio.Protocol):
    """What the server's end is told, in order."""

    def __init__(self) -> None:
        self.transport: SecureTransport | None = None
        self.heard = bytearray()
        self.told: list[str] = []
        self.failed: list[OSError] = []
        self.changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, SecureTransport)
        self.transport = transport
        self._tell("made")

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.changed.set()
        if data == b"break":
            raise ValueError("what it said broke something")

    def eof_received(self) -> None:
        self._tell("end")

    def pause_writing(self) -> None:
        self._tell("slow")

    def resume_writing(self) -> None:
        self._tell("fast")

    def connection_lost(self, error: Exception | None) -> None:
        self._tell("lost" if error is None else f"lost by {type(error).__name__}")

    def handshake_failed(self, wrong: OSError) -> None:
        self.failed.append(wrong)
        self._tell("failed")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self.changed.clear()
                await self.changed.wait()


async def _accepted(context: ssl.SSLContext) -> tuple[Served, socket.socket]:
    """Return the server's end, in its handshake, and the socket of the other one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.socket()
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        here.connect(listener.getsockname())
        there, _ = listener.accept()
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100_000)
    here.setblocking(False)
    there.setblocking(False)
    served = Served()
    SecureTransport(there, context, served, served.handshake_failed)
    return served, here


async def _joined(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> tuple[Served, asyncio.StreamReader, asyncio.StreamWriter]:
    """Return the server's end and that of a caller who has made the handshake by asyncio's own TLS."""
    served, here = await _accepted(contexts[0])
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(sock=here, ssl=contexts[1], server_hostname="127.0.0.1")
    await served.until(lambda: served.told == ["made"])
    return served, reader, writer


def test_much_both_ways_and_a_goodbye(run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        served, reader, writer = await _joined(contexts)
        transport = served.transport
        assert transport is not None and transport.get_extra_info("peername")[0] == "127.0.0.1"
        # A great answer, of which the system takes a part only, and more behind it.
        transport.write(GREAT)
        assert served.told == ["made", "slow"] and transport.get_write_buffer_size() > 64 * 1024
        transport.writelines([b"and ", b"more"])
        async with asyncio.timeout(60):
            got = await reader.readexactly(len(GREAT) + 8)
        assert hashlib.sha256(got).digest() == hashlib.sha256(GREAT + b"and more").digest()
        await served.until(lambda: served.told == ["made", "slow", "fast"])
        writer.write(GREAT)
        await served.until(lambda: len(served.heard) == len(GREAT))
        assert served.heard == GREAT
        # What waits is sent before the goodbye; afterwards nothing is taken.
        transport.write(GREAT)
        transport.close()
        transport.write(b"too late")
        assert transport.is_closing() and not transport.is_reading()
        async with asyncio.timeout(60):
            rest = await reader.read()
        assert rest == GREAT
        await served.until(lambda: served.told[-1] == "lost")
        writer.close()

    run(play())


def test_who_pauses_hears_nothing_and_loses_nothing(
    run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        served, _, writer = await _joined(contexts)
        assert served.transport is not None
        served.transport.pause_reading()
        writer.write(b"x" * 40_000)
        await writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not served.heard
        served.transport.resume_reading()
        await served.until(lambda: len(served.heard) == 40_000)
        writer.close()
        await served.until(lambda: served.told == ["made", "end", "lost"])

    run(play())


def test_ends_that_nobody_announced(run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        # The other side is gone while an answer is on its way.
        served, _, writer = await _joined(contexts)
        assert served.transport is not None
        served.transport.write(GREAT)
        writer.transport.abort()
        await served.until(lambda: served.told[-1].startswith("lost"))
        assert served.told.count("lost") + sum(each.startswith("lost by") for each in served.told) == 1
        # This side ends it at once, whatever waits.
        served, reader, writer = await _joined(contexts)
        assert served.transport is not None
        served.transport.write(GREAT)
        served.transport.abort()
        served.transport.abort()
        await served.until(lambda: served.told[-1] == "lost")
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(GREAT))
        writer.transport.abort()

    run(play())


def test_what_a_protocol_raises_ends_its_connection_only(
    run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        said: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))
        broken, _, writer = await _joined(contexts)
        other, reader, beside = await _joined(contexts)
        writer.write(b"break")
        await broken.until(lambda: broken.told[-1] == "lost by ValueError")
        assert isinstance(said[0]["exception"], ValueError)
        assert other.transport is not None
        other.transport.write(b"still here")
        async with asyncio.timeout(60):
            assert await reader.readexactly(10) == b"still here"
        for each in (writer, beside):
            each.transport.abort()
        await other.until(lambda: other.told[-1].startswith("lost"))

    run(play())


def test_handshakes_that_come_to_nothing(run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        # No TLS at all.
        served, here = await _accepted(contexts[0])
        await loop.sock_sendall(here, b"GET / HTTP/1.1\r\n\r\n")
        await served.until(lambda: served.told == ["failed"])
        assert isinstance(served.failed[0], ssl.SSLError)
        here.close()
        # Gone in the middle.
        served, here = await _accepted(contexts[0])
        await loop.sock_sendall(here, b"\x16\x03\x01\x02\x00\x01\x00")
        here.close()
        await served.until(lambda: served.told == ["failed"])
        # Who does not trust the server tells so.
        served, here = await _accepted(contexts[0])
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection(sock=here, ssl=ssl.create_default_context(), server_hostname="127.0.0.1")
        await served.until(lambda: bool(served.told))
        assert "lost" in served.told[-1] or served.told == ["failed"]

    run(play())
