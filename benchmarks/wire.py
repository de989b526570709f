"""What one message costs the server's processor: the farm's own WebSocket against aiohttp's, and uvloop under it.

A child process plays ``CALLERS`` agents, each of which sends a report, waits for its acknowledgement and sends the
next, so that every message is a frame of its own in both directions: the worst case of benchmark 3. Only the server's
processor time is counted; most of it is the kernel's, for one read and one write.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from aiohttp import WSMsgType, web

from afcore.envelope import Principal
from afnet.client.servers import Address
from afnet.server.door import Door
from afnet.server.native import ServerPeer
from afnet.transport import websocket
from afnet.transport.base import FrameConnection
from afnet.wire.codec import LIMIT_TO_CLIENT
from afnet.wire.messages import Acknowledge, Hello, Message, NotLeader, Refused, Report, Welcome
from afnet.wire.session import Session
from benchmarks.harness import CheckFailed, Target

__all__ = ["NAME", "TARGETS", "run"]

CALLERS = 200
REPORTS = 40_000
HOME = Address("127.0.0.1", 0)
HELLO = Hello([], "bench", "agent")
WELCOME = Welcome(1, "bench", "farm", 1)

NAME = "wire: processor time of the server for one report and its answer"

TARGETS = (
    # 4,000 frames each way a second on half a core: 125 microseconds for a pair, of which the rules need most.
    Target("own_asyncio_pair_us", most=60.0),
    Target("own_uvloop_pair_us", most=40.0),
)


class _Farm:
    """Acknowledges every report."""

    def __init__(self) -> None:
        self.reports = 0

    def greet(self, hello: Hello, principal: Principal) -> Welcome | NotLeader | Refused:
        return WELCOME

    def connected(self, peer: ServerPeer) -> None:
        """Nothing to do."""

    def received(self, peer: ServerPeer, message: Message) -> None:
        if isinstance(message, Report):
            self.reports += 1
            peer.send(Acknowledge([(message.job, message.block, message.task, message.run)]))

    def lost(self, peer: ServerPeer, reason: str) -> None:
        """Nothing to do."""


class _Caller:
    """One agent of the child process."""

    def __init__(self, number: int, left: int, done: asyncio.Future[None]) -> None:
        self.session = Session("agent", now=time.monotonic(), hello=HELLO)
        self._number = number
        self._left = left
        self._done = done
        self._connection: FrameConnection | None = None

    def opened(self, connection: FrameConnection) -> None:
        self._connection = connection
        connection.send_frame(self.session.pending())

    def frame_received(self, frame: bytes) -> None:
        assert self._connection is not None
        for message in self.session.receive(frame, 0.0):
            if isinstance(message, Welcome | Acknowledge):
                if not self._left:
                    self._done.set_result(None)
                    return
                self._left -= 1
                report = Report(self._number, 0, self._left, 1, 1, 0, 1.0, 2.0, "", '{"cpu": 99}', log_size=120)
                self._connection.send_frame(self.session.send(report))

    def slowed(self, slow: bool) -> None:
        """Nothing to do."""

    def closed(self, reason: str) -> None:
        """The benchmark is over."""


def _play_callers(address: Address, reports: int, ready: Connection) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        ends: list[asyncio.Future[None]] = []
        for number in range(CALLERS):
            done: asyncio.Future[None] = loop.create_future()
            ends.append(done)
            caller = _Caller(number, reports // CALLERS, done)
            await websocket.connect(
                caller,
                host=address.host,
                port=address.port,
                limit=LIMIT_TO_CLIENT,
                chance=random.Random(number),
            )
        await asyncio.gather(*ends)
        ready.send(time.process_time())

    uvloop.run(play())


async def _under_load(address: Address, reports: int) -> tuple[float, float]:
    """Return the seconds of processor time that this process, and the callers', spent while they were served."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_play_callers, args=(address, reports, there))
    child.start()
    begun = time.process_time()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(here.fileno(), ended.set)
    await asyncio.wait_for(ended.wait(), 120)
    spent = time.process_time() - begun
    loop.remove_reader(here.fileno())
    theirs = float(here.recv())
    child.join(10)
    here.close()
    there.close()
    return spent, theirs


async def _own(reports: int) -> tuple[float, float]:
    farm = _Farm()
    door = Door([HOME], on_native=farm)
    await door.open()
    spent = await _under_load(door.addresses[0], reports)
    await door.close()
    if farm.reports != reports:
        raise CheckFailed(f"{farm.reports} of {reports} reports came")
    return spent


async def _aiohttp(reports: int) -> tuple[float, float]:
    farm = _Farm()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(compress=False, autoping=True, max_msg_size=1 << 25)
        await answer.prepare(request)
        session = Session("server", now=0.0, greet=lambda hello: WELCOME)
        async for message in answer:
            if message.type is not WSMsgType.BINARY:
                break
            out: list[Message] = []
            for one in session.receive(message.data, 0.0):
                if isinstance(one, Report):
                    farm.reports += 1
                    out.append(Acknowledge([(one.job, one.block, one.task, one.run)]))
            frame = session.send(*out) if out else session.pending()
            if frame:
                await answer.send_bytes(frame)
        return answer

    application = web.Application()
    application.router.add_get("/af", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOME.host, 0)
    await site.start()
    port = runner.addresses[0][1]
    spent = await _under_load(Address(HOME.host, port), reports)
    await runner.cleanup()
    if farm.reports != reports:
        raise CheckFailed(f"{farm.reports} of {reports} reports came")
    return spent


def run(folder: Path) -> dict[str, float]:
    """Return microseconds of processor time per report and answer, for each way of serving."""
    found: dict[str, float] = {}
    callers = 0.0
    for whose, serve in (("own", _own), ("aiohttp", _aiohttp)):
        for loop, start in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            spent, theirs = start(serve(REPORTS))
            found[f"{whose}_{loop}_pair_us"] = spent / REPORTS * 1e6
            callers += theirs
    found["callers_cpu_s"] = callers
    return found


if __name__ == "__main__":
    for what, figure in run(Path(".")).items():
        print(f"{figure:8.1f}  {what}")
