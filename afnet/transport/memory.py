"""Join two ends of the native protocol in one process, also across two event loops in two threads."""

import asyncio

from afnet.transport.base import HIGH_WATER, LOW_WATER, FrameReceiver

__all__ = ["MemoryConnection", "join"]


class MemoryConnection:
    """One end of a pair; frames arrive at the other end in its own loop, in order, never at once."""

    def __init__(self, receiver: FrameReceiver, loop: asyncio.AbstractEventLoop) -> None:
        self._receiver = receiver
        self._loop = loop
        self._other: MemoryConnection = self
        self._waiting = 0
        self._slow = False
        self._open = True

    @property
    def address(self) -> str:
        """Who is at the other end."""
        return "memory"

    def send_frame(self, frame: bytes) -> None:
        """Hand one frame to the other end."""
        if not self._open:
            return
        self._waiting += len(frame)
        self._call(self._other, self._other._arrive, frame)
        if self._waiting > HIGH_WATER and not self._slow:
            self._slow = True
            self._receiver.slowed(True)

    def unsent(self) -> int:
        """Return how many bytes the other end has not looked at yet."""
        return self._waiting

    def take_up_to(self, limit: int) -> None:
        """Nothing to do: both ends are this program."""

    def close(self, reason: str = "") -> None:
        """Close both ends after what was sent."""
        if self._open:
            self._open = False
            self._call(self._other, self._other._end, reason)
            self._call(self, self._receiver.closed, "")

    def abort(self) -> None:
        """Close both ends; what was sent before still arrives, as it does from a network."""
        self.close()

    def _arrive(self, frame: bytes) -> None:
        self._call(self._other, self._other._taken, len(frame))
        if self._open:
            self._receiver.frame_received(frame)

    def _taken(self, size: int) -> None:
        self._waiting -= size
        if self._slow and self._waiting < LOW_WATER:
            self._slow = False
            if self._open:
                self._receiver.slowed(False)

    def _end(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._receiver.closed(reason or "The other side closed the connection.")

    def _call(self, end: "MemoryConnection", function: object, argument: object) -> None:
        # Always through the owner's loop: a receiver must never be called from inside its own send.
        if not end._loop.is_closed():
            end._loop.call_soon_threadsafe(function, argument)  # type: ignore[arg-type]


def join(
    one: FrameReceiver,
    two: FrameReceiver,
    *,
    loop_one: asyncio.AbstractEventLoop | None = None,
    loop_two: asyncio.AbstractEventLoop | None = None,
) -> tuple[MemoryConnection, MemoryConnection]:
    """Connect two receivers and tell both, each in its own loop (default: the running one)."""
    end_one = MemoryConnection(one, loop_one or asyncio.get_running_loop())
    end_two = MemoryConnection(two, loop_two or asyncio.get_running_loop())
    end_one._other, end_two._other = end_two, end_one
    end_one._loop.call_soon_threadsafe(one.opened, end_one)
    end_two._loop.call_soon_threadsafe(two.opened, end_two)
    return end_one, end_two
