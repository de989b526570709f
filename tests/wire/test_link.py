"""Links to a real door over real sockets: greeting, priorities, coming back, other servers."""

import asyncio
import random

from afcore.errors import AfError, Rejected
from afnet.client.link import Link
from afnet.client.retry import Backoff
from afnet.client.servers import Address
from afnet.server.door import Door
from afnet.wire.messages import Hello, Message, NotLeader, Ping, Refused, Reply, Request, Welcome
from tests.ports import free_port
from tests.wire.farm import HOME, Farm


class Owner:
    """Keeps what a link told it."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[object] = asyncio.Queue()

    def connected(self, welcome: Welcome) -> None:
        self.heard.put_nowait(welcome)

    def received(self, message: Message) -> None:
        self.heard.put_nowait(message)

    def lost(self, reason: str) -> None:
        self.heard.put_nowait(reason)

    def unreachable(self, error: AfError) -> None:
        self.heard.put_nowait(error)

    def drained(self) -> None:
        self.heard.put_nowait("drained")

    async def next(self) -> object:
        async with asyncio.timeout(60):
            return await self.heard.get()


def make_link(owner: Owner, *servers: Address) -> Link:
    chance = random.Random(4)
    hello = Hello([], "test", "client", user="me", host="here")
    return Link(list(servers), hello, owner, chance=chance, backoff=Backoff(chance, first=0.01, most=0.05))


def test_a_request_is_answered_and_both_ends_see_the_end() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        door = Door([HOME], on_native=farm)
        await door.open()
        link = make_link(owner, *door.addresses)
        assert link.send(Ping(1)) is False
        link.start()
        welcome = await owner.next()
        assert isinstance(welcome, Welcome) and welcome.farm == "farm-1" and welcome.principal
        assert link.send(Request(5, "job.list", {"a": [1, "é"]}))
        assert await owner.next() == Reply(5, {"a": [1, "é"]})
        assert farm.peers[0].hello.host == "here"
        await link.close("enough")
        await door.close()
        assert farm.lost_reasons == ["enough"]
        assert owner.heard.empty()
        assert len(door.peers) == 0

    asyncio.run(play())


def test_a_link_comes_back_and_tries_every_server() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        # Nobody else gets this port while the door is closed.
        address = Address("127.0.0.1", free_port())
        door = Door([address], on_native=farm)
        await door.open()
        link = make_link(owner, Address("127.0.0.1", 1), address)
        link.start()
        assert "refused" in str(await owner.next())
        assert isinstance(await owner.next(), Welcome)
        await door.close("gone for a moment")
        assert await owner.next() == "gone for a moment"
        again = Door([address], on_native=farm)
        await again.open()
        while not isinstance(await owner.next(), Welcome):
            pass
        await link.close()
        await again.close()

    asyncio.run(play())


def test_a_server_that_does_not_lead_sends_us_on() -> None:
    async def play() -> None:
        leader, standby, owner = Farm(), Farm(), Owner()
        one, two = Door([HOME], on_native=standby), Door([HOME], on_native=leader)
        await one.open()
        await two.open()
        standby.answer = NotLeader([str(two.addresses[0])])
        leader.answer = Welcome(1, "the leader", "farm-1", 8)
        link = make_link(owner, *one.addresses)
        link.start()
        assert isinstance(await owner.next(), AfError)
        welcome = await owner.next()
        assert isinstance(welcome, Welcome) and welcome.server == "the leader"
        assert link.server == two.addresses[0]
        await link.close()
        await one.close()
        await two.close()

    asyncio.run(play())


def test_a_refusal_reaches_the_owner_as_an_error() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        farm.answer = Refused(0, "not_allowed", "Not you.", "Ask somebody.")
        door = Door([HOME], on_native=farm)
        await door.open()
        link = make_link(owner, *door.addresses)
        link.start()
        error = await owner.next()
        assert isinstance(error, Rejected) and error.code == "not_allowed" and error.hint == "Ask somebody."
        await link.close()
        await door.close()

    asyncio.run(play())
