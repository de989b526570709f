"""The desk where classic requests are served: the same farm, the same commands, the dialect's own answers."""

import asyncio
import logging
import platform
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from afcore.commands import AddUser, SetUsers
from afcore.envelope import Principal
from afcore.errors import AfError
from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.schedule.offers import waits_for_approval
from afcore.states import Role
from afcore.store.base import Store
from afnet.classic.binary import (
    BinaryMessage,
    Kind,
    encode_resources,
    read_name,
    unknown_answer,
)
from afnet.classic.binary_get import in_binary, jobs_weight, statistics
from afnet.classic.dialect import Small, error_answer, read_request
from afnet.classic.framing import info
from afnet.classic.json_action import Action, plan_action
from afnet.classic.json_get import (
    Get,
    LogLine,
    Reading,
    RenderReading,
    Sources,
    files_of_task,
    get_answer,
    kept_answer,
    tasks_log,
)
from afnet.classic.json_job import submitted_answer
from afnet.classic.json_nodes import user_object
from afnet.classic.json_other import (
    announced,
    config_answer,
    files_answer,
    read_announcement,
    read_user,
    reload_answer,
    save_answer,
)
from afnet.classic.maskwarning import mask_warning, take_users_mode
from afnet.classic.plan import read_parameters, with_mask_type
from afnet.server.audit import Audit
from afnet.server.board import Board
from afnet.server.classicmonitors import ClassicMonitors
from afnet.server.classicoutputs import ClassicOutputs
from afnet.server.classicreader import ClassicReader, moment, settle
from afnet.server.clock import Clock
from afnet.server.follow import Followers
from afnet.server.pages import ClassicPages
from afnet.server.requests import Requests
from afnet.server.weight import weigh_jobs

__all__ = ["ClassicDesk"]

_log = logging.getLogger(__name__)

_LINE_MOST = 1000
"""Bytes of what a client says for the log."""

_FARM_WORDS = {"users": "user", "renders": "render", "pools": "pool", "branches": "branch"}
"""How the audit names the kinds of things in its lines."""


class ClassicDesk:
    """Answers requests of the classic dialect."""

    def __init__(
        self,
        farm: Farm,
        requests: Requests,
        clock: Clock,
        *,
        audit: Audit,
        store: Store,
        board: Board,
        followers: Followers,
        pages: ClassicPages,
        version: str,
        port: Callable[[], int],
    ) -> None:
        self._farm = farm
        self._requests = requests
        self._clock = clock
        self._audit = audit
        self._reader = ClassicReader(farm, requests, store)
        self._version = version
        self._port = port
        self._pages = pages
        self.monitors = ClassicMonitors(farm, board, clock, ClassicOutputs(farm, followers))
        """Who is registered."""

    async def answer(
        self, request: dict[str, Any] | BinaryMessage, principal: Principal
    ) -> dict[str, Any] | BinaryMessage | None:
        """Return what to send back; None for a request that has no answer."""
        if self._requests.budget is not None:
            self._requests.budget.take(principal.origin)
        if isinstance(request, BinaryMessage):
            return await self._binary(request, principal)
        wish = read_request(request)
        if isinstance(wish, dict):
            return wish
        if isinstance(wish, Get):
            answer = await self._get(wish, principal)
            return in_binary(self._farm, wish, answer) if wish.binary else answer
        try:
            if isinstance(wish, Small):
                return await self._small(wish.key, request, principal)
            if isinstance(wish, Action):
                return await self._act(wish, principal)
            take_users_mode(self._farm, wish.spec, as_given=request["job"])
            warning = mask_warning(self._farm, wish.spec, as_given=request["job"])
            reply = await self._do(wish, _named(principal, wish.spec.user_name, wish.spec.host_name))
        except AfError as error:
            return error_answer(wish, error)
        return submitted_answer(id=reply["id"], serial=reply["serial"], warning=warning)

    async def _binary(self, message: BinaryMessage, principal: Principal) -> dict[str, Any] | BinaryMessage:
        """Answer one of the small binary requests."""
        if message.kind == Kind.JOBS_WEIGHT_REQUEST:
            return jobs_weight(weigh_jobs(self._farm, self._audit.of_job))
        if message.kind == Kind.STATISTICS_REQUEST:
            reply = await self._reader.query("server.traffic", {}, principal)
            return statistics(reply["rows"])
        if message.kind == Kind.RENDERS_RESOURCES_REQUEST:
            name, ids = read_name(message.body)
            answer = await self._get(Get("renders", "resources", ids=ids, mask=name), principal)
            return BinaryMessage(Kind.RENDERS_RESOURCES, encode_resources(answer["renders"]))
        if message.kind == Kind.MONITOR_UPDATE_ID:
            return BinaryMessage(Kind.MONITOR_ID, number=0)
        if message.kind == Kind.MONITOR_DEREGISTER and self.monitors.forget(message.number, principal):
            return info("Deregistered.", kind="log")
        if message.kind == Kind.STRING:
            text = message.body[4:_LINE_MOST].rstrip(b"\0").decode("utf-8", "replace")
            _log.info("%s: %s", principal.name or principal.origin, text)
        return unknown_answer(message)

    async def _small(self, key: str, request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        if key == "monitor":
            return self.monitors.register(request, principal)
        if key == "user":
            return await self._add_user(request, principal)
        if key == "announce":
            text = read_announcement(request)
            if isinstance(text, dict):
                return text
            self.monitors.announce(text, principal)
            return announced()
        if key == "save":
            return save_answer(request)
        try:
            changed = await self._reader.query("config.reload", {}, principal)
        except AfError as error:
            return reload_answer([], error=str(error))
        return reload_answer([row["name"] for row in changed["rows"] if row["counts"] != "now"])

    async def _add_user(self, request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        found = read_user(request)
        if isinstance(found, dict):
            return found
        name, parameters = found
        farm = self._farm
        if name in farm.users_by_name:
            return {"error": "exists", "user": user_object(farm, farm.users[farm.users_by_name[name]])}
        reply = await self._do(AddUser(name), principal)
        user = farm.users[reply["id"]]
        own = with_mask_type(read_parameters("users", parameters)[0], user.hosts_mask_type)
        if own:
            await self._do(SetUsers([user.name], own), principal)
        return {"user": user_object(farm, user)}

    async def _act(self, action: Action, principal: Principal) -> dict[str, Any] | None:
        if action.kind == "monitors":
            return self.monitors.act(action, principal)
        principal = _named(principal, action.user_name, action.host_name)
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
        self._requests.post(command, principal, lambda reply, error: settle(future, reply, error))
        return await future

    async def _get(self, wish: Get, principal: Principal) -> dict[str, Any]:
        sources = Sources(self._clock.now(), self._lines, moment, awaiting=_awaits, system=principal.role >= Role.GOD)
        if wish.kind == "monitors":
            return self.monitors.get(wish, sources, principal)
        if wish.kind == "files":
            return files_answer(wish, self._pages.names_in)
        if wish.kind == "config":
            system = f"{sys.platform},{platform.machine()}"
            return config_answer(port=self._port(), version=self._version, platform=system, hostname=platform.node())
        if wish.kind == "jobs" and not wish.tasks and not wish.blocks:
            pictures = await self._reader.pictures(wish.ids or self._farm.jobs, principal)
            sources = sources._replace(pictures=pictures)
        answer = get_answer(self._farm, wish, sources)
        if isinstance(answer, RenderReading):
            return tasks_log(self._farm, answer.render, await self._reader.runs_on(answer.render), moment)
        if not isinstance(answer, Reading):
            return answer
        if answer.mode == "files":
            return files_of_task(answer, await self._reader.files(answer, principal))
        return kept_answer(self._farm, answer, await self._text(answer, principal))

    async def _text(self, reading: Reading, principal: Principal) -> str:
        if reading.mode == "running":
            if not self.monitors.knows(reading.monitor, principal):
                return f"ERROR: MonitorContainer::waitOutput: No monitor with ID = {reading.monitor}"
            self.monitors.outputs.ask(reading.monitor, reading.job, reading.block, reading.task)
            return "Retrieving running task output from render..."
        if reading.mode == "output":
            return await self._reader.output(reading, principal)
        return await self._reader.sessions(reading)

    def _lines(self, kind: str, id: int) -> Iterable[LogLine]:
        if kind == "jobs":
            found = self._audit.of_job(id, 100)
        else:
            beginning = f"{_FARM_WORDS[kind]} {id}: "
            found = [line for line in self._audit.farm if line.what.startswith(beginning)]
        for line in found:
            yield LogLine(line.at, f"{line.who} {line.origin}".strip(), line.what)


def _awaits(job: Job) -> bool:
    return any(waits_for_approval(job, block) for block in job.blocks)


def _named(principal: Principal, user: str, host: str) -> Principal:
    """Return who asks, with the names that the request gives itself: for logs, they prove nothing.

    Who calls from a network that an administrator listed has no name of its own, and acts under the claimed one.
    """
    claimed = f"{user[:64]}@{host[:64]}"
    name = principal.name or user[:64]
    return msgspec.structs.replace(principal, name=name, origin=f"{claimed} {principal.origin}".strip())
