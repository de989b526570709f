"""An operation that was sent and is not answered yet, and several that are one act of a person.

Rules of this file:
- Answered exactly once: by success, by a refusal, or by the end of the conversation; then its listeners are called.
- A listener that belongs to something Qt has deleted meanwhile (a window closed before its answer came) is not called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import shiboken6

from afcore.errors import AfError

__all__ = ["Pending", "is_alive", "when_all"]


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
            for listener in filter(is_alive, self._success):
                listener(body)

    def fail(self, error: AfError) -> None:
        """It was refused, or there is nobody to ask."""
        if not self.over:
            self.over = True
            for listener in filter(is_alive, self._failure):
                listener(error)


def when_all(parts: Sequence[Pending], listener: Callable[[list[Pending], list[Any], list[AfError]], None]) -> None:
    """Call ``listener`` once, when the last is answered: with those that were done, their answers, and the refusals."""
    done: list[Pending] = []
    bodies: list[Any] = []
    errors: list[AfError] = []

    def over() -> None:
        if len(done) + len(errors) == len(parts) and is_alive(listener):
            listener(done, bodies, errors)

    def succeeded(part: Pending, body: Any) -> None:
        done.append(part)
        bodies.append(body)
        over()

    def failed(error: AfError) -> None:
        errors.append(error)
        over()

    for part in parts:
        part.success(partial(succeeded, part)).failure(failed)


def is_alive(listener: Callable[..., Any]) -> bool:
    """Say whether what a listener works on is still there: the object of a method, and what a function holds on to."""
    while isinstance(listener, partial):
        listener = listener.func
    held = [getattr(listener, "__self__", None)]
    for cell in getattr(listener, "__closure__", None) or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            continue  # a name that is not set yet holds nothing
    return all(map(shiboken6.isValid, held))
