"""Read and write the head of an HTTP/1.1 message: pure functions on bytes, for the door and the clients.

Rules of this file:
- A head is everything up to and with the blank line; at most ``MAX_HEAD`` bytes; lines end CRLF.
- Header names are kept in lower case; of a header that comes twice the first counts.
- Strict about what could be read in two ways (RFC 9112): folded lines, spaces before the colon, control characters.
"""

from typing import NamedTuple

from afcore.errors import TheirFault

__all__ = ["MAX_HEAD", "Head", "find_end", "parse_head", "response"]

MAX_HEAD = 16 * 1024
"""Largest head that is read, in bytes."""

_PHRASES = {
    101: "Switching Protocols",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Head(NamedTuple):
    """The first line in its three words, and the headers."""

    first: str
    """Method of a request, version of a response."""
    second: str
    """Target of a request, status of a response."""
    third: str
    """Version of a request, phrase of a response."""
    headers: dict[str, str]

    def has_token(self, name: str, token: str) -> bool:
        """Tell whether a comma-separated header holds ``token``, letter case aside."""
        return token in (part.strip().lower() for part in self.headers.get(name, "").split(","))


def find_end(data: bytes | bytearray) -> int:
    """Return the length of the head at the start of ``data``; 0 while it is not complete; TheirFault if too long."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end >= 0:
        return end + 4
    if len(data) >= MAX_HEAD:
        raise TheirFault(f"The HTTP header is longer than {MAX_HEAD} bytes.")
    return 0


def parse_head(data: bytes) -> Head:
    """Return the parsed head; TheirFault naming the line that is wrong."""
    lines = data.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0] or not words[1]:
        raise TheirFault(f"The first line of the HTTP header is not understood: {lines[0][:60]!r}.")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or any(c < " " and c != "\t" for c in line):
            raise TheirFault(f"A line of the HTTP header is not understood: {line[:60]!r}.")
        headers.setdefault(name.lower(), value.strip(" \t"))
    return Head(words[0], words[1], words[2] if len(words) > 2 else "", headers)


def response(status: int, body: bytes = b"", *, content_type: str = "application/json", **headers: str) -> bytes:
    """Return a whole response that closes the connection; underscores in names of ``headers`` stand for dashes."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Status')}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        f"Content-Type: {content_type}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
