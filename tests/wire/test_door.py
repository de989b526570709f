"""The farm's door over real sockets: every language inside and outside TLS, and callers who misbehave."""

import asyncio
import json
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import NotAllowed, NotFound
from afcore.states import Role
from afnet.client.link import Link
from afnet.client.servers import Address
from afnet.server.caller import Limits
from afnet.server.door import Door
from afnet.server.httpguard import make_guard
from afnet.transport import websocket
from afnet.transport.base import FrameConnection, FrameReceiver
from afnet.wire.messages import Hello, Reply, Request, Welcome
from tests.wire.certificate import make_contexts
from tests.wire.farm import HOME, Farm
from tests.wire.test_link import Owner, make_link

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a play, on both loops that servers use: their transports are not the same classes."""
    if request.param == "asyncio":
        return asyncio.run
    return pytest.importorskip("uvloop").run


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return make_contexts(tmp_path_factory.mktemp("certificate"))


@asynccontextmanager
async def a_door(**words: Any) -> AsyncIterator[Door]:
    """An open door with an HTTP application and an echo for the classic dialect; closed and checked at the end."""

    async def hello(request: web.Request) -> web.Response:
        who = door.principal_of(request.transport)
        body = (await request.read()).decode()
        return web.json_response({"path": request.path, "who": who.name, "role": who.role, "body": body})

    async def classic(request: dict[str, Any], principal: Principal) -> dict[str, Any]:
        if "missing" in request:
            raise NotFound("There is no job 5.", hint="Look again.")
        return {"heard": request, "who": principal.name}

    application = web.Application(middlewares=[make_guard()])
    application.router.add_route("*", "/{tail:.*}", hello)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    settings: dict[str, Any] = {"on_native": Farm(), "on_http": runner.server, "on_classic": classic, **words}
    # Tests read until the door closes; it need not wait long for them.
    settings["limits"] = settings.get("limits", Limits())._replace(linger_time=0.02)
    door = Door(settings.pop("listen", [HOME]), **settings)
    await door.open()
    try:
        async with asyncio.timeout(60):
            yield door
    finally:
        await door.close()
        await runner.cleanup()
        assert not door._callers and not door._per_address and not door._principals


async def talk(door: Door, data: bytes, *, tls: ssl.SSLContext | None = None, eof: bool = False) -> bytes:
    """Send bytes, return everything that comes back until the door closes."""
    [address, *_] = door.addresses
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    writer.write(data)
    if eof:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def classic_frame(request: dict[str, Any]) -> bytes:
    body = json.dumps(request).encode()
    return b"AFANASY %d JSON%s" % (len(body), body)


def classic_body(answer: bytes) -> Any:
    head, _, body = answer.partition(b"JSON")
    assert head == b"AFANASY %d " % len(body)
    return json.loads(body)


@pytest.mark.parametrize("secure", [False, True])
def test_http_with_and_without_tls(run: Run, secure: bool, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        async with a_door(tls=contexts[0]) as door, aiohttp.ClientSession() as session:
            url = f"http{'s' if secure else ''}://{door.addresses[0]}/api/jobs"
            # Twice on one connection, the second body larger than any buffer.
            for body in ("x", "é" * 300_000):
                async with session.post(url, data=body.encode(), ssl=contexts[1]) as answer:
                    found = await answer.json()
            assert found["path"] == "/api/jobs" and found["body"] == body
            assert found["role"] == Role.GOD and found["who"]

    run(play())


@pytest.mark.parametrize("secure", [False, True])
def test_the_native_protocol_with_and_without_tls(
    run: Run, secure: bool, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        async with a_door(tls=contexts[0]) as door:
            owner = Owner()
            hello = Hello([], "test", "client")
            link = Link(door.addresses, hello, owner, chance=random.Random(1), tls=contexts[1] if secure else None)
            link.start()
            assert isinstance(await owner.next(), Welcome)
            link.send(Request(1, "echo", {"data": b"\0" * 3_000_000}))
            reply = await owner.next()
            assert isinstance(reply, Reply) and len(reply.body["data"]) == 3_000_000
            await link.close()

    run(play())


@pytest.mark.parametrize("secure", [False, True])
def test_the_classic_dialect_with_and_without_tls(
    run: Run, secure: bool, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        tls = contexts[1] if secure else None
        async with a_door(tls=contexts[0]) as door:
            request = {"get": {"type": "jobs", "text": "é"}}
            assert classic_body(await talk(door, classic_frame(request), tls=tls))["heard"] == request
            large = {"job": {"text": "x" * 2_000_000}}
            lower = classic_frame(large).replace(b"AFANASY ", b"afanasy")
            assert classic_body(await talk(door, lower))["heard"] == large
            missing = classic_body(await talk(door, classic_frame({"missing": 1}), tls=tls))
            assert missing == {"info": {"kind": "error", "text": "There is no job 5. (Look again.)"}}

    run(play())


def test_the_classic_dialect_over_http_post(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door, aiohttp.ClientSession() as session:
            # As the browser page does it: the size in characters, which is too small.
            body = json.dumps({"get": {"name": "ééé"}}, ensure_ascii=False)
            async with session.post(
                f"http://{door.addresses[0]}/", data=body.encode(), headers={"AFANASY": str(len(body))}
            ) as answer:
                assert answer.headers["Connection"] == "close"
                assert (await answer.json())["heard"] == {"get": {"name": "ééé"}}
            unsized = await talk(door, b"POST / HTTP/1.1\r\nAFANASY: many\r\n\r\n{}")
            assert unsized == b""

    run(play())


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b"AFANASY 0 JSON{}", "TInvalid message received."),
        (b"AFANASY -5 JSON{}", "Invalid buffer size"),
        (b"AFANASY 99999999 JSON{}", "TInvalid message received."),
        (b'AFANASY 7 JSON{"get":1}', "at character 7 of 7"),
        (b'AFANASY 9 JSON{"a":"\xff"}', "not UTF-8"),
        (b'AFANASY 9 JSON{"a":NaN}x', "NaN"),
        (b"AFANASY and so on and so on and so on", "does not begin with AFANASY"),
        (b"\0\0\0\x51\0\0\0\x18\0\0\0\0{}", "TInvalid message received."),
    ],
)
def test_broken_classic_frames_get_a_sentence(run: Run, frame: bytes, text: str) -> None:
    async def play() -> None:
        async with a_door() as door:
            assert text in classic_body(await talk(door, frame))["info"]["text"]

    run(play())


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'AFANASY 50 JSON{"get"', "ended after 21 of 65 bytes"),
        (b"AFANASY 5", "ended after 9 bytes"),
        (b"\0\0\0\x51\0", "ended after 5"),
    ],
)
def test_a_classic_message_that_ends_in_the_middle_is_told(run: Run, frame: bytes, text: str) -> None:
    async def play() -> None:
        async with a_door() as door:
            answer = await talk(door, frame, eof=True)
            assert text.encode() in answer and answer[:1] == frame[:1], "in the framing in which it was asked"

    run(play())


def test_a_header_in_many_small_packets(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            body = json.dumps({"get": {"a": 1}}).encode()
            for request in (
                b"POST /x HTTP/1.1\r\nHost: localhost\r\nAFANASY: %d\r\n\r\n%s" % (len(body), body),
                b"AFANASY %d  JSON \n %s" % (len(body), body),
                b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            ):
                reader, writer = await asyncio.open_connection(*door.addresses[0])
                for at in range(len(request)):
                    writer.write(request[at : at + 1])
                    await writer.drain()
                    await asyncio.sleep(0)
                answer = await reader.read()
                assert b'"a":1' in answer or b'"path": "/x"' in answer
                writer.close()
                await writer.wait_closed()

    run(play())


def test_who_says_nothing_or_too_little_is_closed(run: Run) -> None:
    async def play() -> None:
        # Long enough to say too little, on a busy machine, too.
        async with a_door(limits=Limits(first_byte_time=0.5)) as door:
            assert await talk(door, b"") == b""
            late = await talk(door, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            assert late.startswith(b"HTTP/1.1 408") and b"within 0.5 seconds" in late

    run(play())


def test_a_tls_caller_who_stops_in_the_handshake_is_closed(
    run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        async with a_door(tls=contexts[0], limits=Limits(first_byte_time=0.05)) as door:
            assert await talk(door, b"\x16\x03\x01") == b""
            # A TLS alert, or nothing.
            assert (await talk(door, b"\x16\x03\x01\0\x05hello"))[:1] in (b"", b"\x15")

    run(play())


def test_tls_where_there_is_none_is_answered_by_an_alert(
    run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def play() -> None:
        async with a_door() as door:
            with pytest.raises(ssl.SSLError, match="(?i)handshake"):
                await asyncio.open_connection(*door.addresses[0], ssl=contexts[1])

    run(play())


@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_random_bytes(run: Run, seed: int, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        noise = random.Random(seed)
        async with a_door(tls=contexts[0], limits=Limits(first_byte_time=0.2)) as door:
            for prefix in (b"", b"A", b"a", b"\0", b"GET ", b"POST / HTTP/1.1\r\n", b"\x16\x03\x01", b"AFANASY 50 "):
                try:
                    answer = await talk(door, prefix + noise.randbytes(10_000))
                except ConnectionError:
                    # Closing before all was read makes the system reset the connection.
                    continue
                assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"AFANASY ", b"\x15\x03", b"\0\0\0\x51"))
            assert await talk(door, classic_frame({"get": {}}))

    run(play())


def test_random_frames_after_the_upgrade_close_one_connection_only(run: Run) -> None:
    async def play() -> None:
        noise = random.Random(5)
        async with a_door() as door:
            owner = Owner()
            link = make_link(owner, *door.addresses)
            link.start()
            assert isinstance(await owner.next(), Welcome)
            upgrade = (
                b"GET /af HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            for size in (3, 100, 10_000):
                answer = await talk(door, upgrade + b"\x82" + bytes([0x80 | 126]) + noise.randbytes(size), eof=True)
                assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
            link.send(Request(1, "echo", {}))
            assert await owner.next() == Reply(1, {})
            await link.close()

    run(play())


def test_many_connections_and_the_one_too_many(run: Run) -> None:
    async def play() -> None:
        farm = Farm()
        async with a_door(on_native=farm, limits=Limits(connections_per_address=200)) as door:
            owners = [Owner() for _ in range(200)]
            links = [make_link(owner, *door.addresses) for owner in owners]
            for link in links:
                link.start()
            for owner in owners:
                assert isinstance(await owner.next(), Welcome)
            assert len(door.peers) == 200
            refused = await talk(door, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert refused.startswith(b"HTTP/1.1 403") and b"More than 200 connections" in refused
            for number, link in enumerate(links):
                link.send(Request(number, "echo", {"n": number}))
            for number, owner in enumerate(owners):
                assert await owner.next() == Reply(number, {"n": number})
            await asyncio.gather(*(link.close() for link in links))
        assert farm.lost_reasons == ["the other side said goodbye"] * 200

    run(play())


def test_other_users_get_a_sentence_in_their_own_language(run: Run) -> None:
    def refuse(accepted: socket.socket) -> Principal:
        raise NotAllowed("This farm is run by somebody else.", hint="Start your own.")

    async def play() -> None:
        async with a_door(identify_peer=refuse) as door:
            http = await talk(door, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert http.startswith(b"HTTP/1.1 403")
            error = json.loads(http.partition(b"\r\n\r\n")[2])["error"]
            assert error["code"] == "not_allowed" and error["hint"] == "Start your own."
            assert "somebody else" in classic_body(await talk(door, classic_frame({"get": {}})))["info"]["text"]
            owner = Owner()
            link = make_link(owner, *door.addresses)
            link.start()
            refused = await owner.next()
            assert isinstance(refused, NotAllowed) and refused.hint == "Start your own."
            await link.close()

    run(play())


@pytest.mark.parametrize(
    "header", [b"Host: evil.example", b"Host: localhost\r\nOrigin: http://evil.example", b"Host: 127.evil.example"]
)
def test_pages_of_strangers_are_kept_out(run: Run, header: bytes) -> None:
    async def play() -> None:
        async with a_door() as door:
            for path in (b"GET /af", b"GET /", b"POST /api/jobs"):
                answer = await talk(door, path + b" HTTP/1.1\r\n" + header + b"\r\nUpgrade: websocket\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 403")
            # Also later on a connection that began well.
            first = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            answer = await talk(door, first + b"GET /two HTTP/1.1\r\nConnection: close\r\n" + header + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 403" in answer and b"/two" not in answer

    run(play())


def test_handshakes_that_are_wrong(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            base = b"GET /af HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            assert (await talk(door, base + b"\r\n")).startswith(b"HTTP/1.1 426")
            thirteen = base + b"Sec-WebSocket-Version: 13\r\n"
            assert (await talk(door, thirteen + b"\r\n")).startswith(b"HTTP/1.1 400")
            assert (await talk(door, b"GET / HTTP/1.1\r\nBad Header : x\r\n\r\n")).startswith(b"HTTP/1.1 400")
            assert (await talk(door, b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000)).startswith(b"HTTP/1.1 431")
            assert (await talk(door, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400")
            assert (await talk(door, b"hello there\r\n\r\n")).startswith(b"HTTP/1.1 400")

    run(play())


def test_ipv6_and_several_addresses_at_once(run: Run) -> None:
    async def play() -> None:
        listen = [Address("127.0.0.1", 0), Address("::1", 0), Address("localhost", 0)]
        async with a_door(listen=listen) as door:
            assert len(door.addresses) >= 3 and all(address.port for address in door.addresses)
            for address in door.addresses:
                reader, writer = await asyncio.open_connection(*address)
                writer.write(classic_frame({"get": {}}))
                assert classic_body(await reader.read())["heard"] == {"get": {}}
                writer.close()
                await writer.wait_closed()

    run(play())


class Deaf:
    """A caller that says hello and then takes nothing."""

    def opened(self, connection: FrameConnection) -> None: ...

    def frame_received(self, frame: bytes) -> None: ...

    def slowed(self, slow: bool) -> None: ...

    def closed(self, reason: str) -> None: ...


def test_a_peer_that_takes_nothing_is_marked_slow_and_then_catches_up(run: Run) -> None:
    async def play() -> None:
        farm = Farm()
        async with a_door(on_native=farm) as door:
            owner = Owner()
            links: list[websocket.WebSocketConnection] = []

            async def connect(receiver: FrameReceiver, address: Address) -> FrameConnection:
                connection = await websocket.connect(
                    receiver, host=address.host, port=address.port, limit=1 << 26, chance=random.Random(1)
                )
                links.append(connection)
                return connection

            link = Link(door.addresses, Hello([], "t", "client"), owner, chance=random.Random(1), connect=connect)
            link.start()
            assert isinstance(await owner.next(), Welcome)
            assert links[0]._transport is not None
            links[0]._transport.pause_reading()
            [peer] = farm.peers
            sent = 0
            while not peer.slow:
                peer.send(Reply(sent, b"\0" * 100_000))
                sent += 1
                await asyncio.sleep(0)
            assert peer.unsent() > 1 << 20
            links[0]._transport.resume_reading()
            for number in range(sent):
                reply = await owner.next()
                assert isinstance(reply, Reply) and reply.id == number
            assert not peer.slow
            await link.close()

    run(play())


def test_closing_the_door_leaves_nobody_behind(run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        async with a_door(tls=contexts[0]) as door:
            [address] = door.addresses
            silent = await asyncio.open_connection(*address)
            half = await asyncio.open_connection(*address)
            half[1].write(b"GET / HT")
            idle = await asyncio.open_connection(*address)
            idle[1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await idle[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            handshake = await asyncio.open_connection(*address)
            handshake[1].write(b"\x16\x03\x01")
            owner = Owner()
            link = make_link(owner, address)
            link.start()
            assert isinstance(await owner.next(), Welcome)
            await door.close("closing time")
            assert await owner.next() == "closing time"
            await link.close()
            for reader, writer in (silent, half, idle, handshake):
                try:
                    await reader.read()
                except ConnectionError:
                    assert reader is not idle[0]
                writer.close()

    run(play())


def test_a_reset_in_every_phase_leaves_nothing(run: Run, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def play() -> None:
        async with a_door(tls=contexts[0]) as door:
            for data in (b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16", b"AFANASY 5 JSON{", b"\0"):
                one = socket.create_connection(door.addresses[0])
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.send(data) if data else None
                await asyncio.sleep(0.01)
                one.close()
            while door._callers:
                await asyncio.sleep(0.01)

    run(play())
