"""When to try again: doubling waits with injected chance, so that a thousand agents do not return in one moment."""

import random

__all__ = ["Backoff"]


class Backoff:
    """Waits of 0.1 s, 0.2 s, ... up to 5 s, each between half and the whole of it by ``chance``."""

    def __init__(self, chance: random.Random, *, first: float = 0.1, most: float = 5.0) -> None:
        self._chance = chance
        self._first = first
        self._most = most
        self._next = first

    def wait(self) -> float:
        """Return how many seconds to wait before the next try; every call makes the following wait longer."""
        wait = self._next
        self._next = min(self._most, wait * 2)
        return wait * (0.5 + 0.5 * self._chance.random())

    def reset(self) -> None:
        """Begin anew: the last try went well."""
        self._next = self._first
