"""The demo's job as it is submitted: three blocks that depend on one another as the demo says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from afnet.demo.production import Production, build_job

BLOCK_SUB_TASK = 16


@pytest.fixture
def made(tmp_path: Path) -> Production:
    return Production(12, "64x36", 2, tmp_path / "a cache", tmp_path / "out", tmp_path)


def test_the_job_is_one_the_farm_takes(made: Production) -> None:
    job = build_job(made)
    assert job.checkJob()
    simulation, frames, movie = job.data["blocks"]
    assert (simulation["name"], frames["name"], movie["name"]) == ("simulation", "frames", "movie")
    assert simulation["frames_per_task"] == 12
    assert simulation["flags"] & BLOCK_SUB_TASK
    assert frames["frames_per_task"] == 1
    assert frames["tasks_depend_mask"] == "simulation"
    assert movie["depend_mask"] == "frames"
    assert frames["files"] == [str(made.output / "frames" / "frame.@####@.png")]


def test_commands_are_words_so_that_folders_may_hold_blanks(made: Production) -> None:
    job = build_job(made)
    for block in job.blocks:
        command = block.data["command"]
        assert command[:2] == [sys.executable, "-m"]
        assert command[2].startswith("afrender.demo.")
        assert block.data["environment"]["PYTHONPATH"] == str(made.code)
    assert str(made.cache) in job.blocks[0].data["command"]


@pytest.mark.parametrize("frames", [1, 2, 3, 48])
def test_the_failing_frame_is_one_of_them(made: Production, frames: int) -> None:
    few = Production(frames, made.size, made.samples, made.cache, made.output, made.code)
    assert 1 <= few.failing <= frames
