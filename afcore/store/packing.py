"""Turning entries and columns into the bytes that lie in the database, and back.

Rules of this file:
- This is a file format: a packed body of every version since 1 must be readable, see ``tests/store/golden``.
- A packed body is one byte of method, four bytes of CRC-32 of the plain body (little endian), then the payload.
- Nothing is believed that the checksum denies.
"""

import struct
import zlib
from collections.abc import Sequence

from afcore.errors import Corrupt

__all__ = ["COMPRESS_ABOVE", "join_entries", "pack", "unpack"]

COMPRESS_ABOVE = 4096
"""Plain bodies longer than this many bytes are compressed."""

_PLAIN = 0
_ZLIB = 1
_HEADER = struct.Struct("<BI")


def join_entries(body: bytes | Sequence[bytes]) -> bytes:
    """Return the plain body of a batch: bytes as they are, a list of msgpack values as one msgpack array."""
    if isinstance(body, bytes):
        return body
    count = len(body)
    if count < 16:
        head = struct.pack(">B", 0x90 | count)
    elif count < 1 << 16:
        head = struct.pack(">BH", 0xDC, count)
    else:
        head = struct.pack(">BI", 0xDD, count)
    return head + b"".join(body)


def pack(plain: bytes, *, compress_above: int = COMPRESS_ABOVE) -> bytes:
    """Return ``plain`` with its checksum, compressed (zlib, level 1) when it is long and gains by it."""
    check = zlib.crc32(plain)
    if len(plain) > compress_above:
        small = zlib.compress(plain, 1)
        if len(small) < len(plain):
            return _HEADER.pack(_ZLIB, check) + small
    return _HEADER.pack(_PLAIN, check) + plain


def unpack(packed: bytes, what: str) -> bytes:
    """Return the plain body. ``what`` names it in the sentence of Corrupt."""
    advice = "put back the newest copy of the data folder, or move it away to begin with an empty farm"
    try:
        method, check = _HEADER.unpack_from(packed)
        payload = memoryview(packed)[_HEADER.size :]
        if method == _ZLIB:
            plain = zlib.decompress(payload)
        elif method == _PLAIN:
            plain = bytes(payload)
        else:
            raise Corrupt(f"{what} is packed in an unknown way ({method})", hint=advice)
    except (struct.error, zlib.error) as error:
        raise Corrupt(f"{what} is damaged: {error}", hint=advice) from error
    if zlib.crc32(plain) != check:
        raise Corrupt(f"{what} is damaged: its checksum is wrong", hint=advice)
    return plain
