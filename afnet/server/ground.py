"""What a server stands on: settings, data folder and addresses, found alike for a process of its own and for a window.

Rules of this file:
- ``open_ground`` takes the data folder's lock; who opened it closes the store.
"""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afcore.config import Config
from afnet.client.servers import Address, parse_address

if TYPE_CHECKING:
    from afcore.store.base import Store
    from afnet.server.app import FarmServer
    from afnet.server.clock import Clock

__all__ = ["Ground", "data_folder", "listen_addresses", "open_ground"]


@dataclass(slots=True)
class Ground:
    """Everything a server is built on; the store is open and locked."""

    config: Config
    data: Path
    listen: list[Address]
    clock: "Clock"
    store: "Store"

    def build(self, loop: asyncio.AbstractEventLoop) -> "FarmServer":
        """Recover the farm and put a server around it, in the thread of ``loop``; nothing listens yet."""
        from afnet.server.app import build_server

        return build_server(
            self.config, clock=self.clock, store=self.store, data=self.data, listen=self.listen, loop=loop
        )


def open_ground(config: Config, *, serves: bool = True) -> Ground:
    """Open the farm's memory; StoreError when another server has it, ConfigError for an address that is none.

    ``serves``: somebody will listen, so that a port which is taken is refused before anything is made.
    """
    from afcore.store.opening import open_store
    from afnet.server.clock import Clock
    from afnet.server.listen import check_free, raise_file_limit

    raise_file_limit()
    listen, data, clock = listen_addresses(config), data_folder(config), Clock()
    if serves:
        check_free(listen)
    return Ground(config, data, listen, clock, open_store(config["database"], data=data, now=clock.now()))


def data_folder(config: Config) -> Path:
    """Return the folder of the server's data."""
    if config["data_dir"]:
        return Path(config["data_dir"]).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("afwatch")) / "server"


def listen_addresses(config: Config) -> list[Address]:
    """Return where the server listens: what the settings say, else loopback of both families."""
    source = config.source("listen")
    listen = [parse_address(text, source=source, key="listen", any_port=True) for text in config["listen"]]
    if not listen:
        listen = [Address("127.0.0.1", config["af_serverport"])]
        if not config["af_ipv6_disable"] and _has_ipv6_loopback():
            listen.append(Address("::1", config["af_serverport"]))
    return listen


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
