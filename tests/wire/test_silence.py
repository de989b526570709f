"""Who says nothing is asked, and lost when it does not answer, on every kind of end; who takes nothing is cut off."""

import asyncio
import random
import socket
import threading

import pytest

from afcore.envelope import Principal
from afcore.errors import ConnectionLost, TimedOut
from afcore.states import Role
from afnet.client.blocking import BlockingClient
from afnet.client.link import Link
from afnet.client.retry import Backoff
from afnet.client.servers import Address
from afnet.server import native
from afnet.server.door import Door
from afnet.server.native import NativePeers
from afnet.transport.base import FrameConnection, FrameReceiver
from afnet.transport.httphead import find_end, parse_head
from afnet.transport.memory import join
from afnet.transport.wsframes import CLOSE, PING, PONG, FrameReader, close_payload, encode_frame, upgrade_answer
from afnet.wire.codec import encode
from afnet.wire.messages import Goodbye, Hello, Ping, Reply, Welcome
from tests.guards import ExpectedLogs
from tests.waiting import until
from tests.wire.farm import HOME, Farm
from tests.wire.test_link import Owner, make_link
from tests.wire.test_memory import Keeper

SOON = 0.03
ME = Principal("me", Role.GOD)
UPGRADE = (
    b"GET /af HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"abcd"


def test_two_quiet_ends_keep_each_other() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        # A ping and its answer may take that long on a busy machine: no less.
        door = Door([HOME], on_native=farm, ping_time=0.3)
        await door.open()
        link = make_link(owner, *door.addresses)
        link.start()
        assert isinstance(await owner.next(), Welcome)
        session = link.session
        assert session is not None
        await until(lambda: session._pings > 1, what="both to have asked each other")
        assert link.session is session and link.connected and len(door.peers) == 1 and owner.heard.empty()
        await link.close()
        await door.close()

    asyncio.run(play())


def test_a_server_loses_a_peer_that_does_not_answer() -> None:
    async def play() -> None:
        farm, silent = Farm(), Keeper()
        peers = NativePeers(farm, ping_time=SOON)
        end, _ = join(silent, peers.new_peer(ME))
        end.send_frame(encode([Hello([1], "test", "client")]))
        async with asyncio.timeout(60):
            while silent.reason == "?":
                await asyncio.sleep(SOON)
        assert "said nothing for" in farm.lost_reasons[0] and "said nothing for" in silent.reason
        assert len(peers) == 0
        assert any(frame == encode([Ping(1)]) for frame in silent.frames)

    asyncio.run(play())


class MuteServer:
    """Welcomes everybody and says nothing more."""

    def opened(self, connection: FrameConnection) -> None:
        self.connection = connection

    def frame_received(self, frame: bytes) -> None:
        if b"test" in frame:
            self.connection.send_frame(encode([Welcome(1, "mute", "farm", 1, ping=SOON)]))

    def slowed(self, slow: bool) -> None: ...

    def closed(self, reason: str) -> None: ...


def test_a_link_loses_a_server_that_does_not_answer_and_tries_again() -> None:
    async def play() -> None:
        owner = Owner()

        async def connect(receiver: FrameReceiver, address: Address) -> FrameConnection:
            end, _ = join(receiver, MuteServer())
            return end

        chance = random.Random(1)
        backoff = Backoff(chance, first=0.001, most=0.002)
        hello = Hello([], "test", "client")
        link = Link([Address("x", 1)], hello, owner, chance=chance, connect=connect, backoff=backoff)
        link.start()
        assert isinstance(await owner.next(), Welcome)
        assert "said nothing for" in str(await owner.next())
        assert isinstance(await owner.next(), Welcome)
        await link.close()

    asyncio.run(play())


def test_a_link_that_gets_nonsense_says_so_and_tries_again() -> None:
    async def play() -> None:
        owner = Owner()

        class Nonsense(MuteServer):
            def frame_received(self, frame: bytes) -> None:
                self.connection.send_frame(b"\xc1 nonsense")

        async def connect(receiver: FrameReceiver, address: Address) -> FrameConnection:
            end, _ = join(receiver, Nonsense())
            return end

        link = Link([Address("x", 1)], Hello([], "t", "agent"), owner, chance=random.Random(1), connect=connect)
        link.start()
        assert "no msgpack array" in str(await owner.next())
        await link.close()

    asyncio.run(play())


def test_a_server_that_goes_silently_in_the_middle_is_unreachable() -> None:
    async def play() -> None:
        owner = Owner()

        class Leaver(MuteServer):
            def frame_received(self, frame: bytes) -> None:
                self.connection.send_frame(encode([Goodbye("not today")]))

        async def connect(receiver: FrameReceiver, address: Address) -> FrameConnection:
            end, _ = join(receiver, Leaver())
            return end

        link = Link([Address("x", 1)], Hello([], "t", "agent"), owner, chance=random.Random(1), connect=connect)
        link.start()
        assert "not today" in str(await owner.next())
        await link.close()

    asyncio.run(play())


def test_a_peer_that_takes_nothing_for_too_long_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, expected_logs: ExpectedLogs
) -> None:
    expected_logs("WARNING afnet.server.native: .* took none of")
    monkeypatch.setattr(native, "MOST_UNSENT", 8 << 20)

    async def play() -> None:
        farm = Farm()
        door = Door([HOME], on_native=farm)
        await door.open()
        # A socket that is never read: what the system cannot take waits in the server.
        caller = socket.create_connection(door.addresses[0])
        caller.setblocking(False)
        hello = encode_frame(encode([Hello([1], "test", "client")]), mask=MASK)
        await asyncio.get_running_loop().sock_sendall(caller, UPGRADE + hello)
        async with asyncio.timeout(60):
            while not farm.peers:
                await asyncio.sleep(0.01)
            [peer] = farm.peers
            while peer.is_open:
                peer.send(Reply(1, b"\0" * (1 << 20)))
                await asyncio.sleep(0)
            while farm.peers:
                await asyncio.sleep(0.01)
        assert len(door.peers) == 0
        caller.close()
        await door.close()

    asyncio.run(play())


async def read_frames(reader: asyncio.StreamReader) -> list[tuple[int, bytes]]:
    await reader.readuntil(b"\r\n\r\n")
    return FrameReader(masked=False, limit=1 << 20).feed(await reader.read())


def test_pings_and_closes_of_the_websocket_itself() -> None:
    async def play() -> None:
        door = Door([HOME], on_native=Farm())
        await door.open()
        reader, writer = await asyncio.open_connection(*door.addresses[0])
        writer.write(UPGRADE + encode_frame(b"hi", opcode=PING, mask=MASK) + encode_frame(b"x", opcode=PONG, mask=MASK))
        writer.write(encode_frame(close_payload(1001, "leaving"), opcode=CLOSE, mask=MASK))
        found = await read_frames(reader)
        assert [opcode for opcode, _ in found] == [PONG, CLOSE] and found[0][1] == b"hi"
        writer.close()
        await writer.wait_closed()
        await door.close()

    asyncio.run(play())


def test_a_broken_websocket_frame_is_answered_by_its_code() -> None:
    async def play() -> None:
        door = Door([HOME], on_native=Farm())
        await door.open()
        reader, writer = await asyncio.open_connection(*door.addresses[0])
        writer.write(UPGRADE + b"\x81\x81abcdx")
        [(opcode, payload)] = await read_frames(reader)
        assert opcode == CLOSE and payload[:2] == (1003).to_bytes(2, "big") and b"binary" in payload
        writer.close()
        await writer.wait_closed()
        await door.close()

    asyncio.run(play())


def serve_by_hand(listener: socket.socket, *after: bytes, wait: threading.Event) -> None:
    accepted, _ = listener.accept()
    with accepted:
        data = b""
        while not (end := find_end(data)):
            data += accepted.recv(65536)
        accepted.sendall(upgrade_answer(parse_head(data[:end])))
        for frame in after:
            accepted.sendall(frame)
        wait.wait(60)


@pytest.mark.parametrize(
    ("after", "error", "what"),
    [
        ([], TimedOut, "said nothing for"),
        ([encode_frame(b"hi", opcode=PING)], TimedOut, "said nothing for"),
        ([encode_frame(close_payload(1001, "I am off"), opcode=CLOSE)], ConnectionLost, "I am off"),
        ([encode_frame(encode([Goodbye("enough")]))], ConnectionLost, "enough"),
        ([encode_frame(b"\xc1")], Exception, "no msgpack array"),
        ([b"\x81\x01x"], Exception, "binary"),
    ],
)
def test_a_blocking_client_does_not_wait_for_ever(after: list[bytes], error: type[Exception], what: str) -> None:
    wait = threading.Event()
    # Who says something must not count as silent because the machine is busy.
    ping = SOON if error is TimedOut else 60.0
    welcome = encode_frame(encode([Welcome(1, "by hand", "farm", 1, ping=ping)]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_by_hand, args=(listener, welcome, *after), kwargs={"wait": wait})
        thread.start()
        try:
            with BlockingClient([Address(*listener.getsockname())], program="afcmd") as client:
                with pytest.raises(error, match=what):
                    client.request("job.list")
        finally:
            wait.set()
            thread.join(60)
