"""The classic text frame: sizes, headers in pieces, and JSON that is read as the reference reads it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afcore.errors import TheirFault
from afnet.classic.framing import (
    Hopeless,
    Incomplete,
    http_header,
    info,
    parse_request,
    read_post_size,
    read_text,
    text_header,
)


@pytest.mark.parametrize(
    "frame",
    [
        b'AFANASY 7 JSON{"a":1}',
        b'afanasy7 JSON{"a":1}',
        b'AfAnAsY 7 JSON  \n{"a":1}',
        b'AFANASY 7 JSON{"a":1} and more',
    ],
)
def test_frames_and_every_beginning_of_them(frame: bytes) -> None:
    assert read_text(frame) == b'{"a":1}'
    whole = frame.index(b"}") + 1
    for cut in range(1, whole):
        assert isinstance(read_text(frame[:cut]), Incomplete)
    # Once the size is known, so is what to wait for.
    assert read_text(frame[: whole - 1]) == Incomplete(whole)


@pytest.mark.parametrize(
    "frame",
    [b"AFANASY 5" + b" " * 300, b"AFANASY 5 JSON" + b" " * 300, b"AFANASY 5 json" + b"x" * 300],
)
def test_a_header_that_never_ends_is_closed_without_a_word(frame: bytes) -> None:
    assert read_text(frame) == Hopeless(None)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b"AFANASY 0 JSON{}", "TInvalid message received."),
        (b"AFANASY 67108853 JSON{}", "TInvalid message received."),
        (b"AFANASY -1 JSON{}", "Invalid buffer size"),
        (b"AFANASY JSON{}", "The message does not begin with AFANASY and the size of the JSON that follows."),
        (b"AFANOTHER", "The message does not begin with AFANASY and the size of the JSON that follows."),
    ],
)
def test_sizes_that_cannot_be(frame: bytes, text: str) -> None:
    assert read_text(frame) == Hopeless(info(text))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_body_a_wait_or_hopeless(data: bytes) -> None:
    for frame in (data, b"A" + data, b"AFANASY 10 JSON" + data):
        read_text(frame)


def test_answers_name_their_size() -> None:
    assert text_header(2) + b"{}" == b"AFANASY 2 JSON{}"
    head, _, body = (http_header(2) + b"{}").partition(b"\r\n\r\n")
    assert body == b"{}"
    assert [line.split(b":")[0] for line in head.split(b"\r\n")] == [
        b"HTTP/1.1 200 OK",
        b"Connection",
        b"Content-Length",
        b"Content-Type",
        b"Cache-Control",
        b"Server",
    ]


def test_the_size_of_a_post() -> None:
    assert read_post_size({"afanasy": "5"}) == 5
    assert read_post_size({"afanasy": "5", "content-length": "8"}) == 8
    assert read_post_size({"afanasy": "x"}) == Hopeless(None)
    assert read_post_size({"afanasy": "5", "content-length": "-8"}) == Hopeless(None)
    assert read_post_size({"afanasy": "0"}) == Hopeless(info("TInvalid message received."))


def test_json_is_read_strictly_and_the_first_of_two_keys_counts() -> None:
    assert parse_request(b'\xef\xbb\xbf{"a":1,"b":{"c":2,"c":3},"a":4}\0rubbish') == {"a": 1, "b": {"c": 2}}
    assert list(parse_request(b'{"b":1,"a":1,"b":2}')) == ["b", "a"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"[1]", "Can't find root object"),
        (b"{'a':1}", r"at character 1 of 7"),
        (b'{"a":1,}', "at character"),
        (b'{"a":01}', "at character"),
        (b'{"a":"\n"}', "at character"),
        (b'{"a":Infinity}', "Infinity is no number"),
        (b'{"a":"\xff"}', "byte 6 of 9 is not UTF-8"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a":1}x', "at character 7 of 8"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(body: bytes, what: str) -> None:
    with pytest.raises(TheirFault, match=what):
        parse_request(body)
