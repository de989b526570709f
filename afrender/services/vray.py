"""The service of V-Ray: it takes captured hosts by their addresses.

Rules of this file:
- asking for an address may take long: a run with captured hosts is prepared in a worker thread.
"""

from __future__ import annotations

import socket

from afrender.services.base import Service

__all__ = ["vray"]


class vray(Service):
    """``@AF_HOSTS@`` becomes ``-renderhost="10.0.0.1;10.0.0.2"``."""

    def apply_hosts(self, command: str) -> str:
        """Put the addresses of captured hosts where the command asks for them. Raises OSError for an unknown host."""
        addresses = [socket.gethostbyname(host) for host in self.run.hosts]
        return command.replace("@AF_HOSTS@", f'-renderhost="{";".join(addresses)}"')
