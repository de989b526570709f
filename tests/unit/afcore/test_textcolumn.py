"""A column of texts gives back what was put in, and refuses broken bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afcore.textcolumn import TextColumn


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_back(texts: list[str]) -> None:
    column = TextColumn.of(texts)
    assert len(column) == len(texts)
    assert list(column) == texts
    assert [column[index] for index in range(len(texts))] == texts
    again = TextColumn.from_bytes(column.to_bytes())
    assert again == column
    again.append("one more")
    assert again[len(texts)] == "one more"


@pytest.mark.parametrize("index", [-1, 2, 100])
def test_an_index_outside_is_refused(index: int) -> None:
    with pytest.raises(IndexError):
        TextColumn.of(["a", "b"])[index]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\1\0",
        b"\2\0\0\0\1\0\0\0a",
        b"\1\0\0\0\2\0\0\0a",
        b"\1\0\0\0\1\0\0\0\xff",
        b"\2\0\0\0\2\0\0\0\1\0\0\0a",
        b"\2\0\0\0\0\0\0\0",
    ],
    ids=["empty", "no count", "one end missing", "data missing", "no UTF-8", "ends fall", "too few"],
)
def test_broken_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="column of texts"):
        TextColumn.from_bytes(raw)


def test_a_column_does_not_pass_four_gibibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afcore.textcolumn._MOST", 3)
    column = TextColumn.of(["ab"])
    with pytest.raises(ValueError, match="4 GiB"):
        column.append("cd")
    assert list(column) == ["ab"]
    with pytest.raises(ValueError, match="4 GiB"):
        TextColumn.of(["ab", "cd"])


def test_ends_that_are_cut_are_refused() -> None:
    with pytest.raises(ValueError, match="cut short"):
        TextColumn(bytearray(b"a"), bytearray(b"\1\0")).check()
