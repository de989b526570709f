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
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from afcore.commands import ProgressReading, RunningRun
from afcore.errors import AfError, Bug, Conflict
from afcore.ids import RunKey
from afnet.api.trust import WrongAuthority
from afnet.client.servers import Address
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    FileAccepted,
    FileChunk,
    Follow,
    Instruct,
    InstructionFailed,
    Message,
    Readings,
    Refused,
    Register,
    Registered,
    Reply,
    Request,
    Rows,
    Start,
    Stop,
    Subscribe,
    Unfollow,
    Welcome,
)
from afrender.agent import Agent
from afrender.delivery import Delivery
from afrender.helper.pool import HelperPool
from afrender.host.local import address_towards
from afrender.host.probe import HostProbe
from afrender.host.told import HostInfo
from afrender.host.watch import HostWatch
from afrender.instructions import LEAVES, run_sleep
from afrender.logs import LOG_BUDGET
from afrender.pairing import PAIR_ANEW
from afrender.pictures import PictureSettings
from afrender.process.spawn import ProcessLayer
from afrender.reader import Applications
from afrender.reports import ReportSpool
from afrender.stimuli import (
    Connected,
    Eject,
    Enrol,
    Forget,
    Keep,
    Kill,
    Leave,
    Left,
    Lost,
    Measure,
    ProgressSeen,
    Restored,
    Say,
    Spawn,
    Terminate,
    Tick,
)
from afrender.works import Works, WorkSettings

__all__ = ["AgentLoop", "LinkLike", "LoopSettings", "Watcher"]

log = logging.getLogger(__name__)

_OWN_ROW = 1
"""Number of the subscription to this render's own row."""


class LinkLike(Protocol):
    """What of ``afnet.client.link.Link`` is used here."""

    @property
    def server(self) -> Address | None:
        """The server that is spoken to."""

    @property
    def slow(self) -> bool:
        """Whether the server takes less than it is sent."""

    def send(self, *messages: Message) -> bool:
        """Send messages; False while there is no conversation."""

    def send_chunk(self, chunk: FileChunk) -> bool:
        """Send a piece of a file; False when there is no room."""


class Watcher(Protocol):
    """Who wants to know what the farm thinks of this render: the desk of its person."""

    def registered(self) -> None:
        """The farm knows this render."""

    def lost(self) -> None:
        """The farm is away."""

    def rows(self, rows: list[Any]) -> None:
        """The row of this render is new."""


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
        helpers: HelperPool | None = None,
        host: HostProbe,
        works: WorkSettings,
        settings: LoopSettings,
        pictures: PictureSettings | None = None,
        spool: ReportSpool | None = None,
        farm_met: Callable[[str], object] | None = None,
        log_budget: int = LOG_BUDGET,
        machine_settings: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.agent = agent
        self.link: LinkLike | None = None
        self.welcome: Welcome | None = None
        self.told = ""
        """What the farm wants done when the agent has left: a word of ``instructions.LEAVES``."""
        self._machine_settings = machine_settings or {}
        self.refused: Refused | None = None
        """Why the server does not take this agent, once it said so."""
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[str] = self._loop.create_future()
        self._host = host
        self._identity = host.identity()
        self._host_info = HostInfo()
        self._settings = settings
        self._farm_met = farm_met
        self._clock = clock
        self._wall = wall
        self._launched = wall()
        self._told: deque[object] = deque()
        self._telling = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self.trouble = ""
        """Why this agent does not join its farm before a person does something, in a sentence; empty for no reason."""
        self._troubles: set[str] = set()
        self._was_registered = False
        self._registering: asyncio.Task[None] | None = None
        self._watcher: Watcher | None = None
        self._asked: dict[int, Callable[[Reply | Refused], None]] = {}
        self._last_asked = _OWN_ROW
        self._addresses: dict[Address | None, tuple[str, int]] = {}
        self.machine = HostWatch(host, clock)
        """The readings of this machine."""
        self.delivery = Delivery(
            send=self._send, send_chunk=self._send_chunk, spool=spool, log_limit=works.log_limit, log_budget=log_budget
        )
        self.works = Works(
            layer=layer,
            applications=applications,
            helpers=helpers,
            settings=works,
            pictures=pictures or PictureSettings(),
            deliver=self.delivery.uploads.add_file,
            tell=self.tell,
            began_log=self.delivery.began,
            ended_log=self.delivery.ended,
            wall=wall,
            host=self.machine.text,
        )
        self._doers: dict[type, Callable[[Any], None]] = {
            Spawn: self.works.spawn,
            Terminate: self.works.terminate,
            Kill: self.works.kill,
            Say: self.delivery.say,
            Keep: self.delivery.keep,
            Forget: self.delivery.forget,
            Measure: self._measure,
            Enrol: self._enrol,
            Left: self._left,
        }

    # -- life ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up the reports and logs of an earlier life. Before the link starts."""
        self.tell(Restored(self.delivery.restore(self.works.log_path)))

    def leave(self, reason: str) -> None:
        """End all tasks, then be over."""
        self.tell(Leave(reason))

    def kill_all(self) -> None:
        """End all tasks now: the second request of an impatient person."""
        self.works.kill_all()

    @property
    def log_paths(self) -> list[str]:
        """Files of logs that the server does not have yet."""
        return [self.works.log_path(key) for key in self.delivery.uploads.waiting]

    def watch_farm(self, watcher: Watcher) -> None:
        """Tell ``watcher`` what the farm thinks of this render. Before the link starts."""
        self._watcher = watcher

    def ask(self, operation: str, arguments: dict[str, Any], answer: Callable[[Reply | Refused], None]) -> bool:
        """Do an operation of the registry as this render; False while there is no server.

        ``answer`` is called once, unless the connection breaks before.
        """
        self._last_asked += 1
        if not self.agent.render or not self._send(Request(self._last_asked, operation, arguments)):
            return False
        self._asked[self._last_asked] = answer
        return True

    def eject(self, *, but: str | None = None) -> None:
        """End the tasks that run here and give them back; those of the user ``but`` go on."""
        self.tell(Eject(but))

    async def settle(self, seconds: float) -> None:
        """Wait until every report and log is delivered, at most so long, and not at all without a server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.works.pictures.settle()
                while self.delivery.waits and self.agent.render:
                    await self.delivery.change()

    async def close(self) -> None:
        """Let files and timers go; all processes must have ended."""
        if self._timer is not None:
            self._timer.cancel()
        await self.works.close()
        for errand in list(self._errands):
            errand.cancel()
        if self._errands:
            await asyncio.wait(self._errands)
        await self.delivery.close()
        self.machine.close()

    # -- the link's handler --------------------------------------------------------------------------------------

    def connected(self, welcome: Welcome) -> None:
        """The server welcomed us."""
        self.trouble = ""
        self._troubles.clear()
        self.welcome = welcome
        if welcome.farm != self.agent.farm:
            self.delivery.uploads.forget_files()
        self.tell(Connected(welcome.farm))
        if self._farm_met is not None:
            # After the runs of another farm were dropped: the name in the folder is that of the reports in it.
            self._farm_met(welcome.farm)

    def received(self, message: Message) -> None:
        """The server said something."""
        if isinstance(message, Start | Stop | Drop | Acknowledge):
            self.tell(message)
        elif isinstance(message, Instruct):
            self._obey(message.what)
        elif isinstance(message, FileAccepted):
            self.delivery.uploads.accepted(message)
        elif isinstance(message, Follow):
            running = {key: work.log for key, work in self.works.all.items()}
            self.delivery.follow(message, running, [key for key in self.agent.living if key not in running])
        elif isinstance(message, Unfollow):
            self.delivery.followers.remove(message.id)
        elif isinstance(message, Registered):
            anew = self.agent.render != message.render
            self._was_registered = True
            self.tell(message)
            if anew:
                log.info("Registered as render %d, named %s.", message.render, self._identity.name)
                self.delivery.uploads.connected()
            if self._watcher is not None:
                self._send(Subscribe(_OWN_ROW, "renders", {"ids": [message.render]}, interval=0.5))
                self._watcher.registered()
        elif isinstance(message, Reply | Refused) and message.id in self._asked:
            self._asked.pop(message.id)(message)
        elif isinstance(message, Rows):
            if self._watcher is not None and message.id == _OWN_ROW:
                self._watcher.rows(message.rows)
        elif isinstance(message, Refused):
            self._be_refused(message)

    def lost(self, reason: str) -> None:
        """The server is away; tasks go on."""
        log.info("The server is away: %s; %d tasks go on.", reason.rstrip("."), len(self.agent.living))
        if self._registering is not None:
            self._registering.cancel()
        self.tell(Lost())
        self.delivery.lost()
        self._asked.clear()
        if self._watcher is not None:
            self._watcher.lost()

    def unreachable(self, error: AfError) -> None:
        """No server answers, or we may not speak with it; said once for each reason."""
        text, level = str(error), logging.INFO
        if isinstance(error, WrongAuthority):
            self.trouble = text = f"{error.sentence} {PAIR_ANEW}"
            level = logging.ERROR
        if text not in self._troubles:
            self._troubles.add(text)
            log.log(level, "No server yet: %s", text)

    def give_up(self, error: AfError) -> None:
        """No server may be tried before a person does something: leave, with the sentence that says what."""
        log.error("%s", error)
        self.refused = Refused(0, "hopeless", str(error))
        self.leave(str(error))

    def drained(self) -> None:
        """There is room for pieces of files again."""
        self.delivery.uploads.pump()

    def _obey(self, what: str) -> None:
        """Do what the farm says by one of its words."""
        if what in LEAVES:
            self.told = what
            self.leave(LEAVES[what])
        elif what == "sleep":
            self._errand(self._sleep())
        else:
            self._send(InstructionFailed(what, "This agent does not know how."))

    async def _sleep(self) -> None:
        identity, server = self._identity, self.link.server if self.link is not None else None
        ip = self._addresses.get(server, ("", 4))[0]
        wrong = await run_sleep(self._machine_settings, name=identity.name, ip=ip, interfaces=identity.interfaces)
        if wrong:
            log.error("This machine could not fall asleep: %s", wrong)
            self._send(InstructionFailed("sleep", wrong))

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
        except Bug as bug:
            # What the agent believes is not what is: the program ends, and its keeper ends the tasks.
            story = "; ".join(
                f"{entry.at:.3f} {entry.key or 'agent'} {entry.text}" for entry in self.agent.story()[-40:]
            )
            log.critical("The agent stops, this is a mistake in the program: %s Before that: %s", bug, story)
            if not self.over.done():
                self.over.set_exception(bug)
            return
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

    # -- messages ------------------------------------------------------------------------------------------------

    def _send(self, message: Message) -> bool:
        return self.link is not None and self.link.send(message)

    def _send_chunk(self, chunk: FileChunk) -> bool:
        return self.link is not None and self.link.send_chunk(chunk)

    def _measure(self, action: Measure) -> None:
        if self.link is not None and self.link.slow:
            # Readings can wait, and the newest count: only the sign of life is sent.
            self._send(Readings({}, []))
            for key in action.keys:
                self.tell(ProgressSeen(key))
            return
        progress = [self.works.all[key].reading() for key in action.keys if key in self.works.all]
        if action.host and not self._host.slow:
            self._say_readings(self._host.measure(), progress)
        elif action.host:
            self._errand(self._measure_host(progress))
        else:
            self._send(Readings({}, progress))

    async def _measure_host(self, progress: list[ProgressReading]) -> None:
        self._say_readings(await self.read_machine(), progress)

    def _say_readings(self, reading: dict[str, Any], progress: list[ProgressReading]) -> None:
        if self.welcome is not None and "host_once" in self.welcome.capabilities:
            reading = self._host_info.news(reading)
        self._send(Readings(reading, progress))

    async def read_machine(self, wait: float = 2.0) -> dict[str, Any]:
        """Return a reading of this machine and the trees of its tasks, an old one after ``wait`` seconds."""
        tasks = {key: work.process.pid for key, work in self.works.all.items() if work.process is not None}
        return await self.machine.read(wait=wait, tasks=tasks)

    def _enrol(self, action: Enrol) -> None:
        server = self.link.server if self.link is not None else None
        if server is not None and server not in self._addresses and _is_number(server.host):
            self._addresses[server] = address_towards(server.host, server.port)
        if not self.machine.latest and not self._host.slow:
            self.machine.latest = self._host.measure()
        if self.machine.latest and (server is None or server in self._addresses):
            self._register(action.running, self._addresses.get(server, ("", 4)))
        else:
            self._registering = self._errand(self._register_slowly(action.running, server))

    async def _register_slowly(self, running: list[RunKey], server: Address | None) -> None:
        if server is not None and server not in self._addresses:
            own = await self._loop.run_in_executor(None, address_towards, server.host, server.port)
            self._addresses[server] = own
        if not self.machine.latest:
            await self.read_machine()
        self._register(running, self._addresses.get(server, ("", 4)))

    def _register(self, running: list[RunKey], own: tuple[str, int]) -> None:
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
                resources=self._host_info.whole(self.machine.latest),
                running=[RunningRun(*key) for key in running],
                address=own[0],
                family=own[1],
            )
        )

    def _left(self, action: Left) -> None:
        if not self.over.done():
            self.over.set_result(action.reason)


def _is_number(host: str) -> bool:
    """Say whether a host is an address and no name."""
    return host.replace(".", "").isdigit() or ":" in host
