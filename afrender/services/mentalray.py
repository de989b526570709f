"""The service of mental ray: it takes captured hosts before a double dash."""

from __future__ import annotations

from afrender.services.base import Service

__all__ = ["mentalray"]


class mentalray(Service):
    """``@AF_HOSTS@`` becomes ``-hosts A B --``."""

    def apply_hosts(self, command: str) -> str:
        """Put the names of captured hosts where the command asks for them."""
        return command.replace("@AF_HOSTS@", f"-hosts {' '.join(self.run.hosts)} -- ")
