"""The monitor with the server inside, which works at about 30 % of a core: the same as ``benchmarks.window`` measures.

Window and server share one interpreter, so what the server computes is taken from the window's turns.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from afcore.config import Config
from afnet.api.configfiles import load_config
from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from afwatch.embed import EmbeddedServer
from afwatch.farm import EmbeddedFarm
from benchmarks import window as apart
from benchmarks.harness import Target
from benchmarks.windowfarm import Window, busy_server

NAME = "the monitor's window with the server inside at 30 % of a core"
TARGETS = tuple(
    target for target in apart.TARGETS
    if target.figure not in ("open_cold_ms", "quiet_cpu_percent", "changing_rows_cpu_percent")
) + (Target("changing_rows_window_cpu_percent", most=30),)  # fmt: skip
_SHARE = 0.30


def _config(folder: Path) -> Config:
    return load_config({"listen": ["127.0.0.1:0"], "data_dir": str(folder / "data")})


def run(folder: Path) -> dict[str, float]:
    """Measure."""
    server = EmbeddedServer(_config(folder))
    server.start()
    with ExitStack() as held:
        held.callback(server.stop)
        address = str(server.addresses[0])
        with BlockingClient(parse_servers(address), program="benchmark", timeout=120.0) as client:
            job = apart.submit_million(client)
        taken = held.enter_context(busy_server(server._thread, address, job, _SHARE))
        window = Window(address, EmbeddedFarm(server))
        held.callback(window.close)
        taken()
        figures = apart.measure(window, job)
        return figures | {"server_core_share": taken()}
