"""Signing in and out, and asking for passwords: at a terminal without showing them, else a line of the input each."""

import getpass
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from afcore.errors import BadSpec, ConnectionLost, NotAllowed, Problem, Rejected
from afnet.api.credentials import forget_sign_in, read_sign_ins, write_sign_in
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from afnet.registry import Operation

__all__ = ["ask_secrets", "login", "logout", "trust_servers"]


def login(servers: Sequence[Address], name: str, days: float | None) -> int:
    """Sign in at the first server that answers; return the exit code."""
    password = _secret(f"Password of {name}: ")
    given: dict[str, Any] = {"name": name, "password": password, "label": f"afcmd on {socket.gethostname()}"}
    if days is not None:
        given["days"] = days
    # Nothing is shown: an old sign-in that has ended must not stand in the way of a new one.
    with BlockingClient(servers, program="afcmd", user=name, credential=lambda host, port: "") as client:
        reply = client.request("session.login", given)
        server = client.server
    assert server is not None
    kept = {"token": reply["token"], "name": reply["name"], "expires": reply["expires"]}
    path = write_sign_in(os.environ, server.host, server.port, kept)
    print(f"Signed in as {reply['name']} at {server}; the sign-in is kept in {path}.")
    return 0


def logout(servers: Sequence[Address]) -> int:
    """End this user's sign-ins at the servers and forget them; return the exit code."""
    ended = 0
    for server in servers:
        known = read_sign_ins(os.environ).get(str(server))
        if not known:
            continue
        token = str(known.get("token", ""))
        id = token.removeprefix("af_").partition("_")[0]
        try:
            with BlockingClient(
                [server], program="afcmd", credential=lambda host, port, token=token: token  # type: ignore[misc]
            ) as client:
                client.request("token.revoke", {"id": id})
        except (Rejected, ConnectionLost):
            pass  # it had ended already, or this very conversation ended with it
        forget_sign_in(os.environ, server.host, server.port)
        ended += 1
        print(f"Signed out at {server}.")
    if not ended:
        print("There is no sign-in at " + ", ".join(map(str, servers)) + ".")
    return 0


def trust_servers(servers: Sequence[Address], fingerprint: str) -> int:
    """Keep the certificate authority of servers once it is the right one; return the exit code."""
    from afnet.api.trust import fetch_authority, fingerprint_of, shown_fingerprint, trust

    wanted = fingerprint.replace(":", "").strip().lower()
    for server in servers:
        pem = fetch_authority(server.host, server.port)
        found = fingerprint_of(pem)
        if wanted and wanted != found:
            raise NotAllowed(
                f"The authority of {server} has another fingerprint: {shown_fingerprint(found)}.",
                hint="Somebody may be between you and the farm: ask who runs it.",
            )
        if not wanted:
            print(f"The authority of {server} has the fingerprint\n  {shown_fingerprint(found)}")
            if not sys.stdin.isatty():
                raise NotAllowed("Nobody is here to compare it.", hint="Give --fingerprint.")
            if input("Is it the one that `afserver init` showed? [y/N] ").strip().lower() not in ("y", "yes"):
                print("It is not kept.")
                return 1
        path = trust(os.environ, server.host, server.port, pem)
        print(f"{server} is trusted; its authority is kept in {path}.")
    return 0


def ask_secrets(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the secrets that the operation takes."""
    asked = dict(given)
    for argument in operation.arguments:
        if argument.kind != "secret":
            continue
        if argument.name == "old" and given.get("name"):
            continue  # somebody else's: an administrator needs no old one
        label = "Old password (administrators: leave it empty): " if argument.name == "old" else "New password: "
        answer = _secret(label)
        if argument.name != "old" and answer and sys.stdin.isatty() and _secret("The same again: ") != answer:
            raise BadSpec([Problem("password", "was typed differently the second time", "type it again")])
        if answer:
            asked[argument.name] = answer
    return asked


def _secret(label: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(label)
    return sys.stdin.readline().rstrip("\r\n")
