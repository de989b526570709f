"""Both ends in one process: the memory transport, also between threads, and what a link sends first."""

import asyncio
import random
import threading

from msgspec.structs import replace

from afcore.commands import ProgressReading
from afcore.envelope import Principal
from afcore.states import Role
from afnet.client.link import MOST_CHUNKS, Link
from afnet.client.servers import Address
from afnet.server.native import NativePeers
from afnet.transport.base import HIGH_WATER, FrameConnection, FrameReceiver
from afnet.transport.memory import join
from afnet.wire.messages import FileChunk, Hello, Readings, Reply, Report, Request, Welcome
from tests.guards import ExpectedLogs
from tests.waiting import until
from tests.wire.farm import Farm
from tests.wire.test_link import Owner

HERE = Address("memory", 1)
ME = Principal("me", Role.GOD)


class Keeper:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.connection: FrameConnection | None = None
        self.frames: list[bytes] = []
        self.slow: list[bool] = []
        self.ended = threading.Event()
        self.reason = "?"

    def opened(self, connection: FrameConnection) -> None:
        self.connection = connection

    def frame_received(self, frame: bytes) -> None:
        self.frames.append(frame)

    def slowed(self, slow: bool) -> None:
        self.slow.append(slow)

    def closed(self, reason: str) -> None:
        assert self.reason == "?"
        self.reason = reason
        self.ended.set()


def test_frames_arrive_in_order_and_the_end_is_told_once() -> None:
    async def play() -> None:
        one, two = Keeper(), Keeper()
        first, second = join(one, two)
        first.send_frame(b"a")
        first.send_frame(b"b")
        assert two.frames == [] and first.unsent() == 2
        second.send_frame(b"c")
        await until(lambda: (one.frames, two.frames, first.unsent()) == ([b"c"], [b"a", b"b"], 0), what="all three")
        first.send_frame(b"last")
        first.close("enough")
        first.send_frame(b"too late")
        await until(two.ended.is_set, what="the end")
        second.close()
        await until(one.ended.is_set, what="the end at the other one, too")
        assert two.frames == [b"a", b"b", b"last"]
        assert (one.reason, two.reason) == ("", "enough")

    asyncio.run(play())


def test_too_much_at_once_is_slow_until_it_was_taken() -> None:
    async def play() -> None:
        one, two = Keeper(), Keeper()
        first, second = join(one, two)
        first.send_frame(b"\0" * (HIGH_WATER + 1))
        assert one.slow == [True]
        await until(lambda: one.slow == [True, False], what="what was sent to be taken")
        second.abort()
        await until(lambda: one.ended.is_set() and two.ended.is_set(), what="the end")

    asyncio.run(play())


def test_the_ends_may_live_in_two_threads() -> None:
    other = Keeper()
    ready: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    async def wait_for_the_end() -> None:
        ready.append(asyncio.get_running_loop())
        started.set()
        while not other.ended.is_set():
            await asyncio.sleep(0.005)

    thread = threading.Thread(target=lambda: asyncio.run(wait_for_the_end()))
    thread.start()
    assert started.wait(60)

    async def play() -> None:
        mine = Keeper()
        here, _ = join(mine, other, loop_two=ready[0])
        for number in range(100):
            here.send_frame(b"%d" % number)
        here.close("done")
        while mine.reason == "?":
            await asyncio.sleep(0.005)

    asyncio.run(play())
    thread.join(60)
    assert other.frames == [b"%d" % number for number in range(100)] and other.reason == "done"


class Watched:
    """A receiver in front of another that notes the size of every frame, and can stop reading."""

    def __init__(self, inner: FrameReceiver) -> None:
        self.inner = inner
        self.batches: list[bytes] = []
        self.opened = inner.opened
        self.slowed = inner.slowed
        self.closed = inner.closed

    def frame_received(self, frame: bytes) -> None:
        self.batches.append(frame)
        self.inner.frame_received(frame)


def chunk(number: int, size: int = 10) -> FileChunk:
    return FileChunk(1, 0, number, 1, "log", 0, b"\0" * size)


REPORT = Report(1, 0, 0, 1, 1, 0, 0.0, 1.0)


async def linked(farm: Farm, owner: Owner) -> tuple[Link, NativePeers, list[Watched], list[FrameReceiver]]:
    peers = NativePeers(farm)
    watched: list[Watched] = []
    conversations: list[FrameReceiver] = []

    async def connect(receiver: FrameReceiver, address: Address) -> FrameConnection:
        watched.append(Watched(peers.new_peer(ME)))
        conversations.append(receiver)
        end, _ = join(receiver, watched[-1])
        return end

    link = Link([HERE], Hello([], "afrender", "agent"), owner, chance=random.Random(1), connect=connect)
    link.start()
    assert isinstance(await owner.next(), Welcome)
    return link, peers, watched, conversations


def test_one_turn_of_the_loop_is_one_frame_and_readings_replace_readings() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        link, _, [watched], _ = await linked(farm, owner)
        watched.batches.clear()
        link.send(Readings({"cpu": 1}, []))
        link.send(REPORT)
        link.send_chunk(chunk(1))
        link.send(Readings({"cpu": 2}, []))
        link.send(REPORT)
        sent = [REPORT, REPORT, Readings({"cpu": 2}, []), chunk(1)]
        await until(lambda: farm.messages == sent, what="what was said in one turn")
        one, other = ProgressReading(2, 0, 0, 1, 10), ProgressReading(2, 0, 1, 1, 20)
        link.send(Readings({"cpu": 3, "mem_total_mb": 5}, [one, other]))
        link.send(Readings({"cpu": 4}, [replace(one, percent=11, changed=False)]))
        # What the newer one leaves out of the host or does not speak of is not lost.
        newest = Readings({"cpu": 4, "mem_total_mb": 5}, [replace(one, percent=11), other])
        await until(lambda: farm.messages == [*sent, newest], what="the newest reading")
        # The piece of a file goes by itself, after what matters.
        assert len(watched.batches) == 3
        await link.close()

    asyncio.run(play())


def test_what_can_wait_waits_while_the_server_is_slow() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        link, _, _, [conversation] = await linked(farm, owner)
        conversation.slowed(True)
        assert link.slow
        link.send(Readings({"cpu": 1}, []), REPORT)
        taken = sum(link.send_chunk(chunk(number)) for number in range(100))
        assert taken == MOST_CHUNKS
        await until(lambda: farm.messages == [REPORT], what="the report alone")
        link.send(Readings({"cpu": 2}, []))
        conversation.slowed(False)
        assert await owner.next() == "drained"
        await until(lambda: len(farm.messages) == MOST_CHUNKS + 2, what="what had waited")
        pieces = [message.task for message in farm.messages if isinstance(message, FileChunk)]
        assert pieces == list(range(MOST_CHUNKS))
        assert [message for message in farm.messages if isinstance(message, Readings)] == [Readings({"cpu": 2}, [])]
        await link.close()

    asyncio.run(play())


def test_a_message_too_large_for_any_frame_comes_back_refused() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        link, _, _, _ = await linked(farm, owner)
        link.send(REPORT, chunk(1, size=40 * 1024 * 1024), REPORT)
        refused = await owner.next()
        assert getattr(refused, "code", "") == "too_large"
        await until(lambda: farm.messages == [REPORT, REPORT], what="both that are not too large")
        await link.close()

    asyncio.run(play())


def test_an_answer_too_large_for_any_frame_is_a_refusal_of_its_request(expected_logs: ExpectedLogs) -> None:
    expected_logs("ERROR afnet.server.native: a message Reply for memory is larger")

    async def play() -> None:
        farm, owner = Farm(), Owner()
        link, _, _, _ = await linked(farm, owner)
        [peer] = farm.peers
        peer.send(Reply(7, b"\0" * (65 * 1024 * 1024)))
        peer.send(Reply(8, b"x"))
        small, refused = await owner.next(), await owner.next()
        assert getattr(small, "body", None) == b"x", "the large one never left"
        assert (getattr(refused, "id", 0), getattr(refused, "code", "")) == (7, "too_large")
        await link.close()

    asyncio.run(play())


def test_requests_of_an_agent_are_handed_on() -> None:
    async def play() -> None:
        farm, owner = Farm(), Owner()
        link, peers, _, _ = await linked(farm, owner)
        link.send(Request(5, "job.list", {}))
        answer = await owner.next()
        assert isinstance(answer, Reply) and answer.id == 5
        await link.close("bye")
        await until(lambda: farm.lost_reasons == ["bye"], what="the goodbye")
        assert len(peers) == 0

    asyncio.run(play())
