"""Announces the server on its networks, so that agents and monitors without a named server find it (zeroconf).

Rules of this file:
- Only a server that other machines may reach announces itself, and only its name, address and authority's fingerprint.
- All of it happens in a thread: a network that is slow or broken is a line in the log and holds nothing up.
"""

import logging
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address

from afcore.config import Config
from afnet.client.nearby import SERVICE, addresses_of, networks_of, open_zeroconf
from afnet.client.servers import Address

__all__ = ["Announcer", "announced"]

_log = logging.getLogger(__name__)


def announced(hosts: Sequence[str], named: Sequence[str]) -> list[str]:
    """Return the addresses by which a server is called that listens at ``hosts``: each family's any is all of it."""
    real = {host for host in hosts if host not in ("0.0.0.0", "::")}
    for any_address, mark in (("0.0.0.0", "."), ("::", ":")):
        if any_address in hosts:
            real |= {one for one in addresses_of(named) if mark in one}
    return sorted(host.partition("%")[0] for host in real)


class Announcer:
    """Announces between ``start`` and ``stop``; does nothing for a server that its own machine alone reaches."""

    def __init__(self, config: Config, *, fingerprint: str, foreign: Sequence[str] = ()) -> None:
        """``fingerprint`` is that of the farm's authority, empty for none; ``foreign`` are loopback addresses that
        count as those of other machines."""
        self._wanted = bool(config["nearby"] and fingerprint)
        self._named: list[str] = config["nearby_networks"]
        self._fingerprint = fingerprint
        self._foreign = frozenset(foreign)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, listen: Sequence[Address]) -> None:
        """Begin, if any of the addresses is for other machines; returns at once."""
        hosts = [address.host.partition("%")[0] for address in listen]
        reached = [address for address, host in zip(listen, hosts, strict=True) if self._is_for_others(host)]
        if self._wanted and reached and self._thread is None:
            self._thread = threading.Thread(target=self._announce, args=(reached,), name="announcing", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take the announcement back; waits until that was said."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None

    def _is_for_others(self, host: str) -> bool:
        at = ip_address(host)
        return not at.is_loopback or host in self._foreign

    def _announce(self, listen: Sequence[Address]) -> None:
        from zeroconf import Error as ZeroconfError
        from zeroconf import ServiceInfo

        try:
            addresses = announced([each.host for each in listen if each.port == listen[0].port], self._named)
            here = socket.gethostname().partition(".")[0]
            info = ServiceInfo(
                SERVICE, f"{here}:{listen[0].port}.{SERVICE}", port=listen[0].port, parsed_addresses=addresses,
                properties={"fingerprint": self._fingerprint}, server=f"{here}.local.",
            )  # fmt: skip
            zeroconf = open_zeroconf(networks_of(self._named))
        except (OSError, ValueError, RuntimeError, ZeroconfError) as error:
            _log.warning("this server is not announced on its networks: %s", error)
            return
        try:
            zeroconf.register_service(info, allow_name_change=True)
            self._over.wait()
            zeroconf.unregister_service(info)
        except (OSError, RuntimeError, ZeroconfError) as error:
            _log.warning("this server is not announced on its networks: %s", error)
        finally:
            zeroconf.close()
