"""Models over ids and buffers: a million tasks without an object each, and rows that stay where the pointer is."""

from __future__ import annotations

import gc
from typing import Any

import numpy
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtWidgets import QApplication

from afcore.states import TaskState
from afwatch.changes import ChangeSet, ColumnsPiece, TaskRange
from afwatch.models.columns import JOBS
from afwatch.models.filters import parse_query
from afwatch.models.rows import RowModel
from afwatch.models.tasks import TASK_FIELDS, TasksModel, mask_of
from afwatch.tasktables import OpenedJob
from afwatch.theme.paint import Theme
from afwatch.views.trayicon import tray_pixmap
from tests.unit.afwatch.rows import job_row

MILLION = 1_000_000


def opened(size: int) -> OpenedJob:
    job = OpenedJob(1)
    random = numpy.random.default_rng(7)
    job.put(ColumnsPiece(1, 0, 0, size, size, 1, {
        "state": random.choice(numpy.array([1, 2, 4, 6], dtype=numpy.uint8), size),
        "starts": numpy.ones(size, dtype="<u2"),
        "errors": random.integers(0, 3, size).astype("u1"),
        "render": random.integers(1, 5, size).astype("<u4"),
        "started": numpy.full(size, 1000, dtype="<u4"),
        "finished": (1000 + random.integers(0, 900, size)).astype("<u4"),
    }))  # fmt: skip
    return job


def model_of(job: OpenedJob, asked: list[int]) -> TasksModel:
    return TasksModel(job, 0, clock=lambda: 5000.0, render_name=lambda id: f"rnd-{id}", fetch=asked.append)


def test_a_million_tasks_make_no_objects_and_ask_for_what_is_seen(application: Any) -> None:
    asked: list[int] = []
    job = opened(MILLION)
    gc.collect()
    before = len(gc.get_objects())
    model = model_of(job, asked)
    assert model.rowCount() == MILLION
    assert len(gc.get_objects()) - before < 1000
    assert model.data(model.index(987_654, 1)) == "task 987\u2009654"
    assert model.data(model.index(987_654, 1)) == "task 987\u2009654"
    assert asked == [987_600], "a page is asked for once"
    model.put_page(987_600, [{"task": 987_654, "name": "tile 987654", "started": 0.0}])
    assert model.data(model.index(987_654, 1)) == "tile 987654"


def test_filters_and_orders_are_index_arrays(application: Any) -> None:
    job = opened(10_000)
    model = model_of(job, [])
    table = model.table
    query = parse_query("state:error err>0 host:rnd-2 -1000-2000", TASK_FIELDS)
    hosts = {f"rnd-{id}": id for id in range(1, 5)}
    model.set_mask(lambda table: mask_of(query, table, hosts, 0.0))
    tasks = [model.task_at(place) for place in range(model.rowCount())]
    columns = table.columns
    wanted = [
        task for task in range(10_000)
        if columns["state"][task] == TaskState.ERROR and columns["errors"][task] > 0 and columns["render"][task] == 2
    ]  # fmt: skip
    assert [task for task in wanted if 1000 <= task <= 2000], "the range has some"
    assert set(tasks) <= set(wanted)
    model.set_mask(None)
    model.sort(7, Qt.SortOrder.DescendingOrder)
    took = (columns["finished"].astype(int) - columns["started"])[[model.task_at(place) for place in range(10_000)]]
    ended = took[columns["state"][model.order] != TaskState.RUNNING]
    assert (numpy.diff(ended) <= 0).all()
    assert model.place_of(model.task_at(5)) == 5


def test_a_filter_follows_changes(application: Any) -> None:
    job = opened(100)
    model = model_of(job, [])
    model.set_mask(lambda table: table.state == TaskState.ERROR)
    before = model.rowCount()
    first = model.task_at(0)
    job.put(ColumnsPiece(1, 0, first, 1, 100, 2, {"state": numpy.array([TaskState.DONE], dtype="u1")}))
    model.apply([TaskRange(1, 0, first, first + 1)])
    assert model.rowCount() == before - 1


def test_rows_stay_where_they_are_while_held(application: Any) -> None:
    rows = {id: job_row(id, READY=3) for id in range(1, 6)}
    model = RowModel(JOBS, rows, lambda: 5000.0)
    model.sort(0)
    assert model.ids == [5, 4, 3, 2, 1], "the newest first among equals"
    kept = QPersistentModelIndex(model.index(model.place_of(2), 0))
    model.held = True
    rows[2] = job_row(2, ERROR=1)
    rows[9] = job_row(9, ERROR=1)
    model.apply(ChangeSet({"jobs": {2, 9}}))
    assert model.ids == [5, 4, 3, 2, 1, 9]
    assert model.moved == 1
    model.release()
    assert model.ids == [9, 2, 5, 4, 3, 1]
    assert model.ids[kept.row()] == 2, "what is selected moves along"
    gone = rows.pop(5)
    model.apply(ChangeSet({}, {"jobs": {gone.id}}))
    assert model.ids == [9, 2, 4, 3, 1]


def test_counts_of_chips_are_over_all_rows(application: Any) -> None:
    rows = {1: job_row(1, "a", READY=3), 2: job_row(2, "b", ERROR=1), 3: job_row(3, "c", DONE=1, state="done")}
    model = RowModel(JOBS, rows, lambda: 5000.0)
    model.set_filter(parse_query("name~a", list(JOBS.fields)))
    assert model.ids == [1]
    counts = model.state_counts()
    assert (counts["ERROR"], counts["DONE"], counts["READY"], model.total) == (1, 1, 1, 3)
    model.set_filter(parse_query("", list(JOBS.fields)), ["ERROR"])
    assert model.ids == [2]


def test_the_tray_counts_errors_before_what_is_done(application: QApplication) -> None:
    theme = Theme("dark")
    plain, failed, done = (tray_pixmap(theme, *counts).toImage() for counts in ((0, 0), (3, 2), (0, 2)))
    at = (45, 30)
    assert failed.pixelColor(*at).name().upper() == theme.look.families["bad"].fill.upper()
    assert done.pixelColor(*at).name().upper() == theme.look.families["good"].fill.upper()
    assert plain.pixelColor(*at) != failed.pixelColor(*at)
