"""Lines are the same however the bytes were cut, and memory is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afrender.process.output import PARTIAL_LIMIT, LineFeed, lines_text


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@given(st.text(alphabet="aé漢𝄞\n\r", max_size=60), st.lists(st.integers(0, 1000), max_size=8))
def test_no_byte_is_lost_and_pieces_hold_whole_lines(text, cuts):
    data = text.encode()
    feed = LineFeed()
    given_out = []
    for piece in pieces(data, cuts):
        block = feed.feed(piece)
        assert not block or block[-1:] in (b"\n", b"\r")
        block.decode()
        given_out.append(block)
    given_out.append(feed.finish())
    assert b"".join(given_out) == data


def test_one_line_without_end_is_held_within_bounds_and_never_cuts_a_character():
    feed = LineFeed()
    out = b""
    for _ in range(PARTIAL_LIMIT):
        block = feed.feed("漢𝄞"[_ % 2].encode()[:2])
        block = block + feed.feed("漢𝄞"[_ % 2].encode()[2:])
        block.decode()
        out += block
        assert len(feed.held) <= PARTIAL_LIMIT + 4
    assert out


def test_text_has_one_newline_per_line_and_marks_broken_bytes():
    assert lines_text(b"a\r\nb\rc\n") == "a\nb\nc\n"
    assert lines_text(b"\xff\n") == "\ufffd\n"
