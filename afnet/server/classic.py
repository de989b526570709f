"""A classic connection: one request in, one answer out, in text, HTTP or binary framing, within 12 seconds.

Rules of this file:
- The dialect itself is in ``afnet.classic``; here are only bytes, time and the end of the connection.
- A large answer is encoded in pieces, and the farm is served between them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from afcore.envelope import Principal
from afcore.errors import AfError, NotAllowed
from afnet.classic.binary import BinaryMessage, Kind, encode_binary, encode_header, read_binary
from afnet.classic.dialect import SMALL
from afnet.classic.framing import (
    RECEIVE_TIME,
    Hopeless,
    Incomplete,
    encode_pieces,
    http_header,
    info,
    parse_request,
    read_post_size,
    read_text,
    text_header,
)
from afnet.classic.json_get import TYPES
from afnet.server.linger import PatientTransport
from afnet.transport.httphead import Head

__all__ = ["ClassicAnswer", "ClassicConnection", "encode_sliced"]

ClassicAnswer = Callable[[dict[str, Any] | BinaryMessage, Principal], Awaitable[dict[str, Any] | BinaryMessage | None]]
"""Answers one request of the classic dialect with what to send back, None for no answer; may raise AfError."""

_SLICE = 0.001
"""Seconds after which others are served: with the piece that exceeds them it is less than 2 ms."""

_CHUNK = 1 << 18
"""Bytes of a large answer that are written at once."""

_LARGE = 1 << 18
"""Bytes of a request that is not parsed at once."""

_TAKE_TIME = 30.0
"""Seconds in which a client must take something of a large answer."""

_REFUSED_BYTES = 65536
"""Bytes of a request that are read of somebody who may not ask anything."""

_log = logging.getLogger(__name__)


class ClassicConnection(asyncio.Protocol):
    """Answers one classic request; ``head`` is given when it came as an HTTP POST, whose body follows."""

    def __init__(
        self,
        answer: ClassicAnswer | None,
        principal: Principal | NotAllowed,
        *,
        head: Head | None = None,
        receive_time: float = RECEIVE_TIME,
        count: Callable[[str, int, int], None] | None = None,
        on_whole: Callable[[], None] | None = None,
    ) -> None:
        """``count`` is told the kind of a request that was answered, and the bytes of both; ``on_whole`` that a
        request has come whole."""
        self._on_whole = on_whole
        self._answer = answer
        self._principal = principal
        self._head = head
        self._receive_time = receive_time
        self._count = count
        self._kind = "unreadable"
        self._resumed: asyncio.Future[None] | None = None
        self._received = 0
        self._data = bytearray()
        self._size = -1
        self._binary = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the 12 seconds."""
        # Not asked by isinstance: uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(self._receive_time, self._close_unanswered)
        if self._head is not None:
            size = read_post_size(self._head.headers)
            if isinstance(size, Hopeless):
                self._give_up(size)
            else:
                self._size = size
                self._refuse_early()

    def _refuse_early(self) -> None:
        """Whoever is refused anyway need not send a large request first."""
        if isinstance(self._principal, NotAllowed) and self._size > _REFUSED_BYTES:
            self._give_up(Hopeless(info(str(self._principal))))

    def data_received(self, data: bytes) -> None:
        """Collect the request; what comes after it is never looked at."""
        if self._task is not None or self._transport is None or self._transport.is_closing():
            return
        self._data += data
        self._received = len(self._data)
        if self._head is not None:
            if len(self._data) >= self._size:
                self._begin(bytes(self._data[: self._size]))
            return
        if len(self._data) < self._size:
            return
        self._binary = self._data[0] == 0
        found = read_binary(self._data) if self._binary else read_text(self._data)
        if isinstance(found, Hopeless):
            self._binary = False
            self._give_up(found)
        elif isinstance(found, Incomplete):
            self._size = found.need
            self._refuse_early()
        elif isinstance(found, bytes):
            self._begin(found)
        elif found.kind == Kind.JSON:
            self._begin(found.body)
        elif found.kind == Kind.VERSION_MISMATCH:
            self._write(encode_binary(found))
        else:
            self._binary = False
            self._begin(found)

    def _begin(self, body: bytes | BinaryMessage) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._on_whole is not None:
            self._on_whole()
        self._data.clear()
        self._task = asyncio.get_running_loop().create_task(self._respond(body))

    async def _respond(self, body: bytes | BinaryMessage) -> None:
        answer: dict[str, Any] | BinaryMessage | None
        try:
            if isinstance(self._principal, NotAllowed):
                raise self._principal
            if self._answer is None:
                raise NotAllowed("This server does not answer the classic dialect.")
            request = await _parse(body) if isinstance(body, bytes) else body
            self._kind = _kind_of(request)
            answer = await self._answer(request, self._principal)
            if isinstance(answer, BinaryMessage):
                self._write(encode_binary(answer))
                return
            pieces = None if answer is None else await encode_sliced(answer)
        except AfError as refused:
            pieces = list(encode_pieces(info(str(refused))))
        except Exception:  # noqa: BLE001 - a request that breaks must not end without a word
            _log.exception("a classic request failed: %s", self._kind)
            pieces = list(encode_pieces(info("The server made a mistake. Its log says more.")))
        if pieces is None:
            self._close_unanswered()
        else:
            await self._write_pieces(pieces)

    def _tell(self, sent: int) -> None:
        if self._count is not None:
            self._count(self._kind, self._received, sent)

    def _close_unanswered(self) -> None:
        """A client that gets no answer waits for the end of the connection."""
        self._tell(0)
        if isinstance(self._transport, PatientTransport):
            self._transport.close_now()
        elif self._transport is not None:
            self._transport.close()

    def _header(self, size: int) -> bytes:
        if self._head is not None:
            return http_header(size)
        return encode_header(Kind.JSON, size) if self._binary else text_header(size)

    async def _write_pieces(self, pieces: list[bytes]) -> None:
        """Write an answer: a small one at once, a large one as its client takes it."""
        size = sum(map(len, pieces))
        if size <= _CHUNK:
            self._write(self._header(size) + b"".join(pieces))
            return
        self._tell(size)
        chunk, held = [self._header(size)], 0
        for piece in pieces:
            chunk.append(piece)
            held += len(piece)
            if held >= _CHUNK:
                if self._transport is None:
                    return
                self._transport.write(b"".join(chunk))
                chunk, held = [], 0
                await asyncio.sleep(0)
                if not await self._caught_up():
                    return
        if self._transport is not None:
            self._transport.write(b"".join(chunk))
            self._transport.close()

    async def _caught_up(self) -> bool:
        """Wait until the client takes more; a client that takes nothing for long is cut off."""
        if self._resumed is None:
            return True
        try:
            async with asyncio.timeout(_TAKE_TIME):
                await self._resumed
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()
            return False
        return True

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        if self._resumed is None:
            self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The client has caught up."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    def _give_up(self, hopeless: Hopeless) -> None:
        if hopeless.answer is not None:
            body = b"".join(encode_pieces(hopeless.answer))
            self._write(self._header(len(body)) + body)
        else:
            self._close_unanswered()

    def _write(self, data: bytes) -> None:
        self._tell(len(data))
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.write(data)
            self._transport.close()

    def eof_received(self) -> bool:
        """A client that has sent all may still wait for its answer; one that has not is told what is missing."""
        if self._task is None and self._transport is not None and not self._transport.is_closing():
            whole = f" of {self._size}" if self._size > len(self._data) else ""
            self._give_up(Hopeless(info(f"The message ended after {len(self._data)}{whole} bytes: send it whole.")))
            return True
        return self._task is not None

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone: a request that was understood is still done, its answer is for nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self.resume_writing()


async def encode_sliced(answer: dict[str, Any]) -> list[bytes]:
    """Return the JSON of an answer in pieces, made in slices of at most 2 ms between which others are served."""
    pieces: list[bytes] = []
    begun = time.perf_counter()
    for piece in encode_pieces(answer):
        pieces.append(piece)
        if time.perf_counter() - begun > _SLICE:
            await asyncio.sleep(0)
            begun = time.perf_counter()
    return pieces


async def _parse(body: bytes) -> dict[str, Any]:
    if len(body) < _LARGE:
        return parse_request(body)
    # In a thread, so that others are served between its many small steps.
    return await asyncio.get_running_loop().run_in_executor(None, parse_request, body)


def _kind_of(request: dict[str, Any] | BinaryMessage) -> str:
    """Return a few words about a request, from a bounded set."""
    if isinstance(request, BinaryMessage):
        known = {kind.value for kind in Kind}
        return f"binary {Kind(request.kind).name.lower()}" if request.kind in known else "binary"
    for key in ("get", "action", "job", *SMALL):
        if key in request:
            value = request[key]
            subject = value.get("type") if isinstance(value, dict) and key in ("get", "action") else None
            return f"{key} {subject}" if subject in (*TYPES, "files", "config") else key
    return "unknown"
