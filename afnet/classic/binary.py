"""The classic dialect's binary framing, and the few binary messages that command lines and scripts use.

Rules of this file:
- Pure: bytes in, requests out; values in, bytes out. The layouts are those of protocol version 81.
- A message that is none of these is answered as the reference answers it, never by silence.
- Agents of the binary dialect are told that this server has another version: they end with a sentence about it, where
  any other answer would make them wait for ever.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from afnet.classic.framing import MOST_BYTES, Hopeless, Incomplete, info

__all__ = [
    "HEADER_SIZE",
    "VERSION",
    "BinaryMessage",
    "Kind",
    "encode_binary",
    "encode_header",
    "encode_jobs_weight",
    "encode_resources",
    "encode_statistics",
    "encode_task",
    "read_binary",
    "read_name",
    "unknown_answer",
]

VERSION = 81
"""Version of the binary protocol that is spoken here."""

HEADER_SIZE = 12

_HEADER = struct.Struct(">iii")


class Kind(IntEnum):
    """Types of messages that are known by name here."""

    VERSION_MISMATCH = 1
    INVALID = 2
    CONFIRM = 3
    STATISTICS_REQUEST = 4
    MONITOR_ID = 5
    MONITOR_UPDATE_ID = 6
    MONITOR_DEREGISTER = 7
    RENDER_ID = 8
    RENDER_DEREGISTER = 9
    JOBS_WEIGHT_REQUEST = 10
    DATA = 21
    TEST_DATA = 22
    JSON = 24
    STRING = 27
    STRING_LIST = 28
    STATISTICS = 30
    RENDER_REGISTER = 34
    RENDER_UPDATE = 35
    RENDERS_RESOURCES_REQUEST = 37
    RENDERS_RESOURCES = 39
    JOBS_WEIGHT = 46
    TASK = 51
    LAST = 63


class BinaryMessage(NamedTuple):
    """One binary message, asked or answered."""

    kind: int
    body: bytes = b""
    number: int = 0
    """The plain value of a message without a body."""


def read_binary(data: bytes | bytearray) -> BinaryMessage | Incomplete | Hopeless:
    """Return the message at the start of ``data``.

    A ``Hopeless`` with an answer is told in text framing, as the reference does it.
    """
    if len(data) < HEADER_SIZE:
        return Incomplete(HEADER_SIZE)
    version, kind, size = _HEADER.unpack_from(data)
    if version != VERSION or kind in (Kind.RENDER_REGISTER, Kind.RENDER_UPDATE):
        return BinaryMessage(Kind.VERSION_MISMATCH)
    if kind >= Kind.LAST or (kind >= Kind.DATA and not 0 < size <= MOST_BYTES):
        return Hopeless(info("TInvalid message received."))
    if kind < Kind.DATA:
        return BinaryMessage(kind, number=size)
    if len(data) < HEADER_SIZE + size:
        return Incomplete(HEADER_SIZE + size)
    return BinaryMessage(kind, bytes(data[HEADER_SIZE : HEADER_SIZE + size]))


def unknown_answer(message: BinaryMessage) -> dict[str, Any]:
    """Return the answer to a message that this server does not act on."""
    if message.kind == Kind.INVALID:
        return info("TInvalid message received.")
    if message.kind == Kind.CONFIRM:
        return info(f"af::Msg::TConfirm: {message.number}", kind="log")
    if message.kind in (Kind.DATA, Kind.TEST_DATA, Kind.STRING_LIST):
        return info("Received data verbosed.", kind="log")
    if message.kind == Kind.STRING:
        return info("Log appended.", kind="log")
    if message.kind == Kind.MONITOR_DEREGISTER:
        return info("No monitor with provided ID found.")
    if message.kind == Kind.RENDER_DEREGISTER:
        return info("No render with provided ID found.")
    return info(f"Unknown message was received by run thread: type {message.kind}")


# Writing


def encode_header(kind: int, value: int) -> bytes:
    """Return a header: ``value`` is the size of the body, or the plain value of a message without one."""
    return _HEADER.pack(VERSION, kind, value)


def encode_binary(message: BinaryMessage) -> bytes:
    """Return a whole message."""
    if message.kind == Kind.VERSION_MISMATCH:
        return encode_header(Kind.VERSION_MISMATCH, 1)
    if message.kind < Kind.DATA:
        return encode_header(message.kind, message.number)
    return encode_header(message.kind, len(message.body)) + message.body


def _ints(how: str, *values: int) -> bytes:
    """Return whole numbers as big-endian ``how``, brought into its range."""
    bits = 8 * struct.calcsize(">" + how)
    low, high = (0, (1 << bits) - 1) if how.isupper() else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return struct.pack(f">{len(values)}{how}", *(max(low, min(high, int(value))) for value in values))


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "replace") + b"\0"
    return struct.pack(">I", len(data)) + data


def _texts(values: Sequence[str]) -> bytes:
    return struct.pack(">I", len(values)) + b"".join(map(_text, values))


def _map(values: Mapping[str, Any], how: str = "") -> bytes:
    """Return a map of texts, or of numbers written as ``how``; keys in byte order."""
    items = sorted(values.items(), key=lambda item: item[0].encode())
    written = (_text(key) + (_ints(how, value) if how else _text(value)) for key, value in items)
    return struct.pack(">I", len(items)) + b"".join(written)


_TASK_TYPES = {"TExec": 1, "TOutput": 2, "TLog": 3, "TErrorHosts": 4, "TListen": 5}


def encode_task(answer: dict[str, Any], *, block_flags: int = 0) -> bytes:
    """Return the body of a ``TTask``: an answer ``{"task": {...}}`` of the JSON dialect in binary."""
    task = answer["task"]
    pos, kind = task["pos"], _TASK_TYPES[task["type"]]
    body = _ints("i", kind, pos["job"], pos["block"], pos["task"], pos["number"])
    body += _progress(task["progress"]) + _ints("i", task["render_id"])
    body += b"".join(_text(task[key]) for key in ("job_name", "block_name", "task_name", "service", "parser", "data"))
    if kind == _TASK_TYPES["TExec"]:
        body += _execution(task["exec"], block_flags)
    return body


def _progress(found: Mapping[str, Any]) -> bytes:
    return (
        _ints("q", found["st"])
        + _ints("b", found.get("per", 0))
        + _ints("q", found.get("frm", 0))
        + _ints("b", found.get("pfr", 0))
        + _ints("i", found.get("str", 0), found.get("err", 0))
        + _ints("q", found.get("tst", 0), found.get("tdn", 0))
        + b"".join(_text(found.get(key, "")) for key in ("hst", "act", "res"))
    )


def _execution(found: Mapping[str, Any], block_flags: int) -> bytes:
    frames = (found["frames_num"], found["frames_inc"], found["frame_start"], found["frame_finish"])
    commands = (found.get(key, "") for key in ("command_block", "command_task", "working_directory", "parser"))
    names = (found.get(key, "") for key in ("service", "name", "user_name", "block_name", "job_name"))
    return (
        _ints("q", 0, block_flags, *frames)
        + b"".join(map(_text, commands))
        + _map(found.get("environment", {}))
        + b"".join(_texts(found.get(key, ())) for key in ("files_block", "files_task", "parsed_files", "hosts"))
        + _map({}, "q")
        + _map({})
        + b"".join(map(_text, names))
        + _ints("i", found.get("number", 0), found["capacity"], found.get("capacity_coeff", 0))
        + _ints("q", found["time_start"])
        + _ints("i", found["job_id"], found["block_num"], found["task_num"])
        + _map(found.get("tickets", {}), "i")
    )


_HOST = (
    ("i", "cpu_num cpu_mhz cpu_temp"),
    ("B", "cpu_loadavg"),
    ("B", "cpu_user cpu_nice cpu_system cpu_idle cpu_iowait cpu_irq cpu_softirq"),
    ("i", "mem_total_mb mem_free_mb mem_cached_mb mem_buffers_mb swap_total_mb swap_used_mb"),
    ("i", "hdd_total_gb hdd_free_gb hdd_rd_kbsec hdd_wr_kbsec"),
    ("b", "hdd_busy"),
    ("i", "net_recv_kbsec net_send_kbsec"),
    ("b", "gpu_gpu_util gpu_gpu_temp"),
    ("i", "gpu_mem_total_mb gpu_mem_used_mb"),
)
"""What a host measures, in the order of the binary message: how each number is written, and its JSON names."""


def encode_resources(renders: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the body of a ``TRendersResources``: the list that ``get`` renders with mode resources answers."""
    return struct.pack(">I", len(renders)) + b"".join(map(_resources, renders))


def _resources(render: Mapping[str, Any]) -> bytes:
    percents = render.get("tasks_percents", ())
    return (
        struct.pack(">I", len(percents))
        + _ints("i", *percents)
        + _ints("q", render.get("idle_time", 0), render.get("busy_time", 0))
        + _measured(render.get("host_resources", {}))
        + _ints("i", render["id"])
    )


def _measured(found: Mapping[str, Any]) -> bytes:
    parts = []
    for how, names in _HOST:
        for name in names.split():
            value = found.get(name, (0, 0, 0) if name == "cpu_loadavg" else 0)
            parts.append(_ints(how, *value) if name == "cpu_loadavg" else _ints(how, value))
    custom = list(found.get("custom", ()))[:255]
    parts += [_text(found.get("gpu_string", "")), _texts(found.get("logged_in_users", ()))]
    parts += [_text(found.get("hw_info", "")), _ints("B", len(custom)), *map(_custom, custom)]
    return b"".join(parts)


def _custom(meter: Mapping[str, Any]) -> bytes:
    def colour(name: str) -> Iterable[int]:
        return (*meter.get(name, ()), 0, 0, 0)[:3]

    return (
        _ints("i", meter.get("value", 0), meter.get("value_max", 0))
        + _ints("B", meter.get("width", 0), meter.get("height", 0), *colour("graph_clr"))
        + _ints("B", meter.get("label_size", 0), *colour("label_clr"), *colour("back_clr"))
        + _text(str(meter.get("label", "")))
        + _text(str(meter.get("tooltip", "")))
    )


def encode_jobs_weight(rows: Sequence[tuple[str, int, int, int, int, int]]) -> bytes:
    """Return the body of a ``TJobsWeight``: name, id, and bytes of log, blacklist, progress and the rest, per job."""
    columns = list(zip(*rows)) if rows else [()] * 6
    count = struct.pack(">I", len(rows))
    return _texts(columns[0]) + b"".join(count + _ints("i", *column) for column in columns[1:])


_PERIODS = 5


def encode_statistics(counts: Mapping[int, tuple[int, int, int]]) -> bytes:
    """Return the body of a ``TStatData``: by type of message, bytes, count and the largest since the start.

    The message has room for five periods; the sums since the start are told in each.
    """
    types = range(Kind.LAST)
    table = b"".join(_ints("i", *counts.get(kind, (0, 0, 0))[:2]) for kind in types)
    return table * _PERIODS + b"".join(_ints("i", counts.get(kind, (0, 0, 0))[2]) for kind in types)


# Reading


def read_name(body: bytes) -> tuple[str, list[int]]:
    """Return name and ids of a general request (``MCGeneral``); what is cut short is empty."""
    place, texts = 0, []
    try:
        for _ in range(4):
            (size,) = struct.unpack_from(">I", body, place)
            texts.append(body[place + 4 : place + 4 + size].split(b"\0", 1)[0].decode("utf-8", "replace"))
            place += 4 + size
        (count,) = struct.unpack_from(">I", body, place + 8)
        # A count that the bytes do not bear is refused by unpacking, not by making room for it.
        ids = list(struct.unpack_from(f">{min(count, len(body))}i", body, place + 12))
    except struct.error:
        return (texts[2] if len(texts) > 2 else ""), []
    return texts[2], ids
