"""A farm's server that only talks: for tests of links, doors and blocking clients."""

import asyncio
import threading
from collections.abc import Callable

from afcore.envelope import Principal
from afcore.errors import NotFound
from afnet.client.servers import Address
from afnet.server.door import Door
from afnet.server.native import ServerPeer
from afnet.wire.messages import (
    Follow,
    Hello,
    LogLines,
    Message,
    NotLeader,
    Refused,
    Reply,
    Request,
    Rows,
    Subscribe,
    Welcome,
)
from afnet.wire.session import PING_TIME

HOME = Address("127.0.0.1", 0)


class Farm:
    """Answers every request with its own arguments, and remembers what it heard."""

    def __init__(self) -> None:
        self.peers: list[ServerPeer] = []
        self.lost_reasons: list[str] = []
        self.messages: list[Message] = []
        self.answer: Welcome | NotLeader | Refused = Welcome(1, "afserver test", "farm-1", 7)
        self.on_message: Callable[[ServerPeer, Message], None] | None = None

    def greet(self, hello: Hello, principal: Principal) -> Welcome | NotLeader | Refused:
        return self.answer

    def connected(self, peer: ServerPeer) -> None:
        self.peers.append(peer)

    def received(self, peer: ServerPeer, message: Message) -> None:
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(peer, message)
        elif isinstance(message, Request) and message.operation == "pieces":
            peer.send(Reply(message.id, 1, more=True), Reply(message.id, 2, more=True))
            peer.send(Reply(message.id, 3))
        elif isinstance(message, Request) and message.operation == "nothing":
            missing = NotFound("There is no job 5.", hint="`afcmd job list` shows the jobs there are.")
            peer.send(Refused(message.id, missing.code, missing.sentence, missing.hint))
        elif isinstance(message, Request) and message.operation == "wrong":
            peer.send(Refused(message.id, "bad_spec", "2 problems", "", [("a", "b", "c"), ("d", "e", "")]))
        elif isinstance(message, Request):
            peer.send(Reply(message.id, message.arguments))
        elif isinstance(message, Subscribe):
            peer.send(Rows(message.id, 3, [["user", 1, 3, "me", 99, 0, 0, 0, -1]], whole=True))
            peer.send(Rows(message.id, 4, [], gone=[1]))
        elif isinstance(message, Follow):
            key = (message.job, message.block, message.task, message.run)
            peer.send(LogLines(*key, 0, b"one\n", id=message.id), LogLines(*key, 4, b"two\n", last=True, id=message.id))

    def lost(self, peer: ServerPeer, reason: str) -> None:
        self.peers.remove(peer)
        self.lost_reasons.append(reason)


class FarmThread:
    """A door in a thread of its own, for callers that block."""

    def __init__(self, farm: Farm, *, ping_time: float = PING_TIME) -> None:
        self.farm = farm
        self.ping_time = ping_time
        self.addresses: list[Address] = []
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "FarmThread":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        door = Door([HOME], on_native=self.farm, ping_time=self.ping_time)
        await door.open()
        self.addresses = door.addresses
        self._ready.set()
        await self._stop.wait()
        await door.close("the test is over")
