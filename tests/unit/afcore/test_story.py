"""Why it is so: the last causes of jobs, renders and runs."""

from __future__ import annotations

import pytest

from afcore import story
from afcore.commands import ChangeTasks, DeleteJobs, MeasureRender, PauseJobs, StartJobs
from afcore.envelope import Principal
from afcore.events import JobEdited, RunFinished
from afcore.states import Role, RunStatus
from afcore.story import RING
from tests.unit.afcore.plays import FarmPlay, block, job


def test_causes_are_told_with_who_and_what(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=2)))
    render = farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(MeasureRender(render.id, render.session))
    farm.report(key)
    farm.do(PauseJobs([shot.id]), Principal("anna", Role.USER))
    lines = farm.core.story.of_job(shot.id)
    assert [type(line.event).__name__ for line in lines] == [
        *("JobSubmitted", "RunStarted", "JobStarted", "RunFinished", "JobEdited"),
    ]
    assert (lines[-1].command, lines[-1].principal) == ("PauseJobs", "anna")
    assert [line.command for line in farm.core.story.of_run(key)] == ["Solve", "ReportRun"]
    kinds = [type(line.event).__name__ for line in farm.core.story.of_render(render.id)]
    assert kinds == ["RenderAdded", "RenderWentOnline", "RunStarted", "RunFinished"]
    assert farm.core.story.of_job(99) == [] and farm.core.story.of_render(99) == []


def test_a_stop_of_many_is_in_the_story_of_each(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(), block("other", first=1, last=1)))
    farm.register(cores=4)
    keys = farm.solve()
    stopped, other = keys[1], keys[3]
    farm.do(ChangeTasks(shot.id, "restart", [0], [(1, 2)]))
    story = farm.core.story
    assert [line.command for line in story.of_run(stopped)] == ["Solve", "ChangeTasks"]
    for key in (keys[0], other):
        assert [line.command for line in story.of_run(key)] == ["Solve"]
    farm.report(stopped, RunStatus.STOPPED)
    (again,) = farm.solve()
    assert again.task == stopped.task and [line.command for line in story.of_run(again)] == ["Solve"]


def test_rings_are_bounded(farm: FarmPlay) -> None:
    shot = farm.submit()
    for _ in range(RING):
        farm.do(PauseJobs([shot.id]))
        farm.do(StartJobs([shot.id]))
    assert len(farm.core.story.of_job(shot.id)) == RING


def test_what_happens_to_runs_comes_back_as_it_was(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(last=300)))
    render = farm.register(cores=1)
    for _ in range(RING):
        (key,) = farm.solve()
        farm.report(key)
        farm.do(PauseJobs([shot.id]))
        farm.do(StartJobs([shot.id]))
    for lines in (farm.core.story.of_render(render.id), farm.core.story.of_job(shot.id)):
        assert len(lines) == RING and lines == sorted(lines, key=lambda line: line.at)
        finished = [line for line in lines if isinstance(line.event, RunFinished)]
        assert finished[-1].event.task == key.task and finished[-1].command == "ReportRun"
    edits = [line.command for line in lines if isinstance(line.event, JobEdited)]
    assert edits[-2:] == ["PauseJobs", "StartJobs"] and len(edits) >= RING // 3


def test_a_deleted_job_keeps_its_story_without_its_texts(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(DeleteJobs([shot.id]))
    kinds = [type(line.event).__name__ for line in farm.core.story.of_job(shot.id)]
    assert kinds == ["JobDeletionRequested", "JobDeleted"]


def test_the_job_that_was_quiet_for_longest_is_forgotten(farm: FarmPlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "_JOBS", 2)
    first, second = farm.submit(), farm.submit()
    farm.do(PauseJobs([first.id]))
    farm.submit()
    assert farm.core.story.of_job(first.id) and not farm.core.story.of_job(second.id)


def test_many_things_share_their_lines(farm: FarmPlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "_FEW", 3)
    monkeypatch.setattr(story, "_LINES", 10)
    first, second = farm.submit(), farm.submit()
    for _ in range(6):
        farm.do(PauseJobs([first.id, second.id]))
        farm.do(StartJobs([first.id, second.id]))
    assert len(farm.core.story.of_job(first.id)) == len(farm.core.story.of_job(second.id)) == 5
    kinds = [type(line.event).__name__ for line in farm.core.story.of_job(first.id)]
    assert kinds[-1] == type(farm.core.story.of_job(second.id)[-1].event).__name__, "the newest are kept"
