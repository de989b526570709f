"""Farms that announce themselves on the networks of this machine: how they are called there, and how they are found.

Rules of this file:
- An announcement is a claim: only a server that answers there, with the authority it claims, is told to anybody.
- Looking sends nothing of this user, and trusts nobody: a person compares the fingerprint, or a pairing code does.
- Loopback is left out unless it is named: what listens there needs no announcing.
"""

import contextlib
import logging
import queue
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from afcore.errors import AfError
from afnet.api.trust import fetch_authority, fingerprint_of
from afnet.client.servers import Address

if TYPE_CHECKING:
    from zeroconf import Zeroconf

__all__ = ["SERVICE", "Nearby", "addresses_of", "look_nearby", "networks_of", "open_zeroconf"]

SERVICE = "_afwatch._tcp.local."
"""What farm servers are called among services on a network."""

LOOK_TIME = 3.0
"""Seconds that a first answer is waited for; who announces usually answers within a tenth of one."""

_OTHERS_TIME = 0.5
"""Seconds after an answer in which others are waited for: they come at about the same time."""

_LEAST_TIME = 0.2
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


def addresses_of(named: Sequence[str]) -> list[str]:
    """Return the addresses of this machine by which others reach it: those named, else all that are not loopback.

    Link-local addresses of IPv6 are left out where there is any other address: they mean something on one network only.
    """
    if named:
        return list(named)
    found = [one for adapter in _adapters() for one in adapter]
    lasting = [one for one in found if not ip_address(one.partition("%")[0]).is_link_local]
    return lasting or found


def networks_of(named: Sequence[str]) -> list[str]:
    """Return an address of this machine for each network that is used: those named, else of all but loopback.

    A network interface that has addresses of IPv6 stands here with one of them.
    """
    if named:
        return list(named)
    found = []
    for adapter in _adapters():
        found += [one for one in adapter if ":" not in one]
        found += [one for one in adapter if ":" in one][:1]
    return found


def _adapters() -> list[list[str]]:
    """Return the addresses of each network interface, loopback left out; with the number of the interface if needed."""
    import ifaddr

    found, seen = [], set()
    for adapter in ifaddr.get_adapters():
        ours = []
        for each in adapter.ips:
            host = str(each.ip) if each.is_IPv4 else str(each.ip[0])
            at = ip_address(host.partition("%")[0])
            if at.is_loopback or host in seen:
                continue
            seen.add(host)
            ours.append(f"{host}%{each.ip[2]}" if each.is_IPv6 and at.is_link_local else host)
        found.append(ours)
    return found


def open_zeroconf(networks: Sequence[str]) -> "Zeroconf":
    """Return a zeroconf that speaks on the networks of these addresses, of either family.

    Raises OSError or RuntimeError.
    """
    from zeroconf import IPVersion, Zeroconf

    # A network that takes nothing just now is nobody's mistake, and no traceback for the log.
    logging.getLogger("zeroconf").setLevel(logging.ERROR)
    old = [one for one in networks if ":" not in one]
    new = [one for one in networks if ":" in one]
    if new:
        try:
            return Zeroconf(interfaces=[*old, *new], ip_version=IPVersion.All if old else IPVersion.V6Only)
        except (OSError, RuntimeError):
            # A system may have addresses of IPv6 and no multicast there.
            if not old:
                raise
    return Zeroconf(interfaces=old, ip_version=IPVersion.V4Only)


def look_nearby(
    named: Sequence[str] = (), *, seconds: float = LOOK_TIME, enough: Callable[[str], bool] | None = None
) -> list[Nearby]:
    """Return the farms on the networks of this machine, in the order of their names; takes ``seconds`` at most.

    ``named`` are addresses of this machine on whose networks alone is looked. A machine without a network has none.
    ``enough`` says of a fingerprint that nobody else is looked for: that farm alone is returned, as soon as it answers.
    """
    claims = []
    # Who looks for one farm does not go because another was faster.
    others = _OTHERS_TIME if enough is None else seconds
    try:
        with contextlib.closing(_claims(networks_of(named), seconds, others)) as coming:
            for claim in coming:
                if enough is None or not enough(claim.fingerprint):
                    claims.append(claim)
                elif (found := _ask(claim)) is not None:
                    return [found]
    except (OSError, RuntimeError):
        return []
    if not claims:
        return []
    with ThreadPoolExecutor(len(claims)) as threads:
        return sorted(found for found in threads.map(_ask, claims) if found is not None)


class _Claim(NamedTuple):
    """What somebody says of itself."""

    name: str
    addresses: list[Address]
    fingerprint: str


def _claims(networks: Sequence[str], seconds: float, others: float) -> Generator[_Claim, None, None]:
    """Yield what is claimed on these networks, as it comes; ``others`` seconds after one there is time for the next."""
    from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

    if not networks:
        return
    names: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Listener(ServiceListener):
        def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            names.put(name)

        def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            pass

        def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
            pass

    zeroconf = open_zeroconf(networks)
    end = until = time.monotonic() + seconds
    seen: set[str] = set()
    try:
        browser = ServiceBrowser(zeroconf, SERVICE, Listener())
        try:
            while len(seen) < _MOST:
                try:
                    name = names.get(timeout=max(0.0, until - time.monotonic()))
                except queue.Empty:
                    break
                left = max(_LEAST_TIME, end - time.monotonic())
                info = None if name in seen else zeroconf.get_service_info(SERVICE, name, timeout=int(1000 * left))
                seen.add(name)
                if info is None or not info.port:
                    continue
                until = min(end, time.monotonic() + others)
                told = (info.decoded_properties.get("fingerprint") or "").lower()
                addresses = [Address(host, info.port) for host in info.parsed_scoped_addresses()]
                yield _Claim(name.removesuffix("." + SERVICE), addresses, told)
        finally:
            browser.cancel()
    finally:
        zeroconf.close()


def _ask(claim: _Claim) -> Nearby | None:
    """Return the server of a claim if it answers and shows the authority it claims."""
    name, addresses, told = claim
    for address in addresses:
        try:
            shown = fingerprint_of(fetch_authority(address.host, address.port, timeout=_ANSWER_TIME))
        except AfError:
            continue
        return Nearby(name, address, shown) if shown == told else None
    return None
