"""What goes through the door: messages and bytes by kind and peer, since the start and per second.

Rules of this file:
- A peer is a host and what it is (agent, client, classic, http), never one connection; the number of rows is bounded.
- The rate is that of the last whole window; nothing wakes up for it.
- Bytes of a frame of several messages are divided among them; WebSocket and HTTP headers are not counted.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Traffic"]

WINDOW = 10.0
"""Seconds over which rates are measured."""

_MOST_ROWS = 5000
_OTHERS = ("everything else", "")


class _Count:
    __slots__ = ("largest", "messages", "received", "sent", "sent_messages")

    def __init__(self) -> None:
        self.messages = 0
        self.received = 0
        self.sent_messages = 0
        self.sent = 0
        self.largest = 0

    def values(self) -> tuple[int, int, int, int]:
        return self.messages, self.received, self.sent_messages, self.sent


class Traffic:
    """Counts messages and bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._counts: dict[tuple[str, str], _Count] = {}
        self._window_began = self._started
        self._before: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        self._rates: dict[tuple[str, str], tuple[float, ...]] = {}

    def _count(self, kind: str, peer: str) -> _Count:
        self._turn()
        key = (kind, peer)
        found = self._counts.get(key)
        if found is None:
            if len(self._counts) >= _MOST_ROWS:
                key = _OTHERS
            found = self._counts.setdefault(key, _Count())
        return found

    def received(self, kind: str, peer: str, size: int, messages: int = 1) -> None:
        """Count ``messages`` of a kind that came from a peer in ``size`` bytes."""
        found = self._count(kind, peer)
        found.messages += messages
        found.received += size
        found.largest = max(found.largest, size)

    def sent(self, kind: str, peer: str, size: int, messages: int = 1) -> None:
        """Count ``messages`` of a kind that were sent to a peer in ``size`` bytes."""
        found = self._count(kind, peer)
        found.sent_messages += messages
        found.sent += size
        found.largest = max(found.largest, size)

    def received_frame(self, peer: str, messages: Sequence[Any], size: int) -> None:
        """Count a frame by the types of its messages; one without any held pings and the like."""
        self._frame(self.received, peer, messages, size)

    def sent_frame(self, peer: str, messages: Sequence[Any], size: int) -> None:
        """Count frames of ``size`` bytes in all by the types of their messages."""
        self._frame(self.sent, peer, messages, size)

    @staticmethod
    def _frame(count: Callable[[str, str, int, int], None], peer: str, messages: Sequence[Any], size: int) -> None:
        if not messages:
            count("Ping", peer, size, 1)
            return
        kinds: dict[str, int] = {}
        for message in messages:
            name = type(message).__name__
            kinds[name] = kinds.get(name, 0) + 1
        left = size
        for place, (name, number) in enumerate(kinds.items()):
            share = left if place == len(kinds) - 1 else size * number // len(messages)
            left -= share
            count(name, peer, share, number)

    def _turn(self) -> None:
        """Begin a new window when the old one is over."""
        now = self._clock()
        length = now - self._window_began
        if length < WINDOW:
            return
        self._rates = {}
        for key, count in self._counts.items():
            values = count.values()
            before = self._before.get(key, (0, 0, 0, 0))
            if values != before:
                self._rates[key] = tuple((new - old) / length for new, old in zip(values, before))
            self._before[key] = values
        self._window_began = now

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each kind and peer, the most bytes first; rates are per second of the last window."""
        self._turn()
        rows = []
        for (kind, peer), count in self._counts.items():
            rate = self._rates.get((kind, peer), (0.0, 0.0, 0.0, 0.0))
            rows.append(
                {
                    "kind": kind,
                    "peer": peer,
                    "messages": count.messages + count.sent_messages,
                    "received_bytes": count.received,
                    "sent_bytes": count.sent,
                    "messages_per_second": round(rate[0] + rate[2], 1),
                    "received_per_second": round(rate[1], 1),
                    "sent_per_second": round(rate[3], 1),
                    "largest": count.largest,
                }
            )
        return sorted(rows, key=lambda row: (-(row["received_bytes"] + row["sent_bytes"]), row["kind"], row["peer"]))

    @property
    def seconds(self) -> float:
        """How long it has been counted."""
        return self._clock() - self._started
