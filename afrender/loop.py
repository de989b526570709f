"""Drives the agent: carries what happens to its mind, and does what the mind asks for.

Rules of this file:
- one thread owns everything here; files that may be slow and host readings are looked at in a worker thread;
- nothing is decided here: stimuli go in, actions come out and are done in their order;
- nothing wakes up by itself but the one timer of the agent's deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from afcore.commands import ProgressReading, RunningRun
from afcore.errors import AfError, Conflict
from afcore.ids import RunKey
from afnet.client.servers import Address
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    FileAccepted,
    FileChunk,
    Follow,
    Message,
    Readings,
    Refused,
    Register,
    Registered,
    Start,
    Stop,
    Unfollow,
    Welcome,
)
from afrender.agent import Agent
from afrender.follow import Followers
from afrender.host.local import address_towards
from afrender.host.probe import HostProbe
from afrender.logs import LOG_BUDGET, RunLog, Uploads
from afrender.process.spawn import ProcessLayer
from afrender.reader import Applications
from afrender.reports import KeptReport, ReportSpool
from afrender.stimuli import (
    Connected,
    Enrol,
    Forget,
    Keep,
    Kill,
    Leave,
    Left,
    Lost,
    Measure,
    Restored,
    Say,
    Spawn,
    Terminate,
    Tick,
)
from afrender.works import Works, WorkSettings

__all__ = ["AgentLoop", "LinkLike", "LoopSettings"]

log = logging.getLogger(__name__)

SYNC_AFTER = 0.5
"""Seconds a report may wait for its acknowledgement before the spool is synced."""


class LinkLike(Protocol):
    """What of ``afnet.client.link.Link`` is used here."""

    @property
    def server(self) -> Address | None:
        """The server that is spoken to."""

    def send(self, *messages: Message) -> bool:
        """Send messages; False while there is no conversation."""

    def send_chunk(self, chunk: FileChunk) -> bool:
        """Send a piece of a file; False when there is no room."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What the agent says of itself.

    ``engine``: program and version. ``nimby``: state asked for at launch. ``instance``: random text of this life.
    """

    engine: str = "afrender"
    nimby: str = ""
    instance: str = ""


class AgentLoop:
    """The agent on an event loop; it is the handler of its link (``afnet.client.link.LinkHandler``).

    Set ``link`` before it starts. ``over`` is done once the agent has left, with the reason.
    """

    def __init__(
        self,
        *,
        agent: Agent,
        layer: ProcessLayer,
        applications: Applications,
        host: HostProbe,
        works: WorkSettings,
        settings: LoopSettings,
        spool: ReportSpool | None = None,
        farm_met: Callable[[str], object] | None = None,
        log_budget: int = LOG_BUDGET,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.agent = agent
        self.link: LinkLike | None = None
        self.welcome: Welcome | None = None
        self.refused: Refused | None = None
        """Why the server does not take this agent, once it said so."""
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[str] = self._loop.create_future()
        self._host = host
        self._identity = host.identity()
        self._settings = settings
        self._log_limit = works.log_limit
        self._spool = spool
        self._farm_met = farm_met
        self._settled = asyncio.Event()
        self._clock = clock
        self._wall = wall
        self._launched = wall()
        self._over_logs: dict[RunKey, RunLog] = {}
        self._told: deque[object] = deque()
        self._telling = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._sync_timer: asyncio.TimerHandle | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._trouble = ""
        self._was_registered = False
        self._registering: asyncio.Task[None] | None = None
        self._addresses: dict[Address | None, tuple[str, int]] = {}
        self._resources: dict[str, Any] = {}
        self.uploads = Uploads(self._send_chunk, self._log_done, budget=log_budget)
        self.followers = Followers(self._loop, self._send)
        self.works = Works(
            layer=layer,
            applications=applications,
            settings=works,
            tell=self.tell,
            ended_log=self._ended_log,
            wall=wall,
        )
        self._doers: dict[type, Callable[[Any], None]] = {
            Spawn: self.works.spawn,
            Terminate: self.works.terminate,
            Kill: self.works.kill,
            Say: self._say,
            Keep: self._keep,
            Forget: self._forget,
            Measure: self._measure,
            Enrol: self._enrol,
            Left: self._left,
        }

    # -- life ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up the reports and logs of an earlier life. Before the link starts."""
        if self._spool is None:
            return
        kept = self._spool.kept
        self.tell(Restored([one.report for one in kept if not one.reported]))
        for one in kept:
            key = RunKey(one.report.job, one.report.block, one.report.task, one.report.run)
            if one.report.log_size:
                path = self.works.log_path(key)
                limit = one.log_limit or self._log_limit
                self.uploads.add(key, RunLog.kept(path, total=one.log_total, limit=limit, data=one.log_data))

    def leave(self, reason: str) -> None:
        """End all tasks, then be over."""
        self.tell(Leave(reason))

    def kill_all(self) -> None:
        """End all tasks now: the second request of an impatient person."""
        self.works.kill_all()

    @property
    def log_paths(self) -> list[str]:
        """Files of logs that the server does not have yet."""
        return [self.works.log_path(key) for key in self.uploads.waiting]

    async def settle(self, seconds: float) -> None:
        """Wait until every report and log is delivered, at most so long, and not at all without a server."""
        spool = self._spool
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while spool is not None and spool.kept and self.agent.render:
                    self._settled.clear()
                    await self._settled.wait()

    async def close(self) -> None:
        """Let files and timers go; all processes must have ended."""
        for timer in (self._timer, self._sync_timer):
            if timer is not None:
                timer.cancel()
        await self.works.close()
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        self.followers.close()
        self.uploads.close()
        if self._spool is not None:
            if self._spool.unsynced:
                self._spool.sync()
            self._spool.close()
        self._host.close()

    # -- the link's handler --------------------------------------------------------------------------------------

    def connected(self, welcome: Welcome) -> None:
        """The server welcomed us."""
        self._trouble = ""
        self.welcome = welcome
        self.tell(Connected(welcome.farm))
        if self._farm_met is not None:
            # After the runs of another farm were dropped: the name in the folder is that of the reports in it.
            self._farm_met(welcome.farm)

    def received(self, message: Message) -> None:
        """The server said something."""
        if isinstance(message, Start | Stop | Drop | Acknowledge):
            self.tell(message)
        elif isinstance(message, FileAccepted):
            self.uploads.accepted(message)
        elif isinstance(message, Follow):
            self._follow(message)
        elif isinstance(message, Unfollow):
            self.followers.remove(message.id)
        elif isinstance(message, Registered):
            log.info("Registered as render %d, named %s.", message.render, self._identity.name)
            self._was_registered = True
            self.tell(message)
            self.uploads.connected()
        elif isinstance(message, Refused):
            self._be_refused(message)

    def lost(self, reason: str) -> None:
        """The server is away; tasks go on."""
        log.info("The server is away: %s; %d tasks go on.", reason.rstrip("."), len(self.agent.living))
        if self._registering is not None:
            self._registering.cancel()
        self.uploads.lost()
        self.followers.clear()
        self.tell(Lost())
        self._settled.set()

    def unreachable(self, error: AfError) -> None:
        """No server answers, or we may not speak with it; said once for each reason."""
        text = str(error)
        if text != self._trouble:
            self._trouble = text
            log.info("No server yet: %s", text)

    def drained(self) -> None:
        """There is room for pieces of files again."""
        self.uploads.pump()

    def _be_refused(self, message: Refused) -> None:
        hint = f" ({message.hint})" if message.hint else ""
        log.error("The server refuses: %s%s", message.sentence, hint)
        if message.code == Conflict.default_code and not self._was_registered:
            self.refused = message
            self.leave(message.sentence)

    # -- to the mind and back ------------------------------------------------------------------------------------

    def tell(self, stimulus: object) -> None:
        """Tell the agent something and do what it asks for."""
        self._told.append(stimulus)
        if self._telling:
            return
        self._telling = True
        try:
            while self._told:
                for action in self.agent.receive(self._told.popleft(), self._clock()):
                    self._doers[type(action)](action)
        finally:
            self._telling = False
        self._arm()

    def _arm(self) -> None:
        deadline = self.agent.deadline()
        if deadline == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = deadline
        if deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._clock()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = None
        self.tell(Tick())

    # -- small things --------------------------------------------------------------------------------------------

    def _errand(self, errand: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    # -- reports and logs ----------------------------------------------------------------------------------------

    def _ended_log(self, key: RunKey, run_log: RunLog) -> None:
        self.followers.ended(key, run_log)
        self._over_logs[key] = run_log

    def _keep(self, action: Keep) -> None:
        report = action.report
        key = RunKey(report.job, report.block, report.task, report.run)
        run_log = self._over_logs.pop(key, None)
        if self._spool is not None:
            kept = KeptReport(report)
            if run_log is not None and report.log_size:
                kept.log_data, kept.log_total, kept.log_limit = run_log.in_memory, run_log.total, run_log.limit
            self._spool.keep(kept)
            if self._sync_timer is None:
                self._sync_timer = self._loop.call_later(SYNC_AFTER, self._sync_soon)
        if run_log is not None:
            self.uploads.add(key, run_log)

    def _sync_soon(self) -> None:
        self._sync_timer = None
        if self._spool is not None and self._spool.unsynced:
            self._errand(self._sync(self._spool))

    async def _sync(self, spool: ReportSpool) -> None:
        await self._loop.run_in_executor(None, spool.sync)

    def _say(self, action: Say) -> None:
        self._send(action.report)

    def _forget(self, action: Forget) -> None:
        if self._spool is not None:
            if action.log:
                self._spool.forget(action.keys)
            else:
                self._spool.acknowledged(action.keys)
        self._settled.set()
        if action.log:
            for key in action.keys:
                self.uploads.forget(key)
                run_log = self._over_logs.pop(key, None)
                if run_log is not None:
                    run_log.close(remove=True)

    def _log_done(self, key: RunKey) -> None:
        if self._spool is not None:
            self._spool.log_done(key)
        self._settled.set()

    def _follow(self, message: Follow) -> None:
        key, run_log, over = self._find_log(message)
        self.followers.add(message.id, key, run_log, over=over)

    def _find_log(self, message: Follow) -> tuple[RunKey, RunLog | None, bool]:
        task = (message.job, message.block, message.task)
        for over, logs in (
            (False, {key: work.log for key, work in self.works.all.items()}),
            (True, self.uploads.waiting),
        ):
            for key, run_log in logs.items():
                if key[:3] == task and message.run in (0, key.run):
                    return key, run_log, over
        return RunKey(*task, message.run), None, True

    # -- messages ------------------------------------------------------------------------------------------------

    def _send(self, message: Message) -> bool:
        return self.link is not None and self.link.send(message)

    def _send_chunk(self, chunk: FileChunk) -> bool:
        return self.link is not None and self.link.send_chunk(chunk)

    def _measure(self, action: Measure) -> None:
        progress = [self.works.all[key].reading() for key in action.keys if key in self.works.all]
        if action.host and not self._host.slow:
            self._send(Readings(self._host.measure(), progress))
        elif action.host:
            self._errand(self._measure_host(progress))
        else:
            self._send(Readings({}, progress))

    async def _measure_host(self, progress: list[ProgressReading]) -> None:
        resources = await self._loop.run_in_executor(None, self._host.measure)
        self._resources = resources
        self._send(Readings(resources, progress))

    def _enrol(self, action: Enrol) -> None:
        server = self.link.server if self.link is not None else None
        if server is None or server in self._addresses:
            self._register(action.running, self._addresses.get(server, ("", 4)))
        elif server.host.replace(".", "").isdigit() or ":" in server.host:
            self._addresses[server] = address_towards(server.host, server.port)
            self._register(action.running, self._addresses[server])
        else:
            self._registering = self._errand(self._register_slowly(action.running, server))

    async def _register_slowly(self, running: list[RunKey], server: Address) -> None:
        own = await self._loop.run_in_executor(None, address_towards, server.host, server.port)
        self._addresses[server] = own
        self._register(running, own)

    def _register(self, running: list[RunKey], own: tuple[str, int]) -> None:
        if not self._resources:
            self._resources = self._host.measure()
        identity = self._identity
        self._send(
            Register(
                name=identity.name,
                engine=self._settings.engine,
                os=identity.os,
                user_name=identity.user,
                nimby=self._settings.nimby,
                launched=self._launched,
                instance=self._settings.instance,
                interfaces=identity.interfaces,
                devices=identity.devices,
                resources=self._resources,
                running=[RunningRun(*key) for key in running],
                address=own[0],
                family=own[1],
            )
        )

    def _left(self, action: Left) -> None:
        if not self.over.done():
            self.over.set_result(action.reason)
