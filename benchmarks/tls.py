"""What TLS costs the server: memory of an idle connection and processor time of a handshake, beside plain ones.

A server of its own process on loopback, after ``afserver init``; connections that have made the WebSocket handshake and
say nothing more, as those of an agent between two tasks.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import psutil

from afnet.api.trust import context_of
from afnet.transport.wsframes import request_upgrade
from benchmarks.harness import Target

NAME = "idle TLS connections"
TARGETS = (Target("tls_kilobytes", most=80.0),)
FIRST, COUNT = 20, 300


def _open(port: int, tls: ssl.SSLContext | None, count: int) -> list[socket.socket]:
    opened = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=20)
        if tls is not None:
            one = tls.wrap_socket(one)
        one.sendall(request_upgrade("127.0.0.1", os.urandom(16)))
        one.recv(4096)
        opened.append(one)
    return opened


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    data, password = folder / "server", folder / "password"
    password.write_text("correct horse battery")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AF_")},
        "XDG_DATA_HOME": str(folder / "share"), "XDG_CONFIG_HOME": str(folder / "config"),
    }  # fmt: skip
    program = [sys.executable, "-m", "afnet.server.main"]
    subprocess.run(
        [*program, "init", "--data", str(data), "--name", "boss", "--password-file", str(password)],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = subprocess.Popen(
        [*program, "--headless", "--listen", f"127.0.0.1:{port}", "--data", str(data)],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    opened: list[socket.socket] = []
    found: dict[str, float] = {}
    try:
        if not any("serves at" in line for line in server.stderr):
            raise RuntimeError("the server did not start")
        known, process = context_of(str(data / "authority" / "authority.pem")), psutil.Process(server.pid)
        for context in (None, known):
            opened += _open(port, context, FIRST)
        for name, context in (("plain", None), ("tls", known)):
            memory, before = process.memory_info().rss, sum(process.cpu_times()[:2])
            opened += _open(port, context, COUNT)
            found[f"{name}_kilobytes"] = (process.memory_info().rss - memory) / COUNT / 1000
            found[f"{name}_connecting_ms"] = 1000 * (sum(process.cpu_times()[:2]) - before) / COUNT
        return found
    finally:
        for one in opened:
            one.close()
        server.terminate()
        server.communicate()
