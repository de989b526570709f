"""A WebSocket on a standard blocking socket: connect, shake hands, send and receive whole frames with a time limit."""

import os
import socket
from typing import TYPE_CHECKING, TypeGuard

from afcore.errors import ConnectionLost
from afnet.client.servers import Address
from afnet.transport.wsframes import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    FrameReader,
    check_answer,
    close_payload,
    encode_frame,
    read_close,
    request_upgrade,
)
from afnet.wire.codec import LIMIT_TO_CLIENT

if TYPE_CHECKING:
    import ssl

__all__ = ["BlockingSocket"]

_READ = 256 * 1024


class BlockingSocket:
    """One connection to one server; every call may raise ConnectionLost with a sentence, and TimeoutError where said.

    ``timeout``, in seconds, is for connecting and shaking hands.
    """

    def __init__(self, address: Address, *, timeout: float, tls: "ssl.SSLContext | None" = None) -> None:
        self._reader = FrameReader(masked=False, limit=LIMIT_TO_CLIENT)
        self._ended = ""
        self._socket = _connect(address, timeout)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address.host)
            self._early = self._shake_hands(address)
        except TimeoutError:
            self._socket.close()
            raise ConnectionLost(
                f"What answers at {address} said nothing for {timeout:g} seconds.",
                hint="Is it a farm server? The default port is 51000.",
            ) from None
        except OSError as wrong:
            self._socket.close()
            if tls is not None and _is_tls_fault(wrong):
                from afnet.api.trust import why_not

                raise why_not(str(address), wrong) from None
            raise ConnectionLost(f"The connection to {address} broke: {wrong.strerror or wrong}.") from None
        except BaseException:
            self._socket.close()
            raise

    def _shake_hands(self, address: Address) -> bytes:
        """Return what came after the server's answer."""
        key = os.urandom(16)
        data = bytearray()
        self._socket.sendall(request_upgrade(str(address), key))
        while not (end := check_answer(data, key)):
            got = self._socket.recv(_READ)
            if not got:
                raise ConnectionLost(
                    f"What answers at {address} hung up; it does not seem to be a farm server.",
                    hint="Check the host and the port; the default port is 51000.",
                )
            data += got
        return bytes(data[end:])

    @property
    def ended(self) -> str:
        """Why the server closed; empty while it did not."""
        return self._ended

    def send(self, frame: bytes, *, timeout: float) -> None:
        """Send one frame."""
        self._send(encode_frame(frame, mask=os.urandom(4)), timeout)

    def _send(self, data: bytes, timeout: float) -> None:
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(data)
        except OSError as wrong:
            reason = self._ended or f"The connection to the server broke: {wrong.strerror or wrong}."
            raise ConnectionLost(reason) from None

    def receive(self, *, timeout: float) -> list[bytes]:
        """Return the frames that come next, maybe none; TimeoutError when nothing came in time.

        Raises ConnectionLost when the server has closed, and WebSocketFault when it broke the protocol.
        """
        data, self._early = self._early, b""
        if not data:
            if self._ended:
                raise ConnectionLost(self._ended)
            try:
                self._socket.settimeout(timeout)
                data = self._socket.recv(_READ)
            except TimeoutError:
                raise
            except OSError as wrong:
                raise ConnectionLost(f"The connection to the server broke: {wrong.strerror or wrong}.") from None
            if not data:
                raise ConnectionLost("The server closed the connection.")
        frames: list[bytes] = []
        for opcode, payload in self._reader.feed(data):
            if opcode == BINARY:
                frames.append(payload)
            elif opcode == CLOSE:
                self._ended = read_close(payload)[1] or "The server closed the connection."
            elif opcode == PING:
                self._send(encode_frame(payload, opcode=PONG, mask=os.urandom(4)), timeout)
        return frames

    def close(self, last: bytes = b"") -> None:
        """Send a last frame and the close frame, if the server still takes them, and hang up."""
        try:
            if last:
                self.send(last, timeout=1.0)
            self._send(encode_frame(close_payload(1000), opcode=CLOSE, mask=os.urandom(4)), 1.0)
        except ConnectionLost:
            # The server went first: there is nobody left to say goodbye to.
            self._ended = self._ended or "The connection is closed."
        finally:
            self._socket.close()


def _is_tls_fault(wrong: OSError) -> "TypeGuard[ssl.SSLError]":
    import ssl

    return isinstance(wrong, ssl.SSLError)


def _connect(address: Address, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((address.host, address.port), timeout=timeout)
    except TimeoutError:
        raise ConnectionLost(f"{address} did not answer within {timeout:g} seconds.") from None
    except OSError as wrong:
        known = wrong.errno is not None and wrong.errno > 0
        reason = os.strerror(wrong.errno or 0).lower() if known else str(wrong.strerror or wrong)
        raise ConnectionLost(
            f"No farm server answers at {address}: {reason}.",
            hint="Start one with `afserver --headless`, or name another with --server or AF_SERVER.",
        ) from None
