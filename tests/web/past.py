"""A past for a farm: the tables of a classic server, filled by chance from a seed, for the server to take over."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

__all__ = ["write_past"]

_TASKS = (
    "annotation", "blockname", "capacity", "command", "description", "error", "errors_count", "folder",
    "frame_pertask", "hostname", "jobname", "resources", "service", "starts_count", "time_done", "time_started",
    "username", "serial", "id_block", "id_task",
)  # fmt: skip
_JOBS = (
    "annotation", "blockname", "capacity", "description", "folder", "hostname", "jobname", "run_time_sum", "service",
    "tasks_done", "tasks_quantity", "time_done", "time_started", "username", "serial", "id_block",
)  # fmt: skip
_NUMBERS = frozenset(
    ("capacity", "error", "errors_count", "frame_pertask", "starts_count", "time_done", "time_started", "serial",
     "id_block", "id_task", "run_time_sum", "tasks_done", "tasks_quantity")
)  # fmt: skip
_USERS = {"jo": 5, "priya": 3, "kenji": 3, "tomas": 2, "sofia": 1, "anna": 1}
_SERVICES = {"blender": 6, "nuke": 4, "houdini": 3, "arnold": 2, "ffmpeg": 1, "generic": 1}


def write_past(path: Path, now: float, *, runs: int = 4000, days: int = 30, old: int = 0, seed: int = 7) -> None:
    """Write a SQLite file as a classic server would have left it; ``old`` of the runs are of /old, long ago."""
    chance = random.Random(seed)
    with sqlite3.connect(path) as connection:
        for table, columns in (("tasks", _TASKS), ("jobs", _JOBS)):
            words = ", ".join(f"{name} {'bigint' if name in _NUMBERS else 'text'}" for name in columns)
            connection.execute(f"CREATE TABLE {table} ({words})")
        for number in range(runs):
            user = chance.choices(list(_USERS), list(_USERS.values()))[0]
            service = chance.choices(list(_SERVICES), list(_SERVICES.values()))[0]
            done = now - chance.random() * days * 86400
            took = chance.lognormvariate(5, 0.8)
            show = chance.choice(("coast", "nova", "tide"))
            folder = f"/shows/{show}/s{number % 9:02d}"
            if number < old:
                done, folder = now - 100 * 86400 - number, "/old/show"
            row = {
                **{name: 0 if name in _NUMBERS else "" for name in _TASKS},
                "capacity": 1000, "error": int(chance.random() < 0.06), "folder": folder,
                "hostname": f"rnd-{chance.randrange(1, 25):03d}", "jobname": f"{show}_{number % 9:02d} light",
                "service": service, "time_done": int(done), "time_started": int(done - took), "username": user,
                "serial": number // 20 + 1, "id_task": number,
            }  # fmt: skip
            _insert(connection, "tasks", row)
        for number in range(runs // 20):
            user = chance.choices(list(_USERS), list(_USERS.values()))[0]
            done = int(now - chance.random() * days * 86400)
            row = {
                **{name: 0 if name in _NUMBERS else "" for name in _JOBS}, "jobname": f"job {number}", "username": user,
                "service": "nuke", "tasks_quantity": 20, "tasks_done": 20, "time_done": done,
                "time_started": done - 3600, "serial": number + 1, "run_time_sum": 3600, "folder": "/shows/nova/s01",
            }  # fmt: skip
            _insert(connection, "jobs", row)
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    places = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values()))
