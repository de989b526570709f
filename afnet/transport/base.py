"""What every way of moving frames looks like to both of its ends: a connection to send on, a receiver to call.

Rules of this file:
- A frame is one whole piece of the native protocol as bytes; transports neither split nor join nor look into them.
- All calls of one connection happen in the thread of the loop that owns it.
- ``closed`` is the last call a receiver gets, exactly once after ``opened``.
"""

from typing import Protocol

__all__ = ["HIGH_WATER", "LOW_WATER", "FrameConnection", "FrameReceiver"]

HIGH_WATER = 1 << 20
"""Unsent bytes above which a connection counts as slow."""

LOW_WATER = 1 << 18
"""Unsent bytes below which it is no longer slow."""


class FrameConnection(Protocol):
    """The sending half of a connection."""

    @property
    def address(self) -> str:
        """Who is at the other end, for people: ``127.0.0.1:40022``, ``memory``."""

    def send_frame(self, frame: bytes) -> None:
        """Send one frame as soon as possible; never waits, and does nothing once closed."""

    def unsent(self) -> int:
        """Return how many bytes wait for the peer to take them."""

    def take_up_to(self, limit: int) -> None:
        """Take messages of up to ``limit`` bytes from now on: the peer is known."""

    def close(self, reason: str = "") -> None:
        """Send what waits, then close; ``reason`` is for the peer."""

    def abort(self) -> None:
        """Close now and forget what waits."""


class FrameReceiver(Protocol):
    """The receiving half: whoever owns a connection."""

    def opened(self, connection: FrameConnection) -> None:
        """Frames may be sent from now on."""

    def frame_received(self, frame: bytes) -> None:
        """One whole frame came."""

    def slowed(self, slow: bool) -> None:
        """The peer takes less than is sent (more than HIGH_WATER waits), or has caught up (less than LOW_WATER)."""

    def closed(self, reason: str) -> None:
        """The connection is gone; ``reason`` is a sentence, empty when this side closed it."""
