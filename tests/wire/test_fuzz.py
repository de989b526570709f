"""Whatever comes from the network is a value, a wait or a refusal: no decoder crashes or keeps more than its limit.

Rules of this file:
- One test for each decoder that meets bytes or JSON of callers before, or instead of, the farm's own checks.
- Inputs are drawn near what is right: random bytes alone get no further than the first of them.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.envelope import Principal
from afcore.errors import AfError, NotAllowed
from afcore.jobcheck import read_job
from afcore.masks import Mask, mask_problem
from afcore.states import Role
from afnet.classic.binary import BinaryMessage, read_binary, read_name
from afnet.classic.dialect import read_request
from afnet.classic.framing import Hopeless, Incomplete, parse_request, read_post_size, read_text
from afnet.client.nearby import _ask as ask_claim
from afnet.client.nearby import _Claim as Claim
from afnet.client.servers import Address, parse_address
from afnet.moments import parse_instant
from afnet.registry import OPERATIONS
from afnet.server.authority import request_fingerprint
from afnet.server.budgets import RequestBudget
from afnet.server.guard import browser_refusal
from afnet.server.heard import heard_reading, heard_register, heard_report
from afnet.server.networks import read_networks
from afnet.server.pastchild import read_message, write_message
from afnet.server.peer import parse_answer, parse_proc_line
from afnet.server.people import People
from afnet.server.runfiles import read_file
from afnet.server.sessions import next_of
from afnet.transport.httphead import find_end, parse_head
from afnet.transport.wsframes import FrameReader, WebSocketFault, encode_frame, upgrade_answer
from afnet.web.history import _BY as KINDS
from afnet.web.history import Asked, read_asked
from afnet.wire.codec import decode, encode
from afnet.wire.messages import Hello, Ping, Refused, Register, Report, Request, Subscribe, Welcome
from afnet.wire.session import Session
from afrender.pairing import is_of
from tests.wire.matrix import MATRIX

FEW = settings(max_examples=40, deadline=None)

TEXTS = st.text(max_size=20) | st.sampled_from(["ids", "job", "get", "action", "type", "operation", "jobs", "a" * 300])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=6)


def torn(data: bytes, at: list[int]) -> list[bytes]:
    """Return data in pieces."""
    places = sorted({place % (len(data) + 1) for place in at})
    return [data[first:last] for first, last in zip([0, *places], [*places, len(data)])]


@FEW
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4), st.integers(0, 15), st.booleans())
def test_websocket_frames(data: bytes, at: list[int], opcode: int, right: bool) -> None:
    frames = encode_frame(data, opcode=opcode, mask=b"mask") if right else b"\x82" + data
    reader = FrameReader(masked=True, limit=1000)
    try:
        for piece in torn(frames * 3, at):
            for _, payload in reader.feed(piece):
                assert len(payload) <= 1000
            assert len(reader._buffer) <= 1000 + 14 and reader._size <= 1000
    except WebSocketFault:
        return


@FEW
@given(st.integers(1001, 2**62))
def test_a_frame_that_announces_too_much_is_refused_before_it_is_kept(size: int) -> None:
    reader = FrameReader(masked=True, limit=1000)
    try:
        reader.feed(b"\x82\xff" + size.to_bytes(8, "big") + b"mask")
    except WebSocketFault as fault:
        assert "larger than" in fault.sentence
    else:
        raise AssertionError("it was taken")


@FEW
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET /af HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n"]))
def test_http_heads(data: bytes, start: bytes) -> None:
    whole = start + data + b"\r\n\r\n"
    try:
        end = find_end(whole)
        head = parse_head(whole[:end])
        browser_refusal(head.headers)
        upgrade_answer(head)
        read_post_size(head.headers)
    except AfError:
        return


@FEW
@given(st.dictionaries(st.sampled_from(["host", "origin", "sec-fetch-site", "sec-fetch-mode"]), st.text(max_size=60)))
def test_headers_of_browsers(headers: dict[str, str]) -> None:
    assert isinstance(browser_refusal(headers, frozenset({"farm"})), str)


@FEW
@given(VALUES, st.binary(max_size=200))
def test_native_frames(value: Any, noise: bytes) -> None:
    packed = msgspec.msgpack.encode(value)
    for frame in (noise, packed, b"\x92" + packed * 2, encode([Ping(1)]) + noise):
        try:
            decode(frame)
        except AfError:
            continue


@FEW
@given(st.lists(VALUES, max_size=4), st.integers(0, 60))
def test_native_messages_after_the_greeting(values: list[Any], tag: int) -> None:
    session = Session("server", now=0.0, greet=lambda hello: Welcome(1, "x", "farm", 1))
    session.receive(encode([Hello([1], "test", "client", token="x" * 50)]), 0.0)
    try:
        found = session.receive(msgspec.msgpack.encode([[tag, *values]]), 1.0)
        assert all(isinstance(message, Request | Subscribe | Refused | msgspec.Struct) for message in found)
        assert len(session.pending()) < 65536
    except AfError:
        return


@FEW
@given(st.binary(max_size=200), OBJECTS)
def test_classic_text_and_json(noise: bytes, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    for data in (noise, b"AFANASY %d JSON" % len(body) + body, b"AFANASY 99999999999999999999 JSON", b"A" + noise):
        found = read_text(data)
        if isinstance(found, bytes):
            try:
                read_request(parse_request(found))
            except AfError:
                continue
        else:
            assert isinstance(found, Hopeless | Incomplete)


@FEW
@given(OBJECTS, st.sampled_from(["jobs", "renders", "users", "pools", "branches", "monitors", "files"]), VALUES)
def test_classic_requests(value: dict[str, Any], kind: str, operation: Any) -> None:
    act = {"user_name": "u", "host_name": "h", "type": kind, "operation": operation, **value}
    for request in ({"get": {"type": kind, **value}}, {"action": act}, {"job": value}, value):
        try:
            read_request(request)
        except AfError:
            continue


@FEW
@given(st.binary(max_size=120))
def test_classic_binary(data: bytes) -> None:
    for frame in (data, b"\0\0\0\x51" + data, b"\0" * 12 + data):
        found = read_binary(frame) if frame[:1] == b"\0" else None
        if isinstance(found, BinaryMessage):
            try:
                read_name(found.body)
            except AfError:
                continue


@FEW
@given(st.sampled_from(sorted(MATRIX)), OBJECTS, VALUES)
def test_arguments_of_every_operation(name: str, extra: dict[str, Any], value: Any) -> None:
    operation = OPERATIONS[name]
    given_ = {argument.name: value for argument in operation.arguments} | extra
    for arguments in (given_, extra, {argument.name: value for argument in operation.arguments}):
        try:
            operation.bind(arguments)
            if operation.command is not None:
                operation.make_command(arguments)
        except AfError:
            continue


@FEW
@given(OBJECTS, st.lists(OBJECTS, max_size=3))
def test_jobs(job: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    for spec in (job, {**job, "blocks": blocks}, {"name": "x", "blocks": blocks}):
        try:
            read_job(spec, services=frozenset({"generic"}))
        except AfError:
            continue


@FEW
@given(st.text(max_size=80))
def test_tokens_names_files_and_ways_back(text: str) -> None:
    people = People((), now=lambda: 0.0, own=Principal("me", Role.GOD))
    for token in (text, f"af_{text}", f"af_{text}_{text}", f"machine_{text}"):
        try:
            people.recognise(token, "192.0.2.1")
        except NotAllowed:
            continue
        raise AssertionError("somebody was recognised")
    way = next_of(text)
    assert way.startswith("/") and not way.startswith("//") and "\\" not in way and "\n" not in way
    for read in (lambda: read_networks([text]), lambda: parse_address(text), lambda: is_of(text, "ab")):
        try:
            read()
        except AfError:
            continue


@FEW
@given(st.text(max_size=60) | st.from_regex(r"\d{1,3}\.\d\.\d\.\d\.[0-9a-f]{8}", fullmatch=True))
def test_ids_of_files(id: str) -> None:
    try:
        read_file(Path(__file__).with_name("nothing"), id)
    except AfError:
        return
    raise AssertionError("a file was found")


@FEW
@given(st.binary(max_size=120), st.text(max_size=200))
def test_what_the_system_says_of_sockets(data: bytes, line: str) -> None:
    parse_answer(data)
    parse_proc_line(line)


@FEW
@given(st.lists(st.tuples(st.text(max_size=8), st.floats(0, 1e6)), max_size=60))
def test_the_budget_of_requests_remembers_a_bounded_number(asked: list[tuple[str, float]]) -> None:
    now = [0.0]
    budget = RequestBudget(1, clock=lambda: now[0])
    for origin, at in asked:
        now[0] = max(now[0], at)
        try:
            budget.take(origin)
        except AfError:
            continue
    assert len(budget._spent) <= 60


@FEW
@given(
    st.dictionaries(st.sampled_from([field.name for field in fields(Asked)]), st.text(max_size=40), max_size=8),
    st.text(max_size=40) | st.from_regex(r"-?\d{1,12}(\.\d+)? ?[smhdwy]?( \d\d?:\d\d?(:\d\d?)?)?", fullmatch=True),
    st.sampled_from([None, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")]),
)
def test_what_addresses_of_pages_ask_for_and_when_is_meant(
    query: dict[str, str], text: str, zone: ZoneInfo | None
) -> None:
    asked = read_asked(query)
    assert asked.by in KINDS and asked == read_asked(query)
    try:
        assert 0 <= parse_instant(text, now=1_800_000_000.0, zone=zone).at
    except AfError:
        return


@FEW
@given(st.text(max_size=400), st.binary(max_size=200))
def test_requests_for_certificates(text: str, noise: bytes) -> None:
    body = base64.b64encode(noise).decode()
    for request in (text, f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"):
        try:
            request_fingerprint(request)
        except AfError:
            continue
        raise AssertionError("nothing was signed")


@FEW
@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3), st.text(max_size=80))
def test_what_is_claimed_on_a_network_is_an_answer_or_nothing(name: str, hosts: list[str], told: str) -> None:
    # Port 0 is nobody's, and names that are looked up would leave this machine.
    addresses = [Address(f"127.0.0.{len(host)}", 0) for host in hosts]
    assert ask_claim(Claim(name, addresses, told)) is None


@FEW
@given(OBJECTS, VALUES)
def test_questions_to_the_child_that_looks_at_the_past(given_: dict[str, Any], value: Any) -> None:
    stream = io.BytesIO()
    write_message(stream, {**given_, "value": value})
    stream.seek(0)
    assert msgspec.msgpack.encode(read_message(stream)) == msgspec.msgpack.encode({**given_, "value": value})
    for cut in range(0, len(stream.getvalue()), 7):
        assert read_message(io.BytesIO(stream.getvalue()[:cut])) is None


@FEW
@given(OBJECTS, st.lists(OBJECTS, max_size=3), st.lists(VALUES, max_size=16))
def test_what_agents_say(reading: dict[str, Any], things: list[dict[str, Any]], values: list[Any]) -> None:
    assert heard_reading(heard_reading(reading)) == heard_reading(reading)
    for kind, hear in ((Register, heard_register), (Report, heard_report)):
        wide = [*values, *([0] * 16)][: len(kind.__struct_fields__)]
        try:
            said = msgspec.convert(wide, kind)
        except msgspec.ValidationError:
            continue
        msgspec.msgpack.encode(hear(said))  # type: ignore[operator]  # each hears its own kind
    register = Register("r", "", "", "", "", 0.0, "", things, things, reading, [])
    msgspec.msgpack.encode(heard_register(register))


@FEW
@given(st.text(max_size=40) | st.from_regex(r"[(ab.*+?|\])\[^$\\d{1,9}]{1,30}", fullmatch=True), st.text(max_size=60))
def test_masks_of_strangers(pattern: str, name: str) -> None:
    if mask_problem(pattern) == "":
        for text in (name, "a" * 500):
            Mask(pattern).matches(text)
