"""Work that a thread does, answered on the loop: what came of it, or a sentence about what went wrong."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from afcore.errors import AfError, Rejected, Unavailable
from afnet.server.runner import Answer

__all__ = ["do_aside"]

_log = logging.getLogger(__name__)


def do_aside(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Any], answer: Answer, *, what: str,
    threads: Executor | None = None,
) -> None:  # fmt: skip
    """Let a thread (one of ``threads``, else of the loop's own) do ``work``, and answer with what it returns.

    ``what`` names the question to a person who is told that it could not be answered.
    """
    loop.run_in_executor(threads, work).add_done_callback(partial(_finish, answer, what))


def _finish(answer: Answer, what: str, done: "asyncio.Future[Any]") -> None:
    if done.cancelled():
        answer(None, Unavailable("The server is stopping.", hint="Try again when it is back."))
        return
    error = done.exception()
    if error is None:
        answer(done.result(), None)
    elif isinstance(error, AfError):
        answer(None, error)
    elif isinstance(error, OSError):
        answer(None, Unavailable(f"The server could not read what {what} needs: {error}.", hint="See its disk."))
    else:
        _log.error("%s failed", what, exc_info=error)
        answer(None, Rejected(f"The server made a mistake in {what}.", hint="Its log says more.", code="bug"))
