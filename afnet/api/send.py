"""Sends a job to the farm over HTTP: tries the servers in turn and follows the one that says "not me, ask there".

Standard library only. A server that can not be reached is passed over; one that was reached and then lost may have
taken the job, which is said and not tried again.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from afcore.config import Config, parse_address
from afcore.errors import (
    AfError,
    BadSpec,
    ConfigError,
    Conflict,
    ConnectionLost,
    LimitReached,
    NotAllowed,
    NotFound,
    Problem,
    Rejected,
    TheirFault,
    TimedOut,
    Unavailable,
)
from afnet.api.credentials import find_token
from afnet.api.trust import client_context, why_not

__all__ = ["post", "send_job", "server_list"]

_FOLLOWED = 8  # servers that may be named by other servers for one request
_REJECTED = {error.default_code: error for error in (NotFound, NotAllowed, Conflict, LimitReached)}
_CHECK = "look with afcmd job list whether it was, before you send it again"


def server_list(config: Config, server: str | None = None) -> list[tuple[str, int]]:
    """Return the addresses to try: those of ``server`` (``HOST:PORT``, several with commas), else the configured."""
    if not server:
        return config.servers()
    return [parse_address(text, config["af_serverport"]) for text in server.split(",") if text.strip()]


def send_job(
    job: Mapping[str, Any],
    servers: Sequence[tuple[str, int]],
    *,
    connect_timeout: float = 5.0,
    answer_timeout: float = 60.0,
) -> dict[str, Any]:
    """Submit the JSON object of a job; return the answer, with ``id`` and ``serial`` of the job. It is committed then.

    Raises BadSpec with all problems of the job, another Rejected when the farm says no, WireError when no server can
    be asked, Unavailable when the farm's database is away.
    """
    return post("/api/jobs", {"job": job}, servers, connect_timeout=connect_timeout, answer_timeout=answer_timeout)


def post(
    path: str,
    body: Mapping[str, Any],
    servers: Sequence[tuple[str, int]],
    *,
    connect_timeout: float = 5.0,
    answer_timeout: float = 60.0,
) -> dict[str, Any]:
    """Send a JSON object to the first server that answers for the farm; return its JSON answer. Raises as
    ``send_job``.
    """
    encoded = json.dumps(body, separators=(",", ":")).encode("ascii")
    headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex, "Connection": "close"}
    waiting = list(servers)
    asked: list[tuple[str, int]] = []
    failures: list[str] = []
    while waiting:
        server = waiting.pop(0)
        if server in asked:
            continue
        asked.append(server)
        try:
            connection = _connection(server, connect_timeout)
        except ConfigError as error:
            failures.append(_why_unknown(server, error))
            continue
        try:
            try:
                connection.connect()
            except ssl.SSLError as error:
                failures.append(str(why_not(_shown(server), error)))
                continue
            except (OSError, UnicodeError) as error:
                failures.append(f"{_shown(server)} {_why(error)}")
                continue
            token = find_token(*server)
            shown = {**headers, "Authorization": "Bearer " + token} if token else headers
            status, answer = _ask(connection, server, path, encoded, shown, answer_timeout)
        finally:
            connection.close()
        if status == 421:
            failures.append(f"{_shown(server)} does not lead the farm")
            waiting = [*_named_servers(answer, server), *waiting][:_FOLLOWED]
            if len(asked) >= len(servers) + _FOLLOWED:
                break
            continue
        return _checked(status, answer, server)
    raise ConnectionLost(
        f"no server of the farm can be asked: {'; '.join(failures) or 'none is named'}",
        hint="start afserver, or name the server with --server HOST:PORT or AF_SERVER",
    )


def _connection(server: tuple[str, int], timeout: float) -> http.client.HTTPConnection:
    """Return the way to a server: TLS with the farm's authority, or plain to this machine. Raises ConfigError."""
    context = client_context(*server)
    if context is None:
        return http.client.HTTPConnection(*server, timeout=timeout)
    return http.client.HTTPSConnection(*server, timeout=timeout, context=context)


def _why_unknown(server: tuple[str, int], error: ConfigError) -> str:
    """Say what is wrong with a server whose authority is not known; a name that is no host comes first."""
    try:
        socket.getaddrinfo(*server)
    except (OSError, UnicodeError) as wrong:
        return f"{_shown(server)} {_why(wrong)}"
    return str(error)


def _ask(
    connection: http.client.HTTPConnection,
    server: tuple[str, int],
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout: float,
) -> tuple[int, Any]:
    """Return status and JSON of the answer."""
    connection.sock.settimeout(timeout)
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server may have answered before it had read all; else the answer is missed below
    except OSError as error:
        raise ConnectionLost(f"{_shown(server)} was lost while sending: {_why(error)}", hint=_CHECK) from None
    try:
        answer = connection.getresponse()
        text = answer.read()
    except socket.timeout:
        sentence = f"{_shown(server)} did not answer within {timeout:g} seconds; the job may have been taken"
        raise TimedOut(sentence, hint=_CHECK) from None
    except (OSError, http.client.HTTPException) as error:
        sentence = f"{_shown(server)} was lost before it answered ({_why(error)}); the job may have been taken"
        raise ConnectionLost(sentence, hint=_CHECK) from None
    try:
        return answer.status, json.loads(text)
    except ValueError:
        what = f"{_shown(server)} answered {answer.status} with something that is no JSON: it is no server of a farm"
        raise TheirFault(what, hint="check host and port of the server") from None


def _checked(status: int, answer: Any, server: tuple[str, int]) -> dict[str, Any]:
    """Return a good answer, or raise the error that another one says."""
    if status < 300 and isinstance(answer, dict):
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, str):
        error = {"sentence": error}
    if not isinstance(error, dict):
        raise TheirFault(f"{_shown(server)} answered {status} without saying why", hint="look into the server's log")
    raise _error_of(status, error)


def _error_of(status: int, error: Mapping[str, Any]) -> AfError:
    code = str(error.get("code") or "rejected")
    sentence = str(error.get("sentence") or f"the server answered {status}")
    hint = str(error.get("hint") or "")
    listed = error.get("problems")
    if code == BadSpec.default_code or listed:
        problems = [
            Problem(str(one.get("path", "")), str(one.get("what", "")), str(one.get("hint", "")))
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
        ]
        return BadSpec(problems, code=code) if problems else BadSpec([], sentence=sentence, hint=hint, code=code)
    if code == "not_signed_in":
        return NotAllowed(sentence, hint=hint, code=code)
    if code in _REJECTED:
        return _REJECTED[code](sentence, hint=hint)
    if status == 503:
        return Unavailable(sentence, hint=hint)
    return Rejected(sentence, hint=hint, code=code)


def _named_servers(answer: Any, server: tuple[str, int]) -> list[tuple[str, int]]:
    error = answer.get("error") if isinstance(answer, dict) else None
    names = error.get("servers") if isinstance(error, dict) else None
    found = []
    for name in names if isinstance(names, list) else []:
        try:
            found.append(parse_address(str(name), server[1]))
        except ConfigError:
            continue
    return found


def _shown(server: tuple[str, int]) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refuses: nothing listens there"
    if isinstance(error, socket.timeout):
        return "does not answer in time"
    if isinstance(error, socket.gaierror):
        return "is no known host"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)
