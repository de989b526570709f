"""Who is answered closes first: connections that are read a while longer after their last answer, and then closed.

Rules of this file:
- The side that closes a connection first remembers it for a minute (TIME-WAIT); thousands of short classic calls
  would fill the server's tables. So the server waits for the client's end, whatever language was spoken.
- What still comes is read and dropped: closing with unread bytes would reset the connection and lose the answer.
- All wait equally long, so one timer for the oldest is enough, however many wait.
"""

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["LINGER_TIME", "Lingering", "PatientTransport"]

LINGER_TIME = 2.0
"""Seconds that a client has to close its connection after its answer."""


class Lingering:
    """Answered connections whose client shall close first."""

    def __init__(self, seconds: float = LINGER_TIME) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Transport, tuple[float, int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.closed = 0
        """Connections that the server had to close, because their client did not."""

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, transport: asyncio.Transport) -> None:
        """Close ``transport`` when its client does not within the time; again for the same one changes nothing."""
        if transport not in self._waiting:
            self._wait(transport)

    def _wait(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[transport] = (loop.time() + self._seconds, transport.get_write_buffer_size())
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._close_late)

    def left(self, transport: asyncio.Transport | None) -> None:
        """A client closed its connection."""
        if transport is not None:
            self._waiting.pop(transport, None)

    def cut(self) -> None:
        """Count a client that had to be cut off."""
        self.closed += 1

    def stop(self) -> None:
        """Close everybody now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        for transport in waiting:
            transport.close()

    def _close_late(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        late = []
        for transport, (until, unsent) in self._waiting.items():
            if until > loop.time():
                # They wait in order: the first that is not late tells when to look again.
                self._timer = loop.call_at(until, self._close_late)
                break
            late.append((transport, unsent))
        for transport, before in late:
            del self._waiting[transport]
            unsent = transport.get_write_buffer_size()
            if 0 < unsent < before:
                # A slow line: the answer is still on its way.
                self._wait(transport)
            elif unsent:
                # Nobody takes it: closing would wait for that for ever.
                self.closed += 1
                transport.abort()
            else:
                self.closed += 1
                transport.close()


class PatientTransport(asyncio.Transport):
    """The transport of somebody who may end a conversation, but not close its connection: ``close`` calls ``finish``.

    Files cannot be sent through it by the operating system; whoever serves them writes them.
    """

    def __init__(self, real: asyncio.Transport, finish: Callable[[], None]) -> None:
        super().__init__()
        self.real = real
        """The transport itself."""
        self.on_write: Callable[[int], None] | None = None
        """Is told how many bytes are written."""
        self.on_abort: Callable[[], None] | None = None
        """Is told that the client had to be cut off."""
        self._finish = finish
        self._finished = False

    def close(self) -> None:
        """Say that there is nothing more to say."""
        self._finished = True
        self._finish()

    def close_now(self) -> None:
        """Close without waiting for the client: it waits for that itself, because there is no answer."""
        self._finished = True
        self.real.close()

    def abort(self) -> None:
        """Close at once."""
        self._finished = True
        if self.on_abort is not None:
            self.on_abort()
        self.real.abort()

    def is_closing(self) -> bool:
        """Tell whether nothing more can be said."""
        return self._finished or self.real.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Pass on, before the end."""
        if not self._finished:
            if self.on_write is not None:
                self.on_write(len(data))
            self.real.write(data)

    def writelines(self, list_of_data: Any) -> None:
        """Pass on, before the end."""
        if not self._finished:
            parts = list(list_of_data)
            if self.on_write is not None:
                self.on_write(sum(map(len, parts)))
            self.real.writelines(parts)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Pass on."""
        return self.real.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Pass on, before the end: after it the client's end must be seen."""
        if not self._finished:
            self.real.pause_reading()

    def resume_reading(self) -> None:
        """Pass on."""
        self.real.resume_reading()

    def is_reading(self) -> bool:
        """Pass on."""
        return self.real.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Pass on."""
        self.real.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Pass on."""
        return self.real.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """Say no: the end of what is written would be the first half of closing."""
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Pass on."""
        self.real.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Pass on."""
        return self.real.get_protocol()
