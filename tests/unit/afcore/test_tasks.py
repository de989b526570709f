"""What people do to tasks: selections, filters, running ones, a million at once."""

from __future__ import annotations

import zlib

import pytest

from afcore.commands import ChangeTasks, DeleteJobs, ResetErrorHosts, RestartJobs
from afcore.effects import StopRun, StopRuns
from afcore.errors import BadSpec, NotFound
from afcore.events import JobFinished, JobReopened, RunsStopRequested, RunStopRequested, TasksChanged
from afcore.model.job import Job
from afcore.model.tasks import unpack_indices, unpack_runs
from afcore.states import RunStatus, TaskState
from tests.unit.afcore.plays import FarmPlay, block, job


def of_ten(farm: FarmPlay) -> Job:
    """Return a job of ten tasks: done, error, running, ready, skipped, suspended, and four ready."""
    shot = farm.submit(job(block(first=1, last=10, errors_retries=0)))
    farm.register(cores=3)
    one, two, _ = farm.solve()
    farm.do(ChangeTasks(shot.id, "skip", tasks=[(4, 4)]))
    farm.do(ChangeTasks(shot.id, "suspend", tasks=[(3, 3), (5, 9)]))
    farm.report(one, warning=True)
    farm.report(two, RunStatus.ERROR)
    farm.do(ChangeTasks(shot.id, "continue", tasks=[(3, 3), (6, 9)]))
    assert farm.states(shot) == "DE*RSURRRR"
    return shot


@pytest.mark.parametrize(
    ("action", "only", "states"),
    [
        ("restart", "", "RR*RRRRRRR"),
        ("restart", "error", "DR*RSURRRR"),
        ("restart", "done", "RE*RSURRRR"),
        ("restart", "skipped", "DE*RRURRRR"),
        ("restart", "suspended", "DE*RSRRRRR"),
        ("restart", "warning", "RE*RSURRRR"),
        ("restart", "running", "DE*RSURRRR"),
        ("skip", "", "DS*SSSSSSS"),
        ("skip", "ready", "DE*SSUSSSS"),
        ("done", "", "DD*DDDDDDD"),
        ("done", "error", "DD*RSURRRR"),
        ("suspend", "", "DE*UUUUUUU"),
        ("continue", "", "DE*RSRRRRR"),
        ("continue", "done", "DE*RSURRRR"),
    ],
)
def test_actions_and_filters(farm: FarmPlay, action: str, only: str, states: str) -> None:
    shot = of_ten(farm)
    farm.do(ChangeTasks(shot.id, action, only=only))
    assert farm.states(shot) == states
    asked = action != "continue" and only in ("", "running")
    assert len(farm.effects(StopRun)) == asked
    changed = [event for event in farm.outcome.events if isinstance(event, TasksChanged)]
    assert len(changed) <= 1


def test_a_selection_of_ranges(farm: FarmPlay) -> None:
    shot = of_ten(farm)
    farm.do(ChangeTasks(shot.id, "restart", [0], [(4, 5), (0, 1), (1, 1)]))
    assert farm.states(shot) == "RR*RRRRRRR"
    assert farm.last(TasksChanged).ranges == [(0, 1), (4, 5)]
    assert farm.outcome.reply == {"tasks": 4, "stopping": 0}


def test_an_edit_carries_what_was(farm: FarmPlay) -> None:
    shot = of_ten(farm)
    farm.do(ChangeTasks(shot.id, "restart", only="error"))
    event = farm.last(TasksChanged)
    assert event.only == [TaskState.ERROR] and event.ranges == [(0, 9)]
    assert zlib.decompress(event.old_state) == bytes([4, 6, 2, 1, 5, 7, 1, 1, 1, 1])
    assert zlib.decompress(event.old_errors) == bytes([0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    farm.do(ChangeTasks(shot.id, "restart", only="warning"))
    event = farm.last(TasksChanged)
    assert (event.ranges, len(event.indices)) == ([], 4)
    assert zlib.decompress(event.old_flags) == bytes([2])


def test_errors_and_flags_are_forgotten_and_starts_kept(farm: FarmPlay) -> None:
    shot = of_ten(farm)
    table = shot.blocks[0].tasks
    assert (table.errors[1], table.flags[0], table.starts[1]) == (1, 2, 1)
    farm.do(ChangeTasks(shot.id, "restart"))
    assert (table.errors[1], table.flags[0], table.starts[1]) == (0, 0, 1)


@pytest.mark.parametrize(("action", "state"), [("restart", "R"), ("skip", "S"), ("done", "D"), ("suspend", "U")])
def test_a_running_task_becomes_what_was_asked_when_it_has_ended(farm: FarmPlay, action: str, state: str) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(ChangeTasks(shot.id, action))
    assert farm.states(shot) == "*" and farm.effects(StopRun) == [StopRun(1, key)]
    farm.do(ChangeTasks(shot.id, action))
    assert farm.outcome.events == [], "asked twice, told once"
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == state
    assert shot.blocks[0].tasks.errors[0] == 0, "an end that was asked for is no error"
    assert farm.outcome.runs[0]["status"] == "stopped"


@pytest.mark.parametrize("others", [0, 40])
def test_many_running_tasks_are_asked_to_stop_in_one_fact(farm: FarmPlay, others: int) -> None:
    farm.submit(job(block(last=max(1, others)), name="other", offline=not others))
    shot = farm.submit(job(block(last=5), priority=120))
    farm.register(cores=5 + others)
    keys = [key for key in farm.solve() if key.job == shot.id]
    assert len(keys) == 5 and len(farm.core.farm.runs) == 5 + others
    farm.do(ChangeTasks(shot.id, "restart", tasks=[(1, 1)]))
    assert farm.names() == ["RunStopRequested"], "one alone as ever"
    farm.do(ChangeTasks(shot.id, "restart", tasks=[(0, 3)]))
    assert farm.names() == ["RunsStopRequested"] and farm.outcome.reply == {"tasks": 4, "stopping": 4}
    event, (stop,) = farm.last(RunsStopRequested), farm.effects(StopRuns)
    assert list(unpack_indices(event.indices)) == list(stop.tasks) == [0, 2, 3], "who was told is not told again"
    assert list(unpack_runs(event.runs)) == list(stop.runs) == [1, 1, 1]
    farm.do(ChangeTasks(shot.id, "skip", tasks=[(0, 1)]))
    asked = {key.task: run.stopping for key, run in farm.core.farm.runs.items() if run.stopping >= 0}
    ready, skipped = TaskState.READY, TaskState.SKIPPED
    assert asked == {0: skipped, 1: skipped, 2: ready, 3: ready}
    assert farm.replayed().digest() == farm.core.digest()
    for key in keys:
        farm.report(key, RunStatus.STOPPED if key.task < 4 else RunStatus.SUCCESS)
    assert farm.states(shot) == "SSRRD"


def test_a_deleted_job_stops_what_runs_and_ends_what_is_waited_for(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=4)))
    farm.register("gone", cores=2)
    lost = farm.solve()
    farm.crash()
    farm.register("here", cores=2)
    live = farm.solve()
    farm.do(DeleteJobs([shot.id]))
    assert set(farm.core.farm.runs) == set(live) and farm.outcome.reply["stopping"] == len(lost) + len(live) == 4
    assert list(farm.last(RunsStopRequested).indices) and len(farm.effects(StopRuns)[0].tasks) == 2
    for key in live:
        farm.report(key, RunStatus.STOPPED)
    assert shot.id not in farm.core.farm.jobs


def test_the_last_order_counts(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(ChangeTasks(shot.id, "restart"))
    farm.do(ChangeTasks(shot.id, "skip"))
    assert farm.last(RunStopRequested).then == TaskState.SKIPPED
    farm.report(key)
    assert farm.states(shot) == "S"


def test_a_job_finishes_and_reopens_by_hand(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(ChangeTasks(shot.id, "done"))
    assert farm.last(JobFinished) and shot.time_done
    farm.do(ChangeTasks(shot.id, "restart", tasks=[(1, 1)]))
    assert farm.last(JobReopened) and not shot.time_done
    assert farm.states(shot) == "DRD"


def test_mistakes_are_told_with_what_there_is(farm: FarmPlay) -> None:
    shot = farm.submit()
    with pytest.raises(BadSpec, match='there is no action "restrat".*did you mean "restart"'):
        farm.do(ChangeTasks(shot.id, "restrat", only="bad"))
    with pytest.raises(NotFound, match="has no block 3.*blocks are 0 to 0"):
        farm.do(ChangeTasks(shot.id, "skip", [3]))
    with pytest.raises(NotFound, match="has no tasks 1-3.*tasks are 0 to 2"):
        farm.do(ChangeTasks(shot.id, "skip", [], [(1, 3)]))
    with pytest.raises(NotFound, match="There is no job 77"):
        farm.do(ChangeTasks(77, "skip"))


def test_failed_hosts_are_forgotten_when_asked(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register("host1", cores=1)
    farm.register("host2", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    frames = shot.blocks[0]
    assert frames.error_hosts and frames.task_error_hosts
    farm.do(ResetErrorHosts(shot.id))
    assert not frames.error_hosts and not frames.task_error_hosts
    assert farm.outcome.reply == {"blocks": 1}
    farm.do(ResetErrorHosts(shot.id))
    assert farm.outcome.reply == {"blocks": 0} and farm.outcome.events == []


def test_a_million_tasks_change_in_one_event(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1_000_000)))
    farm.do(ChangeTasks(shot.id, "skip", tasks=[(0, 999_998)]))
    farm.do(ChangeTasks(shot.id, "suspend", only="skipped"))
    assert farm.count(shot, TaskState.SUSPENDED) == 999_999
    farm.do(RestartJobs([shot.id]))
    assert farm.count(shot, TaskState.READY) == 1_000_000
    (event,) = (event for event in farm.outcome.events if isinstance(event, TasksChanged))
    assert event.ranges == [(0, 999_999)] and not event.only
    assert len(event.old_state) < 10_000
