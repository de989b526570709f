"""HTTP that comes with the first who speaks it: its library takes longer to import than all the rest together.

Rules of this file:
- Agents and afcmd are served at once, and after a restart they come all together: nothing is imported beside them.
- Who speaks HTTP first waits for it, and loses nothing; when nobody does for a while, it comes by itself.
- The import runs in a thread; the application is made on the loop.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["LateHttp"]

_log = logging.getLogger(__name__)

_UNASKED_S = 20.0
"""Seconds after the start at which it comes by itself: long after the farm's agents are back."""
_SAID_MOST = 1 << 18
"""Bytes that are kept of what a connection says before HTTP is there; the rest waits with who sends it."""


class LateHttp:
    """Makes protocols for HTTP connections (the door's ``on_http``), before and after HTTP is there."""

    def __init__(self, build: Callable[[], "web.Application"], loop: asyncio.AbstractEventLoop) -> None:
        """``build`` imports what it needs and returns the application; it is called on the loop."""
        self._build = build
        self._loop = loop
        self._runner: web.AppRunner | None = None
        self._make: Callable[[], asyncio.Protocol] | None = None
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if self._make is not None:
            return self._make()
        waiting = _Waiting()
        self._waiting.append(waiting)
        self._come()
        return waiting

    def start(self) -> None:
        """Let it come by itself some time; returns at once."""
        self._timer = self._loop.call_later(_UNASKED_S, self._come)

    def _come(self) -> None:
        if self._task is None and not self._over:
            self._task = self._loop.create_task(self._start())

    async def _start(self) -> None:
        try:
            await self._loop.run_in_executor(None, _import)
            from aiohttp import web

            self._runner = web.AppRunner(self._build(), handle_signals=False, access_log=None)
            await self._runner.setup()
        except Exception:  # noqa: BLE001 - out of files, say: the next caller finds it tried again
            _log.exception("HTTP is not answered: it cannot be loaded")
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.hang_up()
            self._runner = self._task = None
            return
        server = self._runner.server
        assert server is not None
        self._make = server
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.go_on(server())

    async def stop(self) -> None:
        """End what HTTP has open."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._runner is not None:
            await self._runner.cleanup()


def _import() -> None:
    import afnet.server.http
    import afnet.server.webjobs
    import afnet.server.webpast  # noqa: F401


class _Waiting(asyncio.Protocol):
    """A connection that came before HTTP was there: keeps what it says, then passes everything on."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._said: list[bytes] = []
        self._inner: Any = None
        self._held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The door hands a connection over."""
        self._transport = cast(asyncio.Transport, transport)

    def go_on(self, inner: asyncio.Protocol) -> None:
        """HTTP is there: tell it everything that happened."""
        if self._transport is None or self._transport.is_closing():
            return
        self._inner = inner
        if self._held:
            self._transport.resume_reading()
        inner.connection_made(self._transport)
        for data in self._said:
            inner.data_received(data)
        self._said.clear()

    def hang_up(self) -> None:
        """HTTP does not come."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Keep or pass on."""
        if self._inner is None:
            self._said.append(data)
            if self._transport is not None and not self._held and sum(map(len, self._said)) > _SAID_MOST:
                self._held = True
                self._transport.pause_reading()
        else:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on; before that, an answer may still be wanted."""
        return True if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on."""
        inner, self._inner, self._transport = self._inner, None, None
        if inner is not None:
            inner.connection_lost(error)
