"""The way of a job: submitted, solved, started, reported, done."""

from __future__ import annotations

import msgspec
import pytest

from afcore.commands import AddUser, DeleteJobs, SubmitJob
from afcore.core import Core
from afcore.effects import RemoveJobFiles, StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.errors import BadSpec, Bug, Conflict
from afcore.events import JobFinished, JobStarted, RunStarted, TasksReleased
from afcore.jobspec import JobSpec
from afcore.model.defaults import Defaults
from afcore.replay import recover
from afcore.states import RunStatus, TaskState
from tests.unit.afcore.plays import FarmPlay, block, job


def test_a_job_runs_from_submission_to_its_end(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=3)))
    assert farm.states(shot) == "RRR"
    farm.register(cores=2)
    assert farm.core.wants_solve
    first, second = farm.solve()
    assert [first.task, second.task] == [0, 1]
    assert farm.names() == ["RunStarted", "JobStarted", "RunStarted"]
    assert farm.states(shot) == "**R"
    assert farm.report(first) == {"known": True}
    assert farm.states(shot) == "D*R"
    (third,) = farm.solve()
    farm.report(second)
    farm.report(third)
    assert farm.names() == ["RunFinished", "JobFinished"]
    assert farm.states(shot) == "DDD"
    assert shot.time_done == farm.at
    assert shot.blocks[0].time_done == farm.at
    assert not farm.core.wants_solve


def test_other_settings_count_at_once_and_build_only_what_follows_from_them(farm: FarmPlay) -> None:
    farm.submit(job(block(last=4, capacity=2000, task_progress_change_timeout=-1)))
    farm.register(cores=2)
    (key,) = farm.solve()
    assert farm.core.deadlines.next() > farm.at + 50
    scheduler = farm.core.scheduler
    farm.core.adopt(Defaults(progress_timeout=7))
    assert farm.core.deadlines.next() == farm.core.farm.runs[key].started + 7
    assert farm.core.scheduler is scheduler and not farm.core.wants_solve
    farm.core.adopt(Defaults(progress_timeout=7, capacity_per_core=2000))
    assert len(farm.solve()) == 1, "the render has room that it had not"


def test_an_empty_farm_is_founded_by_its_first_command(farm: FarmPlay) -> None:
    farm.do(AddUser("anna"))
    assert farm.names() == ["FarmFounded", "BranchAdded", "PoolAdded", "UserAdded"]
    assert farm.core.farm.epoch == int(farm.at) - 60
    assert farm.core.farm.branches[1].path == "/"


def test_founding_is_told_even_when_the_first_command_is_refused(farm: FarmPlay) -> None:
    with pytest.raises(BadSpec):
        farm.do(SubmitJob(JobSpec(name="x", user_name="anna")))
    assert farm.names() == []
    farm.do(AddUser("anna"))
    assert farm.names()[:2] == ["FarmFounded", "BranchAdded"]


def test_effects_come_from_events(farm: FarmPlay) -> None:
    farm.submit()
    farm.register(cores=1)
    (key,) = farm.solve()
    assert farm.effects(StartRun) == [StartRun(1, key)]
    assert farm.last(RunStarted).capacity == 1000
    assert farm.last(JobStarted).job == key.job


def test_frames_follow_their_simulation_and_the_movie_follows_all(farm: FarmPlay) -> None:
    shot = farm.submit(
        job(
            block("sim", 1, 3),
            block("render", 1, 3, tasks_depend_mask="sim"),
            block("movie", 1, 1, depend_mask="render"),
        )
    )
    assert [farm.states(shot, n) for n in range(3)] == ["RRR", "WWW", "R"]
    assert shot.blocks[2].waiting
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key)
    assert farm.last(TasksReleased) == TasksReleased(shot.id, 1, [(0, 0)])
    assert farm.states(shot, 1) == "RWW"
    farm.run_all()
    assert shot.time_done
    assert farm.states(shot, 2) == "D"


def test_a_run_that_ended_leaves_a_row_of_history(farm: FarmPlay) -> None:
    farm.submit(job(block(command="render @##@", service="maya"), folders={"output": "/out"}))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR, exit_status=3, duration=2.5, errors_text="no licence")
    (row,) = farm.outcome.runs
    assert (row["job"], row["id_block"], row["id_task"], row["run"]) == tuple(key)
    assert row["status"] == "error" and row["error"] == 1 and row["exit_status"] == 3
    assert row["done_ms"] - row["started_ms"] == 2500
    assert row["taskname"] == "frame 1" and row["hostname"] == "host1" and row["folder"] == "/out"
    assert row["cause"] == "no licence"


def test_a_deleted_job_leaves_statistics_and_asks_for_its_files(farm: FarmPlay) -> None:
    from afcore.commands import DeleteJobs

    shot = farm.submit()
    farm.register(cores=4)
    farm.run_all()
    farm.do(DeleteJobs([shot.id]))
    (row,) = farm.outcome.jobs
    assert (row["tasks_done"], row["tasks_quantity"], row["run_time_ms"]) == (3, 3, 3000)
    assert farm.effects(RemoveJobFiles) == [RemoveJobFiles(shot.id)]
    assert farm.core.farm.jobs == {}


def test_rows_have_the_fields_of_the_store(farm: FarmPlay) -> None:
    from afcore.commands import DeleteJobs
    from afcore.store.base import JobRow, RunRow

    shot = farm.submit()
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key)
    msgspec.convert(farm.outcome.runs[0], RunRow, strict=True)
    farm.do(DeleteJobs([shot.id]))
    msgspec.convert(farm.outcome.jobs[0], JobRow, strict=True)


def test_a_refused_command_changes_nothing(farm: FarmPlay) -> None:
    farm.do(AddUser("anna"))
    before = farm.core.digest()
    with pytest.raises(Conflict):
        farm.do(AddUser("anna"))
    assert farm.core.digest() == before


def test_a_rule_that_breaks_after_its_first_event_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    from afcore import core as module

    def broken(context: object, command: AddUser) -> object:
        yield from module.RULES_BEFORE[AddUser](context, command)  # type: ignore[attr-defined]
        raise Conflict("too late")

    monkeypatch.setattr(module, "RULES_BEFORE", dict(module.RULES), raising=False)
    monkeypatch.setitem(module.RULES, AddUser, broken)
    with pytest.raises(Bug, match="AddUser was refused after it had begun"):
        Core().apply(Envelope(AddUser("anna"), SYSTEM_PRINCIPAL, 5.0))


def test_a_rule_that_breaks_at_all_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from afcore import core as module

    def broken(context: object, command: AddUser) -> object:
        raise ZeroDivisionError("oh")
        yield

    monkeypatch.setitem(module.RULES, AddUser, broken)
    with pytest.raises(Bug, match=r"AddUser broke after 0 events: ZeroDivisionError\('oh'\)"):
        Core().apply(Envelope(AddUser("anna"), SYSTEM_PRINCIPAL, 5.0))


def test_a_job_is_done_when_its_last_task_is(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 1), block("b", 1, 1)))
    farm.register(cores=2)
    one, two = farm.solve()
    farm.report(one)
    assert JobFinished not in [type(event) for event in farm.outcome.events]
    farm.report(two)
    assert farm.last(JobFinished).job == shot.id
    assert farm.count(shot, TaskState.DONE) == 1


def test_a_snapshot_holds_what_changed_and_comes_back_whole(farm: FarmPlay) -> None:
    first, second = farm.submit(), farm.submit(job(name="other"))
    farm.register(cores=1)
    image = farm.core.snapshot()
    assert set(image.jobs) == {first.id, second.id}
    assert recover(image, []).digest() == farm.core.digest()
    (key,) = farm.solve()
    changed = farm.core.snapshot()
    assert set(changed.jobs) == {key.job} and set(changed.columns) == {(key.job, 0)}
    image.farm = changed.farm
    image.jobs.update(changed.jobs)
    image.columns.update(changed.columns)
    assert recover(image, []).digest() == farm.core.digest()
    assert farm.core.snapshot().jobs == {}
    farm.core.unsaved()
    assert len(farm.core.snapshot().jobs) == 2


def test_a_snapshot_that_was_not_written_forgets_no_deleted_job(farm: FarmPlay) -> None:
    kept, gone = farm.submit(), farm.submit(job(name="other"))
    farm.core.snapshot()
    farm.do(DeleteJobs([gone.id]))
    assert farm.core.snapshot().deleted == [gone.id]
    farm.core.unsaved()
    again = farm.core.snapshot()
    assert (again.deleted, list(again.jobs)) == ([gone.id], [kept.id])
    assert farm.core.snapshot().deleted == []
