"""WebSocket (RFC 6455) without input or output: handshake, frames, masking, fragments; shared by server and callers.

Rules of this file:
- Nothing waits, connects or draws random numbers: keys are arguments.
- Binary messages only; extensions (compression among them) are not offered and not taken.
- Whatever breaks the protocol raises WebSocketFault with the close code that the peer must be told.

Why not aiohttp's: the same few lines serve the server without a task per peer, the agent, and the blocking client,
which must be quick to import; a message costs about the same (``benchmarks/wire.py`` prints both).
"""

import base64
import hashlib
import struct

from afcore.errors import TheirFault, VersionMismatch, WireError
from afnet.transport.httphead import Head, find_end, parse_head

__all__ = [
    "BINARY",
    "CLOSE",
    "PATH",
    "PING",
    "PONG",
    "FrameReader",
    "NoPlain", "WebSocketFault",
    "accept_key",
    "check_answer",
    "close_payload",
    "encode_frame",
    "read_close",
    "request_upgrade",
    "upgrade_answer",
]

PATH = "/af"
"""Where the native protocol lives on the farm's port."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHORT = struct.Struct("!BBH")
_LONG = struct.Struct("!BBQ")


class NoPlain(WireError):
    """The server speaks TLS with us only: it counts as another machine, as at the end of a tunnel."""


class WebSocketFault(TheirFault):
    """The peer broke RFC 6455; ``code`` is the close code to tell it."""

    def __init__(self, sentence: str, *, code: int = 1002) -> None:
        super().__init__(sentence)
        self.code = code


# Handshake


def accept_key(key: str) -> str:
    """Return the answer to ``Sec-WebSocket-Key`` (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1(key.strip().encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def request_upgrade(host: str, key: bytes) -> bytes:
    """Return the request with which a caller opens the conversation; ``key`` is 16 random bytes."""
    return (
        f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode("latin-1")


def check_answer(data: bytes | bytearray, key: bytes) -> int:
    """Return the length of a proper answer to ``request_upgrade``, 0 while it is not all there.

    A WireError says what else answered.
    """
    if not bytes(data[:5]) == b"HTTP/"[: len(data)]:
        raise TheirFault(
            "What answers there is no farm server: it does not speak HTTP.",
            hint="Check the host and the port; the default port is 51000.",
        )
    end = find_end(data)
    if not end:
        return 0
    head = parse_head(bytes(data[:end]))
    if head.second == "426":
        raise VersionMismatch("The server does not speak this version of WebSocket.")
    if head.second == "403":
        raise NoPlain(
            "The server takes no plain connection here: it counts as another machine, so it must be known by its "
            "certificate.",
            hint="`afcmd --server HOST:PORT trust` shows the fingerprint of its authority and keeps it.",
        )
    if head.second != "101" or not head.has_token("upgrade", "websocket"):
        raise WireError(
            f"What answers there is no farm server: HTTP status {head.second} {head.third} for {PATH}.",
            hint="Check the host and the port; the default port is 51000.",
        )
    if head.headers.get("sec-websocket-accept", "") != accept_key(base64.b64encode(key).decode()):
        raise TheirFault("The server's answer to the WebSocket handshake is wrong.")
    return end


def upgrade_answer(head: Head) -> bytes:
    """Return the server's answer that completes the handshake; WebSocketFault if the request is no proper one."""
    key = head.headers.get("sec-websocket-key", "")
    if head.first != "GET" or not head.has_token("connection", "upgrade") or len(key) != 24:
        raise WebSocketFault("The WebSocket handshake is wrong: look at Connection, Upgrade and Sec-WebSocket-Key.")
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode("latin-1")


# Frames


def encode_frame(payload: bytes, *, opcode: int = BINARY, mask: bytes | None = None) -> bytes:
    """Return one whole frame; callers must give ``mask`` (4 random bytes), servers must not."""
    size = len(payload)
    bit = 0 if mask is None else 0x80
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 0x10000:
        head = _SHORT.pack(0x80 | opcode, bit | 126, size)
    else:
        head = _LONG.pack(0x80 | opcode, bit | 127, size)
    if mask is None:
        return head + payload
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    """XOR ``payload`` with the repeated ``mask``, as one big number: fast enough without a C module of our own."""
    size = len(payload)
    if size == 0 or mask == b"\0\0\0\0":
        return payload
    words = mask * (size // 4 + 1)
    return (int.from_bytes(payload, "little") ^ int.from_bytes(words[:size], "little")).to_bytes(size, "little")


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the body of a close frame; the reason is cut to what fits."""
    return struct.pack("!H", code) + reason.encode("utf-8")[:120].decode("utf-8", "ignore").encode("utf-8")


def read_close(payload: bytes) -> tuple[int, str]:
    """Return code and reason of a close frame's body; 1005 when it has none."""
    if len(payload) < 2:
        return 1005, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")


class FrameReader:
    """Turns bytes as they come into (opcode, payload) pairs: control frames, and whole binary messages.

    ``masked`` tells that the peer must mask (the reader is the server's); ``limit`` is the largest message in bytes.
    """

    __slots__ = ("_buffer", "_masked", "_parts", "_size", "limit")

    def __init__(self, *, masked: bool, limit: int) -> None:
        self._masked = masked
        self.limit = limit
        """Bytes of the largest message taken."""
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes; return what they complete, in order."""
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        found: list[tuple[int, bytes]] = []
        at = 0
        have = len(buffer)
        while have - at >= 2:
            first = buffer[at]
            size = buffer[at + 1] & 0x7F
            start = at + 2
            if size == 126:
                if have - at < 4:
                    break
                size = buffer[at + 2] << 8 | buffer[at + 3]
                start = at + 4
            elif size == 127:
                if have - at < 10:
                    break
                size = int.from_bytes(buffer[at + 2 : at + 10], "big")
                start = at + 10
            opcode = first & 0x0F
            if first & 0x70:
                raise WebSocketFault("A WebSocket frame uses an extension that was not agreed.")
            if (buffer[at + 1] & 0x80 != 0) is not self._masked:
                raise WebSocketFault("Frames to a server must be masked, frames from a server must not.")
            if size + self._size > self.limit:
                raise WebSocketFault(
                    f"A message of {size + self._size} bytes or more is larger than the {self.limit} this side takes.",
                    code=1009,
                )
            if opcode > BINARY and (size > 125 or not first & 0x80 or opcode not in (CLOSE, PING, PONG)):
                raise WebSocketFault("A WebSocket control frame is too long, in pieces, or of an unknown kind.")
            if self._masked:
                start += 4
            end = start + size
            if end > have:
                break
            payload = bytes(buffer[start:end])
            if self._masked:
                payload = _masked(payload, bytes(buffer[start - 4 : start]))
            at = end
            if first == 0x82 and not self._parts:
                found.append((BINARY, payload))
            elif opcode > BINARY:
                found.append((opcode, payload))
            else:
                self._join(first, opcode, payload, found)
        if buffer is data:
            if at < have:
                self._buffer += data[at:]
        elif at:
            del self._buffer[:at]
        return found

    def _join(self, first: int, opcode: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        if opcode == TEXT:
            raise WebSocketFault("The native protocol is binary; a text message came.", code=1003)
        if (opcode == CONTINUATION) is not bool(self._parts):
            raise WebSocketFault("The pieces of a WebSocket message are out of order.")
        # An empty first piece must still count as begun.
        self._parts.append(payload)
        self._size += len(payload)
        if len(self._parts) > 65536:
            raise WebSocketFault("A WebSocket message comes in more than 65,536 pieces.", code=1009)
        if first & 0x80:
            found.append((BINARY, b"".join(self._parts)))
            self._parts = []
            self._size = 0
