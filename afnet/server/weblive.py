"""Pages that stay open: rows made again when the farm changed, sent over a WebSocket only where they differ.

Rules of this file:
- A page says what it shows (an id and a mark of each row); what has the same mark is not sent.
- Nothing is queued: a page that takes slowly is skipped by the fan-out and later gets fewer, newer rows.
- Who the page belongs to is asked again before everything that is sent: a sign-in that was revoked ends it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from afcore.envelope import Principal
from afcore.errors import AfError
from afnet.server.fanout import Fanout
from afnet.web.markup import Markup
from afnet.wire.messages import Message, Rows, Subscribe

__all__ = ["LivePages", "View"]

_ENDED = 4401
"""Close code: sign in again."""
_OTHERWISE = 4403
"""Close code: who looks may do more or less than before; load the page again."""
_GONE = 1001
_LARGEST = 1 << 20
_SHOWN_MOST = 20_000
_EVERY = 2.0
"""Seconds between two looks at what is no row: figures and counts."""
_INTERVAL = 0.5
"""Least seconds between two flushes of rows."""

Maker = Callable[[Any], list[tuple[str, Markup, bool]]]
"""Makes of a row the elements that show it: key, element, and whether a page that does not show it may add it."""


class View:
    """What one kind of page shows: which kinds of rows, how they look, and what else changes."""

    def __init__(
        self,
        kinds: Mapping[str, tuple[Maker, Callable[[int], list[str]]]],
        parts: Callable[[], Awaitable[dict[str, Markup]]],
        *,
        filters: Mapping[str, dict[str, Any]] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``kinds``: by kind of row what makes its elements, and the keys of a row that is gone; ``close`` is called
        when the page goes."""
        self.close = close
        self.kinds = kinds
        self.parts = parts
        self.filters = filters or {}


class _Page:
    """One open page (a ``Screen`` of the fan-out)."""

    def __init__(self, number: int, principal: Principal, view: View) -> None:
        self.number = number
        self.principal = principal
        self.slow = False
        self.view = view
        self.marks: dict[str, str] = {}
        self.sent: dict[str, str] = {}
        """Parts as they were last sent."""
        self.rows: dict[str, str] = {}
        self.gone: set[str] = set()
        self.ready = asyncio.Event()
        self._kinds = list(view.kinds)
        self._unseen: dict[int, set[str]] = {}
        """Keys that the page shows and that no row was for yet, by subscription, while everything is sent anew."""

    def send(self, *messages: Message) -> None:
        """Take rows of the fan-out: keep what differs from what the page shows."""
        for message in messages:
            if not isinstance(message, Rows):
                continue
            make, keys = self.view.kinds[self._kinds[message.id]]
            if message.whole:
                beginnings = tuple(key[: -len("0")] for key in keys(0))
                self._unseen[message.id] = {key for key in self.marks if key.startswith(beginnings)}
            unseen = self._unseen.get(message.id)
            for row in message.rows:
                for key, element, may_add in make(row):
                    mark = _mark_of(element)
                    if unseen is not None:
                        unseen.discard(key)
                    known = self.marks.get(key)
                    if known == mark or (known is None and (not may_add or len(self.marks) > _SHOWN_MOST)):
                        continue
                    self.marks[key] = mark
                    self.rows[key] = element
                    self.gone.discard(key)
            for number in message.gone:
                for key in keys(number):
                    if self.marks.pop(key, None) is not None:
                        self.rows.pop(key, None)
                        self.gone.add(key)
            if unseen is not None and message.version:
                # The last part of everything there is: what a page still shows beside it is gone.
                for key in self._unseen.pop(message.id):
                    del self.marks[key]
                    self.gone.add(key)
        if self.rows or self.gone:
            self.ready.set()

    def take(self) -> dict[str, Any]:
        """Return what is to be sent, and forget it."""
        said: dict[str, Any] = {}
        if self.rows:
            said["rows"], self.rows = self.rows, {}
        if self.gone:
            said["gone"], self.gone = sorted(self.gone), set()
        self.ready.clear()
        return said


def _mark_of(element: str) -> str:
    return element.partition(' data-h="')[2][:8]


class LivePages:
    """Every open page."""

    def __init__(self, fanout: Fanout, who: Callable[[web.Request], Principal]) -> None:
        self._fanout = fanout
        self._who = who
        self._numbers = 0
        self._open: set[web.WebSocketResponse] = set()
        self._pages: set[_Page] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: web.Request, view: View) -> web.WebSocketResponse:
        """Keep a page up to date until it is closed."""
        principal = self._who(request)
        socket = web.WebSocketResponse(heartbeat=25.0, max_msg_size=_LARGEST)
        await socket.prepare(request)
        self._numbers -= 1
        page = _Page(self._numbers, principal, view)
        self._open.add(socket)
        self._pages.add(page)
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT or tasks:
                    break
                if not _read_marks(page, message.data):
                    break
                for place, kind in enumerate(view.kinds):
                    wanted = Subscribe(place, kind, view.filters.get(kind, {}), 0, _INTERVAL)
                    self._fanout.subscribe(page, wanted)
                tasks = [
                    loop.create_task(self._write(request, socket, page)),
                    loop.create_task(self._look(request, socket, page)),
                ]
        finally:
            self._open.discard(socket)
            self._pages.discard(page)
            self._fanout.forget(page)
            view.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    def look_again(self) -> None:
        """Rights of somebody ended or changed: every page finds out now whether they were those of who looks at it."""
        for page in self._pages:
            page.ready.set()

    async def _may_look(self, request: web.Request, socket: web.WebSocketResponse, page: _Page) -> bool:
        """Say whether the page is still for who asked for it; close it when it is not."""
        try:
            now = self._who(request)
        except AfError:
            await socket.close(code=_ENDED, message=b"Sign in again.")
            return False
        if (now.name, now.role) != (page.principal.name, page.principal.role):
            await socket.close(code=_OTHERWISE, message=b"Load the page again.")
            return False
        return True

    async def _write(self, request: web.Request, socket: web.WebSocketResponse, page: _Page) -> None:
        while not socket.closed:
            await page.ready.wait()
            if not await self._may_look(request, socket, page):
                return
            said = page.take()
            if said:
                page.slow = True
                try:
                    await socket.send_str(json.dumps(said))
                except ConnectionError:
                    return
                finally:
                    page.slow = False

    async def _look(self, request: web.Request, socket: web.WebSocketResponse, page: _Page) -> None:
        """Send what is no row when it changed; also notices that nobody may look any more."""
        while not socket.closed:
            parts = await page.view.parts()
            if not await self._may_look(request, socket, page):
                return
            said = {name: part for name, part in parts.items() if page.sent.get(name) != part}
            try:
                if said and not page.slow:
                    page.sent.update(said)
                    await socket.send_str(json.dumps({"parts": said}))
            except ConnectionError:
                return
            page.ready.set()
            await asyncio.sleep(_EVERY)

    async def close(self, app: web.Application) -> None:
        """End every page: the server stops."""
        for socket in list(self._open):
            await socket.close(code=_GONE, message=b"The server stops.")


def _read_marks(page: _Page, text: str) -> bool:
    """Read what a page says it shows; no other is ever listened to."""
    try:
        known = json.loads(text).get("known")
    except (ValueError, AttributeError, RecursionError):
        return False
    if not isinstance(known, dict) or len(known) > _SHOWN_MOST:
        return False
    page.marks = {str(key)[:64]: str(mark)[:8] for key, mark in known.items()}
    return True
