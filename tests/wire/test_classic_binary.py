"""The binary framing of the classic dialect: what is read, what is answered, and one recorded message byte for byte."""

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from afcore.envelope import Principal
from afcore.errors import NotAllowed
from afcore.states import Role
from afnet.classic.binary import (
    BinaryMessage,
    Kind,
    encode_binary,
    encode_header,
    encode_jobs_weight,
    encode_resources,
    encode_statistics,
    encode_task,
    read_binary,
    read_name,
    unknown_answer,
)
from afnet.classic.binary_get import statistics
from afnet.classic.framing import Hopeless, Incomplete
from afnet.server import classic
from benchmarks.classic import FRAMINGS, call, frame, server_time_waits
from tests.wire.test_door import Run, a_door, classic_frame, run, talk

__all__ = ["run"]

CLIENT = "127.0.0.9"
"""An address of loopback that no other test calls from."""

MESSAGES = {
    each["name"]: bytes.fromhex(each["hex"])
    for each in json.loads((Path(__file__).parent / "samples" / "binary-messages.json").read_text())
}


def test_the_recorded_task_is_written_byte_for_byte() -> None:
    exec_ = {
        "name": "frame 0", "service": "", "capacity": 1000, "time_start": 0x6B014A8D, "block_name": "b",
        "job_id": 18, "block_num": 0, "task_num": 0, "command_block": "", "command_task": "",
        "frame_start": 0, "frame_finish": 0, "frames_inc": 1, "frames_num": 1,
    }  # fmt: skip
    task = {
        "type": "TExec", "render_id": 0, "job_name": "proto_me", "block_name": "b", "task_name": "frame 0",
        "service": "", "parser": "", "pos": {"job": 18, "block": 0, "task": 0, "number": 0},
        "progress": {"state": " DON SKP", "st": 272}, "exec": exec_, "data": "",
    }  # fmt: skip
    found = encode_binary(BinaryMessage(Kind.TASK, encode_task({"task": task}, block_flags=1)))
    assert found == MESSAGES["task-info-answer"]


@pytest.mark.parametrize(
    "name", ["render-register-request", "render-update-empty-request", "render-update-finished-request"]
)
def test_an_agent_of_the_binary_dialect_is_told_that_the_version_differs(name: str) -> None:
    found = read_binary(MESSAGES[name])
    assert isinstance(found, BinaryMessage)
    assert encode_binary(found) == MESSAGES["version-mismatch-answer"]


def test_every_recorded_message_is_read_to_its_end_and_answered() -> None:
    for name, data in MESSAGES.items():
        if data[0] != 0:
            continue
        found = read_binary(data + b"more")
        assert isinstance(found, BinaryMessage), name
        assert isinstance(read_binary(data[:11]), Incomplete)
        if found.kind >= Kind.DATA:
            assert encode_binary(found) == data
            assert read_binary(data[:-1]) == Incomplete(len(data)) == read_binary(data[:12])
        assert found.kind == Kind.VERSION_MISMATCH or unknown_answer(found)["info"]["text"]


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ((81, 63, 5), "TInvalid message received."),
        ((81, 24, 0), "TInvalid message received."),
        ((81, 24, -1), "TInvalid message received."),
        ((81, 24, 67108853), "TInvalid message received."),
    ],
)
def test_wrong_sizes_and_types(header: tuple[int, int, int], text: str) -> None:
    found = read_binary(struct.pack(">iii", *header))
    assert isinstance(found, Hopeless) and found.answer == {"info": {"kind": "error", "text": text}}


def test_another_version() -> None:
    found = read_binary(struct.pack(">iii", 80, 24, 5) + b"hello")
    assert isinstance(found, BinaryMessage) and encode_binary(found) == MESSAGES["version-mismatch-answer"]


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (BinaryMessage(Kind.INVALID), "error", "TInvalid message received."),
        (BinaryMessage(Kind.CONFIRM, number=5), "log", "af::Msg::TConfirm: 5"),
        (BinaryMessage(Kind.DATA, b"x"), "log", "Received data verbosed."),
        (BinaryMessage(Kind.STRING, b"\0\0\0\2x\0"), "log", "Log appended."),
        (BinaryMessage(60, b"x"), "error", "Unknown message was received by run thread: type 60"),
        (BinaryMessage(-5), "error", "Unknown message was received by run thread: type -5"),
        (BinaryMessage(Kind.RENDER_DEREGISTER, number=4), "error", "No render with provided ID found."),
    ],
)
def test_small_messages_are_answered_in_the_recorded_words(message: BinaryMessage, kind: str, text: str) -> None:
    assert unknown_answer(message) == {"info": {"kind": kind, "text": text}}


def test_measured_hosts_are_as_long_as_the_recorded_ones() -> None:
    # The heartbeat with what the host measures: header, render, no updates, no outputs, yes; then the measures.
    recorded = MESSAGES["render-update-resources-request"][12 + 4 + 4 + 4 + 1 :]
    values = {
        "cpu_num": 2, "cpu_mhz": 2596, "cpu_loadavg": [11, 11, 8], "cpu_user": 0x1D, "cpu_nice": 0x12,
        "gpu_string": "AMD EPYC",
    }  # fmt: skip
    found = encode_resources([{"id": 7, "tasks_percents": [-1, 50], "host_resources": values}])
    own = found[4 + 4 + 8 + 16 : -4]
    head = struct.pack(">iii", 2, 2596, 0) + bytes((11, 11, 8))
    assert own.startswith(head) and recorded.startswith(head)
    assert found.startswith(struct.pack(">IIii", 1, 2, -1, 50)) and found.endswith(struct.pack(">i", 7))
    # The recorded processor's name stands where hw_info is; the text of the graphics card is empty there.
    texts = struct.pack(">I", 9) + b"AMD EPYC\0"
    assert len(own) - len(texts) + 5 == len(recorded) - len(texts) + 5 and texts in own and texts in recorded


def test_weights_and_statistics() -> None:
    found = encode_jobs_weight([("a", 2, 10, 20, 30, 40), ("bc", 3, 1, 2, 3, 4)])
    assert found.startswith(
        struct.pack(">II", 2, 2) + b"a\0" + struct.pack(">I", 3) + b"bc\0" + struct.pack(">III", 2, 2, 3)
    )
    assert found.endswith(struct.pack(">III", 2, 40, 4))
    assert encode_jobs_weight([]) == b"\0" * 24
    statistics = encode_statistics({24: (1000, 3, 700)})
    assert len(statistics) == 2772
    assert struct.unpack_from(">ii", statistics, 24 * 8) == (1000, 3)
    assert struct.unpack_from(">i", statistics, 5 * 63 * 8 + 24 * 4) == (700,)


def test_statistics_are_what_is_counted_at_the_door() -> None:
    def row(kind: str, peer: str, received: int, sent: int, messages: int, largest: int) -> dict[str, Any]:
        sizes = {"received_bytes": received, "sent_bytes": sent, "messages": messages, "largest": largest}
        return {"kind": kind, "peer": peer, **sizes}

    rows = [
        row("get jobs", "classic 127.0.0.1", 100, 1000, 4, 900),
        row("action jobs", "classic 10.0.0.4", 50, 5, 2, 40),
        row("binary jobs_weight_request", "classic 127.0.0.1", 12, 300, 2, 300),
        row("http", "http 127.0.0.1", 70, 7000, 3, 6000),
        row("Beat", "agent 10.0.0.9", 3 << 31, 0, 9, 64),
    ]
    body = statistics(rows).body
    periods = [struct.unpack_from(f">{2 * 63}i", body, period * 63 * 8) for period in range(5)]
    largest = struct.unpack_from(">63i", body, 5 * 63 * 8)
    assert periods == [periods[0]] * 5
    told = {kind: (*periods[0][2 * kind : 2 * kind + 2], largest[kind]) for kind in range(63) if periods[0][2 * kind]}
    assert told == {24: (1155, 6, 900), 10: (312, 2, 300), 26: (7070, 3, 6000), 21: ((1 << 31) - 1, 9, 64)}


def test_a_request_by_name_or_ids() -> None:
    texts = b"".join(struct.pack(">I", len(each) + 1) + each + b"\0" for each in (b"me", b"here", b"farm", b""))
    whole = texts + struct.pack(">ii", 0, 0) + struct.pack(">Iii", 2, 4, 5)
    assert read_name(whole) == ("farm", [4, 5])
    assert read_name(whole[:-3]) == ("farm", [])
    assert read_name(texts[:3]) == ("", [])
    assert read_name(struct.pack(">I", 0xFFFFFFFF)) == ("", [])


def test_json_inside_the_binary_header_is_answered_alike(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            body = json.dumps({"get": {"name": "ü"}}).encode()
            answer = await talk(door, encode_header(Kind.JSON, len(body)) + body)
            assert struct.unpack_from(">iii", answer) == (81, 24, len(answer) - 12)
            assert json.loads(answer[12:])["heard"] == {"get": {"name": "ü"}}
            # A mistake is told in the same framing.
            wrong = await talk(door, encode_header(Kind.JSON, 2) + b"{x")
            assert "info" in json.loads(wrong[12:])
            assert await talk(door, struct.pack(">iii", 80, 3, 0)) == MESSAGES["version-mismatch-answer"]
            # Whatever is answered with JSON beside it comes in text framing.
            assert (await talk(door, struct.pack(">iii", 81, 63, 9))).startswith(b"AFANASY ")

    run(play())


def test_a_binary_request_reaches_the_desk_and_a_binary_answer_comes_back(run: Run) -> None:
    async def desk(request: dict[str, Any] | BinaryMessage, principal: Principal) -> Any:
        assert isinstance(request, BinaryMessage)
        if request.kind == Kind.MONITOR_UPDATE_ID:
            return BinaryMessage(Kind.MONITOR_ID, number=request.number)
        return unknown_answer(request)

    async def play() -> None:
        async with a_door(on_classic=desk) as door:
            assert await talk(door, encode_header(6, 9)) == encode_header(5, 9)
            answer = await talk(door, encode_header(Kind.DATA, 3) + b"abc")
            assert b"Received data verbosed." in answer and answer.startswith(b"AFANASY ")

    run(play())


@pytest.mark.parametrize("closes", [True, False])
def test_who_is_answered_closes_first_or_is_closed_and_counted(run: Run, closes: bool) -> None:
    async def play() -> None:
        async with a_door() as door:
            for request in (
                classic_frame({"get": {}}),
                b"POST / HTTP/1.1\r\nAFANASY: 2\r\nConnection: close\r\n\r\n{}",
                b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                b"hello there",
            ):
                # Who closes has time to do so, and who does not is closed soon.
                door.lingering._seconds = 60.0 if closes else 0.02
                before = door.lingering.closed
                reader, writer = await asyncio.open_connection(*door.addresses[0])
                writer.write(request)
                await reader.readuntil(b"}")
                if closes:
                    writer.close()
                    await writer.wait_closed()
                else:
                    # More words, which nobody hears, do not reset the connection.
                    writer.write(b"x" * 100_000)
                    await reader.read()
                    writer.close()
                while door._callers:
                    await asyncio.sleep(0.001)
                assert door.lingering.closed == before + (not closes)
                assert len(door.lingering) == 0

    run(play())


def test_a_client_that_takes_no_answer_is_closed_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic, "_TAKE_TIME", 0.05)

    async def desk(request: Any, principal: Principal) -> dict[str, Any]:
        return {"much": "x" * 20_000_000}

    async def play() -> None:
        async with a_door(on_classic=desk) as door:
            reader, writer = await asyncio.open_connection(*door.addresses[0], limit=1024)
            writer.write(classic_frame({"get": {}}))
            while not door.lingering.closed:
                await asyncio.sleep(0.01)
            assert door.traffic.rows()[0]["sent_bytes"] > 20_000_000
            while door._callers:
                await asyncio.sleep(0.001)
            writer.transport.abort()

    run(play())


def test_a_slow_client_gets_the_whole_of_a_large_answer(run: Run) -> None:
    async def desk(request: Any, principal: Principal) -> dict[str, Any]:
        return {"much": "x" * 8_000_000}

    async def play() -> None:
        async with a_door(on_classic=desk) as door:
            reader, writer = await asyncio.open_connection(*door.addresses[0], limit=65536)
            writer.write(frame("post"))
            got = 0
            while piece := await reader.read(100_000):
                got += len(piece)
                await asyncio.sleep(0.001)
            assert got > 8_000_000
            writer.close()
            await writer.wait_closed()

    run(play())


def test_a_mistake_of_the_desk_is_a_sentence(run: Run, expected_logs: Any) -> None:
    expected_logs("a classic request failed")

    async def desk(request: Any, principal: Principal) -> dict[str, Any]:
        raise KeyError("job")

    async def play() -> None:
        async with a_door(on_classic=desk) as door:
            assert b"The server made a mistake." in await talk(door, classic_frame({"get": {"type": "jobs"}}))

    run(play())


def test_a_frame_of_64_megabytes_is_read_and_answered(run: Run) -> None:
    async def desk(request: Any, principal: Principal) -> dict[str, Any]:
        return {"size": len(request["job"]["text"])}

    async def play() -> None:
        async with a_door(on_classic=desk) as door:
            body = b'{"job":{"text":"' + b"x" * (67108852 - 19) + b'"}}'
            answer = await talk(door, b"AFANASY %d JSON%s" % (len(body), body))
            assert b'"size":67108833' in answer
            larger = await talk(door, b"AFANASY %d JSON{" % (len(body) + 1))
            assert b"TInvalid message received." in larger

    run(play())


def test_a_stranger_need_not_send_a_large_request_to_be_refused(run: Run) -> None:
    def nobody(accepted: Any) -> Principal:
        raise NotAllowed("Strangers may not.")

    async def play() -> None:
        async with a_door(identify_peer=nobody) as door:
            for request in (
                b"AFANASY 60000000 JSON{",
                encode_header(Kind.JSON, 60_000_000) + b"{",
                b"POST / HTTP/1.1\r\nAFANASY: 60000000\r\n\r\n{",
                encode_header(Kind.STATISTICS_REQUEST, 0),
            ):
                assert b"Strangers may not." in await talk(door, request)

    run(play())


def test_short_connections_leave_nothing_on_the_servers_side(run: Run) -> None:
    async def play() -> None:
        async with a_door() as door:
            # A client may take its time to close.
            door.lingering._seconds = 60.0
            port = door.addresses[0].port

            def many(framing: str) -> None:
                for _ in range(200):
                    call(port, framing, frame(framing).replace(b"/api/status", b"/x"), CLIENT)

            loop = asyncio.get_running_loop()
            for framing in FRAMINGS:
                await loop.run_in_executor(None, many, framing)
            assert server_time_waits(port, CLIENT) == 0
            assert door.lingering.closed == 0
            while door._callers:
                await asyncio.sleep(0.001)

    run(play())


@pytest.mark.parametrize(
    "beginning",
    [
        b"AFANASY 100 JSON{",
        b"AFANASY 100",
        encode_header(Kind.JSON, 100) + b"{",
        encode_header(Kind.JSON, 100)[:7],
        b"",
    ],
)
def test_half_a_frame_and_then_silence_is_closed_without_an_answer(run: Run, beginning: bytes) -> None:
    async def desk(request: Any, principal: Principal) -> dict[str, Any]:
        raise AssertionError("nothing was asked")

    async def play() -> None:
        loop = asyncio.get_running_loop()
        made: list[classic.ClassicConnection] = []

        def connect() -> classic.ClassicConnection:
            made.append(classic.ClassicConnection(desk, Principal("me", Role.GOD), receive_time=0.05))
            return made[-1]

        server = await loop.create_server(connect, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.write(beginning)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert made[0]._transport is None or made[0]._transport.is_closing()

    run(play())
