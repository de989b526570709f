"""Push, not poll: a farm with nothing to do makes no system calls beyond signs of life, counted by strace."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which counts system calls, is missing"),
]

SECONDS = 10
STILL = 3
"""Seconds without a change in any file, after which the farm is idle."""
MINUTE = 60
"""At its end the readings of it are kept, if there were any: that is no idle time."""


def last_written(folder: Path) -> float:
    """Return when a file below ``folder`` was last written or removed, in seconds since 1970."""
    latest = 0.0
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            latest = max(latest, path.lstat().st_mtime)
    return latest


def calls(report: Path) -> dict[str, int]:
    """Return how often each system call was made."""
    found = {}
    for line in report.read_text().splitlines():
        columns = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if columns and columns[2] != "total":
            found[columns[2]] = int(columns[1])
    return found


def is_idle(folder: Path) -> bool:
    """Say whether everything is written, and no minute ends while is counted."""
    now = time.time()
    return 2 * STILL < now % MINUTE < MINUTE - SECONDS - 2 * STILL and now - last_written(folder) > STILL


def test_ten_idle_seconds(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.cold = True  # what comes late to a program that starts by itself is part of what it does idle
    farm.start_server()
    # Readings are what is not counted: they come rarely now, and the signs of life of the connection are left.
    rarely = {"heartbeat_sec": 600, "resources_update_period": 600, "zombie_time": 3600}
    farm.ask("pool.set", paths=["/"], parameters=rarely)
    farm.start_agent()
    with contextlib.suppress(urllib.error.HTTPError):
        # Who asks first has the library of HTTP loaded; unasked it would come some time after the start.
        urllib.request.urlopen(f"http://127.0.0.1:{farm.port}/metrics").close()
    job = farm.submit({"command": "echo", "frame_first": 1, "frame_last": 20})
    farm.wait_job(job)
    wait_for(lambda: farm.afcmd("task", "log", str(job), "0", "19").returncode == 0, what="the last log")
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    # HTTP comes with who speaks it, or by itself some time: it is there before anything is counted.
    urllib.request.urlopen(f"http://127.0.0.1:{farm.port}/metrics", timeout=60).close()
    # The libraries of the statistics come after the start, and their tables with them: on a busy machine, late.
    wait_for(lambda: farm.ask("statistics.lag")["rows"] == 0, what="the statistics to be level")
    farm.forget_client()
    assert farm.server is not None
    agent = farm.agents["r1"].pid
    watched = {"server": [farm.server.pid], "agent": [agent]}
    watched["agent"] += [child.pid for child in psutil.Process(agent).children(recursive=True)]
    # What a finished task leaves to do (logs, spool, files, the tables of what the farm is now) is over.
    wait_for(lambda: is_idle(farm.folder), what="nothing to be written any more", seconds=4 * MINUTE)
    watchers = [
        (name, subprocess.Popen(["strace", "-f", "-c", "-o", farm.folder / f"{name}{pid}", "-p", str(pid)],
                                stderr=subprocess.DEVNULL))
        for name, pids in watched.items() for pid in pids
    ]  # fmt: skip
    threading.Event().wait(SECONDS)
    for _, watcher in watchers:
        watcher.send_signal(signal.SIGINT)
        watcher.wait(timeout=60)
    for name, pids in watched.items():
        made: dict[str, int] = {}
        for pid in pids:
            for call, count in calls(farm.folder / f"{name}{pid}").items():
                made[call] = made.get(call, 0) + count
        # A sign of life is two messages, each with a wait of its own; the server looks twice for silence meanwhile.
        signs = max(made.get("write", 0), made.get("sendto", 0), made.get("send", 0))
        allowed = SECONDS + 4 * signs + (4 * signs if name == "server" else 0)
        assert made and sum(made.values()) <= allowed, (name, made)
