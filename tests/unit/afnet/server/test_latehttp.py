"""HTTP comes with the first who speaks it, and what cannot be loaded is tried again for the next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from afnet.server.latehttp import LateHttp
from tests.guards import ExpectedLogs


class Wire(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.changed = asyncio.Event()
        self.closed = False

    def write(self, data: Any) -> None:
        self.said += data
        self.changed.set()

    def close(self) -> None:
        self.closed = True
        self.changed.set()

    def is_closing(self) -> bool:
        return self.closed


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


def test_nothing_is_loaded_before_somebody_asks_and_the_first_is_answered() -> None:
    async def scene() -> None:
        built = []

        def build() -> web.Application:
            built.append(True)
            application = web.Application()
            application.router.add_get("/", hello)
            return application

        late, wire = LateHttp(build, asyncio.get_running_loop()), Wire()
        late.start()
        assert built == []
        protocol = late()
        protocol.connection_made(wire)
        protocol.data_received(b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n")  # type: ignore[attr-defined]
        while not wire.said.endswith(b"hello"):
            wire.changed.clear()
            await wire.changed.wait()
        assert built == [True]
        await late.stop()

    asyncio.run(scene())


def test_what_cannot_be_loaded_is_tried_again_for_the_next_caller(expected_logs: ExpectedLogs) -> None:
    expected_logs("HTTP is not answered")

    async def scene() -> None:
        tries = []

        def build() -> web.Application:
            tries.append(True)
            if len(tries) == 1:
                raise OSError("too many open files")
            return web.Application()

        late, first, second = LateHttp(build, asyncio.get_running_loop()), Wire(), Wire()
        late().connection_made(first)
        await first.changed.wait()
        assert first.closed
        protocol = late()
        protocol.connection_made(second)
        protocol.data_received(b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n")  # type: ignore[attr-defined]
        await second.changed.wait()
        assert second.said.startswith(b"HTTP/1.1 404")
        await late.stop()

    asyncio.run(scene())


def test_a_server_that_stops_before_anybody_asked_loads_nothing() -> None:
    async def scene() -> None:
        late = LateHttp(lambda: pytest.fail("it was loaded"), asyncio.get_running_loop())
        late.start()
        await late.stop()
        late().connection_made(Wire())
        await asyncio.sleep(0)

    asyncio.run(scene())
