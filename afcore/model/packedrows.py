"""Rows packed one behind the other in bytes: what is common to those who keep them and look at one field of all.

Rules of this file:
- Rows are little-endian on every machine, because snapshots hold them; numbers taken out of them are the machine's own.
"""

import sys
from array import array
from typing import Any

__all__ = ["column_of", "fill_column", "native"]


def native(numbers: "array[Any]") -> "array[Any]":
    """Return little-endian numbers as the machine's own; the array itself is turned."""
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        numbers.byteswap()
    return numbers


def column_of(rows: bytearray, size: int, at: int, width: int) -> bytearray:
    """Return one field of every row: ``width`` bytes each, from byte ``at`` of rows that have ``size`` bytes."""
    column = bytearray(len(rows) // size * width)
    for byte in range(width):
        column[byte::width] = rows[at + byte :: size]
    return column


def fill_column(rows: bytearray, size: int, at: int, value: bytes) -> None:
    """Write one field of every row."""
    count = len(rows) // size
    for place, byte in enumerate(value, at):
        rows[place::size] = bytes((byte,)) * count
