"""The desk where classic requests are served: the same farm, the same commands, the dialect's own answers."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from afcore.envelope import Principal
from afcore.errors import AfError, NotFound
from afcore.model.farm import Farm
from afcore.store.base import RunQuery, Store
from afnet.classic.dialect import error_answer, read_request
from afnet.classic.json_action import Action, plan_action
from afnet.classic.json_get import Get, LogLine, Reading, Sources, get_answer, kept_answer, not_yet
from afnet.classic.json_job import submitted_answer
from afnet.server.audit import Audit
from afnet.server.clock import Clock
from afnet.server.requests import Requests

__all__ = ["ClassicDesk"]

_MOST_TEXT = 1 << 20
"""Bytes of an output that are sent: its end, when it is longer."""

_FARM_WORDS = {"users": "user", "renders": "render", "pools": "pool", "branches": "branch"}
"""How the audit names the kinds of things in its lines."""


class ClassicDesk:
    """Answers requests of the classic dialect."""

    def __init__(self, farm: Farm, requests: Requests, clock: Clock, *, audit: Audit, store: Store) -> None:
        self._farm = farm
        self._requests = requests
        self._clock = clock
        self._audit = audit
        self._store = store

    async def answer(self, request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Return the object to send back."""
        wish = read_request(request)
        if isinstance(wish, dict):
            return wish
        if isinstance(wish, Get):
            return await self._get(wish, principal)
        try:
            if isinstance(wish, Action):
                return await self._act(wish, principal)
            reply = await self._do(wish, principal)
        except AfError as error:
            return error_answer(wish, error)
        return submitted_answer(id=reply["id"], serial=reply["serial"])

    async def _act(self, action: Action, principal: Principal) -> dict[str, Any]:
        if action.kind == "monitors":
            return not_yet("actions on monitors")
        plan = plan_action(self._farm, action)
        if isinstance(plan, dict):
            return plan
        reply: Any = None
        for command in plan.commands:
            reply = await self._do(command, principal)
        return {"object": reply} if plan.gives_object else plan.answer

    async def _do(self, command: Any, principal: Principal) -> Any:
        """Give a command to the farm; return its reply when it is durable."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._requests.post(command, principal, lambda reply, error: _settle(future, reply, error))
        return await future

    async def _get(self, wish: Get, principal: Principal) -> dict[str, Any]:
        if wish.kind in ("monitors", "files", "config"):
            return not_yet(f"get of {wish.kind}")
        answer = get_answer(self._farm, wish, Sources(self._clock.now(), self._lines, _moment))
        if not isinstance(answer, Reading):
            return answer
        text = await (self._output(answer, principal) if answer.mode == "output" else self._sessions(answer))
        return kept_answer(self._farm, answer, text)

    def _lines(self, kind: str, id: int) -> Iterable[LogLine]:
        if kind == "jobs":
            found = self._audit.of_job(id, 100)
        else:
            beginning = f"{_FARM_WORDS[kind]} {id}: "
            found = [line for line in self._audit.farm if line.what.startswith(beginning)]
        for line in found:
            yield LogLine(line.at, f"{line.who} {line.origin}".strip(), line.what)

    async def _output(self, reading: Reading, principal: Principal) -> str:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arguments = {
            "job": reading.job,
            "block": reading.block,
            "task": reading.task,
            "run": reading.number,
            "offset": -_MOST_TEXT,
            "limit": _MOST_TEXT,
        }
        self._requests.do("task.log", arguments, principal, lambda reply, error: _settle(future, reply, error))
        try:
            return str((await future)["text"])
        except NotFound:
            # A task that printed nothing has an empty output in this dialect.
            return ""

    async def _sessions(self, reading: Reading) -> str:
        query = RunQuery(job=reading.job, block=reading.block, task=reading.task)

        def read() -> list[str]:
            history = self._store.history()
            try:
                rows = history.runs(query, limit=100).rows
            finally:
                history.close()
            lines = []
            for row in reversed(rows):
                lines.append(
                    f'{_moment(row.started_ms / 1000)}: afanasy: SESSION #{row.run}: Starting on "{row.hostname}"'
                )
                lines.append(f"{_moment(row.done_ms / 1000)}: afanasy: Finished {row.status.replace('_', ' ')}.")
            return lines

        return "\n".join(await asyncio.get_running_loop().run_in_executor(None, read))


def _settle(future: "asyncio.Future[Any]", reply: Any, error: AfError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(reply)
    else:
        future.set_exception(error)


def _moment(at: float) -> str:
    return time.strftime("%a %d %b %H:%M.%S", time.localtime(at))
