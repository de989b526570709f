"""A column of texts: a million strings in two buffers instead of a million objects.

``data`` holds all texts one after the other in UTF-8, ``ends`` the offset after each of them as four little-endian
bytes. Both are plain buffers, so any encoder that knows dataclasses and bytes can write a column as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

__all__ = ["TextColumn"]

_END = struct.Struct("<I")
_PAIR = struct.Struct("<II")
_MOST = (1 << 32) - 1
_TOO_MUCH = "a column of texts holds at most 4 GiB"


@dataclass
class TextColumn:
    """Texts by index. Grows at its end; a text is never changed in place."""

    data: bytearray = field(default_factory=bytearray)
    ends: bytearray = field(default_factory=bytearray)

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextColumn:
        """Return a column of ``texts``. Raises as ``append``, and TypeError for what is no text."""
        listed = list(texts)
        whole = "".join(listed)
        encoded = whole.encode("utf-8")
        if len(encoded) > _MOST:
            raise ValueError(_TOO_MUCH)
        lengths = map(len, listed) if len(encoded) == len(whole) else (len(text.encode("utf-8")) for text in listed)
        return cls(bytearray(encoded), bytearray(struct.pack(f"<{len(listed)}I", *accumulate(lengths))))

    def append(self, text: str) -> None:
        """Add one text. Raises ValueError when the column would pass 4 GiB or the text is no Unicode."""
        encoded = text.encode("utf-8")
        end = len(self.data) + len(encoded)
        if end > _MOST:
            raise ValueError(_TOO_MUCH)
        self.data += encoded
        self.ends += _END.pack(end)

    @property
    def size(self) -> int:
        """How many bytes the column holds."""
        return len(self.data) + len(self.ends)

    def __len__(self) -> int:
        return len(self.ends) // 4

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self.ends) // 4:
            raise IndexError(index)
        if index:
            start, end = _PAIR.unpack_from(self.ends, index * 4 - 4)
        else:
            start, end = 0, _END.unpack_from(self.ends)[0]
        return self.data[start:end].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        start = 0
        for (end,) in _END.iter_unpack(self.ends):
            yield self.data[start:end].decode("utf-8")
            start = end

    def to_bytes(self) -> bytes:
        """Return the column as one piece of bytes: the number of texts, the ends, the data."""
        return _END.pack(len(self)) + bytes(self.ends) + bytes(self.data)

    @classmethod
    def from_bytes(cls, raw: bytes) -> TextColumn:
        """Return the column that ``to_bytes`` wrote. Raises ValueError when ``raw`` is no such thing."""
        if len(raw) < 4:
            raise ValueError("a column of texts is cut short")
        (count,) = _END.unpack_from(raw)
        column = cls(bytearray(raw[4 + 4 * count :]), bytearray(raw[4 : 4 + 4 * count]))
        column.check()
        if len(column) != count:
            raise ValueError("a column of texts is cut short")
        return column

    def check(self) -> None:
        """Raise ValueError when the two buffers do not fit together: for columns that came from outside."""
        if len(self.ends) % 4:
            raise ValueError("the ends of a column of texts are cut short")
        ends = [end for (end,) in _END.iter_unpack(self.ends)]
        if ends != sorted(ends) or (ends[-1] if ends else 0) != len(self.data):
            raise ValueError("the ends of a column of texts do not fit its data")
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError("a column of texts is not UTF-8") from error
