"""A farm that gives tasks to agents and remembers what they say: a real door, scripted answers."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from afcore.envelope import Principal
from afcore.ids import RunKey
from afnet.client.servers import Address
from afnet.server.door import Door
from afnet.server.native import ServerPeer
from afnet.wire.messages import (
    Acknowledge,
    FileAccepted,
    FileChunk,
    Hello,
    LogLines,
    Message,
    Readings,
    Refused,
    Register,
    Registered,
    Report,
    RunSpec,
    Start,
    Welcome,
)
from tests.ports import free_port
from tests.runspecs import run_spec


def spec(task: int = 0, command: object = "true", *, run: int = 1, **more: object) -> RunSpec:
    """A run of a numeric task of job 2."""
    return run_spec(task=task, run=run, command=command, **more)  # type: ignore[arg-type]


class Farm:
    """Registers every agent, acknowledges every report and keeps every log, unless told otherwise."""

    def __init__(self, farm: str = "farm-1") -> None:
        self.farm = farm
        self.peer: ServerPeer | None = None
        self.acknowledging = True
        self.keeping = True
        self.refusal: Refused | None = None
        self.heartbeat = 5.0
        self.hellos: list[Hello] = []
        self.registers: list[Register] = []
        self.reports: list[Report] = []
        self.readings: list[Readings] = []
        self.lines: list[LogLines] = []
        self.logs: dict[RunKey, bytes] = {}
        self.whole: set[RunKey] = set()
        self.files: dict[tuple[int, str], bytes] = {}
        """Complete files beside logs, by task and name."""
        self.lost_peers: list[bool] = []
        self.on_report: Callable[[Report], None] | None = None
        self.door: Door | None = None

    async def open(self, address: Address | None = None) -> Address:
        # A farm that comes back is at its old port, which the system may have given to somebody meanwhile.
        self.door = Door([address or Address("127.0.0.1", free_port())], on_native=self)
        await self.door.open()
        return self.door.addresses[0]

    async def close(self) -> None:
        if self.door is not None:
            await self.door.close("the test is over")
            self.door = None

    def greet(self, hello: Hello, principal: Principal) -> Welcome:
        self.hellos.append(hello)
        return Welcome(1, "afserver test", self.farm, 1)

    def connected(self, peer: ServerPeer) -> None:
        self.peer = peer

    def lost(self, peer: ServerPeer, reason: str) -> None:
        self.lost_peers.append(peer.said_goodbye)
        if self.peer is peer:
            self.peer = None

    def received(self, peer: ServerPeer, message: Message) -> None:
        if isinstance(message, Register):
            self.registers.append(message)
            peer.send(self.refusal or Registered(7, heartbeat=self.heartbeat, resources_period=self.heartbeat))
        elif isinstance(message, Report):
            self.reports.append(message)
            if self.acknowledging:
                peer.send(Acknowledge([(message.job, message.block, message.task, message.run)]))
            if self.on_report is not None:
                self.on_report(message)
        elif isinstance(message, FileChunk):
            self._keep(peer, message)
        elif isinstance(message, Readings):
            self.readings.append(message)
        elif isinstance(message, LogLines):
            self.lines.append(message)

    def _keep(self, peer: ServerPeer, chunk: FileChunk) -> None:
        if not self.keeping:
            return
        key = RunKey(chunk.job, chunk.block, chunk.task, chunk.run)
        if chunk.name != "log":
            assert chunk.last and chunk.offset == 0, "small files come at once"
            self.files[chunk.task, chunk.name] = chunk.data
            peer.send(FileAccepted(*key, name=chunk.name, offset=len(chunk.data), done=True))
            return
        have = self.logs.get(key, b"")
        if chunk.offset == len(have):
            have += zlib.decompress(chunk.data) if chunk.compressed else chunk.data
            self.logs[key] = have
            if chunk.last:
                self.whole.add(key)
        peer.send(FileAccepted(*key, name=chunk.name, offset=len(have), done=key in self.whole))

    def send(self, *messages: Message) -> None:
        assert self.peer is not None, "no agent is here"
        self.peer.send(*messages)

    def start(self, *runs: RunSpec) -> None:
        self.send(Start(list(runs)))

    @property
    def registered(self) -> bool:
        return self.peer is not None and bool(self.registers)

    def report(self, task: int = 0, run: int = 1) -> Report | None:
        return next((one for one in self.reports if (one.task, one.run) == (task, run)), None)
