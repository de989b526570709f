"""WebSocket frames without a network: the RFC's own examples, every way to cut them, and what is refused."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.errors import WireError
from afnet.transport.httphead import MAX_HEAD, find_end, parse_head, response
from afnet.transport.wsframes import (
    BINARY,
    CLOSE,
    PING,
    FrameReader,
    WebSocketFault,
    accept_key,
    check_answer,
    close_payload,
    encode_frame,
    read_close,
    request_upgrade,
    upgrade_answer,
)

LIMIT = 1 << 20


def test_the_example_handshake_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_request_and_its_answer_fit_together() -> None:
    key = bytes(range(16))
    head = parse_head(request_upgrade("localhost:51000", key))
    answer = upgrade_answer(head)
    assert check_answer(answer, key) == len(answer)
    assert check_answer(answer + b"\x82\x00", key) == len(answer)
    for cut in range(len(answer)):
        assert check_answer(answer[:cut], key) == 0
    with pytest.raises(WireError, match="answer to the WebSocket handshake is wrong"):
        check_answer(answer, b"\0" * 16)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"SSH-2.0", "does not speak HTTP"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"HTTP/1.1 426 Upgrade Required\r\n\r\n", "version of WebSocket"),
        (b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n", "200 OK"),
    ],
)
def test_what_else_may_answer(answer: bytes, what: str) -> None:
    with pytest.raises(WireError, match=what):
        check_answer(answer, b"\0" * 16)


def test_the_example_frames_of_the_rfc() -> None:
    assert encode_frame(b"Hello", opcode=PING, mask=bytes.fromhex("37fa213d")).hex() == "898537fa213d7f9f4d5158"
    assert encode_frame(b"\0" * 256)[:4].hex() == "827e0100"
    assert encode_frame(b"\0" * 65536)[:10].hex() == "827f0000000000010000"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 3, 125, 126, 127, 1000, 65535, 65536, 70000]), max_size=5),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_frames_come_through_however_they_are_cut(sizes: list[int], masked: bool, seed: int) -> None:
    chance = random.Random(seed)
    payloads = [chance.randbytes(size) for size in sizes]
    stream = b"".join(encode_frame(one, mask=chance.randbytes(4) if masked else None) for one in payloads)
    reader = FrameReader(masked=masked, limit=LIMIT)
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(stream):
        step = chance.choice([1, 2, 5, 100, 4096, 100_000])
        found += reader.feed(stream[at : at + step])
        at += step
    assert found == [(BINARY, payload) for payload in payloads]


def test_a_message_in_pieces_with_a_ping_between_them() -> None:
    reader = FrameReader(masked=False, limit=LIMIT)
    pieces = b"\x02\x03one" + b"\x00\x00" + b"\x89\x02hi" + b"\x80\x05 more" + b"\x82\x01x"
    assert reader.feed(pieces) == [(PING, b"hi"), (BINARY, b"one more"), (BINARY, b"x")]


@pytest.mark.parametrize(
    ("data", "code", "what"),
    [
        (b"\xc2\x00", 1002, "extension"),
        (b"\x82\x80\0\0\0\0", 1002, "masked"),
        (b"\x81\x01x", 1003, "text"),
        (b"\x80\x01x", 1002, "out of order"),
        (b"\x02\x01x\x82\x01y", 1002, "out of order"),
        (b"\x89\x7e\x01\x00", 1002, "control frame"),
        (b"\x09\x01x", 1002, "control frame"),
        (b"\x83\x01x", 1002, "control frame"),
        (b"\x82\x7f" + (LIMIT + 1).to_bytes(8, "big"), 1009, "larger than"),
        (b"\x02\x7f" + LIMIT.to_bytes(8, "big") + bytes(LIMIT) + b"\x80\x01x", 1009, "larger than"),
        (b"\x02\x00" + b"\x00\x00" * 70000, 1009, "65,536 pieces"),
    ],
)
def test_what_breaks_the_rfc_is_told_with_its_code(data: bytes, code: int, what: str) -> None:
    with pytest.raises(WebSocketFault, match=what) as fault:
        FrameReader(masked=False, limit=LIMIT).feed(data)
    assert fault.value.code == code


def test_a_server_refuses_what_is_not_masked() -> None:
    with pytest.raises(WebSocketFault, match="must be masked"):
        FrameReader(masked=True, limit=LIMIT).feed(b"\x82\x01x")


def test_close_reasons_are_cut_between_letters() -> None:
    payload = close_payload(1000, "é" * 100)
    assert len(payload) <= 125
    assert read_close(payload) == (1000, "é" * 60)
    assert read_close(b"") == (1005, "")
    assert read_close(close_payload(1001)) == (1001, "")
    assert encode_frame(payload, opcode=CLOSE)[0] == 0x88


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_make_frames_or_a_fault(data: bytes, masked: bool) -> None:
    reader = FrameReader(masked=masked, limit=1000)
    try:
        assert all(len(payload) <= 1000 for _, payload in reader.feed(data))
    except WebSocketFault as fault:
        assert fault.sentence


def test_heads_are_read_strictly() -> None:
    head = parse_head(b"GET /a b HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\nhost: second\r\n\r\n")
    assert (head.first, head.second) == ("GET", "/a") and head.headers == {"host": "x", "x-y": "z"}
    assert head.has_token("X", "y") is False
    for wrong in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / x\r\n folded: 1\r\n\r\n", b"GET / x\r\na : 1\r\n\r\n"):
        with pytest.raises(WireError, match="not understood"):
            parse_head(wrong)
    with pytest.raises(WireError, match="longer than"):
        find_end(b"x" * MAX_HEAD)
    assert find_end(b"a\r\n\r") == 0 and find_end(b"a\r\n\r\nb") == 5
    assert response(403, b"no", X_Y="z").startswith(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2")
