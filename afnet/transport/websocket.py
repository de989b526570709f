"""Frames over a WebSocket on asyncio: one protocol object for both ends, without a task or a future per message."""

import asyncio
import os
import random
import ssl
from collections.abc import Callable
from typing import cast

from afcore.errors import ConnectionLost, WireError
from afnet.api.trust import why_not
from afnet.transport.base import HIGH_WATER, FrameReceiver
from afnet.transport.wsframes import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    FrameReader,
    WebSocketFault,
    check_answer,
    close_payload,
    encode_frame,
    read_close,
    request_upgrade,
)

__all__ = ["WebSocketConnection", "connect"]

_UNTAKEN_MOST = 1 << 20
"""Bytes that wait for a peer above which its pings are not answered."""
_CLOSE_TIME = 2.0
"""Seconds that a closing connection waits for the peer to take what is unsent."""


class WebSocketConnection(asyncio.Protocol):
    """One end of a WebSocket; see ``FrameConnection``.

    The caller's end draws its masking keys from ``chance``; the server's end has none and takes over a transport on
    which the handshake is done (``take_over``).
    """

    def __init__(
        self,
        receiver: FrameReceiver,
        *,
        limit: int,
        chance: random.Random | None = None,
        high_water: int = HIGH_WATER,
        host: str = "",
        on_upgraded: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self._receiver = receiver
        self._chance = chance
        self._host = host
        self._high_water = high_water
        self._on_upgraded = on_upgraded
        self._reader = FrameReader(masked=chance is None, limit=limit)
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._key = b""
        self._ready = False
        self._over = False
        self._reason = ""
        self._closing: asyncio.TimerHandle | None = None
        self.address = ""
        """Who is at the other end."""

    # The sending half

    def send_frame(self, frame: bytes) -> None:
        """Send one frame as soon as possible."""
        transport = self._transport
        if transport is None or self._over or not self._ready:
            return
        if self._chance is None:
            transport.write(encode_frame(frame))
        else:
            transport.write(encode_frame(frame, mask=self._chance.randbytes(4)))

    def unsent(self) -> int:
        """Return how many bytes wait for the peer."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def take_up_to(self, limit: int) -> None:
        """Take messages of up to ``limit`` bytes from now on."""
        self._reader.limit = limit

    def close(self, reason: str = "") -> None:
        """Send what waits and the close frame, then close; a peer that does not take it is cut off."""
        self._close(1000, reason)

    def abort(self) -> None:
        """Close now."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    def _close(self, code: int, reason: str) -> None:
        transport = self._transport
        if transport is None or self._over:
            return
        if self._ready:
            mask = None if self._chance is None else self._chance.randbytes(4)
            transport.write(encode_frame(close_payload(code, reason), opcode=CLOSE, mask=mask))
        self._over = True
        transport.close()
        if transport.get_write_buffer_size() and self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(_CLOSE_TIME, transport.abort)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the caller's handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._describe()
        if self._chance is not None:
            self._key = self._chance.randbytes(16)
            self._transport.write(request_upgrade(self._host, self._key))

    def take_over(self, transport: asyncio.Transport, early: bytes) -> None:
        """Be the server's end on a transport whose handshake is done; ``early`` came after it.

        Whoever is the transport's protocol passes its calls on, or makes this one the protocol.
        """
        self._transport = transport
        self._describe()
        self._begin()
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self._over:
            return
        if not self._ready:
            self._head += data
            self._answered()
            return
        try:
            found = self._reader.feed(data)
        except WebSocketFault as fault:
            self._reason = fault.sentence
            self._close(fault.code, fault.sentence)
            return
        self._deliver(found)

    def _deliver(self, found: list[tuple[int, bytes]]) -> None:
        receiver = self._receiver
        for opcode, payload in found:
            if self._over:
                return
            if opcode == BINARY:
                receiver.frame_received(payload)
            else:
                self._control(opcode, payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            code, reason = read_close(payload)
            self._reason = reason or f"The other side closed the connection (code {code})."
            self._close(1000, "")
        elif opcode == PING and self._transport is not None and self.unsent() < _UNTAKEN_MOST:
            # Who asks and asks and takes no answer gets none: else the answers would fill the memory.
            mask = None if self._chance is None else self._chance.randbytes(4)
            self._transport.write(encode_frame(payload, opcode=PONG, mask=mask))

    def _answered(self) -> None:
        try:
            end = check_answer(self._head, self._key)
        except WireError as fault:
            self._over = True
            self._tell_upgraded(fault)
            if self._transport is not None:
                self._transport.abort()
            return
        if not end:
            return
        early = bytes(self._head[end:])
        self._head.clear()
        self._begin()
        if early:
            self.data_received(early)

    def _begin(self) -> None:
        assert self._transport is not None
        self._ready = True
        self._transport.set_write_buffer_limits(high=self._high_water, low=self._high_water // 4)
        self._tell_upgraded(None)
        self._receiver.opened(self)

    def _tell_upgraded(self, fault: Exception | None) -> None:
        tell, self._on_upgraded = self._on_upgraded, None
        if tell is not None:
            tell(fault)

    def _describe(self) -> None:
        assert self._transport is not None
        name = self._transport.get_extra_info("peername")
        if isinstance(name, tuple) and len(name) >= 2:
            self.address = f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"

    def eof_received(self) -> bool:
        """Close when the peer has said all it will say."""
        return False

    def pause_writing(self) -> None:
        """Tell the receiver that the peer is slow."""
        if self._ready:
            self._receiver.slowed(True)

    def resume_writing(self) -> None:
        """Tell the receiver that the peer has caught up."""
        if self._ready:
            self._receiver.slowed(False)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the receiver that it is over."""
        was_over, self._over = self._over, True
        self._transport = None
        if self._closing is not None:
            self._closing.cancel()
        if not self._ready:
            self._tell_upgraded(ConnectionLost("The server closed the connection before the handshake was over."))
            return
        reason = self._reason
        if not reason and not was_over:
            reason = f"The connection broke: {error}." if error is not None else "The connection was closed."
        self._receiver.closed(reason)


async def connect(
    receiver: FrameReceiver,
    *,
    host: str,
    port: int,
    limit: int,
    chance: random.Random,
    tls: ssl.SSLContext | None = None,
    high_water: int = HIGH_WATER,
    timeout: float = 10.0,
) -> WebSocketConnection:
    """Open a WebSocket to a farm's server and do the handshake; a WireError says why it cannot be."""
    loop = asyncio.get_running_loop()
    upgraded: asyncio.Future[None] = loop.create_future()

    def on_upgraded(fault: Exception | None) -> None:
        if upgraded.done():
            return
        if fault is None:
            upgraded.set_result(None)
        else:
            upgraded.set_exception(fault)

    # Whoever gave up waiting does not want to hear about it either.
    upgraded.add_done_callback(lambda done: done.cancelled() or done.exception())
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = WebSocketConnection(
        receiver, limit=limit, chance=chance, high_water=high_water, host=where, on_upgraded=on_upgraded
    )
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: connection, host, port, ssl=tls)
            await upgraded
    except TimeoutError:
        connection.abort()
        raise ConnectionLost(f"{where} did not answer within {timeout:g} seconds.") from None
    except OSError as wrong:
        connection.abort()
        if isinstance(wrong, ssl.SSLError):
            raise why_not(where, wrong) from None
        raise ConnectionLost(
            f"No farm server answers at {where}: {_reason(wrong)}.",
            hint="Is it running, and are host and port right? --server or AF_SERVER name another.",
        ) from None
    except BaseException:
        connection.abort()
        raise
    return connection


def _reason(wrong: OSError) -> str:
    """Say why a connection failed; asyncio puts words of its own in the place of the system's."""
    if wrong.errno is not None and wrong.errno > 0:
        return os.strerror(wrong.errno).lower()
    return str(wrong.strerror or wrong)
