"""Pulling the plug at every moment: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from afcore.errors import StoreError
from tests.store.plug import Call, play, record
from tests.store.plug_child import BATCHES, RUNS_EACH, body_of, open_image

CHILD = "-m", "tests.store.plug_child"

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which records the writes, is missing")


def calls_of(tmp_path: Path, *settings: str) -> list[Call]:
    folder = tmp_path / "disk"
    folder.mkdir()
    return record([*CHILD, str(folder), *settings], folder, tmp_path / "strace.log")


def complaint(folder: Path, acknowledged: int) -> str:
    """Open the image in ``folder`` and say what is wrong with it; an empty text is the good answer."""
    store = open_image(folder)
    try:
        found = store.load()
        start = found.snapshot.seq if found.snapshot else 0
        if found.snapshot is not None:
            assert found.snapshot.jobs == {2: body_of(start)}
            assert found.snapshot.columns == {(2, 0): [bytes([start]) * 5000]}
        batches = list(found.batches)
        assert [b.seq for b in batches] == list(range(start + 1, found.last_seq + 1))
        assert all(b.body == body_of(b.seq) for b in batches)
        history = store.history()
        rows = history.rows_after(0)
        history.close()
        assert [row.seq for row in rows] == list(range(1, 1 + RUNS_EACH * found.last_seq))
    finally:
        store.close()
    return "" if found.last_seq >= acknowledged else f"{acknowledged} was acknowledged, {found.last_seq} is there"


def losses(calls: Sequence[Call], folder: Path, *, points: int, seed: int) -> list[str]:
    """Pull the plug at about ``points`` moments and return everything that went wrong."""
    chance = random.Random(seed)
    wrong = []
    for place, disk in play(calls, points):
        for dice in (None, chance):
            image = folder / f"image{place}{'' if dice is None else 'r'}"
            image.mkdir()
            disk.image(image, dice)
            acknowledged = int(disk.marks[-1]) if disk.marks else 0
            if acknowledged == 0 and dice is None and not any(image.iterdir()):
                continue
            try:
                wrong.append(complaint(image, acknowledged))
            except StoreError as error:
                wrong.append(f"after call {place}: {error}")
            shutil.rmtree(image)
    return [sentence for sentence in wrong if sentence]


def test_what_was_acknowledged_survives_every_power_cut(tmp_path: Path) -> None:
    calls = calls_of(tmp_path)
    kinds = {call.kind for call in calls}
    assert {"make", "write", "sync", "sync_folder", "mark"} <= kinds
    assert sum(call.kind == "mark" for call in calls) == BATCHES
    assert losses(calls, tmp_path, points=90, seed=2) == []


def test_the_plug_finds_a_store_that_does_not_sync(tmp_path: Path) -> None:
    calls = calls_of(tmp_path, "PRAGMA synchronous=NORMAL")
    assert losses(calls, tmp_path, points=20, seed=2), "the test would not notice a missing sync"


def test_strace_may_watch() -> None:
    done = subprocess.run(["strace", "-c", "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
