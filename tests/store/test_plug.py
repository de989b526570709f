"""Pulling the plug at every moment: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from afcore.errors import StoreError
from tests.store.plug import Call, play, record, write_image
from tests.store.plug_child import BATCHES, RUNS_EACH, body_of, open_image

CHILD = "-m", "tests.store.plug_child"

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which records the writes, is missing")


def calls_of(tmp_path: Path, *settings: str) -> list[Call]:
    folder = tmp_path / "disk"
    folder.mkdir()
    return record([*CHILD, str(folder), *settings], folder, tmp_path / "strace.log")


def found_in(folder: Path) -> int | str:
    """Open the image in ``folder``; return the number of its newest batch, or what is wrong with it."""
    try:
        # What is opened here is a copy in memory that nobody needs: its own syncs are left out.
        store = open_image(folder, ("PRAGMA synchronous=OFF",))
    except StoreError as error:
        return str(error)
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
        return found.last_seq
    except StoreError as error:
        return str(error)
    finally:
        store.close()


def losses(calls: Sequence[Call], folder: Path, *, seed: int, points: int | None = None) -> tuple[list[str], int]:
    """Pull the plug after every call, or at about ``points`` of them; return what went wrong, and how often it was.

    Each time the disk holds the least that it may, and once more some of the rest.  Equal images are opened once.
    """
    chance = random.Random(seed)
    wrong, pulled = [], 0
    known: dict[bytes, int | str] = {}
    for place, disk in play(calls, points):
        acknowledged = int(disk.marks[-1]) if disk.marks else 0
        for dice in (None, chance):
            files = disk.held(dice)
            if not files and acknowledged == 0:
                continue
            pulled += 1
            content = hashlib.blake2b(repr(sorted(files.items())).encode()).digest()
            if content not in known:
                image = folder / "image"
                image.mkdir()
                write_image(files, image)
                known[content] = found_in(image)
                shutil.rmtree(image)
            found = known[content]
            if isinstance(found, str):
                wrong.append(f"after call {place}: {found}")
            elif found < acknowledged:
                wrong.append(f"after call {place} {acknowledged} was acknowledged, and {found} is there")
    return wrong, pulled


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where the system has one: a thousand images need no disk."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared, prefix="afwatch-plug-") as folder:
        yield Path(folder)


def test_what_was_acknowledged_survives_a_power_cut_at_every_write(tmp_path: Path, memory: Path) -> None:
    calls = calls_of(tmp_path)
    kinds = {call.kind for call in calls}
    assert {"make", "write", "sync", "sync_folder", "mark"} <= kinds
    assert sum(call.kind == "mark" for call in calls) == BATCHES
    wrong, pulled = losses(calls, memory, seed=2)
    assert wrong == []
    assert pulled >= 2 * (len(calls) - 20), "at every call but the first few, which leave nothing behind"


def test_the_plug_finds_a_store_that_does_not_sync(tmp_path: Path, memory: Path) -> None:
    calls = calls_of(tmp_path, "PRAGMA synchronous=NORMAL")
    assert losses(calls, memory, points=20, seed=2)[0], "the test would not notice a missing sync"


def test_strace_may_watch() -> None:
    done = subprocess.run(["strace", "-c", "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
