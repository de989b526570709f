"""What screens and agents are told: rows, pages, columns and start messages."""

from __future__ import annotations

import zlib
from array import array

import msgspec
import pytest

from afcore import views
from afcore.commands import ChangeTasks, MeasureRender, PauseJobs, ProgressReading
from afcore.errors import LimitReached, NotFound
from afcore.jobspec import BlockSpec, TaskTexts
from afcore.runspec import run_fields
from afcore.states import RunStatus
from afnet.wire.messages import RunSpec
from tests.unit.afcore.plays import FarmPlay, block, job


def test_a_job_row_sums_its_blocks(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 4), block("b", 1, 4, depend_mask="a")))
    farm.register(cores=2)
    first, _ = farm.solve()
    farm.report(first)
    row = views.job_row(farm.core.farm, shot)
    assert (row.state, row.percent, row.running, row.counts[4]) == ("running", 100 // 8, 1, 1)
    assert [each.waiting for each in row.blocks] == [False, True]
    assert row.user == "anna" and row.branch == "/"


def test_running_percentages_count_but_never_as_done(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2)))
    render = farm.register(cores=2)
    for key in farm.solve():
        farm.do(MeasureRender(render.id, render.session, {}, [ProgressReading(*key, percent=100)]))
    assert views.job_row(farm.core.farm, shot).percent == 99


def test_the_state_of_a_job_in_one_word(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 1, errors_retries=0)))
    assert views.job_word(shot) == "ready"
    farm.register(cores=1)
    (key,) = farm.solve()
    assert views.job_word(shot) == "running"
    farm.report(key, RunStatus.ERROR)
    assert views.job_word(shot) == "error"
    farm.do(PauseJobs([shot.id]))
    assert views.job_word(shot) == "paused"
    farm.do(ChangeTasks(shot.id, "skip"))
    assert views.job_word(shot) == "done"
    waiting = farm.submit(job(name="later", time_wait=int(farm.at) + 100))
    assert views.job_word(waiting, farm.at) == "waiting"


def test_a_render_row_shows_what_runs(farm: FarmPlay) -> None:
    farm.submit()
    render = farm.register(cores=2)
    key = farm.solve()[0]
    row = views.render_row(farm.core.farm, render)
    assert row.words == ["online", "busy"] and row.capacity == 2000 and row.max_tasks == 2
    assert row.runs[0].name == "frame 1" and row.runs[0].job == key.job


def test_rows_of_the_tree(farm: FarmPlay) -> None:
    farm.submit()
    state = farm.core.farm
    assert views.user_row(state, state.users[1]).jobs == 1
    assert views.pool_row(state, state.pools[1]).path == "/"
    assert views.branch_row(state, state.branches[1]).jobs == 1


def test_tasks_come_as_compressed_columns(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=5)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key)
    whole = views.task_columns(farm.core.farm, shot.id, 0)
    assert zlib.decompress(whole.columns["state"]) == bytes([4, 1, 1, 1, 1])
    assert array("H", zlib.decompress(whole.columns["starts"])).tolist() == [1, 0, 0, 0, 0]
    part = views.task_columns(farm.core.farm, shot.id, 0, first=3, count=10, names=["state"])
    assert (part.first, part.count, part.size) == (3, 2, 5)
    with pytest.raises(NotFound, match='no column "colour"'):
        views.task_columns(farm.core.farm, shot.id, 0, names=["colour"])
    with pytest.raises(NotFound, match="has no task 5"):
        views.task_columns(farm.core.farm, shot.id, 0, first=5)


def test_a_page_of_tasks(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=10, frames_per_task=4)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, warning=True)
    first, _, last = views.task_rows(farm.core.farm, shot.id, 0)
    assert (first.state, first.percent, first.frames, first.render) == ("done", 100, "1-4", "host1")
    assert first.flags == ["warning"] and first.finished >= first.started > 0
    assert (last.state, last.frames, last.started) == ("ready", "9-10", 0.0)
    with pytest.raises(LimitReached):
        views.task_rows(farm.core.farm, shot.id, 0, count=1001)
    with pytest.raises(NotFound):
        views.task_rows(farm.core.farm, shot.id, 7)
    assert views.newest_run(farm.core.farm, shot.id, 0, 0) == key
    assert views.newest_run(farm.core.farm, shot.id, 0, 2).run == 0


def test_the_start_message_has_the_fields_of_the_protocol(farm: FarmPlay) -> None:
    texts = TaskTexts()
    texts.append("left", "-x 1", files=["a.png"], environment={"SIDE": "left"})
    listed = BlockSpec(name="parts", service="generic", command="run", tasks=texts, environment={"A": "1"})
    farm.submit(job(listed, block("frames", 1, 9, frames_per_task=5, frames_inc=2)))
    farm.register(cores=2)
    one, two = (RunSpec(**run_fields(farm.core.farm, key)) for key in farm.solve())
    assert (one.task_name, one.command, one.task_command, one.numeric) == ("left", "run", "-x 1", False)
    assert one.environment == {"A": "1", "SIDE": "left"} and one.task_files == ["a.png"]
    assert (two.frame_start, two.frame_end, two.frame_inc, two.frames) == (1, 9, 2, 5)
    assert set(run_fields(farm.core.farm, next(iter(farm.core.farm.runs)))) == {
        field.name for field in msgspec.structs.fields(RunSpec)
    }
    (key, *_) = farm.core.farm.runs
    farm.report(key)
    with pytest.raises(NotFound, match="There is no run"):
        run_fields(farm.core.farm, key)
