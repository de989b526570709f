"""Logs that are on their way: a run has ended and its log is not all here yet, so who asks for it waits a moment.

Rules of this file:
- nothing is kept of a run whose log is here, given up, or out of reach because its agent left;
- nobody waits longer than ``PATIENCE``: then they get what there is.
"""

from collections.abc import Callable

from afcore.ids import RunKey

__all__ = ["PATIENCE", "ComingLogs"]

PATIENCE = 5.0
"""Seconds that a question for a log waits for its last piece."""


class ComingLogs:
    """Which logs are still at their agents, and who waits for one.

    ``call_later`` is that of the event loop: seconds, then what to call.
    """

    def __init__(self, call_later: Callable[[float, Callable[[], None]], object]) -> None:
        self._call_later = call_later
        self._session_of: dict[RunKey, int] = {}
        self._waiting: dict[RunKey, list[Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._session_of)

    def expect(self, session: int, key: RunKey) -> None:
        """A run ended, and the agent of this connection has its log."""
        self._session_of[key] = session

    def settle(self, key: RunKey) -> None:
        """A log is here, or will never be."""
        if self._session_of.pop(key, None) is not None:
            self._call(key)

    def lost(self, session: int) -> None:
        """The agent of a connection is gone, its logs with it until it returns."""
        for key in [key for key, at in self._session_of.items() if at == session]:
            self.settle(key)

    def wait(self, key: RunKey, then: Callable[[], None]) -> bool:
        """Call ``then`` when the log of a run is here; return False, and do nothing, when it is not on its way."""
        if key not in self._session_of:
            return False
        waiting = self._waiting.setdefault(key, [])
        waiting.append(then)
        if len(waiting) == 1:
            self._call_later(PATIENCE, lambda: self._call(key))
        return True

    def _call(self, key: RunKey) -> None:
        for then in self._waiting.pop(key, ()):
            then()
