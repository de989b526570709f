"""Batches, rows and snapshots for the store tests, and a log of what a writer calls back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from afcore.errors import StoreError
from afcore.store.base import Batch, JobRow, RunRow, Snapshot, Store
from afcore.store.writer import Writer

WAIT = 60.0


def run_row(task: int = 0, **more: object) -> RunRow:
    """A finished run of task ``task`` of job 2."""
    fields: dict[str, object] = {
        "job": 2, "serial": 1002, "id_block": 0, "id_task": task, "run": 1, "status": "success", "username": "ann",
        "hostname": "render1", "started_ms": 1_700_000_000_250 + task, "done_ms": 1_700_000_060_750 + task,
        "jobname": "shot 010", "blockname": "render", "taskname": f"frame {task}", "folder": "/projects/show/shot",
        "service": "generic", "parser": "generic", "capacity": 1000, "frame_pertask": 1, "starts_count": 1,
        "command": f"render --frame {task} --scene 'scène.hip'", "branch": "/", "pool": "/",
    }  # fmt: skip
    fields.update(more)
    return RunRow(**fields)  # type: ignore[arg-type]


def job_row(block: int = 0, **more: object) -> JobRow:
    """Statistics of one block of job 2."""
    fields: dict[str, object] = {
        "job": 2, "serial": 1002, "id_block": block, "jobname": "shot 010", "blockname": "render", "username": "ann",
        "hostname": "desk7", "folder": "/projects/show/shot", "service": "generic", "capacity": 1000,
        "tasks_done": 10, "tasks_quantity": 10, "run_time_ms": 60_500, "started_ms": 1_700_000_000_000,
        "done_ms": 1_700_000_070_000, "branch": "/",
    }  # fmt: skip
    fields.update(more)
    return JobRow(**fields)  # type: ignore[arg-type]


def batch(seq: int, store: Store, body: bytes | list[bytes] | None = None, **more: object) -> Batch:
    """The batch of number ``seq`` under the store's epoch."""
    return Batch(
        seq=seq,
        at=1_700_000_000.0 + seq,
        epoch=store.epoch,
        body=f"body {seq}".encode() if body is None else body,
        **more,  # type: ignore[arg-type]
    )


def snapshot(seq: int, **more: object) -> Snapshot:
    """A snapshot after batch ``seq``."""
    return Snapshot(seq=seq, at=1_700_000_000.0 + seq, farm=f"farm {seq}".encode(), **more)  # type: ignore[arg-type]


class Calls:
    """What a writer called back, to wait for."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.committed: list[int] = []
        self.failed: list[StoreError] = []
        self.away: list[StoreError] = []
        self.back = 0
        self.done: list[StoreError | None] = []

    def writer(self, store: Store) -> Writer:
        """A writer on ``store`` that calls back here and retries at once."""
        return Writer(
            store,
            on_committed=lambda seq: self.note(lambda: self.committed.append(seq)),
            on_failed=lambda error: self.note(lambda: self.failed.append(error)),
            on_away=lambda error: self.note(lambda: self.away.append(error)),
            on_back=lambda: self.note(self._count_back),
            retry_after=0.01,
        )

    def note_done(self, error: StoreError | None) -> None:
        """For snapshots and trimming."""
        self.note(lambda: self.done.append(error))

    def note(self, change: Callable[[], None]) -> None:
        """Change something under the lock and tell whoever waits."""
        with self.changed:
            change()
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        with self.changed:
            assert self.changed.wait_for(condition, WAIT), "it did not happen in time"

    def _count_back(self) -> None:
        self.back += 1
