"""One question in the classic dialect, over a blocking socket: for the old verbs of afcmd.

Rules of this file:
- One connection for each question, closed by this side when the whole answer is there.
"""

import json
import socket
import struct
from collections.abc import Sequence
from typing import Any

from afcore.errors import ConnectionLost, TheirFault, TimedOut
from afnet.client.servers import Address

__all__ = ["ask_classic", "send_binary"]

_VERSION = 81
_CONNECT_TIME = 5.0


def ask_classic(servers: Sequence[Address], request: dict[str, Any] | bytes, timeout: float) -> Any:
    """Return the answer to a request of the JSON dialect, given as an object or as the bytes of one.

    Raises WireError when no server answers, TheirFault when one answers something else.
    """
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return _exchange(servers, b"AFANASY %d JSON%s" % (len(body), body), timeout)


def send_binary(servers: Sequence[Address], kind: int, body: bytes, timeout: float) -> Any:
    """Send one small binary message; return the answer that it gets in text framing."""
    return _exchange(servers, struct.pack(">iii", _VERSION, kind, len(body)) + body, timeout)


def _exchange(servers: Sequence[Address], data: bytes, timeout: float) -> Any:
    why = ""
    for server in servers:
        try:
            with socket.create_connection((server.host, server.port), timeout=min(timeout, _CONNECT_TIME)) as one:
                one.settimeout(timeout)
                one.sendall(data)
                return _read(one, server)
        except TimeoutError:
            raise TimedOut(f"{server} did not answer within {timeout:g} seconds.") from None
        except OSError as error:
            why = error.strerror or str(error)
    shown = ", ".join(map(str, servers))
    raise ConnectionLost(f"No farm server answers at {shown}: {why}.", hint="Is afserver running there?")


def _read(one: socket.socket, server: Address) -> Any:
    answer = bytearray()
    size = -1
    start = 0
    while size < 0 or len(answer) < start + size:
        piece = one.recv(1 << 18)
        if not piece:
            break
        answer += piece
        if size < 0 and b"JSON" in answer[:64]:
            start = answer.index(b"JSON") + 4
            words = answer[:start].split()
            size = int(words[1]) if len(words) == 3 and words[1].isdigit() else 0
    try:
        return json.loads(answer[start : start + size] if size >= 0 else b"")
    except ValueError:
        raise TheirFault(f"{server} answered with something else than the classic dialect.") from None
