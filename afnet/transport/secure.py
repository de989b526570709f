"""TLS of an accepted connection, straight over its socket: a message costs a third of what the loops' own TLS costs.

Rules of this file:
- Nothing is kept while nothing waits: OpenSSL reads from the socket and writes to it itself, no buffer lies between.
- OpenSSL may want to write in order to read, and the other way round: whatever it wants is waited for, never spun on.
- Bytes that OpenSSL refused to write are given to it again as they were, with more behind them at most: it counts them.
- A connection that ends does so once: ``connection_lost`` comes later in the loop, never from within ``write``.

Why not asyncio's or uvloop's: both hold two memory buffers and a transport between OpenSSL and the socket; an answered
message costs the server 60 to 80 µs with them and 22 µs here (``benchmarks/tls.py`` prints what an idle one costs).
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["SecureTransport"]

_log = logging.getLogger(__name__)

_RECORD = 16 * 1024
"""The most that one TLS record holds (RFC 8446, 5.1)."""
_HIGH_WATER = 64 * 1024


class SecureTransport(asyncio.Transport):
    """The server's end of a TLS connection, as the transport of an asyncio protocol.

    It takes over ``accepted``, which must not block. The protocol's ``connection_made`` comes when the handshake is
    done; where that fails ``on_failed`` is told instead, and the socket is closed.
    """

    def __init__(
        self,
        accepted: socket.socket,
        context: ssl.SSLContext,
        protocol: asyncio.Protocol,
        on_failed: Callable[[OSError], None],
    ) -> None:
        """Begin the handshake; raises OSError when the connection is gone already (``accepted`` is closed then)."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.BaseProtocol = protocol
        self._on_failed: Callable[[OSError], None] | None = on_failed
        self._unsent = bytearray()
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4
        self._made = False
        self._closing = False
        """Whether nothing more is taken of anybody."""
        self._over = False
        """Whether the socket is closed, or will be in a moment."""
        self._paused = False
        self._slow = False
        """Whether the protocol was told to write nothing for a while."""
        self._reads = False
        self._writes = False
        self._read_wants_write = False
        self._context = context
        try:
            self._socket = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        except BaseException:
            accepted.close()
            raise
        self._shake()

    # What the loop tells

    def _shake(self) -> None:
        """Go on with the handshake as far as what has come allows."""
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(reads=True, writes=False)
        except ssl.SSLWantWriteError:
            self._watch(reads=False, writes=True)
        except OSError as wrong:
            failed, self._on_failed = self._on_failed, None
            self._over = self._closing = True
            self._watch(reads=False, writes=False)
            self._socket.close()
            if failed is not None:
                self._loop.call_soon(failed, wrong)
        else:
            self._on_failed = None
            self._made = True
            self._watch(reads=False, writes=False)
            self._watch(reads=True, writes=False)
            self._tell(self._protocol.connection_made, self)

    def _readable(self) -> None:
        # One record is taken whole, so nothing stays decrypted within OpenSSL; what else has come is told anew, for the
        # loop looks at the socket and not at what has changed there.
        try:
            data = self._socket.recv(_RECORD)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._read_wants_write = True
            self._watch(reads=self._reads, writes=True)
            return
        except OSError as wrong:
            self._lose(wrong)
            return
        if not data:
            self._at_end()
            return
        try:
            self._protocol.data_received(data)  # type: ignore[attr-defined]
        except Exception as wrong:  # noqa: BLE001 - whatever it is, this connection ends and the others go on
            self._failed(wrong)

    def _writable(self) -> None:
        if self._read_wants_write:
            self._read_wants_write = False
            self._readable()
            if self._over:
                return
        try:
            with memoryview(self._unsent) as waiting:
                sent = self._send(waiting)
        except OSError as wrong:
            self._lose(wrong)
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._watch(reads=self._reads, writes=self._read_wants_write)
            if self._closing:
                self._say_goodbye()
                return
        if self._slow and len(self._unsent) <= self._low:
            self._slow = False
            self._tell(self._protocol.resume_writing)

    def _at_end(self) -> None:
        """The other side has said all; TLS has no half-closed connections."""
        self._tell(self._protocol.eof_received)  # type: ignore[attr-defined]
        self.close()

    # asyncio.WriteTransport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send as soon as possible."""
        if self._closing or not data:
            return
        if self._unsent:
            self._unsent += data
        else:
            try:
                sent = self._socket.send(data)
                if sent == len(data):
                    return
                sent += self._send(memoryview(data)[sent:])
                if sent == len(data):
                    return
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                sent = 0
            except OSError as wrong:
                self._lose(wrong)
                return
            self._unsent += memoryview(data)[sent:]
            self._watch(reads=self._reads, writes=True)
        if not self._slow and len(self._unsent) > self._high:
            self._slow = True
            self._tell(self._protocol.pause_writing)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send all of it, in as few records as it fits."""
        self.write(b"".join(list_of_data))

    def _send(self, data: memoryview) -> int:
        """Return how much of some bytes the system takes now; raises OSError when the connection is over."""
        sent = 0
        try:
            while sent < len(data):
                # OpenSSL writes one record in a call, whatever it is given.
                sent += self._socket.send(data[sent:])
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        return sent

    def can_write_eof(self) -> bool:
        """Say no: TLS has no half-closed connections."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the system has not taken yet."""
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return below which and above which number of unsent bytes the protocol is told."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Tell the protocol to pause above ``high`` unsent bytes, and to go on at ``low``."""
        if high is None:
            high = 4 * low if low is not None else _HIGH_WATER
        self._high, self._low = high, high // 4 if low is None else low

    # asyncio.ReadTransport

    def pause_reading(self) -> None:
        """Take nothing more for a while."""
        self._paused = True
        self._watch(reads=False, writes=self._writes)

    def resume_reading(self) -> None:
        """Take what comes again."""
        if self._closing or not self._paused:
            return
        self._paused = False
        self._watch(reads=True, writes=self._writes)

    def is_reading(self) -> bool:
        """Say whether what comes is taken."""
        return self._made and not self._paused and not self._closing

    # asyncio.BaseTransport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection: the names are asyncio's."""
        if name == "ssl_object":
            return self._socket
        if name == "sslcontext":
            return self._context
        if name == "socket":
            return self._socket
        try:
            if name == "peername":
                return self._socket.getpeername()
            if name == "sockname":
                return self._socket.getsockname()
        except OSError:
            return default
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what comes."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return whose transport it is."""
        return self._protocol

    def is_closing(self) -> bool:
        """Say whether it takes nothing more of anybody."""
        return self._closing

    def close(self) -> None:
        """Send what waits, say goodbye, and close."""
        if self._closing:
            return
        self._closing = True
        self._watch(reads=False, writes=self._writes and bool(self._unsent))
        if not self._unsent:
            self._say_goodbye()

    def abort(self) -> None:
        """Close now, whatever waits."""
        self._lose(None)

    # The end

    def _say_goodbye(self) -> None:
        if not self._over:
            try:
                self._socket.unwrap()
            except (OSError, ValueError):
                # It wants the other side's goodbye, which nobody waits for; or that side has gone.
                pass
            self._lose(None)

    def _lose(self, wrong: Exception | None) -> None:
        """Let go of the socket, and tell the protocol a moment later."""
        if self._over:
            return
        self._over = self._closing = True
        self._watch(reads=False, writes=False)
        # Not cleared: what an error tells of may still look at it.
        self._unsent = bytearray()
        self._on_failed = None
        self._loop.call_soon(self._lost, wrong)

    def _lost(self, wrong: Exception | None) -> None:
        try:
            if self._made:
                self._protocol.connection_lost(wrong)
        finally:
            self._socket.close()

    def _tell(self, said: Callable[..., object], *given: object) -> None:
        try:
            said(*given)
        except Exception as wrong:  # noqa: BLE001 - whatever it is, this connection ends and the others go on
            self._failed(wrong)

    def _failed(self, wrong: Exception) -> None:
        """What a protocol raises ends its connection, and is told to whoever hears of a loop's errors."""
        told = {"message": "A protocol failed over TLS.", "exception": wrong, "protocol": self._protocol}
        self._loop.call_exception_handler({**told, "transport": self})
        self._lose(wrong)

    def _watch(self, *, reads: bool, writes: bool) -> None:
        """Have the loop tell when bytes have come, and when there is room for more."""
        if reads != self._reads:
            self._reads = reads
            if reads:
                self._loop.add_reader(self._socket, self._readable if self._made else self._shake)
            else:
                self._loop.remove_reader(self._socket)
        if writes != self._writes:
            self._writes = writes
            if writes:
                self._loop.add_writer(self._socket, self._writable if self._made else self._shake)
            else:
                self._loop.remove_writer(self._socket)
