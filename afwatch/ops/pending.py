"""An operation that was sent and is not answered yet.

Rules of this file:
- Answered exactly once: by success, by a refusal, or by the end of the conversation; then its listeners are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from afcore.errors import AfError

__all__ = ["Pending"]


class Pending:
    """What was asked for under a token, and who wants to know how it went."""

    def __init__(self, operation: str, arguments: dict[str, Any], initiator: str) -> None:
        self.operation = operation
        self.arguments = arguments
        self.initiator = initiator
        self.over = False
        self._success: list[Callable[[Any], None]] = []
        self._failure: list[Callable[[AfError], None]] = []

    def success(self, listener: Callable[[Any], None]) -> Pending:
        """Call ``listener`` with the answer's body; returns this, to go on with ``failure``."""
        self._success.append(listener)
        return self

    def failure(self, listener: Callable[[AfError], None]) -> Pending:
        """Call ``listener`` with the error that a refusal stands for."""
        self._failure.append(listener)
        return self

    def succeed(self, body: Any) -> None:
        """It was done."""
        if not self.over:
            self.over = True
            for listener in self._success:
                listener(body)

    def fail(self, error: AfError) -> None:
        """It was refused, or there is nobody to ask."""
        if not self.over:
            self.over = True
            for listener in self._failure:
                listener(error)
