"""A private MariaDB: its own data in a temporary folder, on loopback only."""

from __future__ import annotations

import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil

from tests.ports import free_port
from tests.waiting import wait_for

__all__ = ["MariaDb", "has_mariadb"]

PASSWORD = "secret-of-the-test"


def has_mariadb() -> bool:
    """Say whether MariaDB's server programs are installed."""
    return shutil.which("mariadbd") is not None and shutil.which("mariadb-install-db") is not None


class MariaDb:
    """A running server with an empty database ``farm`` and a user ``owner``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="afwatch-my-", dir="/tmp"))
        names = {entry.pw_name for entry in pwd.getpwall()}
        self._user = ["--user=mysql"] if "mysql" in names and Path("/root").owner() == "root" else []
        if self._user:
            shutil.chown(self.folder, "mysql")
        done = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", *self._user, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        self.port = free_port()
        self.start()
        self.execute(
            "CREATE DATABASE farm",
            f"CREATE USER owner@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON farm.* TO owner@'127.0.0.1'",
        )

    def start(self) -> None:
        """Start the server, as a process of its own and not our child, and wait until it answers."""
        with (self.folder / "log").open("a") as log:
            subprocess.run(
                ["setsid", "-f", "mariadbd", "--no-defaults", f"--datadir={self.folder}/data",
                 f"--socket={self.folder}/socket", f"--pid-file={self.folder}/data/pid", "--bind-address=127.0.0.1",
                 f"--port={self.port}", *self._user, "--innodb-buffer-pool-size=16M",
                 "--innodb-flush-log-at-trx-commit=0"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True,
            )  # fmt: skip
        wait_for(self._answers, what=f"MariaDB to answer ({self.folder / 'log'})", seconds=60)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return (self.folder / "data" / "pid").exists()

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it, by default as a power cut would."""
        process = psutil.Process(int((self.folder / "data" / "pid").read_text()))
        process.send_signal(number)
        wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, what="MariaDB to end")

    def execute(self, *statements: str) -> None:
        """Run statements as root."""
        subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "--user=root"],
            input=";\n".join(statements) + ";\n", text=True, check=True, timeout=60, capture_output=True,
        )  # fmt: skip

    def empty(self) -> None:
        """Make the database as it was when new."""
        self.execute("DROP DATABASE farm", "CREATE DATABASE farm")

    def url(self, user: str = "owner", password: str = PASSWORD, name: str = "farm") -> str:
        """The address of the database."""
        return f"mysql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        """Stop it and remove its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder)
