"""Keep web pages of strangers away from the farm's port: what a browser adds by itself must name this very server.

Rules of this file:
- A page of any site can make its visitor's browser call 127.0.0.1; the browser then names that site in ``Origin``, or
  (name rebinding) in ``Host``. Programs that are no browsers send no ``Origin`` and a ``Host`` they really called.
- A number in ``Host`` is no name that a stranger could point here; names are this machine's and the configured ones.
"""

import socket
from collections.abc import Collection, Mapping
from ipaddress import ip_address

from afnet.transport.httphead import Head

__all__ = ["browser_refusal", "browser_refusal_of"]

_OWN_SITES = frozenset({"same-origin", "none"})
"""Values of ``Sec-Fetch-Site`` that no page of a stranger can cause: ours, or a person who typed the address."""


def _host_of(text: str) -> str:
    """Return the host of ``HOST[:PORT]`` in lower case, without brackets."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.rpartition(":")[0].lower() if ":" in text else text.lower()


def _is_ours(host: str, names: Collection[str]) -> bool:
    own = socket.gethostname().lower()
    if host in ("localhost", own, own.partition(".")[0]) or host in names:
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def browser_refusal(headers: Mapping[str, str], names: Collection[str] = ()) -> str:
    """Return why a request is refused, as a sentence; empty if it is not. Header names in lower case or any case."""
    host = headers.get("host", "")
    if host and not _is_ours(_host_of(host), names):
        return f"This server is not {host}: use its own address, or list the name in server_names of its configuration."
    origin = headers.get("origin", "")
    if origin and origin.partition("://")[2].lower() != host.lower():
        return f"Pages of {origin} may not use this farm."
    site = headers.get("sec-fetch-site", "")
    if site and site.lower() not in _OWN_SITES and headers.get("sec-fetch-mode", "").lower() != "navigate":
        return "Pages of other sites may not use this farm."
    return ""


def browser_refusal_of(head: Head, names: Collection[str] = ()) -> str:
    """Return ``browser_refusal`` for a head that the door has read."""
    return browser_refusal(head.headers, names)
