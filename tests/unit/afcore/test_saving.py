"""A snapshot made in steps while the farm goes on is the one that would have been made at once."""

from __future__ import annotations

import random

import pytest

from afcore import commands
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.events import TasksChanged
from afcore.image import FarmImage
from afcore.saving import Saving
from tests.sim.walk import Walk
from tests.unit.afcore.plays import FarmPlay, block, job


def image_now(core: Core) -> FarmImage:
    """The whole farm as it is, without telling the core."""
    return Saving(core.farm, since=-1, deleted=[]).finish()


@pytest.mark.parametrize("seed", range(3))
def test_it_is_of_the_moment_at_which_it_began(seed: int) -> None:
    walk = Walk(seed)
    walk.snapshot = lambda: None  # type: ignore[method-assign]  # its crashes replay everything, ours are apart
    chance = random.Random(seed)
    compared = 0
    for _ in range(40):
        for _ in range(10):
            walk.step()
        core = walk.core
        core.unsaved()
        wanted = image_now(core)
        deleted = list(core._deleted)
        saving = core.save()
        for _ in range(chance.randrange(12)):
            for _ in range(chance.randrange(3)):
                saving.step()
            walk.step()
            if walk.core is not core:
                break
        made = saving.finish() if walk.core is core else wanted
        compared += made is not wanted
        assert (made.farm, made.jobs, made.columns) == (wanted.farm, wanted.jobs, wanted.columns)
        assert made is wanted or made.deleted == deleted
    assert compared > 20


def test_a_step_is_one_job_or_one_column() -> None:
    farm = FarmPlay()
    first, second = farm.submit(job(block(), block("more"))), farm.submit()
    saving = farm.core.save()
    assert saving.step() and list(saving.image.jobs) == [first.id] and not saving.image.columns
    assert saving.step() and [len(columns) for columns in saving.image.columns.values()] == [1]
    farm.do(commands.ChangeTasks(second.id, "skip", [0]))
    assert farm.last(TasksChanged) and set(saving.image.jobs) == {first.id, second.id}
    assert saving.image.columns[second.id, 0][0] == b"\1\1\1", "as it was before they were skipped"
    assert len(saving.finish().columns) == 3 and saving.whole and not saving.step()


def test_what_is_deleted_meanwhile_is_in_it_and_gone_from_the_next() -> None:
    farm = FarmPlay()
    shot = farm.submit()
    saving = farm.core.save()
    farm.do(commands.DeleteJobs([shot.id]))
    image = saving.finish()
    assert set(image.jobs) == {shot.id} and image.deleted == [] and (shot.id, 0) in image.columns
    assert farm.core.snapshot().deleted == [shot.id]


def test_the_next_one_begins_where_this_one_began() -> None:
    farm = FarmPlay()
    first, second = farm.submit(), farm.submit()
    farm.core.save()
    farm.do(commands.PauseJobs([second.id]))
    assert set(farm.core.snapshot().jobs) == {second.id}, "the unfinished one was made whole, and has the rest"
    farm.core.apply(Envelope(commands.PauseJobs([first.id]), SYSTEM_PRINCIPAL, farm.at + 1))
    assert set(farm.core.snapshot().jobs) == {first.id}
