"""Orders that follow changes a little at a time are the orders that would be made anew."""

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt

from afcore.rows import BlockRow, BranchRow
from afcore.states import TaskState
from afwatch.changes import ChangeSet, ColumnsPiece, TaskRange
from afwatch.models.columns import JOBS
from afwatch.models.filters import parse_query
from afwatch.models.grouped import GroupedModel
from afwatch.models.rows import RowModel
from afwatch.models.tasknames import NumericNames
from afwatch.models.tasks import TASK_FIELDS, TasksModel
from afwatch.tasktables import OpenedJob
from afwatch.views.namesearch import NameSearch, name_test
from afwatch.views.work import BRANCHES
from tests.gui.conftest import Spin
from tests.unit.afwatch.rows import job_row

_ORDERS = (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder)
_STATES = ("READY", "ERROR", "RUNNING", "DONE")


def random_job(id: int, chance: random.Random) -> Any:
    state = chance.choice(_STATES)
    return job_row(id, f"shot {chance.randrange(50)}", user=chance.choice(("jo", "anna")),
                   branch=f"/show{chance.randrange(3)}", priority=chance.randrange(5),
                   **{state: chance.randrange(1, 5)})  # fmt: skip


def branch(id: int, path: str) -> BranchRow:
    return BranchRow(id, 1, path, 99, 0, 0, 0)


def changed_some(rows: dict[int, Any], chance: random.Random, next_id: int) -> ChangeSet:
    changed = set(chance.sample(sorted(rows), 6)) | {next_id, next_id + 1}
    gone = set(chance.sample(sorted(set(rows) - changed), 2))
    for id in changed:
        rows[id] = random_job(id, chance)
    for id in gone:
        del rows[id]
    return ChangeSet({"jobs": changed}, {"jobs": gone})


@pytest.mark.parametrize("order", _ORDERS)
@pytest.mark.parametrize("grouped", (False, True))
def test_an_order_that_follows_is_the_order_made_anew(grouped: bool, order: Qt.SortOrder, application: Any) -> None:
    chance = random.Random(11)
    rows = {id: random_job(id, chance) for id in range(1, 400)}
    branches = {n: branch(n, path) for n, path in enumerate(("/", "/show0", "/show1", "/show2"), 1)}

    def made() -> RowModel:
        def base(row: Any) -> bool:
            return getattr(row, "user", "jo") != "nobody"

        model = GroupedModel(JOBS, BRANCHES, rows, branches, lambda: 5000.0, base=base) if grouped else RowModel(
            JOBS, rows, lambda: 5000.0, base=base
        )
        model.sort(0, order)
        return model

    model = made()
    model.in_sight = lambda: range(10)
    watched = next(id for id in model.ids if id > 0)
    kept = QPersistentModelIndex(model.index(model.place_of(watched), 0))
    for step in range(25):
        if step % 7 == 3:
            model.held = True
        model.apply(changed_some(rows, chance, 1000 + 2 * step))
        if model.held and step % 7 == 5:
            model.release()
        if not model.held:
            fresh = made()
            assert model.ids == fresh.ids
            assert model.state_counts() == fresh.state_counts()
            assert (model.total, model.items_shown) == (fresh.total, fresh.items_shown)
            assert all(model.ids[model.place_of(id)] == id for id in model.ids)
            if watched in rows:
                assert model.ids[kept.row()] == watched


def test_a_row_that_is_not_ours_any_more_leaves(application: Any) -> None:
    rows = {id: job_row(id, user="jo") for id in range(1, 200)}
    model = RowModel(JOBS, rows, lambda: 5000.0, base=lambda row: row.user == "jo")
    rows[7] = job_row(7, user="anna")
    model.apply(ChangeSet({"jobs": {7}}))
    assert 7 not in model.ids
    assert model.total == 198


def test_rows_out_of_sight_are_not_painted(application: Any) -> None:
    rows = {id: job_row(id, READY=1) for id in range(1, 2001)}
    model = RowModel(JOBS, rows, lambda: 5000.0)
    model.sort(0)
    model.in_sight = lambda: range(20)
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
    model.layoutChanged.connect(lambda: told.append((-1, -1)))
    rows[5] = job_row(5, "renamed", READY=1)
    model.apply(ChangeSet({"jobs": {5}}))
    assert told == []
    rows[1990] = job_row(1990, "renamed", READY=1)
    model.apply(ChangeSet({"jobs": {1990}}))
    assert told == [(10, 10)]
    told.clear()
    rows[1990] = job_row(1990, ERROR=1)
    model.apply(ChangeSet({"jobs": {1990}}))
    assert model.ids[0] == 1990
    assert (0, 19) in told and (-1, -1) not in told, "nobody holds on to a row: rows in sight are painted, no more"
    kept = QPersistentModelIndex(model.index(0, 0))
    told.clear()
    rows[1990] = job_row(1990, READY=1)
    model.apply(ChangeSet({"jobs": {1990}}))
    assert (-1, -1) in told and kept.row() == model.place_of(1990), "who holds on to a row is led along"


def opened(size: int) -> OpenedJob:
    job, chance = OpenedJob(1), numpy.random.default_rng(3)
    started = chance.integers(1, 900_000, size).astype("<u4")
    job.put(ColumnsPiece(1, 0, 0, size, size, 1, {
        "state": chance.choice(numpy.array([1, 2, 4, 6], dtype=numpy.uint8), size),
        "render": chance.integers(0, 4, size).astype("<u4"), "started": started,
        "finished": started + chance.integers(0, 900_000, size).astype("<u4"),
        "errors": chance.integers(0, 3, size).astype("u1"),
    }))  # fmt: skip
    return job


def tasks_model(job: OpenedJob) -> TasksModel:
    return TasksModel(job, 0, clock=lambda: 5e6, render_name=str, fetch=lambda first: None,
                      hosts=lambda: {1: "zoe", 2: "abe", 3: "max"})  # fmt: skip


def test_the_first_tasks_stand_at_once_and_the_others_follow(application: Any, spin: Spin) -> None:
    job = opened(60_000)
    model = tasks_model(job)
    started = job.blocks[0].columns["started"].astype(int)
    for direction, sign in zip(_ORDERS, (1, -1)):
        model.sort(8, direction)
        wanted = numpy.argsort(sign * started, kind="stable")
        assert model.order is not None
        assert (model.order[:500] == wanted[:500]).all(), "before any event is handled"
        assert sorted(model.order.tolist()) == list(range(60_000))
        held = QPersistentModelIndex(model.index(59_000, 0))
        task = model.task_at(59_000)
        spin(lambda wanted=wanted: (model.order == wanted).all(), "the whole order")
        assert model.task_at(held.row()) == task, "what is selected moves along"
        assert model.place_of(task) == held.row()


def test_an_order_follows_its_tasks(application: Any, spin: Spin) -> None:
    job = opened(60_000)
    model = tasks_model(job)
    model.sort(8)
    model.set_mask(lambda table: table.state != TaskState.RUNNING)
    table = job.blocks[0]
    last = int(numpy.argmax(numpy.where(table.state != TaskState.RUNNING, table.columns["started"], 0)))
    job.put(ColumnsPiece(1, 0, last, 1, 60_000, 2, {"started": numpy.zeros(1, dtype="<u4")}))
    model.apply([TaskRange(1, 0, last, last + 1)])
    spin(lambda: model.task_at(0) == last, "the changed task to come first")
    model.end_sorting()


def test_hosts_are_ordered_by_name(application: Any) -> None:
    job = opened(1000)
    model = tasks_model(job)
    model.sort(2)
    assert model.order is not None
    renders = job.blocks[0].columns["render"][model.order].tolist()
    assert list(dict.fromkeys(renders)) == [0, 2, 3, 1]


def test_names_of_a_numeric_block_are_made_here(application: Any) -> None:
    row = BlockRow(0, "b", "generic", 1000, [0] * 8, 0, 0, 0, 0, False, 0.0, 0.0, 0, frame_first=5, frame_last=1004,
                   flags=1, tasks_name="tile_@####@")  # fmt: skip
    asked: list[int] = []
    job = opened(1000)
    job.blocks[0].columns["started"][:900] = 0
    model = TasksModel(job, 0, clock=lambda: 5e6, render_name=str, fetch=asked.append,
                       made_names=lambda: NumericNames(row))  # fmt: skip
    assert [model.name(task) for task in (0, 7, 899)] == ["tile_0005", "tile_0012", "tile_0904"]
    assert asked == [], "nothing that the farm has to be asked for"
    assert [model.name(task) for task in (950, 951)] == ["tile_0955", "tile_0956"]
    assert asked == [900], "when the farm's seconds began is learnt from a task that has started"
    model.put_page(900, [{"task": 950, "name": "tile_0955", "started": 5e6}])
    assert job.epoch and model.name(820) and asked == [900]


def test_names_are_looked_for_without_holding_the_window(application: Any, spin: Spin) -> None:
    row = BlockRow(0, "b", "generic", 60_000, [0] * 8, 0, 0, 0, 0, False, 0.0, 0.0, 0, frame_first=1,
                   frame_last=120_000, frames_per_task=2, flags=1, tasks_name="tile_@######@")  # fmt: skip
    test = name_test(parse_query("name~tile_0500 -name~999", TASK_FIELDS))
    assert test is not None
    session: Any = None
    search = NameSearch(session, 1, row, 60_000, test)
    model = tasks_model(opened(60_000))
    search.found.connect(model.grow)
    search.start()
    model.set_mask(lambda table: search.mask)
    assert 0 < search.looked < 60_000, "a slice at a time"
    spin(lambda: search.is_done, "the end of the search")
    shown = [model.task_at(place) for place in range(model.rowCount())]
    assert shown == [task for task in range(60_000) if "0500" in (name := f"{1 + 2 * task:06d}") and name[:4] == "0500"
                     and "999" not in name]  # fmt: skip
    assert shown
    search.stop()
    assert name_test(parse_query("err>0", TASK_FIELDS)) is None
