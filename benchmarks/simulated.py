"""Simulated agents for load: the agent's real mind, session and WebSocket, many in one process; processes are timers.

Rules of this file:
- what an agent says and when is decided by ``afrender.agent`` alone; here are only a clock, timers and counters;
- one heap and one timer serve all agents, looked at every two milliseconds;
- how late that look comes is the generator's lag, and is always told.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from afcore.errors import AfError
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.client.link import Link
from afnet.client.retry import Backoff
from afnet.client.servers import Address
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    Hello,
    Message,
    Readings,
    Refused,
    Register,
    Registered,
    RunSpec,
    Start,
    Stop,
    Welcome,
)
from afrender.agent import Agent
from afrender.pairing import Credential, pair
from afrender.stimuli import (
    Connected,
    Enrol,
    Kill,
    Lost,
    Measure,
    ProcessExited,
    ProcessStarted,
    Say,
    Spawn,
    Terminate,
    Tick,
)

__all__ = ["STEP", "Fleet", "SimulatedAgent", "resources_of"]

STEP = 0.002
"""Seconds between two looks at the timers."""

CONNECT_AT_ONCE = 50

_TOLD = (Start, Acknowledge, Stop, Drop, Registered)
_KILLED = 9


def resources_of(number: int) -> dict[str, Any]:
    """What a busy host of eight cores says about itself."""
    return {
        "cpu_num": 8, "cpu_mhz": 3000, "cpu_loadavg": [4.0, 3.5, 3.0], "cpu_user": 48 + number % 5, "cpu_nice": 0,
        "cpu_system": 3, "cpu_idle": 47, "cpu_iowait": 1, "cpu_irq": 0, "cpu_softirq": 0, "mem_total_mb": 65536,
        "mem_free_mb": 30000 + number % 100, "mem_cached_mb": 8000, "mem_buffers_mb": 500, "swap_total_mb": 0,
        "swap_used_mb": 0, "hdd_total_gb": 500, "hdd_free_gb": 400, "hdd_rd_kbsec": 10, "hdd_wr_kbsec": 20,
        "hdd_busy": 1, "net_recv_kbsec": 100, "net_send_kbsec": 100, "gpu_string": "", "hw_info": "simulated",
        "logged_in_users": [],
    }  # fmt: skip


def _spec(key: RunKey) -> RunSpec:
    return RunSpec(
        *key, job_name="job", block_name="block", task_name="task", user_name="ann", service="generic", parser="",
        command="", task_command="", working_directory="", environment={}, files=[], task_files=[], numeric=True,
        frame_start=1, frame_end=1, frame_inc=1, frames=1, flags=1, capacity=1000,
    )  # fmt: skip


class SimulatedAgent:
    """One render of a fleet: the handler of its own link."""

    __slots__ = ("_fleet", "agent", "link", "name", "number", "wakes_at")

    def __init__(self, fleet: Fleet, number: int, name: str) -> None:
        self._fleet = fleet
        self.number = number
        self.name = name
        self.agent = Agent()
        self.wakes_at = 0.0
        hello = Hello([], "afrender", "agent", user="render", host=name)
        self.link = Link([fleet.server], hello, self, chance=fleet.chance)

    # The link's handler

    def connected(self, welcome: Welcome) -> None:
        """Register."""
        self.tell(Connected(welcome.farm))

    def received(self, message: Message) -> None:
        """Take what the server says."""
        kind = type(message)
        if kind in _TOLD:
            if kind is Acknowledge:
                self._fleet.on_acknowledged(message.runs)  # type: ignore[union-attr]
            elif kind is Registered:
                self._fleet.registered += 1
            elif kind is Drop:
                self._fleet.dropped += len(message.runs)  # type: ignore[union-attr]
            self.tell(message)
        elif kind is Refused:
            self._fleet.refused.append(message.sentence)  # type: ignore[union-attr]

    def lost(self, reason: str) -> None:
        """The server is away."""
        self._fleet.lost += 1
        self.tell(Lost())

    def unreachable(self, error: AfError) -> None:
        """No server answers yet."""
        self._fleet.unreachable += 1

    def drained(self) -> None:
        """Nothing to do: no files are sent."""

    # The mind

    def tell(self, stimulus: object) -> None:
        """Tell the mind something, and do what it asks for."""
        agent, fleet = self.agent, self._fleet
        stimuli = deque((stimulus,))
        while stimuli:
            now = fleet.now()
            for action in agent.receive(stimuli.popleft(), now):
                kind = type(action)
                if kind is Say:
                    fleet.reported += 1
                    self.link.send(action.report)  # type: ignore[union-attr]
                elif kind is Spawn:
                    run = action.run  # type: ignore[union-attr]
                    key = RunKey(run.job, run.block, run.task, run.run)
                    fleet.spawn(self, key)
                    stimuli.append(ProcessStarted(key, 1, time.time()))
                elif kind is Measure:
                    fleet.readings += 1
                    self.link.send(Readings(resources_of(self.number) if action.host else {}, []))  # type: ignore[union-attr]
                elif kind is Enrol:
                    self.link.send(self._register())
                elif kind is Terminate or kind is Kill:
                    stimuli.append(ProcessExited(action.key, RunStatus.KILLED, -_KILLED))  # type: ignore[union-attr]
        deadline = agent.deadline()
        if deadline is not None and deadline != self.wakes_at:
            self.wakes_at = deadline
            fleet.wake(deadline, self)

    def begin_with(self, keys: Sequence[RunKey]) -> None:
        """Have these runs already, as an agent has that outlived its server."""
        for key in keys:
            self.tell(Start([_spec(key)]))

    def _register(self) -> Register:
        return Register(
            name=self.name,
            engine="simulated",
            os="unix linux 64",
            user_name="render",
            nimby="",
            launched=time.time(),
            instance=self.name,
            interfaces=[],
            devices=[],
            resources=resources_of(self.number),
            running=[],
        )

    def finish(self, key: RunKey) -> None:
        """The process of a run ends well."""
        self.tell(ProcessExited(key, RunStatus.SUCCESS, 0))


class Fleet:
    """Many agents on one loop."""

    def __init__(self, server: Address, agents: int, *, first: int = 0, prefix: str = "render") -> None:
        self.server = server
        self.chance = random.Random(first)
        self.now = time.monotonic
        self.seconds: Callable[[], float] = lambda: 2.0
        """How long the next process lasts."""
        self.on_acknowledged: Callable[[Sequence[tuple[int, int, int, int]]], None] = self._count_acknowledged
        self.spawned: Callable[[SimulatedAgent, RunKey], None] | None = None
        """Takes over the ends of processes; without it they end by time."""
        self.registered = self.started = self.reported = self.acknowledged = self.dropped = 0
        self.lost = self.unreachable = self.readings = 0
        self.refused: list[str] = []
        self.lags: list[float] = []
        """How late each look at the timers was, in seconds."""
        self._numbers = itertools.count()
        self._heap: list[tuple[float, int, SimulatedAgent, RunKey | None]] = []
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.agents = [SimulatedAgent(self, first + n, f"{prefix}{first + n:04}") for n in range(agents)]

    def pair(self, folder: Path, code: str) -> None:
        """Make every agent a node by the pairing code, before it connects; their certificates are kept in `folder`."""
        for agent in self.agents:
            credential = Credential(folder / agent.name)
            pair([self.server], code, agent.name, credential)
            agent.link = Link(
                [self.server], Hello([], "afrender", "agent", user="render", host=agent.name), agent,
                chance=self.chance, tls=credential.context(), credential=lambda host, port: "",
                backoff=Backoff(random.Random(agent.number)),
            )  # fmt: skip

    async def connect(self, most_seconds: float = 60.0) -> None:
        """Connect all agents, a few at once, and wait until each is registered."""
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + STEP
        self._timer = self._loop.call_at(self._due, self._look)
        end = self.now() + most_seconds
        for place in range(0, len(self.agents), CONNECT_AT_ONCE):
            some = self.agents[place : place + CONNECT_AT_ONCE]
            for agent in some:
                agent.link.start()
            while self.registered < place + len(some):
                if self.now() > end or self.refused:
                    raise TimeoutError(f"{self.registered} of {len(self.agents)} agents registered {self.refused[:1]}")
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Leave the farm."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(agent.link.close("the load is over") for agent in self.agents))

    def spawn(self, agent: SimulatedAgent, key: RunKey) -> None:
        """Start a process."""
        self.started += 1
        if self.spawned is not None:
            self.spawned(agent, key)
        else:
            heapq.heappush(self._heap, (self.now() + self.seconds(), next(self._numbers), agent, key))

    def wake(self, at: float, agent: SimulatedAgent) -> None:
        """Tell an agent the time then."""
        heapq.heappush(self._heap, (at, next(self._numbers), agent, None))

    def _count_acknowledged(self, runs: Sequence[tuple[int, int, int, int]]) -> None:
        self.acknowledged += len(runs)

    def _look(self) -> None:
        """Do everything whose time has come."""
        begun = self._loop.time()
        self.lags.append(begun - self._due)
        now, heap = self.now(), self._heap
        while heap and heap[0][0] <= now:
            at, _, agent, key = heapq.heappop(heap)
            if key is not None:
                agent.finish(key)
            elif at == agent.wakes_at:
                agent.wakes_at = 0.0
                agent.tell(Tick())
        self._due = max(self._due + STEP, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._look)
