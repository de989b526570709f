"""The farm that benchmarks drive: real processes on loopback, their processor time, and rows left in the database."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from afnet.demo.farm import Farm
from benchmarks.harness import CheckFailed

__all__ = ["CODE", "count_runs", "cpu_seconds", "database_of", "initialise", "kill_and_count_rows", "new_farm"]

CODE = Path(__file__).resolve().parents[1]


def new_farm(folder: Path) -> Farm:
    """A farm whose files all lie under `folder`; use it as a context manager.

    Its programs may keep their byte code, as installed ones do, whatever this process was told: else each start of a
    server would measure the compiler.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    place = folder / "farm"
    place.mkdir()
    return Farm(place, CODE)


def initialise(farm: Farm, folder: Path) -> str:
    """Make the farm one of many machines, before its server starts; return the pairing code."""
    password = folder / "password"
    password.write_text("correct horse battery")
    done = subprocess.run(
        [
            sys.executable, "-m", "afnet.server.main", "init", "--data", str(farm.folder / "server"), "--name", "boss",
            "--password-file", str(password),
        ],
        cwd=CODE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"^ +((?:[A-Z2-7]{4}-){7}[A-Z2-7]{4})$", done.stdout, re.MULTILINE)
    if found is None:
        raise CheckFailed("afserver init printed no pairing code")
    return found.group(1)


def cpu_seconds(process: int) -> Callable[[], float]:
    """Start to measure: the call returns what a process, with its children that ended, has computed since."""
    watched = psutil.Process(process)

    def total() -> float:
        times = watched.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)

    before = total()
    return lambda: total() - before


def database_of(farm: Farm) -> Path:
    """The file in which the farm's SQLite database lies."""
    found = [path for path in (farm.folder / "server").rglob("*") if path.name == "afwatch.db"]
    if len(found) != 1:
        raise CheckFailed(f"{len(found)} databases lie in the server's folder, one is expected")
    return found[0]


def kill_and_count_rows(farm: Farm, job: int) -> int:
    """Kill the server without warning and count the tasks of a job that have a row of a good run on the disk."""
    farm.kill("server")
    with sqlite3.connect(database_of(farm)) as base:
        row = base.execute("SELECT COUNT(DISTINCT id_task) FROM tasks WHERE job = ? AND error = 0", (job,)).fetchone()
    return int(row[0])


def count_runs(farm: Farm) -> tuple[int, int]:
    """The rows of good runs in the database of a server that is gone, and the tasks that have one."""
    with sqlite3.connect(database_of(farm)) as base:
        rows = base.execute("SELECT COUNT(*) FROM tasks WHERE error = 0").fetchone()
        tasks = base.execute(
            "SELECT COUNT(*) FROM (SELECT DISTINCT job, id_block, id_task FROM tasks WHERE error = 0)"
        ).fetchone()
    return int(rows[0]), int(tasks[0])
