"""A run's place in a helper: in the one that all share at first, in one of its own as soon as there is a reason.

Rules of this file:
- a run moves by making its service and parser anew and showing them again what they have seen; what came of that the
  first time is not told twice;
- whoever is unanswered when the shared helper is in trouble moves to a helper of its own: the one at fault fails there,
  alone, and nobody else notices more than a pause;
- what is remembered for moving is bounded: who prints more, or lives longer, moves while all is well.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any, Protocol

from afrender.helper.process import HelperProcess, Taker, Trouble
from afrender.helper.protocol import Answer, Feed, Leave, Prepare, Prepared, Request

__all__ = ["Helpers", "Seat"]

REMEMBERED = 64 * 1024
"""Bytes of output that are remembered for moving."""

SHORT_LIFE = 5.0
"""Seconds after which a run that still prints has a helper of its own."""


class Helpers(Protocol):
    """Who has the helpers."""

    async def own(self, prepare: Prepare) -> tuple[HelperProcess, Answer]:
        """Return a helper for one run alone, with its answer to ``prepare``. Raises OSError and Trouble."""

    def left(self, helper: HelperProcess) -> None:
        """A run has left a helper."""

    def errand(self, errand: Coroutine[Any, Any, None]) -> None:
        """Have something done meanwhile."""


class Seat:
    """The place of one run. ``shared``: whether ``helper`` serves others, too."""

    def __init__(self, helpers: Helpers, helper: HelperProcess, prepare: Prepare, *, shared: bool) -> None:
        self._helpers = helpers
        self._helper: HelperProcess | None = helper
        self._prepare = prepare
        self._shared = shared
        self._prepared = False
        self._unanswered: deque[tuple[Request, Taker]] = deque()
        self._seen = bytearray()
        self._pid = 0
        self._since = time.monotonic()
        self._move = 0
        self._over = False
        helper.seats += 1

    @property
    def number(self) -> int:
        """What helpers call the run."""
        return self._prepare.seat

    def send(self, request: Request, taker: Taker) -> None:
        """Ask; ``taker`` is called with the answer or the trouble, in order, always later."""
        self._unanswered.append((request, taker))
        if self._helper is not None:
            self._helper.send(request, partial(self._answered, self._move))
            if self._shared and isinstance(request, Feed):
                self._pid = request.pid
                if len(self._seen) > REMEMBERED or time.monotonic() - self._since > SHORT_LIFE:
                    self._begin_to_move()

    async def ask(self, request: Request) -> Answer:
        """Ask and wait for the answer. Raises Trouble."""
        future: asyncio.Future[Answer | Trouble] = asyncio.get_running_loop().create_future()
        self.send(request, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if isinstance(answer, Trouble):
            raise answer
        return answer

    def remember_memory(self, memory: int) -> None:
        """Take what the helper says of the memory it uses."""
        if self._helper is not None:
            self._helper.memory = memory

    def leave(self, *, closed: bool = False) -> None:
        """Give the place up; ``closed``: the helper knows already. Doing it again changes nothing."""
        if self._over:
            return
        self._over = True
        helper, self._helper = self._helper, None
        if helper is not None:
            if not closed and helper.over is None:
                helper.send(Leave(self._prepare.seat), _ignore)
            helper.seats -= 1
            self._helpers.left(helper)

    def _answered(self, move: int, answer: Answer | Trouble) -> None:
        if move != self._move or not self._unanswered:
            return
        if isinstance(answer, Trouble) and self._shared and not self._over:
            self._begin_to_move()
            return
        request, taker = self._unanswered.popleft()
        if self._shared and isinstance(request, Feed):
            self._seen += request.data
        self._prepared = self._prepared or isinstance(answer, Prepared)
        taker(answer)

    def _begin_to_move(self) -> None:
        """From now on answers of the shared helper are nobody's."""
        self._move += 1
        self._shared = False
        helper, self._helper = self._helper, None
        if helper is not None:
            if helper.over is None:
                helper.send(Leave(self._prepare.seat), _ignore)
            helper.seats -= 1
            self._helpers.left(helper)
        self._helpers.errand(self._move_out())

    async def _move_out(self) -> None:
        try:
            helper, answer = await self._helpers.own(self._prepare)
        except (OSError, Trouble) as error:
            trouble = error if isinstance(error, Trouble) else Trouble(f"cannot be started: {error.strerror or error}")
            self._fail(trouble)
            return
        helper.seats += 1
        if self._over:
            helper.send(Leave(self._prepare.seat), _ignore)
            helper.seats -= 1
            self._helpers.left(helper)
            return
        self._helper = helper
        if not self._prepared and self._unanswered:
            # It had not come further than being prepared: this is that answer.
            self._answered(self._move, answer)
        if self._seen:
            helper.send(Feed(self._prepare.seat, bytes(self._seen), self._pid), _ignore)
            self._seen.clear()
        for request, _ in self._unanswered:
            helper.send(request, partial(self._answered, self._move))

    def _fail(self, trouble: Trouble) -> None:
        while self._unanswered:
            self._unanswered.popleft()[1](trouble)


def _ignore(answer: Answer | Trouble) -> None:
    """What is answered here was told before."""


