"""What makes a server one of many machines: its authority and TLS, if ``afserver init`` was done, else nothing of it.

Rules of this file:
- Nothing of cryptography is imported for a farm without an authority: one machine, one person pays nothing.
- What others are told to connect to is what they can reach: no "any address", no loopback beside real ones.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from afcore.config import Config
from afcore.envelope import Principal
from afcore.errors import Conflict
from afcore.store.ledger import KeptRow
from afnet.client.servers import Address
from afnet.server.nodes import Nodes

if TYPE_CHECKING:
    from afnet.server.auditing import Auditor
    from afnet.server.authority import Authority
    from afnet.server.pairing import Pairing
    from afnet.server.runner import Answer, Runner

__all__ = ["Secured"]

_OPERATIONS = ("node.code", "node.approve", "node.revoke")


class Secured:
    """The certificate authority of a server, its TLS context, and the pairing of nodes; all None without one."""

    def __init__(
        self, config: Config, data: Path, listen: Sequence[Address], kept: Iterable[KeptRow], runner: "Runner",
        auditor: "Auditor", *, now: Callable[[], float],
    ) -> None:  # fmt: skip
        """Raises ConfigError when there is an authority that can not be used."""
        self.nodes = Nodes(kept, now=now)
        """Who belongs to the farm."""
        self.authority: Authority | None = None
        self.context: ssl.SSLContext | None = None
        self.pairing: Pairing | None = None
        self.operations: dict[str, Callable[[dict[str, Any], Principal, Answer], None]] = {
            "node.list": lambda given, who, answer: answer(
                {"rows": self.nodes.rows(given["state"]), "next": None}, None
            ),
            **dict.fromkeys(_OPERATIONS, _refuse),
        }
        """What the registry calls ``node``; those that need an authority are refused without one."""
        if not (data / "authority" / "authority.pem").exists():
            return
        from afnet.server import authority, pairing

        self.authority = authority.Authority(authority.authority_folder(data))
        self.context = self.authority.server_context(_names(config, listen), now=now())
        self.pairing = pairing.Pairing(self.nodes, self.authority, runner, auditor, now=now)
        self.operations = self.pairing.operations

    def told(self, addresses: Sequence[Address]) -> list[str]:
        """Return the addresses that callers are told to come back to."""
        real = [each for each in addresses if not ip_address(each.host.partition("%")[0]).is_unspecified]
        reached = [each for each in real if not ip_address(each.host.partition("%")[0]).is_loopback]
        if self.authority is None or len(real) == len(addresses) and not reached:
            return [str(each) for each in addresses]
        return [str(each) for each in reached]


def _refuse(given: dict[str, Any], who: Principal, answer: "Answer") -> None:
    raise Conflict(
        "This farm has no certificate authority, so it takes no nodes from elsewhere.",
        hint="Stop the server and run `afserver init` once.",
    )


def _names(config: Config, listen: Sequence[Address]) -> list[str]:
    """Return every name and address by which the server may be called, for programs that compare names."""
    found = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower(), *config["server_names"]}
    found |= {each.host for each in listen}
    for addresses in psutil.net_if_addrs().values():
        found |= {
            each.address.partition("%")[0] for each in addresses if each.family in (socket.AF_INET, socket.AF_INET6)
        }
    return sorted(name for name in found if name not in ("0.0.0.0", "::"))
