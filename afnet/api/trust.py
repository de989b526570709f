"""How this program knows that a server elsewhere is the farm's: the certificate of the farm's authority, in a file.

The order: the file that was kept for this very address (``afcmd trust``); for other machines also the file that
``AF_AUTHORITY`` names. Standard library only.

Rules of this file:
 - to another machine there is no connection without TLS and a known authority; a server on loopback needs none;
 - an authority that is not known is shown by its fingerprint and never taken in silence.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from afcore.errors import ConfigError, ConnectionLost, TheirFault
from afnet.api.credentials import config_folder

if TYPE_CHECKING:
    import ssl

__all__ = [
    "UnknownAuthority", "WrongAuthority", "authority_path", "client_context", "context_of", "fetch_authority",
    "find_authority", "fingerprint_of", "is_here", "open_context", "shown_fingerprint", "trust", "why_not",
]  # fmt: skip

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_ANSWER_MOST = 65536
_NOT_NOW = (9, 10)
"""What OpenSSL calls a certificate that does not count yet, or not any more."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class UnknownAuthority(ConfigError):
    """The farm at an address is on another machine, and this user has not said yet which authority it has."""


class WrongAuthority(ConnectionLost):
    """Somebody answers, but not the farm whose authority is known here."""


def is_here(host: str) -> bool:
    """Say whether a host is this machine's loopback, whatever else it may be called."""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def authority_path(environ: Mapping[str, str], host: str, port: int) -> Path:
    """Return where the authority of the server at an address is kept, beside this user's sign-ins."""
    return config_folder(environ) / "authorities" / f"{_UNSAFE.sub('_', host.lower())}-{port}.pem"


def find_authority(host: str, port: int, environ: Mapping[str, str]) -> str:
    """Return the file of the authority that a server must have; empty for none."""
    kept = authority_path(environ, host, port)
    if kept.exists():
        return str(kept)
    return "" if is_here(host) else environ.get("AF_AUTHORITY", "").strip()


def client_context(host: str, port: int, environ: Optional[Mapping[str, str]] = None) -> Optional[ssl.SSLContext]:
    """Return how to speak TLS with the server at an address; None for plain, on loopback.

    Raises ConfigError when the authority of a server elsewhere is not known, or its file can not be read.
    """
    env = os.environ if environ is None else environ
    path = find_authority(host, port, env)
    if path:
        return context_of(path)
    if is_here(host):
        return None
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise UnknownAuthority(
        "", "", f"the farm at {shown} is on another machine, and its certificate authority is not known here",
        hint=f"run `afcmd --server {shown} trust` and compare the fingerprint, or name its file in AF_AUTHORITY",
    )  # fmt: skip


def context_of(path: str) -> ssl.SSLContext:
    """Return how to speak TLS 1.3 with a server whose certificate the authority in a file has signed.

    The name in that certificate does not matter: the authority signs for one farm, and for nobody else's servers.
    """
    import ssl

    context = _bare_context()
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        what = f"can not be read as a certificate authority: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(path, "", what, hint="`afcmd trust` fetches it anew") from None
    return context


def open_context() -> ssl.SSLContext:
    """Return how to ask a server for its authority before anything of it is known: nothing secret may be sent so."""
    return _bare_context()


def _bare_context() -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def fingerprint_of(pem: str) -> str:
    """Return the SHA-256 of the first certificate in a text, hexadecimal; ValueError when there is none."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("there is no certificate")
    return hashlib.sha256(base64.b64decode("".join(found.group(1).split()))).hexdigest()


def shown_fingerprint(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: pairs with colons."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


def fetch_authority(host: str, port: int, *, timeout: float = 10.0) -> str:
    """Return the certificate of the authority that the server at an address shows; whether it is the farm's is open.

    Raises ConnectionLost or TheirFault.
    """
    import http.client
    import ssl

    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=open_context())
    try:
        connection.request("GET", "/api/authority", headers={"Connection": "close"})
        answer = connection.getresponse()
        said = json.loads(answer.read(_ANSWER_MOST))
        pem = str(said["authority"]) if answer.status == 200 else ""
        fingerprint_of(pem)
        return pem
    except ssl.SSLError:
        what = f"the server at {shown} speaks no TLS: it serves its own machine only"
        raise ConnectionLost(what, hint="run `afserver init` there") from None
    except OSError as error:
        raise ConnectionLost(f"no server of the farm answers at {shown}: {error.strerror or error}") from None
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        what = f"what answers at {shown} shows no certificate authority of a farm"
        raise TheirFault(what, hint="check host and port; the server needs `afserver init`") from None
    finally:
        connection.close()


def trust(environ: Mapping[str, str], host: str, port: int, pem: str) -> Path:
    """Keep the authority of the server at an address for this user; return the file."""
    path = authority_path(environ, host, port)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(pem, encoding="ascii")
        os.replace(beside, path)
    except OSError as error:
        raise ConfigError(str(path), "", f"can not be written: {error.strerror or error}") from None
    return path


def why_not(shown: str, error: ssl.SSLError) -> ConnectionLost:
    """Return the error of a program for a TLS handshake that failed."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _NOT_NOW:
        return ConnectionLost(
            f"The certificate that {shown} shows does not count at this moment: {error.verify_message}.",
            hint="Is the clock of this machine right? A server makes itself another certificate when it is restarted.",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return WrongAuthority(
            f"What answers at {shown} is not the farm known here: its certificate is of another authority.",
            hint="If the farm was set up anew, `afcmd trust` shows the new fingerprint; nodes pair anew.",
        )
    reason = error.reason or str(error)
    return ConnectionLost(
        f"The server at {shown} and this program find no common TLS: {reason}.",
        hint="The server needs `afserver init` to speak TLS.",
    )
