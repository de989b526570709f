"""Keep web pages of strangers away from the farm's port: what a browser adds by itself must name this very server.

Rules of this file:
- A page of any site can make its visitor's browser call 127.0.0.1; the browser then names that site in ``Origin``, or
  (name rebinding) in ``Host``. Programs that are no browsers send no ``Origin`` and a ``Host`` they really called.
"""

import socket
from collections.abc import Mapping

from afnet.transport.httphead import Head

__all__ = ["browser_refusal", "browser_refusal_of"]


def _host_of(text: str) -> str:
    """Return the host of ``HOST[:PORT]`` in lower case, without brackets."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.rpartition(":")[0].lower() if ":" in text else text.lower()


def _is_ours(host: str) -> bool:
    return host in ("localhost", "::1", socket.gethostname().lower()) or (
        host.startswith("127.") and host.replace(".", "").isdigit()
    )


def browser_refusal(headers: Mapping[str, str]) -> str:
    """Return why a request is refused, as a sentence; empty if it is not. Header names in lower case or any case."""
    host = headers.get("host", "")
    if host and not _is_ours(_host_of(host)):
        return f"This server is not {host}: use its own address, for example 127.0.0.1 or localhost."
    origin = headers.get("origin", "")
    if origin and origin.partition("://")[2].lower() != host.lower():
        return f"Pages of {origin} may not use this farm."
    return ""


def browser_refusal_of(head: Head) -> str:
    """Return ``browser_refusal`` for a head that the door has read."""
    return browser_refusal(head.headers)
