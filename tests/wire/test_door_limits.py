"""What ends callers who cost without giving: slow readers of HTTP, nobodies who stay, and one too many of all."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path

import pytest
from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, ConfigError, NotAllowed
from afcore.states import Role
from afnet.client.link import Link
from afnet.client.retry import Backoff
from afnet.client.servers import Address
from afnet.server import native
from afnet.server.caller import Limits
from afnet.server.handshakes import Handshakes
from afnet.transport.wsframes import PING, encode_frame, request_upgrade
from afnet.wire.messages import Hello, Welcome
from tests.guards import ExpectedLogs
from tests.wire.certificate import make_contexts
from tests.wire.test_door import Owner, Run, a_door, run, talk

__all__ = ["run"]

LARGE = 64 * 1024 * 1024


def a_request(door_address: Address) -> bytes:
    return f"GET /large HTTP/1.1\r\nHost: {door_address}\r\nConnection: close\r\n\r\n".encode()


def test_who_takes_nothing_of_an_answer_over_http_is_cut_off_and_who_takes_it_is_not(
    run: Run, expected_logs: ExpectedLogs
) -> None:
    expected_logs("took nothing of its answer")

    async def play() -> None:
        async def large(request: web.Request) -> web.Response:
            return web.Response(body=b"x" * LARGE)

        application = web.Application()
        application.router.add_get("/large", large)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            async with a_door(on_http=runner.server, limits=Limits(patience=1.5)) as door:
                [address] = door.addresses
                reader, writer = await asyncio.open_connection(address.host, address.port, limit=1024)
                writer.write(a_request(address))
                await reader.read(10)
                assert len(door._callers) == 1
                async with asyncio.timeout(60):
                    while door._callers:
                        await asyncio.sleep(0.01)
                writer.close()
                # Slower than that in all, but taking some of it all the time.
                reader, writer = await asyncio.open_connection(address.host, address.port, limit=LARGE // 64)
                writer.write(a_request(address))
                taken = 0
                while data := await reader.read(LARGE // 64):
                    taken += len(data)
                    await asyncio.sleep(0.04)
                assert taken > LARGE
                writer.close()
        finally:
            await runner.cleanup()

    run(play())


def test_a_conversation_in_which_nobody_signs_in_ends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    nobody = Principal("", Role.NOBODY, "127.0.0.1")

    def recognise(token: str, origin: str) -> tuple[Principal, str]:
        if token == "ann":
            return Principal("ann", Role.USER, origin), "1"
        raise NotAllowed("Nobody knows this token.")

    async def play() -> None:
        async with a_door(
            identify_peer=lambda accepted: nobody, recognise=recognise, clock=lambda: now[0], ping_time=0.02
        ) as door:
            links, owners = [], []
            for token in ("", "ann"):
                owner = Owner()
                link = Link(
                    door.addresses, Hello([], "test", "client"), owner, chance=random.Random(1),
                    clock=lambda: now[0], credential=lambda host, port, token=token: token,  # type: ignore[misc]
                )  # fmt: skip
                link.start()
                assert isinstance(await owner.next(), Welcome)
                links.append(link)
                owners.append(owner)
            now[0] += native.NOBODYS_TIME + 1
            # The steps of time are smaller than those that would count as silence.
            said = await owners[0].next()
            assert "Nobody signed in here within 60 seconds" in str(said)
            for link in links:
                await link.close()

    run(play())


def test_pings_whose_answers_nobody_takes_fill_no_memory(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            [address] = door.addresses
            with socket.socket() as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(plain, (address.host, address.port))
                await loop.sock_sendall(plain, request_upgrade(str(address), b"0123456789abcdef"))
                pings, most = encode_frame(b"x" * 125, opcode=PING, mask=b"1234") * 500, 0
                for _ in range(200):
                    await loop.sock_sendall(plain, pings)
                    [caller] = door._callers
                    if caller.transport is not None:
                        most = max(most, caller.transport.get_write_buffer_size())
                assert 0 < most < 2 << 20, most

    run(play())


def test_one_connection_too_many_of_all_is_refused_by_a_sentence(run: Run) -> None:
    async def play() -> None:
        async with a_door(limits=Limits(connections=3)) as door:
            [address] = door.addresses
            held = [await asyncio.open_connection(address.host, address.port) for _ in range(3)]
            async with asyncio.timeout(60):
                while len(door._callers) < 3:
                    await asyncio.sleep(0.01)
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            refused = await talk(door, request)
            assert refused.startswith(b"HTTP/1.1 403") and b"More than 3 connections are open" in refused
            for _, writer in held:
                writer.close()
            async with asyncio.timeout(60):
                while door._callers:
                    await asyncio.sleep(0.01)
            assert (await talk(door, request)).startswith(b"HTTP/1.1 200")

    run(play())


def test_a_link_that_may_try_no_server_gives_up_with_a_sentence_until_it_is_told_to_try_again(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            trusted = []

            def trust(host: str, port: int) -> None:
                if not trusted:
                    raise ConfigError("", "", "its certificate authority is not known here", hint="run afcmd trust")

            owner = Owner()
            given_up: asyncio.Queue[AfError] = asyncio.Queue()
            chance = random.Random(1)
            link = Link(
                [*door.addresses, Address("127.0.0.1", 1)], Hello([], "test", "client"), owner, chance=chance,
                trust=trust, gave_up=given_up.put_nowait, backoff=Backoff(chance, first=0.01, most=0.02),
            )  # fmt: skip
            link.start()
            async with asyncio.timeout(60):
                assert "not known here" in str(await given_up.get())
            for _ in range(2):
                assert isinstance(await owner.next(), ConfigError)
            assert owner.heard.empty() and given_up.empty() and not door._callers
            trusted.append(True)
            link.again()
            assert isinstance(await owner.next(), Welcome)
            # Told again, it hangs up and comes back at once.
            link.again()
            while not isinstance(await owner.next(), Welcome):
                pass
            await link.close()

    run(play())


def test_who_waits_for_the_handshake_of_the_server_does_not_count_as_silent(run: Run, tmp_path: Path) -> None:
    server, caller = make_contexts(tmp_path)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def play() -> None:
        async with a_door(tls=server, limits=Limits(strangers=3)) as door:
            door.handshakes = Handshakes(at_once=0)
            talks = []
            for count in range(1, 9):
                talks.append(asyncio.create_task(talk(door, request, tls=caller)))
                while len(door.handshakes) < count:
                    await asyncio.sleep(0.001)
            assert door.crowded_out == 0
            door.limits = door.limits._replace(strangers=100)
            door.handshakes.at_once = 1
            answers = await asyncio.gather(*talks)
            assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)

    run(play())


def test_who_is_crowded_out_while_its_connection_is_being_made_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    server, _ = make_contexts(tmp_path)

    async def play() -> None:
        async with a_door(tls=server, limits=Limits(strangers=2)) as door:
            for said in (b"G", b"\x16", b"\x16\x03\x01"):
                pairs = await asyncio.gather(*(asyncio.open_connection(*door.addresses[0]) for _ in range(30)))
                for _, writer in pairs:
                    writer.write(said)
                async with asyncio.timeout(60):
                    while len(door._callers) > 2:
                        await asyncio.sleep(0.001)
                for _, writer in pairs:
                    writer.close()
            assert door.crowded_out

    run(play())
