"""Asks the farm in its JSON dialect, one short connection each: standard library only.

A server that cannot be reached is passed over; one that was reached and then lost may have done what was asked. One
whose authority is known is asked over TLS. Who has a token shows it, over TLS and on this machine only, as HTTP: the
other framing has no room for one.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from afcore.errors import ConfigError, ConnectionLost, TheirFault, TimedOut
from afnet.api.credentials import find_token
from afnet.api.trust import client_context, why_not

__all__ = ["ask_farm", "exchange"]

_MOST_HEADER = 64


def ask_farm(
    request: Mapping[str, Any],
    servers: Sequence[tuple[str, int]],
    *,
    connect_timeout: float = 5.0,
    answer_timeout: float = 60.0,
    expect_answer: bool = True,
) -> Any:
    """Return the object that the farm answers; None for a request that has no answer (``expect_answer`` false).

    Raises ConnectionLost when no server can be reached or one was lost, TimedOut, and TheirFault for an answer that is
    none of this dialect.
    """
    body = json.dumps(request).encode("utf-8")
    return exchange(
        b"AFANASY %d JSON%s" % (len(body), body),
        servers,
        connect_timeout=connect_timeout,
        answer_timeout=answer_timeout,
        expect_answer=expect_answer,
    )


def exchange(
    data: bytes,
    servers: Sequence[tuple[str, int]],
    *,
    connect_timeout: float = 5.0,
    answer_timeout: float = 60.0,
    expect_answer: bool = True,
) -> Any:
    """Send a whole message in any framing of the dialect; return and raise as ``ask_farm``."""
    tried = []
    for server in servers:
        try:
            connection = socket.create_connection(server, timeout=connect_timeout)
        except OSError as error:
            tried.append(f"{server[0]}:{server[1]} ({error.strerror or error})")
            continue
        with connection:
            connection.settimeout(answer_timeout)
            try:
                connection, token = _secured(connection, server)
            except ssl.SSLError as error:
                tried.append(str(why_not(f"{server[0]}:{server[1]}", error)))
                continue
            with connection:
                whole = _with_token(data, server, token) if token and data.startswith(b"AFANASY") else data
                return _exchange(connection, whole, server, answer_timeout, expect_answer)
    raise ConnectionLost(
        "No farm server answers at " + (", ".join(tried) or "any address: none is configured") + ".",
        hint="is afserver running there, and do servers or af_servername name it?",
    )


def _secured(connection: socket.socket, server: tuple[str, int]) -> tuple[socket.socket, str]:
    """Return the connection to speak over, TLS where the server's authority is known, and the token to show there."""
    try:
        context = client_context(*server)
    except ConfigError:
        return connection, ""  # a server of the old system, or one that lists this network: it is shown nothing
    token = find_token(*server)
    return (connection if context is None else context.wrap_socket(connection)), token


def _with_token(data: bytes, server: tuple[str, int], token: str) -> bytes:
    """Return a text message of the dialect as an HTTP request that shows a token."""
    body = data[data.index(b"JSON") + 4 :]
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}:{server[1]}\r\nAFANASY: {len(body)}\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1", "replace") + body


def _exchange(
    connection: socket.socket, data: bytes, server: tuple[str, int], timeout: float, expect_answer: bool
) -> Any:
    shown = f"{server[0]}:{server[1]}"
    try:
        connection.sendall(data)
        answer = _read(connection)
    except socket.timeout:
        raise TimedOut(f"{shown} did not answer within {timeout:g} seconds; it may have done what was asked") from None
    except OSError as error:
        sentence = f"{shown} was lost before it answered ({error.strerror or error}); it may have done what was asked"
        raise ConnectionLost(sentence) from None
    if not answer and not expect_answer:
        return None
    try:
        # Texts of old servers hold raw control characters.
        return json.loads(answer.decode("utf-8", "replace"), strict=False)
    except ValueError:
        what = f"{shown} answered something that is no JSON: it is no server of a farm"
        raise TheirFault(what, hint="check host and port of the server") from None


def _read(connection: socket.socket) -> bytes:
    """Read an answer to its announced end, or to the end of the connection."""
    data = bytearray()
    start, size = 0, -1
    while size < 0 or len(data) < start + size:
        piece = connection.recv(1 << 18)
        if not piece:
            break
        data += piece
        if size < 0 and data.startswith(b"HTTP/"):
            end = data.find(b"\r\n\r\n")
            found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[:end]) if end >= 0 else None
            if found is not None:
                start, size = end + 4, int(found.group(1))
        elif size < 0:
            word = data.find(b"JSON", 0, _MOST_HEADER)
            words = bytes(data[:word]).split()
            if word >= 0 and len(words) == 2 and words[1].isdigit():
                start, size = word + 4, int(words[1])
    return bytes(data[start : start + size] if size >= 0 else data)
