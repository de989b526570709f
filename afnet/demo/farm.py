"""The demo's farm: a server and agents as processes of their own, on a free port, ended by pid whatever happens.

Rules of this file:
- Only processes that were started here are ended, by their pid, agents first so that their tasks end in order.
- Nothing is written outside the folder that was given.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

__all__ = ["DemoError", "Farm", "free_port", "tail"]

MONITOR = "monitor"
START_SECONDS = 40.0
GRACE_SECONDS = 10.0


class DemoError(Exception):
    """The demo can not go on; its text is a whole sentence for the person at the terminal."""


_PORTS = range(10_000, 32_000)
"""Ports of which systems hand out none by themselves: no call of another program gets one before the server has it,
and no call of ours that comes before the server reaches itself."""


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    for port in random.sample(_PORTS, 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            probe.listen()
            return port
    raise DemoError("No free port was found for the demo's server. End programs that listen, and try again.")


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, each indented, or a note that there is none."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (the log is empty)"


@dataclass
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Farm:
    """A server and its agents; a context manager that ends them all."""

    def __init__(self, folder: Path, code: Path) -> None:
        self.folder = folder
        self.port = 0
        self._code = code
        self._children: list[_Child] = []

    @property
    def address(self) -> str:
        """``HOST:PORT`` of the server."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Farm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not leave half of the farm behind: it waits until all are ended, which takes seconds.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.stop()
        finally:
            signal.signal(signal.SIGINT, before)

    def launch_server(self, *more: str) -> None:
        """Start the server's process, with ``more`` words on its command line; it answers a little later."""
        self.port = free_port()
        words = ["afnet.server.main", "--headless", "--listen", self.address, "--data", str(self.folder / "server")]
        self._start("server", [*words, *more])

    def start_server(self, *more: str) -> None:
        """Start the server, with ``more`` words on its command line, and wait until it answers.

        Raises:
            DemoError: it ended, or did not answer in time; the text has the last lines of its log.
        """
        self.launch_server(*more)
        child = self._children[-1]
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.process.poll() is not None:
                raise DemoError(
                    f"The server ended with code {child.process.returncode} instead of starting. Its last lines:\n"
                    + tail(child.log)
                )
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                    return
            except OSError:
                time.sleep(0.05)
        raise DemoError(f"The server did not answer within {START_SECONDS:.0f} s. Its last lines:\n" + tail(child.log))

    def start_agent(self, name: str) -> None:
        """Start an agent with this name; it finds the server by itself."""
        words = ["afrender.main", "--headless", "--server", self.address, "--name", name]
        self._start(name, [*words, "--folder", str(self.folder / name)])

    def start_monitor(self) -> None:
        """Open the monitor of this farm; it may be closed at any time, which is nobody's mistake."""
        self._start(MONITOR, ["afwatch.main", "--server", self.address])

    def check(self) -> None:
        """See that everybody is alive.

        Raises:
            DemoError: a process has ended by itself.
        """
        for child in self._children:
            if child.name != MONITOR and child.process.poll() is not None:
                raise DemoError(
                    f"{child.name} ended with code {child.process.returncode} in the middle of the demo. "
                    f"Its last lines:\n" + tail(child.log)
                )

    def pid(self, name: str) -> int:
        """Process id of ``server`` or of an agent."""
        return next(child.process.pid for child in self._children if child.name == name)

    def kill(self, name: str) -> None:
        """End ``server`` or an agent without warning, as a power cut would, and wait until it is gone."""
        child = next(child for child in self._children if child.name == name)
        child.process.kill()
        child.process.wait()
        self._children.remove(child)

    def stop(self) -> None:
        """End every process that was started, agents before the server, politely first."""
        agents = [child for child in self._children if child.name != "server"]
        servers = [child for child in self._children if child.name == "server"]
        for group in (agents, servers):
            for child in group:
                if child.process.poll() is None:
                    child.process.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            for child in group:
                try:
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self._children.clear()

    def _start(self, name: str, words: list[str]) -> _Child:
        log = self.folder / f"{name}.log"
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(self._code), *filter(None, [environment.get("PYTHONPATH", "")])]
        )
        # Whatever a program wants to write into the user's folders goes into the throwaway one.
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            environment[variable] = str(self.folder / "home")
        for variable in ("AF_SERVER", "AF_CONFIG", "AF_HOSTNAME"):
            environment.pop(variable, None)
        with log.open("wb") as stream:
            # A group of its own: Ctrl-C reaches the demo alone, which ends its farm in order.
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )
        child = _Child(name, process, log)
        self._children.append(child)
        return child
