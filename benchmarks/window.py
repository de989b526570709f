"""The monitor: how soon it is usable, a million tasks opened, scrolled, filtered, sorted, and 50,000 jobs that change.

Offscreen (or as ``QT_QPA_PLATFORM`` says), with the farm's server in another process.  The million tasks are the
server's own, in a mixed state; the rows of 50,000 jobs are given to the window's link as the server's messages are,
because making so many jobs takes a farm longer than it is worth.  Every duration ends when the table has been painted;
beside them stands what the machine needs to repaint an empty table.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QAbstractTableModel
from PySide6.QtWidgets import QTableView

from afnet.client.blocking import BlockingClient
from afnet.client.servers import parse_servers
from afnet.wire.messages import Rows
from afwatch.bridge import _Handler
from benchmarks.farmyard import CODE, new_farm
from benchmarks.harness import CheckFailed, Target
from benchmarks.windowfarm import Timed, Window, as_sent, job_row
from tests.stalls import StallRecorder

NAME = "the monitor's window"
TASKS, JOBS = 1_000_000, 50_000
TARGETS = (
    Target("open_cold_ms", most=1500),
    Target("million_tasks_open_ms", most=300),
    Target("scroll_worst_ms", most=50),
    Target("filter_by_state_ms", most=50),
    Target("filter_by_errors_ms", most=50),
    Target("filter_by_host_ms", most=50),
    Target("filter_by_name_first_ms", most=50),
    Target("filter_by_name_stall_ms", most=50),
    Target("sort_by_time_first_ms", most=50),
    Target("sort_by_time_stall_ms", most=50),
    Target("jobs_50000_shown_ms", most=1000),
    Target("changing_rows_stall_ms", most=50),
    Target("changing_rows_cpu_percent", most=30),
    Target("quiet_cpu_percent", most=1),
)
_CHANGING_S, _QUIET_S = 6.0, 10.0

_OPEN = """
import sys, time
begun = time.perf_counter()
from afwatch.app import Watch, make_application
from afcore.states import Role
from afnet.client.servers import parse_servers
from PySide6.QtCore import QEventLoop
application = make_application()
watch = Watch(parse_servers(sys.argv[1]), user="bench", mode=Role.GOD, scheme="dark")
watch.start()
pane = watch.window.pane("jobs")
while len(pane.model.ids) != 1:
    application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
pane.table.viewport().repaint()
print((time.perf_counter() - begun) * 1000, time.process_time() * 1000)
watch.leave()
watch.close()
"""


def submit_million(client: BlockingClient) -> int:
    """Submit a job of a million tasks and bring it into a mixed state; return its id."""
    block = {"name": "b", "service": "generic", "command": "x @#@", "frame_first": 0, "frame_last": TASKS - 1,
             "flags": 1}  # fmt: skip
    job = int(client.request("job.submit", {"job": {"name": "million", "blocks": [block], "offline": True}})["id"])
    client.request("task.skip", {"job": job, "block": 0, "tasks": [(n, n + 499) for n in range(0, TASKS, 1000)]})
    client.request("task.suspend", {"job": job, "block": 0, "tasks": [(500_500, 500_999)]})
    return job


def run(folder: Path) -> dict[str, float]:
    """Measure."""
    with ExitStack() as held:
        farm = held.enter_context(new_farm(folder))
        farm.start_server()
        client = held.enter_context(BlockingClient(parse_servers(farm.address), program="benchmark", timeout=120.0))
        job = submit_million(client)
        figures = _open_cold(farm.address)
        window = Window(farm.address)
        held.callback(window.close)
        return figures | measure(window, job)


def _open_cold(address: str) -> dict[str, float]:
    """Open a monitor in a process of its own, twice: the first one warms the files of its modules."""
    taken = []
    for _ in range(3):
        words = [sys.executable, "-c", _OPEN, address]
        told = subprocess.run(words, cwd=CODE, capture_output=True, text=True, check=True)
        taken.append([float(word) for word in told.stdout.split()])
    return {"open_cold_ms": min(wall for wall, _ in taken[1:]), "open_cold_cpu_ms": min(cpu for _, cpu in taken[1:])}


def measure(window: Window, job: int, prefix: str = "") -> dict[str, float]:
    """Measure a window whose farm has one job, of a million tasks."""
    watch, timed = window.watch, Timed()
    watch.start()
    pane = watch.window.pane("jobs")
    window.spin(lambda: len(pane.model.ids) == 1, "the farm's job")
    window.rest(1.0)
    timed.figures |= _quiet(window)
    timed.least("empty_repaint", _empty_table(window), 20)
    timed.least("million_tasks_open", lambda: _open_job(window, job), 3)
    _million(window, timed)
    timed.figures |= _many_jobs(window, pane, timed)
    return timed.figures


def _empty_table(window: Window) -> Callable[[], object]:
    class Nothing(QAbstractTableModel):
        def rowCount(self, parent: Any = None) -> int:
            return 0

        def columnCount(self, parent: Any = None) -> int:
            return 10

    model = Nothing(window.watch.window)
    view = QTableView(window.watch.window)
    view.setModel(model)
    view.resize(1000, 700)
    view.show()
    return view.viewport().repaint


def _quiet(window: Window) -> dict[str, float]:
    """A farm where nothing happens."""
    counted: list[int] = []
    cpu, wall = time.process_time(), time.monotonic()
    window.watch.session.changed.connect(lambda changes: counted.append(1))
    window.rest(_QUIET_S)
    taken = time.monotonic() - wall
    return {"quiet_cpu_percent": 100 * (time.process_time() - cpu) / taken, "quiet_changes": float(len(counted))}


def _open_job(window: Window, job: int) -> None:
    window.watch.window.go("jobs")
    window.watch.window.open_job(job)
    tasks = window.watch.window._tasks
    assert tasks is not None
    window.spin(lambda: tasks._model.table.known == TASKS and tasks.table.isVisible(), "a million tasks")
    tasks.table.viewport().repaint()


def _million(window: Window, timed: Timed) -> None:
    tasks: Any = window.watch.window._tasks
    table, view, chance = tasks.table, tasks.table.viewport(), random.Random(7)
    window.rest(1.0)

    def scroll(place: int) -> None:
        table.select_place(place)
        view.repaint()

    timed.worst("scroll_worst", [partial(scroll, chance.randrange(TASKS)) for _ in range(60)])

    def filtered(query: str) -> None:
        tasks.search.setText(query)
        tasks._filter()
        view.repaint()

    for name, query in (("state", "state:suspended"), ("errors", "err>0"), ("host", "host:render")):
        timed.least(f"filter_by_{name}", lambda query=query: filtered(query))
    filtered("state:suspended")
    if tasks._model.rowCount() != 500:
        raise CheckFailed(f"the filter shows {tasks._model.rowCount()} tasks, not 500")
    filtered("")

    def first_named() -> None:
        filtered("name~12")
        window.spin(lambda: tasks._model.rowCount() >= 30, "tasks by their names")
        view.repaint()

    timed.least("filter_by_name_first", first_named)
    with StallRecorder(0.05) as recorder:
        first_named()
        window.spin(lambda: tasks._names.is_done, "all tasks of these names")
        window.rest(0.2)
    timed.figures["filter_by_name_stall_ms"] = recorder.worst * 1000
    filtered("")

    def sorted_by_time() -> None:
        tasks._sort(7)
        view.repaint()

    timed.least("sort_by_time_first", sorted_by_time)
    with StallRecorder(0.05) as recorder:
        sorted_by_time()
        window.rest(1.0)
    timed.figures["sort_by_time_stall_ms"] = recorder.worst * 1000
    tasks._model.end_sorting()


def _many_jobs(window: Window, pane: Any, timed: Timed) -> dict[str, float]:
    """50,000 jobs, of which 1,000 a second change; every tenth of these is one that can be seen."""
    watch, chance = window.watch, random.Random(9)
    watch.window.go("jobs")
    handler, version = _Handler(watch._bridge._put), watch.session.state.versions["jobs"]
    ids = range(1000, 1000 + JOBS)
    message = Rows(1, version, as_sent([job_row(id, 1, chance) for id in ids]))

    def shown() -> None:
        link = threading.Thread(target=handler.received, args=(message,), name="feeder")
        link.start()
        window.spin(lambda: len(pane.model.ids) == JOBS + 1, f"{JOBS} jobs")
        pane.table.viewport().repaint()
        link.join()

    timed.least("jobs_50000_shown", shown, 1)
    window.rest(1.5)
    seen = [id for id in pane.model.ids[:30] if id in ids]
    batches = [
        Rows(1, version, as_sent([job_row(id, number, chance) for id in
                                  {*chance.sample(ids, 45), *chance.sample(seen, 5)}]))
        for number in range(2, 2 + int(_CHANGING_S * 20))
    ]  # fmt: skip
    over = threading.Event()

    def feed() -> None:
        due = time.monotonic()
        for batch in batches:
            due += 0.05
            over.wait(max(0.0, due - time.monotonic()))
            handler.received(batch)
        over.set()

    feeder = threading.Thread(target=feed, name="feeder")
    cpu, wall, window_cpu = time.process_time(), time.monotonic(), time.thread_time()
    with StallRecorder(0.05) as recorder:
        feeder.start()
        window.rest(_CHANGING_S + 0.1)  # not by looking whether it is over, which costs a percent of a core itself
    taken = time.monotonic() - wall
    feeder.join()
    if recorder.worst > 0.05:
        sys.stderr.write(recorder.stack)
    return {
        "changing_rows_stall_ms": recorder.worst * 1000,
        "changing_rows_cpu_percent": 100 * (time.process_time() - cpu) / taken,
        "changing_rows_window_cpu_percent": 100 * (time.thread_time() - window_cpu) / taken,
    }
