"""The classic dialect's framing: ``AFANASY <size> JSON{...}`` in and out, and its two HTTP forms; bytes only.

Rules of this file:
- Pure: bytes in, requests out; whoever reads the socket keeps the time limit (12 s without a whole request).
- One request and one answer per connection; what comes after the request is never looked at.
- JSON is read strictly (RFC 8259), but of a key that comes twice the first counts, as it does in the reference.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from afcore.errors import TheirFault

__all__ = [
    "MOST_BYTES",
    "RECEIVE_TIME",
    "CopiedPages",
    "Hopeless",
    "Incomplete",
    "ListedTasks",
    "TaskPages",
    "dump_json",
    "encode_pieces",
    "http_header",
    "info",
    "parse_request",
    "read_post_size",
    "read_text",
    "text_header",
]

MOST_BYTES = 67108852
"""Largest body of a request."""

RECEIVE_TIME = 12.0
"""Seconds within which a request must be complete; then the connection is closed without an answer."""

_HEADER = re.compile(rb"(?i:afanasy) ?(-?[0-9]{1,18})(?=[^0-9])")
_NO_TEXT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
"""What JSON writes and no text holds: half of a surrogate pair (or a whole pair, which is looked at), NUL."""
_LONGEST_HEADER = 256
_PAGE = 128
"""Tasks in one piece of an answer: less than a millisecond's work."""


class Incomplete(NamedTuple):
    """More bytes are needed: ``need`` in all, 0 while that is not known."""

    need: int = 0


class Hopeless(NamedTuple):
    """No request will come of this: answer with ``answer``, or close without a word when it is None."""

    answer: dict[str, Any] | None


def info(text: str, *, kind: str = "error") -> dict[str, Any]:
    """Return the answer that carries one sentence; ``kind`` is ``error``, ``log`` or ``info``."""
    return {"info": {"kind": kind, "text": text}}


def read_text(data: bytes | bytearray) -> bytes | Incomplete | Hopeless:
    """Return the body of a text frame at the start of ``data``.

    The size counts from the ``{``; what stands between ``JSON`` and ``{`` is passed over.
    """
    found = _HEADER.match(data)
    if found is None:
        if len(data) < 32 and b"AFANASY".startswith(bytes(data[:7]).upper()) and b"{" not in data:
            return Incomplete()
        return Hopeless(info("The message does not begin with AFANASY and the size of the JSON that follows."))
    size = int(found[1])
    if size < 0:
        return Hopeless(info("Invalid buffer size"))
    if size == 0 or size > MOST_BYTES:
        return Hopeless(info("TInvalid message received."))
    word = data.find(b"JSON", found.end(), found.end() + _LONGEST_HEADER)
    if word < 0:
        return Incomplete() if len(data) < found.end() + _LONGEST_HEADER else Hopeless(None)
    start = data.find(b"{", word + 4)
    if start < 0:
        return Incomplete() if len(data) < word + _LONGEST_HEADER else Hopeless(None)
    if len(data) < start + size:
        return Incomplete(start + size)
    return bytes(data[start : start + size])


def read_post_size(headers: dict[str, str]) -> int | Hopeless:
    """Return how many bytes the body of a POST with an ``AFANASY`` header has.

    ``Content-Length`` counts when it is there: the browser page sets the other header to a length in characters.
    """
    text = headers.get("content-length") or headers.get("afanasy", "")
    if not (text.isascii() and text.isdigit() and headers.get("afanasy", "").strip().isdigit()):
        return Hopeless(None)
    size = int(text)
    if size == 0 or size > MOST_BYTES:
        return Hopeless(info("TInvalid message received."))
    return size


def parse_request(body: bytes) -> dict[str, Any]:
    """Return the object of a request's body; TheirFault with a sentence that names the place of the first error."""
    body = body.removeprefix(b"\xef\xbb\xbf").split(b"\0", 1)[0]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise TheirFault(f"JSON: byte {wrong.start} of {len(body)} is not UTF-8.") from None
    try:
        value = json.loads(text, object_pairs_hook=_first_wins, parse_constant=_no_constant)
        if _NO_TEXT.search(body):
            value = _whole(value)
    except json.JSONDecodeError as wrong:
        around = text[max(0, wrong.pos - 50) : wrong.pos + 50]
        place = f"{wrong.msg} (at character {wrong.pos} of {len(text)}):"
        raise TheirFault(f"{place}\n{' ' * 50}!\n{around}") from None
    except RecursionError:
        raise TheirFault("JSON: it is nested too deeply.") from None
    except ValueError as wrong:
        raise TheirFault(f"JSON: {wrong}.") from None
    if not isinstance(value, dict):
        raise TheirFault(f"JSON frist 100 characters:\n{text[:100]}:\nJSON: Can't find root object.")
    return value


def _whole(value: Any) -> Any:
    """Return a value whose texts can be kept and sent: JSON can write half characters and NULs."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        found = dict(reversed(pairs))
        found = {key: found[key] for key, _ in pairs}
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


class TaskPages(Protocol):
    """One thing per task, made and encoded a page at a time; stands for a JSON list."""

    def __len__(self) -> int:
        """Say how many tasks there are."""
        ...

    def encoded(self, first: int, end: int) -> bytes:
        """Return the JSON of tasks ``first`` up to, without, ``end``, with commas between them."""
        ...


class CopiedPages(TaskPages, Protocol):
    """Pages that are made from a copy, which is itself made in steps."""

    def copy_steps(self) -> Iterator[None]:
        """Copy a part with each step; what is asked for earlier is copied then."""
        ...


class ListedTasks:
    """The listed tasks of a block, as ``TaskPages``."""

    def __init__(self, names: Sequence[str], commands: Sequence[str], files: dict[int, list[str]]) -> None:
        self._names = names
        self._commands = commands
        self._files = files

    def __len__(self) -> int:
        return len(self._commands)

    def encoded(self, first: int, end: int) -> bytes:
        """Return the JSON of tasks ``first`` up to, without, ``end``, with commas between them."""
        tasks: list[dict[str, Any]] = []
        for index in range(first, min(end, len(self))):
            task: dict[str, Any] = {"name": self._names[index], "command": self._commands[index]}
            if self._files.get(index):
                task["files"] = self._files[index]
            tasks.append(task)
        return dump_json(tasks)[1:-1]


def dump_json(value: Any) -> bytes:
    """Return JSON without blanks, in UTF-8; half a character becomes a question mark."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # Half a character, which JSON written with escapes can hold.
        pass
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def encode_pieces(answer: dict[str, Any]) -> Iterator[bytes]:
    """Yield the JSON of an answer in pieces that each cost little, so that others are served between them.

    Only jobs, blocks and their tasks can be many: a piece is a job's or a block's own keys, or 128 tasks. It is empty
    after a step that copies. Jobs may be any iterable: each is made when it is encoded.
    """
    if len(answer) == 1:
        (kind,) = answer
        value = answer[kind]
        if kind in ("jobs", "blocks"):
            yield b'{"%s":[' % kind.encode()
            for number, one in enumerate(value):
                yield b",\n" if number else b"\n"
                yield from _encode_job(one) if kind == "jobs" else _encode_block(one)
            yield b"\n]}"
            return
        if kind == "job_progress":
            # All is copied before any is encoded, so that what a reader sees is of moments close to each other.
            for pages in value["progress"]:
                for _ in pages.copy_steps():
                    yield b""
            yield b'{"job_progress":{"id":%d,"progress":[' % value["id"]
            for number, pages in enumerate(value["progress"]):
                yield b",\n" if number else b"\n"
                yield from _encode_pages(pages)
            yield b"\n]}}"
            return
    yield dump_json(answer)


def _encode_job(job: dict[str, Any]) -> Iterator[bytes]:
    blocks = job["blocks"]
    if not any("tasks" in block for block in blocks):
        # Small: all at once.
        yield dump_json(job)
        return
    own = {key: value for key, value in job.items() if key != "blocks"}
    yield dump_json(own)[:-1] + b',"blocks":['
    for place, block in enumerate(blocks):
        yield b",\n" if place else b"\n"
        yield from _encode_block(block)
    yield b"]}"


def _encode_block(block: dict[str, Any]) -> Iterator[bytes]:
    pages = block.get("tasks")
    if pages is None:
        yield dump_json(block)
        return
    yield b'{"tasks":'
    yield from _encode_pages(pages)
    yield b"," + dump_json({key: value for key, value in block.items() if key != "tasks"})[1:]


def _encode_pages(pages: TaskPages) -> Iterator[bytes]:
    yield b"["
    for first in range(0, len(pages), _PAGE):
        yield (b"," if first else b"") + pages.encoded(first, first + _PAGE)
    yield b"]"


def text_header(size: int) -> bytes:
    """Return what stands before an answer of ``size`` bytes in text framing.

    To be written with the beginning of the answer, because clients read the size from their first read.
    """
    return b"AFANASY %d JSON" % size


def http_header(size: int) -> bytes:
    """Return what stands before an answer of ``size`` bytes to a POST, with the headers in the reference's order."""
    return (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"
        b"Cache-Control: max-age=0\r\nServer: afwatch\r\n\r\n" % size
    )
