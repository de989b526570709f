"""Decode what a Rows message carries into the structs of ``afcore.rows``."""

from typing import Any

import msgspec

from afcore.rows import Row, TaskColumns, TaskRow
from afnet.wire.messages import Rows

__all__ = ["decode_row", "decode_rows"]

_AnyRow = Row | TaskRow | TaskColumns


def decode_row(value: Any) -> Any:
    """Return the struct that a row, as it came in a message body, stands for; ValidationError if it is none."""
    return msgspec.convert(value, _AnyRow)


def decode_rows(rows: Rows) -> list[Any]:
    """Return the structs of a Rows message, in its order; msgspec.ValidationError if one is none."""
    return msgspec.convert(rows.rows, list[_AnyRow])
