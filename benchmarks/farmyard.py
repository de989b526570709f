"""The farm that benchmarks drive: real processes on loopback, their processor time, and rows left in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psutil

from afnet.demo.farm import Farm
from benchmarks.harness import CheckFailed

__all__ = ["CODE", "cpu_seconds", "kill_and_count_rows", "new_farm"]

CODE = Path(__file__).resolve().parents[1]


def new_farm(folder: Path) -> Farm:
    """A farm whose files all lie under `folder`; use it as a context manager."""
    place = folder / "farm"
    place.mkdir()
    return Farm(place, CODE)


def cpu_seconds(process: int) -> Callable[[], float]:
    """Start to measure: the call returns what a process, with its children that ended, has computed since."""
    watched = psutil.Process(process)

    def total() -> float:
        times = watched.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)

    before = total()
    return lambda: total() - before


def kill_and_count_rows(farm: Farm, job: int) -> int:
    """Kill the server without warning and count the tasks of a job that have a row of a good run on the disk."""
    farm.kill("server")
    databases = [path for path in (farm.folder / "server").rglob("*") if path.suffix in (".db", ".sqlite", ".sqlite3")]
    if len(databases) != 1:
        raise CheckFailed(f"{len(databases)} databases lie in the server's folder, one is expected")
    with sqlite3.connect(databases[0]) as base:
        row = base.execute("SELECT COUNT(DISTINCT id_task) FROM tasks WHERE job = ? AND error = 0", (job,)).fetchone()
    return int(row[0])
