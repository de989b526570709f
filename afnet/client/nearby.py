"""Farms that announce themselves on the networks of this machine: how they are called there, and how they are found.

Rules of this file:
- An announcement is a claim: only a server that answers there, with the authority it claims, is told to anybody.
- Looking sends nothing of this user, and trusts nobody: a person compares the fingerprint, or a pairing code does.
- Loopback is left out unless it is named: what listens there needs no announcing.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import NamedTuple

from afcore.errors import AfError
from afnet.api.trust import fetch_authority, fingerprint_of
from afnet.client.servers import Address

__all__ = ["SERVICE", "Nearby", "look_nearby", "networks_of"]

SERVICE = "_afwatch._tcp.local."
"""What farm servers are called among services on a network."""

LOOK_TIME = 3.0
"""Seconds that a first answer is waited for; who announces usually answers within a tenth of one."""

_ANSWER_TIME = 3.0
_MOST = 16
"""Servers that are asked; a network full of claims shall not hold a program up."""


class Nearby(NamedTuple):
    """A farm's server that announces itself and answers."""

    name: str
    """What it calls itself."""
    address: Address
    fingerprint: str
    """SHA-256 of the authority that it shows, hexadecimal."""


def networks_of(named: Sequence[str]) -> list[str]:
    """Return the addresses of this machine whose networks are used: those named, else all that are not loopback."""
    if named:
        return list(named)
    import ifaddr

    found = [str(each.ip) for adapter in ifaddr.get_adapters() for each in adapter.ips if each.is_IPv4]
    return [each for each in dict.fromkeys(found) if not ip_address(each).is_loopback]


def look_nearby(named: Sequence[str] = (), *, seconds: float = LOOK_TIME) -> list[Nearby]:
    """Return the farms on the networks of this machine, in the order of their names; takes ``seconds`` and a little.

    ``named`` are addresses of this machine on whose networks alone is looked. A machine without a network has none.
    """
    try:
        claims = _listen(networks_of(named), seconds)
    except (OSError, RuntimeError):
        return []
    if not claims:
        return []
    with ThreadPoolExecutor(len(claims)) as threads:
        return sorted(found for found in threads.map(_ask, claims) if found is not None)


def _listen(networks: Sequence[str], seconds: float) -> list[tuple[str, list[Address], str]]:
    """Return what is claimed: name, addresses, fingerprint."""
    from zeroconf import IPVersion, ServiceBrowser, ServiceListener, Zeroconf

    if not networks:
        return []
    names: list[str] = []
    first = threading.Event()

    class Listener(ServiceListener):
        def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            names.append(name)
            first.set()

        def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            pass

        def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            pass

    zeroconf = Zeroconf(interfaces=list(networks), ip_version=IPVersion.V4Only)
    end = time.monotonic() + seconds
    try:
        browser = ServiceBrowser(zeroconf, SERVICE, Listener())
        if first.wait(seconds):
            # Others answer at about the same time.
            time.sleep(min(0.5, max(0.0, end - time.monotonic())))
        browser.cancel()
        claims = []
        for name in list(dict.fromkeys(names))[:_MOST]:
            info = zeroconf.get_service_info(SERVICE, name, timeout=int(1000 * seconds))
            if info is not None and info.port:
                told = (info.decoded_properties.get("fingerprint") or "").lower()
                addresses = [Address(host, info.port) for host in info.parsed_addresses()]
                claims.append((name.removesuffix("." + SERVICE), addresses, told))
        return claims
    finally:
        zeroconf.close()


def _ask(claim: tuple[str, list[Address], str]) -> Nearby | None:
    """Return the server of a claim if it answers and shows the authority it claims."""
    name, addresses, told = claim
    for address in addresses:
        try:
            shown = fingerprint_of(fetch_authority(address.host, address.port, timeout=_ANSWER_TIME))
        except AfError:
            continue
        return Nearby(name, address, shown) if shown == told else None
    return None
