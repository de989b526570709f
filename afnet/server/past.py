"""The server's part in the time machine: who asks, which child process answers, and who changed what meanwhile.

Rules of this file:
- Nothing of the past is computed in this process: the farm would stand still for it.
- There is at most one child; it comes with the first question and goes when nobody asked for a while.
- Questions wait in a short line; one that takes too long ends with its child.
"""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, NotFound, Problem, Rejected, Unavailable
from afcore.model.defaults import Defaults
from afcore.model.farm import Farm
from afcore.states import Role
from afcore.store.base import Store
from afnet.registry import OPERATIONS
from afnet.server.aside import do_aside
from afnet.server.changes import find_changes
from afnet.server.pastchild import read_message, write_message
from afnet.server.pastview import moment_words
from afnet.server.requests import without_system
from afnet.server.runner import Answer

__all__ = ["Past"]

_LONGEST = 60.0
"""Seconds that one question may take."""
_IDLE = 120.0
"""Seconds without a question after which the child goes."""
_LINE = 16
"""Questions that may wait; who asks more is asked to come back."""
_AHEAD = 1.0
"""Seconds by which a caller's clock may be before the server's."""

_Own = Callable[[dict[str, Any], Principal, Answer], None]


class Past:
    """Answers questions about the farm as it was."""

    def __init__(
        self,
        farm: Farm,
        store: Store,
        *,
        defaults: Callable[[], Defaults],
        keep: Callable[[], dict[str, Any]],
        settled: Callable[[Callable[[], None]], None],
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``keep`` are the settings that say how long the past is kept, ``settled`` calls a function when what was
        applied so far is durable."""
        self._farm = farm
        self._store = store
        self._defaults = defaults
        self._keep = keep
        self._settled = settled
        self._now = now
        self._loop = loop
        self._threads = ThreadPoolExecutor(1, "af-past")
        self._child: subprocess.Popen[bytes] | None = None
        self._waiting = 0
        self._leave: asyncio.TimerHandle | None = None

    @property
    def operations(self) -> dict[str, _Own]:
        """What the server does itself about the past, by operation."""
        return {
            "past.show": self._show,
            "past.rows": self._rows,
            "past.span": self._span,
            "past.changes": self._changes,
        }

    @property
    def process(self) -> int:
        """Number of the child process; 0 while there is none."""
        return 0 if self._child is None else self._child.pid

    # Operations

    def _show(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        at, name = bound["at"], bound["view"]
        arguments = OPERATIONS[name].bind(bound["arguments"])
        self._not_in_future(at)
        if principal.role < Role.GOD:
            answer = without_system(name, arguments, answer)
        self._ask({"at": at, "name": name, "arguments": arguments}, answer)

    def _rows(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        self._not_in_future(bound["at"])
        system = principal.role >= Role.GOD
        self._ask({"at": bound["at"], "name": "past.rows", "kinds": bound["kinds"], "system": system}, answer)

    def _span(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        self._ask({"name": ""}, answer)

    def _changes(self, bound: dict[str, Any], principal: Principal, answer: Answer) -> None:
        if bound["until"] and bound["until"] < bound["since"]:
            raise BadSpec([Problem("until", "is before since")], code="bad_arguments")
        render, names = bound["render"], self._farm.renders_by_name
        if render and render not in names:
            raise NotFound(f'There is no render "{render}".', hint="`afcmd render list` shows the renders there are.")
        id, everything = names[render] if render else 0, principal.role >= Role.GOD
        if bound["all"]:
            of_renders = {each.id: each.name for each in self._farm.renders.values()}
            asked = {**bound, "name": "past.events", "render": id, "names": of_renders, "system": everything}
            self._ask(asked, answer)
            return
        work = find_changes(self._store, bound, render=id, everything=everything)
        self._settled(lambda: do_aside(self._loop, work, answer, what="past.changes"))

    def _not_in_future(self, at: float) -> None:
        now = self._now()
        if at > now + _AHEAD:
            raise Rejected(
                f"{moment_words(at)} is yet to come: it is {moment_words(now)}.",
                hint="Without `at` the farm is shown as it is.", code="no_past",
            )  # fmt: skip

    # The child

    def _ask(self, question: dict[str, Any], answer: Answer) -> None:
        if not self._store.address:
            raise Rejected(
                "This farm keeps no past: its database is in memory.", hint="Start it with a data folder.",
                code="no_past",
            )  # fmt: skip
        if self._waiting >= _LINE:
            raise Rejected("Too many questions about the past wait.", hint="Ask again in a second.", code="too_many")
        self._waiting += 1
        if self._leave is not None:
            self._leave.cancel()
            self._leave = None
        defaults = self._defaults()

        def work() -> Any:
            return self._converse(question, defaults)

        def begin() -> None:
            do_aside(self._loop, work, done, what=question["name"] or "past.span", threads=self._threads)

        def done(reply: Any, error: AfError | None) -> None:
            self._waiting -= 1
            if not self._waiting:
                self._leave = self._loop.call_later(_IDLE, self._dismiss)
            if isinstance(reply, dict):
                told = {**reply.get("past", reply), **self._keep()}
                reply = {**reply, "past": told} if "past" in reply else told
            answer(reply, error)

        self._settled(begin)

    def _converse(self, question: dict[str, Any], defaults: Defaults) -> Any:
        """In the thread: ask the child, which is started when there is none."""
        child = self._child
        if child is None or child.poll() is not None:
            child = self._child = self._begin(defaults)
        assert child.stdin is not None and child.stdout is not None
        late = threading.Timer(_LONGEST, child.kill)
        late.daemon = True
        late.start()
        try:
            write_message(child.stdin, question)
            answer = read_message(child.stdout)
        except OSError:
            answer = None
        finally:
            late.cancel()
        if answer is None:
            self._end()
            raise Unavailable("the process that looks at the past ended before it answered", hint="ask again")
        if "error" in answer:
            raise _error_of(answer["error"])
        return answer["reply"]

    def _begin(self, defaults: Defaults) -> "subprocess.Popen[bytes]":
        hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "afnet.server.pastchild"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            creationflags=hidden,
        )  # fmt: skip
        assert child.stdin is not None
        # The address may hold a password: it goes through the pipe, never into a command line.
        write_message(child.stdin, {"address": self._store.address, "defaults": msgspec.to_builtins(defaults)})
        return child

    def _dismiss(self) -> None:
        """Let the child go; on the loop, while nobody asks."""
        self._leave = None
        self._threads.submit(self._end)

    def _end(self) -> None:
        """In the thread: end the child."""
        child, self._child = self._child, None
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def stop(self) -> None:
        """Ask no more and end the child; waits for it, so not on the loop."""
        child = self._child
        if child is not None:
            child.kill()  # it only reads: nothing is lost
        self._threads.submit(self._end)
        self._threads.shutdown(wait=True, cancel_futures=False)


def _error_of(told: dict[str, Any]) -> AfError:
    if told["code"] == "unavailable":
        return Unavailable(told["sentence"], hint=told["hint"])
    if told["problems"]:
        return BadSpec([Problem(*each) for each in told["problems"]], code=told["code"])
    return Rejected(told["sentence"], hint=told["hint"], code=told["code"])
