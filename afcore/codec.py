"""Facts as bytes: the encoding of journal entries and of task columns.

Rules of this file:
- The encoding is a file format: ``BODY_FORMAT`` grows when an older program could not read it, and golden files of
  every format are kept by the tests.
- Numbers of columns are little-endian, whatever the machine's order.
"""

import sys
from array import array
from typing import Any

import msgspec

from afcore.envelope import Envelope
from afcore.events import Event, Reading
from afcore.model.tasks import COLUMN_NAMES, TaskTable
from afcore.outcome import Entry, Outcome

__all__ = [
    "BODY_FORMAT",
    "column_bytes",
    "columns_of",
    "decode_entries",
    "encode_entries",
    "encode_entry",
    "entry_of",
    "shown_bytes",
    "table_of",
]

BODY_FORMAT = 1
"""Version of what is written here."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Entry]] = msgspec.msgpack.Decoder(list[Entry])


def entry_of(envelope: Envelope[Any], outcome: Outcome) -> Entry | None:
    """Return the journal entry of an applied command, or None when nothing happened that is to be kept."""
    facts: list[Event] = [event for event in outcome.events if not isinstance(event, Reading)]
    if not facts:
        return None
    principal = envelope.principal
    return Entry(
        envelope.at,
        envelope.operation,
        principal.name,
        int(principal.role),
        principal.origin,
        envelope.cause,
        facts,
    )


def encode_entry(entry: Entry) -> bytes:
    """Return one entry as one msgpack value; many of them make an array that ``decode_entries`` reads."""
    return _encoder.encode(entry)


def encode_entries(entries: list[Entry]) -> bytes:
    """Return a whole batch."""
    return _encoder.encode(entries)


def decode_entries(body: bytes) -> list[Entry]:
    """Return the entries of one batch.  Raises ``msgspec.ValidationError`` or ``DecodeError`` on damaged bytes."""
    return _decoder.decode(body)


def column_bytes(column: "bytearray | array[int]") -> bytes:
    """Return a column, or a slice of one, as little-endian bytes."""
    if isinstance(column, array) and sys.byteorder == "big":
        column = array(column.typecode, column)  # pragma: no cover - no such machine at hand
        column.byteswap()  # pragma: no cover
    return bytes(column)


def shown_bytes(column: "bytearray | array[int]", name: str) -> bytes:
    """Return a slice of a column as clients know it: ``starts`` in two bytes each, which end at 65,535."""
    if name == "starts" and isinstance(column, array) and column.typecode != "H":
        column = array("H", [min(number, 0xFFFF) for number in column])
    return column_bytes(column)


def columns_of(table: TaskTable) -> list[bytes]:
    """Return all columns of a table in the order of COLUMN_NAMES."""
    return [column_bytes(getattr(table, name)) for name in COLUMN_NAMES]


def table_of(columns: list[bytes]) -> TaskTable:
    """Return the table that ``columns_of`` wrote, with its counts."""
    table = TaskTable(len(columns[0]))
    for name, raw in zip(COLUMN_NAMES, columns, strict=True):
        old = getattr(table, name)
        if isinstance(old, array):
            if name == "starts" and len(raw) > len(old) * old.itemsize:
                table.widen_starts()
                old = table.starts
            new = array(old.typecode, raw)
            if sys.byteorder == "big":
                new.byteswap()  # pragma: no cover
            setattr(table, name, new)
        else:
            setattr(table, name, bytearray(raw))
    table.counts = table.recount()
    return table
