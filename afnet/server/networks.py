"""Networks that an administrator lists: classic clients there carry no identity, and act under the name they claim.

Rules of this file:
- Nothing is listed by default; the role is USER where none is said.
- Loopback is never such a network: there the operating system says who calls.
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from afcore.envelope import Principal
from afcore.errors import ConfigError
from afcore.states import Role
from afnet.server.people import ROLES, role_of

__all__ = ["read_networks"]


def read_networks(texts: Sequence[str], *, source: str = "") -> Callable[[str], Principal | None]:
    """Return what says who calls from an address: the principal of its network, None where none is listed.

    Raises ConfigError for a text that is no network with a role.
    """
    networks = []
    for text in texts:
        words = text.split()
        role = words[1].lower() if len(words) > 1 else "user"
        try:
            if not words or len(words) > 2 or role not in ROLES:
                raise ValueError
            networks.append((ip_network(words[0]), role_of(role)))
        except ValueError:
            raise ConfigError(
                source, "classic_networks", f'"{text}" is no network with a role',
                hint="write NETWORK or NETWORK ROLE, for example 10.1.0.0/16 or 10.1.7.0/24 visor",
            ) from None  # fmt: skip

    def guest(host: str) -> Principal | None:
        try:
            address = ip_address(host.partition("%")[0].removeprefix("::ffff:"))
        except ValueError:
            return None
        if address.is_loopback:
            return None
        found: Role | None = next((role for network, role in networks if address in network), None)
        return None if found is None else Principal("", found, host)

    return guest
