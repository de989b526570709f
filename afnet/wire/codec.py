"""Frames of the native protocol: a msgpack array of messages each, decoded leniently where a newer peer may differ.

Rules of this file:
- A frame that is no array of messages is the peer's fault and ends the conversation: TheirFault.
- One message that this program cannot read never takes its neighbours with it: it comes out as ``Unreadable``.
- Trailing fields that this program does not know are left out without a word.
"""

from collections.abc import Sequence
from typing import get_args

import msgspec

from afcore.errors import OurFault, TheirFault
from afnet.wire.messages import Message

__all__ = [
    "LIMIT_TO_CLIENT",
    "LIMIT_TO_SERVER",
    "Unreadable",
    "decode",
    "encode",
]

LIMIT_TO_SERVER = 32 * 1024 * 1024
"""Largest frame a server takes, in bytes."""

LIMIT_TO_CLIENT = 64 * 1024 * 1024
"""Largest frame an agent or a client takes, in bytes."""


class Unreadable(msgspec.Struct, frozen=True):
    """A message of a frame that could not be read: what to answer the peer.

    ``id`` is the request it belongs to, 0 when that is not known; ``code`` is ``unknown_message`` or ``bad_message``.
    """

    id: int
    code: str
    sentence: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])
_split = msgspec.msgpack.Decoder(list[msgspec.Raw])
_one = msgspec.msgpack.Decoder(Message)
_head = msgspec.msgpack.Decoder(list[msgspec.Raw])
_number = msgspec.msgpack.Decoder(int)

_NAMES: dict[int, str] = {}
_WITH_ID: set[int] = set()
for _kind in get_args(Message):
    _tag = msgspec.inspect.type_info(_kind)
    if isinstance(_tag, msgspec.inspect.StructType) and isinstance(_tag.tag, int):
        _NAMES[_tag.tag] = _kind.__name__
        if _tag.fields and _tag.fields[0].name == "id" and _kind.__name__ != "Refused":
            _WITH_ID.add(_tag.tag)


def encode(messages: Sequence[Message], *, limit: int = LIMIT_TO_CLIENT) -> bytes:
    """Return one frame of ``messages``; OurFault if it is larger than ``limit`` bytes or holds what cannot be sent."""
    try:
        frame = _encoder.encode(messages)
    except (TypeError, ValueError, OverflowError) as wrong:
        raise OurFault(f"A message holds what cannot be sent: {wrong}.") from wrong
    if len(frame) > limit:
        raise OurFault(
            f"A frame of {len(frame)} bytes is larger than the {limit} bytes the other side takes.",
            hint="Send it in several pieces.",
        )
    return frame


def decode(frame: bytes, *, limit: int = LIMIT_TO_SERVER) -> list[Message | Unreadable]:
    """Return the messages of a frame in order, with ``Unreadable`` in the place of what this program cannot read.

    Raises TheirFault when the frame is larger than ``limit`` bytes or is no msgpack array.
    """
    if len(frame) > limit:
        raise TheirFault(f"A frame of {len(frame)} bytes is larger than the {limit} bytes this side takes.")
    try:
        return _decoder.decode(frame)  # type: ignore[return-value]  # a list that is read only
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _decode_leniently(frame)


def _decode_leniently(frame: bytes) -> list[Message | Unreadable]:
    try:
        pieces = _split.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError) as wrong:
        raise TheirFault(
            f"A frame of {len(frame)} bytes is no msgpack array of messages: {_reason(wrong)}.",
            hint="Both sides must speak the native protocol; docs/protocol.md describes it.",
        ) from None
    messages: list[Message | Unreadable] = []
    for piece in pieces:
        try:
            messages.append(_one.decode(piece))
        except (msgspec.MsgspecError, ValueError, RecursionError) as wrong:
            messages.append(_unreadable(piece, wrong))
    return messages


def _unreadable(piece: msgspec.Raw, wrong: Exception) -> Unreadable:
    """Say what is wrong with one message, as exactly as its readable beginning allows."""
    try:
        fields = _head.decode(piece)
        tag = _number.decode(fields[0])
    except (msgspec.MsgspecError, ValueError, RecursionError, IndexError):
        return Unreadable(0, "bad_message", "A message does not begin with the number of its kind; it is ignored.")
    name = _NAMES.get(tag)
    if name is None:
        return Unreadable(
            0, "unknown_message", f"Messages of kind {tag} are not known here; the message is ignored (newer peer?)."
        )
    id = 0
    if tag in _WITH_ID and len(fields) > 1:
        try:
            id = _number.decode(fields[1])
        except (msgspec.MsgspecError, ValueError):
            id = 0
    return Unreadable(id, "bad_message", f"A message {name} cannot be read: {_reason(wrong)}.")


def _reason(wrong: Exception) -> str:
    if isinstance(wrong, UnicodeDecodeError):
        return "it holds text that is not UTF-8"
    if isinstance(wrong, RecursionError):
        return "it is nested too deeply"
    return str(wrong).rstrip(".")
