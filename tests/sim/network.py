"""A bad network under a seed: frames are late, lost with all that follow them, doubled and out of order.

Rules of this file:
- Until a conversation is open its frames come whole and in order; after that nothing is promised.
- A frame that is lost takes everything behind it on its way with it, until one of the ends gives the connection up:
  that is what a lost packet comes to for who speaks over a stream.
- A start that comes twice comes twice at once, and none is overtaken: no stream would do that, and an agent that was
  told that a run is settled has nothing left of it.
- A connection that broke may be noticed by one end long before the other, and what was on its way may still come.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from afnet.wire.codec import LIMIT_TO_CLIENT, decode
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    Ping,
    Pong,
    Readings,
    Report,
    Start,
    Stop,
)
from tests.sim.clock import SimLoop

__all__ = ["End", "Network", "Wire"]

_REPEATABLE = (Report, Readings, Stop, Drop, Acknowledge, Ping, Pong, Start)
"""What may come twice or in another order without an end of the conversation."""


class _Takes(Protocol):
    def opened(self, connection: End) -> None: ...
    def frame_received(self, frame: bytes) -> None: ...
    def closed(self, reason: str) -> None: ...


class End:
    """One end of a wire: what a ``FrameConnection`` is to whoever sends."""

    def __init__(self, network: Network, loop: SimLoop, address: str) -> None:
        self._network = network
        self.loop = loop
        self.address = address
        self.receiver: _Takes | None = None
        self.other: End | None = None
        self.open = True
        self.lost = False
        """Whatever is sent from here goes nowhere."""
        self.latest = 0.0
        """When the frame before arrives at the other end."""

    def take_up_to(self, limit: int) -> None:
        """Nothing is too large here."""

    def send_frame(self, frame: bytes) -> None:
        """Put a frame on its way."""
        if self.open:
            self._network.carry(self, frame)

    def unsent(self) -> int:
        """This network takes everything at once."""
        return 0

    def close(self, reason: str = "") -> None:
        """Close after what was sent."""
        if self.open:
            self._network.hang_up(self, reason)

    def abort(self) -> None:
        """Close now."""
        self.close()

    def broken(self, reason: str) -> None:
        """Notice that the connection is gone."""
        if self.open:
            self.open = False
            if self.receiver is not None:
                self.receiver.closed(reason)


Wire = tuple[End, End]
"""The agent's end and the server's."""


class Network:
    """Everything that is on its way."""

    def __init__(self, dice: random.Random, faults: Counter[str]) -> None:
        self._dice = dice
        self.faults = faults
        self.rough = 0.0
        """How likely each kind of trouble is for one frame."""
        self.slow_until = 0.0
        self.wires: list[Wire] = []

    def connect(self, agent: _Takes, server: _Takes, loops: tuple[SimLoop, SimLoop], address: str) -> None:
        """Join two receivers."""
        wire = End(self, loops[0], address), End(self, loops[1], address)
        wire[0].other, wire[1].other = wire[1], wire[0]
        wire[0].receiver, wire[1].receiver = agent, server
        self.wires = [each for each in self.wires if each[0].open or each[1].open]
        self.wires.append(wire)
        server.opened(wire[1])
        agent.opened(wire[0])

    def _delay(self, at: float) -> float:
        if at < self.slow_until:
            return self._dice.uniform(0.5, 6.0)
        return self._dice.uniform(0.0005, 0.01)

    def carry(self, end: End, frame: bytes) -> None:
        """Bring a frame to the other end, or not."""
        other = end.other
        assert other is not None
        if end.lost or not other.open:
            return
        now = other.loop.wall()
        when = max(end.latest, now + self._delay(now))
        luck = self._dice.random() if self.rough else 1.0
        if luck < 4 * self.rough and _repeatable(frame):
            first = any(isinstance(message, Start) for message in decode(frame, limit=LIMIT_TO_CLIENT))
            if luck < self.rough:
                self.faults["frame lost"] += 1
                end.lost = True
                other.loop.call_later(self._dice.uniform(1.0, 40.0), self.cut, (end, other))
                return
            if luck < 2.5 * self.rough:
                self.faults["frame doubled"] += 1
                self._arrive(other, frame, when + (0.0 if first else self._dice.choice((0.0, 0.02, 0.5))))
            elif not first:
                self.faults["frame overtaken"] += 1
                self._arrive(other, frame, when + self._dice.uniform(0.02, 1.0))
                return
        end.latest = when
        self._arrive(other, frame, when)

    def _arrive(self, end: End, frame: bytes, when: float) -> None:
        end.loop.call_later(when - end.loop.wall(), self._hand_over, end, frame)

    def _hand_over(self, end: End, frame: bytes) -> None:
        if end.open and end.receiver is not None:
            end.receiver.frame_received(frame)

    def hang_up(self, end: End, reason: str) -> None:
        """Close from one end: it knows at once, the other when it arrives."""
        other = end.other
        assert other is not None
        end.broken("")
        if not end.lost:
            other.loop.call_later(max(0.01, end.latest - other.loop.wall()), other.broken, reason or "hung up")

    def cut(self, wire: Wire) -> None:
        """Break a connection; both ends notice."""
        for end in wire:
            if end.open:
                end.lost = True
                end.broken("reset")

    def half_open(self, wire: Wire) -> None:
        """Break a connection for the agent; the server notices much later, and may hear what was on its way."""
        agent, server = wire
        agent.lost = server.lost = True
        agent.broken("reset")
        server.loop.call_later(self._dice.uniform(1.0, 70.0), server.broken, "reset")

    def when_open(self, choose: Callable[[list[Wire]], Wire]) -> Wire | None:
        """Return one of the wires that stand, or None."""
        wires = [wire for wire in self.wires if wire[0].open and wire[1].open]
        return choose(wires) if wires else None


def _repeatable(frame: bytes) -> bool:
    return all(isinstance(message, _REPEATABLE) for message in decode(frame, limit=LIMIT_TO_CLIENT))
