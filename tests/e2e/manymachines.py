"""A farm of many machines for a test, on loopback addresses that count as such."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from afnet.api.trust import context_of
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

__all__ = ["ELSEWHERE", "PASSWORD", "ManyMachines", "NewFarm", "init", "many_machines"]

ELSEWHERE = "127.0.0.2"
PASSWORD = "correct horse battery"

NewFarm = Callable[[], FarmProcess]


class ManyMachines:
    """A farm whose server was initialised and listens at a loopback address that counts as another machine's."""

    def __init__(self, farm: FarmProcess) -> None:
        self.farm = farm
        self.away = Address(ELSEWHERE, farm.port)
        self.settings = farm.folder / "settings.json"
        self.settings.write_text(json.dumps({"foreign_addresses": [ELSEWHERE]}))
        done = init(farm)
        self.said = done.stdout
        found = re.search(r"^ +((?:[A-Z2-7]{4}-){7}[A-Z2-7]{4})$", self.said, re.MULTILINE)
        assert found is not None, f"{self.said}{done.stderr}"
        self.code = found.group(1)
        self.authority = farm.data / "authority" / "authority.pem"

    def start(self) -> None:
        """Start the server, for this machine and for the others."""
        self.farm.start_server("--listen", str(self.away), "--config", str(self.settings))

    def pair(self, name: str = "r1") -> Path:
        """Start an agent with the pairing code, wait until it is registered, and return its credential's folder."""
        self.farm.start_agent(name, "--server", str(self.away), "--pair", self.code)
        self.wait_for_log(name, "Registered")
        return Path(self.farm.environment["XDG_DATA_HOME"], "afwatch", "render", name, "credential")

    def wait_for_log(self, name: str, words: str) -> None:
        """Wait until an agent has said something."""
        log = f"{name}.log"
        wait_for(lambda: words in self.farm.log(log), what=f'"{words}" from {name}')

    def https(self, path: str, body: bytes, tls: ssl.SSLContext | None = None, **headers: str) -> tuple[int, bytes]:
        """Post something from another machine, as whoever the headers or a certificate say."""
        context = tls or context_of(str(self.authority))
        connection = http.client.HTTPSConnection(self.away.host, self.away.port, context=context, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def client(self, token: str = "", tls: ssl.SSLContext | None = None) -> BlockingClient:
        """A client on another machine."""
        context = tls or context_of(str(self.authority))
        return BlockingClient([self.away], program="test", tls=context, credential=lambda host, port: token)


def init(farm: FarmProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``afserver init``."""
    secret = farm.folder / "password"
    secret.write_text(PASSWORD + "\n")
    place = ("--data", str(farm.data), "--password-file", str(secret))
    return farm.run("afnet.server.main", "init", "--name", "boss", *place, *words)


@contextlib.contextmanager
def many_machines(folder: Path) -> Iterator[ManyMachines]:
    """Yield a farm below a folder whose server runs; end it afterwards."""
    farm = FarmProcess(folder / "farm")
    try:
        made = ManyMachines(farm)
        made.start()
        yield made
    finally:
        farm.close()
