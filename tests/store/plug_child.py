"""The program whose plug is pulled: commits, snapshots, trims, and says what it believes to be durable."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from afcore.store.base import Retention
from afcore.store.sqlite import SqliteDatabase
from afcore.store.sqlstore import SqlStore
from tests.store.builders import batch, run_row, snapshot
from tests.store.plug import MARK

BATCHES = 24
RUNS_EACH = 3


@cache
def body_of(seq: int) -> bytes:
    """The body of a batch, from which nothing may be missing."""
    return bytes((seq * 31 + place) % 256 for place in range(200 + 397 * seq))


def open_image(folder: Path, settings: Sequence[str] = ()) -> SqlStore:
    """Open the store whose disk image lies in ``folder``."""
    return SqlStore(SqliteDatabase(folder / "afwatch.db", settings=settings), now=1.0)


def main(folder: Path, settings: Sequence[str]) -> None:
    """Write a short life of a farm."""
    marks = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    # Checkpoints come often, so that the plug is pulled in the middle of some.
    store = open_image(folder, ("PRAGMA wal_autocheckpoint=25", *settings))
    store.load()
    for seq in range(1, BATCHES + 1):
        store.commit([batch(seq, store, body_of(seq), runs=[run_row(task) for task in range(RUNS_EACH)])])
        os.write(marks, f"{seq}\n".encode())
        if seq % 8 == 0:
            store.write_snapshot(snapshot(seq, jobs={2: body_of(seq)}, columns={(2, 0): [bytes([seq]) * 5000]}))
        if seq % 12 == 0:
            store.trim(Retention(days=0), now=3e9)
    store.close()
    os.close(marks)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
