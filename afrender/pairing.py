"""How an agent comes to belong to a farm on another machine: its key, its certificate, and the authority it pins.

Rules of this file:
- The key is made here and leaves this folder never; the files are of mode 0600 in a folder of mode 0700.
- A pairing code names the authority: its secret is shown only to a server that this very authority has signed.
- Without a code the first authority that answers is pinned, and an administrator compares the key before approving.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import os
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from afcore.errors import AfError, ConfigError, ConnectionLost, NotAllowed, Rejected, TheirFault
from afnet.api.trust import (
    WrongAuthority,
    context_of,
    fetch_authority,
    fingerprint_of,
    is_here,
    shown_fingerprint,
    why_not,
)
from afnet.client.servers import Address

__all__ = ["PAIR_ANEW", "Credential", "announce", "is_of", "needs_pairing", "pair"]

log = logging.getLogger(__name__)

PAIR_ANEW = (
    "If the farm was set up anew, pair this agent again: `afcmd node code` there makes a code, "
    "`afrender --server HOST --pair CODE` uses it. If it was not, somebody may be between this machine and the farm."
)
"""What a person can do about an agent that meets another authority than that of its farm."""

_TIME = 10.0
_HELD = 60.0
"""Seconds that a server may hold the question of an agent that waits to be approved."""
_AGAIN = 5.0
_ANSWER_MOST = 65536
_SECRET = 16
"""Characters of a code before the part that names the authority."""


class Credential:
    """What an agent shows to its farm, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "credential"
        """Authority, key and certificate."""
        self.expected = ""
        """Fingerprint of the only authority that may be pinned, when a person has seen it; empty: the first one."""

    @property
    def exists(self) -> bool:
        """Whether this agent was paired."""
        return (self.folder / "node.pem").exists()

    def context(self) -> ssl.SSLContext:
        """Return how to speak TLS with the farm, showing the certificate; ConfigError when a file is broken or open."""
        key = self.folder / "node.key"
        try:
            if os.name == "posix" and key.stat().st_mode & 0o077:
                raise ConfigError(str(key), "", "others may read this key", hint="revoke the node and pair it again")
            context = context_of(str(self.folder / "authority.pem"))
            context.load_cert_chain(self.folder / "node.pem", key)
        except (OSError, ssl.SSLError) as error:
            what = f"the certificate of this agent can not be used: {error}"
            raise ConfigError(str(self.folder), "", what, hint="pair it again with --pair") from None
        return context

    def pin(self, authority: str) -> None:
        """Keep the authority. Raises NotAllowed when another one is expected."""
        if self.expected and fingerprint_of(authority) != self.expected:
            raise NotAllowed(
                "What answers now is not the farm that was chosen: its authority has the fingerprint "
                f"{shown_fingerprint(fingerprint_of(authority))}.",
                hint="Somebody may be between you and the farm.",
            )
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write("authority.pem", authority)
        except OSError as error:
            raise ConfigError(str(self.folder), "", f"can not be written: {error.strerror or error}") from None

    def keep(self, certificate: str, server: Address) -> None:
        """Keep the certificate, and where the farm is: from now on this agent is paired."""
        self._write("server", f"{server}\n")
        self._write("node.pem", certificate)

    @property
    def server(self) -> str:
        """Where the farm was when this agent was paired; empty when it never was."""
        with contextlib.suppress(OSError, ValueError):
            return (self.folder / "server").read_text(encoding="ascii").strip()
        return ""

    @property
    def authority(self) -> str:
        """Fingerprint of the authority that is pinned; empty for none."""
        with contextlib.suppress(OSError, ValueError):
            return fingerprint_of((self.folder / "authority.pem").read_text(encoding="ascii"))
        return ""

    def forget(self) -> None:
        """Forget certificate and key; a new pairing begins with a new key."""
        for name in ("node.pem", "node.key"):
            (self.folder / name).unlink(missing_ok=True)

    def request(self, name: str) -> tuple[str, str]:
        """Return a request for a certificate, signed with this agent's key, and the fingerprint of that key."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        pem = serialization.Encoding.PEM
        path = self.folder / "node.key"
        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            self._write("node.key", private.decode())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "node")])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        der = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashes.Hash(hashes.SHA256())
        digest.update(der)
        return request.public_bytes(pem).decode(), digest.finalize().hex()

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        os.replace(fresh, self.folder / name)


def _parts(code: str) -> tuple[str, str]:
    """Return the secret of a pairing code, and the beginning of the fingerprint of the authority (hexadecimal)."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    try:
        if len(plain) != 2 * _SECRET:
            raise ValueError
        return plain[:_SECRET], base64.b32decode(plain[_SECRET:]).hex()
    except ValueError:
        raise ConfigError(
            "command line", "--pair", "this is no pairing code",
            hint="it has eight groups of four letters and digits; `afcmd node code` makes one",
        ) from None  # fmt: skip


def pair(servers: Sequence[Address], code: str, name: str, credential: Credential) -> None:
    """Become the node ``name`` of the farm that made the code. Raises an AfError with the sentence for a person."""
    secret, pinned = _parts(code)
    server, authority = _first(servers)
    if not fingerprint_of(authority).startswith(pinned):
        raise NotAllowed(
            f"The server at {server} is not of the farm that made this pairing code: its authority has the "
            f"fingerprint {shown_fingerprint(fingerprint_of(authority))}.",
            hint="Check the address; if it is right, somebody may be between you and the farm.",
        )
    credential.pin(authority)
    credential.forget()
    request, _ = credential.request(name)
    said = _post(server, credential, "/api/pair", {"name": name, "request": request, "secret": secret}, _TIME)
    credential.keep(str(said["certificate"]), server)
    log.info("This agent belongs to the farm at %s now, as the node %s.", server, name)


def is_of(code: str, fingerprint: str) -> bool:
    """Say whether a pairing code was made by the farm whose authority has a fingerprint; ConfigError as pairing."""
    return fingerprint.startswith(_parts(code)[1])


def announce(
    servers: Sequence[Address], name: str, credential: Credential, *, rest: Callable[[float], object] = time.sleep
) -> None:
    """Ask to belong to the farm, and wait until an administrator has approved it."""
    told = ""
    while True:
        try:
            server, authority = _first(servers)
            if not credential.authority:
                credential.pin(authority)
            request, key = credential.request(name)
            if not told:
                log.info(
                    "This agent waits to be approved: `afcmd node list` at the farm must show the key %s, "
                    "then `afcmd node approve %s`. The farm's authority has the fingerprint %s.",
                    key[:32], name, shown_fingerprint(credential.authority),
                )  # fmt: skip
            told = told or "waits"
            said = _post(server, credential, "/api/announce", {"name": name, "request": request}, _HELD)
            if said.get("state") == "paired":
                credential.keep(str(said["certificate"]), server)
                log.info("An administrator has approved this agent: it is the node %s now.", name)
                return
        except WrongAuthority as error:
            raise ConnectionLost(error.sentence, hint=PAIR_ANEW) from None
        except ConnectionLost as error:
            if str(error) != told:
                told = str(error)
                log.info("No server yet: %s", told)
            rest(_AGAIN)


def _first(servers: Sequence[Address]) -> tuple[Address, str]:
    """Return the first server that answers and the certificate of its authority; raises what was wrong with the first.

    Whether the authority is the farm's is open.
    """
    trouble: AfError | None = None
    for server in servers:
        try:
            return server, fetch_authority(server.host, server.port)
        except AfError as error:
            trouble = trouble or error
    assert trouble is not None
    raise trouble


def _post(server: Address, credential: Credential, path: str, body: dict[str, str], seconds: float) -> dict[str, Any]:
    """Ask a server that the pinned authority has signed; nobody else hears a word."""
    context = context_of(str(credential.folder / "authority.pem"))
    connection = http.client.HTTPSConnection(server.host, server.port, timeout=seconds, context=context)
    try:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", path, body=json.dumps(body).encode(), headers=headers)
        answer = connection.getresponse()
        said = json.loads(answer.read(_ANSWER_MOST))
    except ssl.SSLError as error:
        raise why_not(str(server), error) from None
    except OSError as error:
        raise ConnectionLost(f"The server at {server} was lost: {error.strerror or error}.") from None
    except (http.client.HTTPException, ValueError):
        raise TheirFault(f"What answers at {server} is no server of a farm.") from None
    finally:
        connection.close()
    if answer.status == 200 and isinstance(said, dict):
        return said
    refused = said.get("error", {}) if isinstance(said, dict) else {}
    sentence = str(refused.get("sentence") or f"The server at {server} answered {answer.status}.")
    raise Rejected(sentence, hint=str(refused.get("hint", "")), code=str(refused.get("code") or "rejected"))


def needs_pairing(servers: Sequence[Address]) -> bool:
    """Say whether a farm is on other machines only, so that it takes nobody without a certificate."""
    return not any(is_here(server.host) for server in servers)
