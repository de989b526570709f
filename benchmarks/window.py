"""The monitor: how soon it is usable, a million tasks opened, scrolled and filtered, and 50,000 jobs that change.

Offscreen, with the farm's server in another process.  The million tasks are the server's own; the rows of 50,000 jobs
are given to the window's session as the link gives them, because making so many jobs takes a farm longer than it is
worth.  Every duration ends when the table has been painted; beside them stands what an empty table's repaint costs.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, Qt

from afcore.rows import BlockRow, JobRow
from afcore.states import Role, TaskState
from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from afwatch.app import Watch, make_application
from afwatch.changes import RowsCame
from benchmarks.farmyard import new_farm
from benchmarks.harness import CheckFailed, Target

NAME = "the monitor's window"
TASKS, JOBS = 1_000_000, 50_000
TARGETS = (
    Target("open_ms", most=1500),
    Target("million_tasks_open_ms", most=300),
    Target("scroll_worst_ms", most=50),
    Target("filter_by_state_ms", most=50),
    Target("filter_by_errors_ms", most=50),
    Target("jobs_50000_shown_ms", most=1000),
    Target("changing_rows_stall_ms", most=50),
    Target("changing_rows_cpu_percent", most=30),
)
_CHANGING_S = 4.0


def _job(id: int, version: int, chance: random.Random) -> JobRow:
    counts = [0] * len(TaskState)
    counts[TaskState.DONE], counts[TaskState.READY] = chance.randrange(100), chance.randrange(100)
    counts[TaskState.ERROR] = chance.randrange(3)
    block = BlockRow(0, "beauty", "blender", sum(counts), counts, 50, 0, counts[TaskState.ERROR], 1000, False, 0.0, 0.0,
                     90_000)  # fmt: skip
    return JobRow(id, version, f"show_{id % 97:03d} shot {id}", f"user{id % 41}", f"/show{id % 97}", "ready",
                  chance.randrange(100), 50, counts, 0, 0, 1e9 + id, 0.0, 0.0, [block])  # fmt: skip


class _Window:
    """A monitor and the time its window needs."""

    def __init__(self, address: str) -> None:
        self.application = make_application()
        self.watch = Watch(parse_servers(address), user="bench", mode=Role.GOD, scheme="dark")
        self.watch.window.resize(1440, 900)

    def spin(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise CheckFailed("the window did not come to show what it should")
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)

    def timed_ms(self, work: Callable[[], object], widget: Any) -> float:
        begun = time.perf_counter()
        work()
        widget.repaint()
        return (time.perf_counter() - begun) * 1000


def run(folder: Path) -> dict[str, float]:
    """Measure."""
    with ExitStack() as held:
        farm = held.enter_context(new_farm(folder))
        farm.start_server()
        client = held.enter_context(BlockingClient(parse_servers(farm.address), program="benchmark", timeout=120.0))
        block = {"name": "b", "service": "generic", "command": "x @#@", "frame_first": 0, "frame_last": TASKS - 1,
                 "flags": 1}  # fmt: skip
        job = client.request("job.submit", {"job": {"name": "million", "blocks": [block], "offline": True}})["id"]
        client.request("task.skip", {"job": job, "block": 0, "tasks": [(n, n + 499) for n in range(0, TASKS, 1000)]})
        client.request("task.suspend", {"job": job, "block": 0, "tasks": [(500_500, 500_999)]})
        begun = time.perf_counter()
        window = _Window(farm.address)
        try:
            return _measure(window, job, begun)
        finally:
            window.watch.leave()
            window.watch.close()


def _measure(window: _Window, job: int, begun: float) -> dict[str, float]:
    watch = window.watch
    watch.start()
    pane = watch.window.pane("jobs")
    window.spin(lambda: len(pane.model.ids) == 1)
    pane.table.viewport().repaint()
    figures = {"open_ms": (time.perf_counter() - begun) * 1000}
    begun = time.perf_counter()
    watch.window.open_job(job)
    tasks = watch.window._tasks
    assert tasks is not None
    window.spin(lambda: tasks._model.table.known == TASKS and tasks.table.isVisible())
    tasks.table.viewport().repaint()
    figures["million_tasks_open_ms"] = (time.perf_counter() - begun) * 1000
    table, view = tasks.table, tasks.table.viewport()
    chance = random.Random(7)
    worst = 0.0
    for _ in range(60):
        place = chance.randrange(TASKS)
        worst = max(worst, window.timed_ms(lambda place=place: table.select_place(place), view))
    figures["scroll_worst_ms"] = worst
    for name, query in (("state", "state:suspended"), ("errors", "err>0")):
        figures[f"filter_by_{name}_ms"] = window.timed_ms(lambda query=query: _filter(tasks, query), view)
    _filter(tasks, "state:suspended")
    if tasks._model.rowCount() != 500:
        raise CheckFailed(f"the filter shows {tasks._model.rowCount()} tasks, not 500")
    _filter(tasks, "")
    figures["sort_by_starts_ms"] = window.timed_ms(lambda: tasks._model.sort(5, Qt.SortOrder.DescendingOrder), view)
    watch.window.go("jobs")
    figures["empty_repaint_ms"] = window.timed_ms(lambda: None, pane.table.viewport())
    figures.update(_many_jobs(window, pane, chance))
    return figures


def _filter(tasks: Any, query: str) -> None:
    tasks.search.setText(query)
    tasks._filter()


def _many_jobs(window: _Window, pane: Any, chance: random.Random) -> dict[str, float]:
    session = window.watch.session
    rows = [_job(id, 1, chance) for id in range(1000, 1000 + JOBS)]
    version = session.state.versions["jobs"]

    def give(some: list[JobRow]) -> None:
        session.receive([RowsCame(1, version, some, [], False, [])])

    begun = time.perf_counter()
    give(rows)
    window.spin(lambda: len(pane.model.ids) == JOBS + 1)
    pane.table.viewport().repaint()
    shown = (time.perf_counter() - begun) * 1000
    stall = 0.0
    cpu, wall = time.process_time(), time.monotonic()
    number = 2
    while time.monotonic() - wall < _CHANGING_S:
        due = time.monotonic() + 0.1
        changed = [_job(id, number, chance) for id in chance.sample(range(1000, 1000 + JOBS), 100)]
        number += 1
        made = time.perf_counter()
        give(changed)
        window.application.processEvents()
        stall = max(stall, (time.perf_counter() - made) * 1000)
        while time.monotonic() < due:
            made = time.perf_counter()
            window.application.processEvents()
            stall = max(stall, (time.perf_counter() - made) * 1000)
            time.sleep(0.002)
    share = 100 * (time.process_time() - cpu) / (time.monotonic() - wall)
    return {"jobs_50000_shown_ms": shown, "changing_rows_stall_ms": stall, "changing_rows_cpu_percent": share}
