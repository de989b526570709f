"""``job watch``: progress of jobs as it happens, drawn on a terminal, a line for each change elsewhere."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from afcore.errors import ConnectionLost, NotFound, TimedOut
from afcore.rows import BlockRow, JobRow
from afcore.states import TaskState
from afnet.cli.asking import ask
from afnet.cli.text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from afnet.client.blocking import BlockingClient

__all__ = ["is_settled", "watch_jobs"]

_RETRY = 1.0
"""Seconds between two tries to reach a server that is away."""


def is_settled(job: JobRow) -> bool:
    """Say whether nothing more happens to a job by itself: all done, or stuck on errors."""
    if job.state == "done":
        return True
    counts = job.counts
    moving = counts[TaskState.RUNNING] + counts[TaskState.READY] + counts[TaskState.WAIT_RECONNECT]
    return counts[TaskState.ERROR] > 0 and not moving


def watch_jobs(client: "BlockingClient", ids: list[int], *, json: bool) -> int:
    """Follow jobs until every one is done, stuck or deleted; return 0 when all are done, else 1."""
    for id in ids:
        ask(client, "job.show", {"job": id})
    if json or not sys.stdout.isatty():
        return _watch_plain(client, ids, json=json)
    return _watch_drawn(client, ids)


def _changes(client: "BlockingClient", ids: list[int]) -> Iterator[tuple[int, JobRow | None]]:
    """Yield (id, row) with every change and (id, None) when a job is deleted, until nothing more can come."""
    from afnet.client.rows import decode_rows

    waiting = set(ids)
    while waiting:
        try:
            for rows in client.subscribe("jobs", {"ids": ids}, interval=0.2):
                for row in decode_rows(rows):
                    if row.id in ids:
                        yield row.id, row
                        if is_settled(row):
                            waiting.discard(row.id)
                        else:
                            waiting.add(row.id)
                for id in rows.gone:
                    if id in waiting:
                        waiting.discard(id)
                        yield id, None
                if not waiting:
                    return
        except ConnectionLost as error:
            print(f"afcmd: {error.sentence} Waiting for the server to come back; Ctrl+C ends it.", file=sys.stderr)
            for id in _gone_meanwhile(client, sorted(waiting)):
                waiting.discard(id)
                yield id, None


def _gone_meanwhile(client: "BlockingClient", ids: list[int]) -> list[int]:
    """Wait until a server answers; return the ids of jobs that it does not have any more."""
    gone = []
    for id in ids:
        while True:
            try:
                client.request("job.show", {"job": id})
            except (ConnectionLost, TimedOut):
                time.sleep(_RETRY)
                continue
            except NotFound:
                gone.append(id)
            break
    return gone


def _over(job: JobRow | BlockRow) -> int:
    return job.counts[TaskState.DONE] + job.counts[TaskState.SKIPPED]


def _watch_plain(client: "BlockingClient", ids: list[int], *, json: bool) -> int:
    from afnet.cli.show import as_json

    good: dict[int, bool] = dict.fromkeys(ids, False)
    said: dict[int, str] = {}
    for id, job in _changes(client, ids):
        if job is None:
            print(as_json({"id": id, "gone": True}) if json else f"job {id}: deleted", flush=True)
            continue
        good[id] = job.state == "done"
        if json:
            import msgspec

            fields = {name: getattr(job, name) for name in ("id", "name", "state", "percent", "counts", "running")}
            print(msgspec.json.encode(fields).decode(), flush=True)
            continue
        errors = job.counts[TaskState.ERROR]
        line = (
            f"job {id} {one_line(job.name)}: {job.state} {job.percent}%, {_over(job)} of {sum(job.counts)} done, "
            f"{job.running} running" + (f", {errors} failed" if errors else "")
        )
        if said.get(id) != line:
            said[id] = line
            print(line, flush=True)
    return 0 if all(good.values()) else 1


def _watch_drawn(client: "BlockingClient", ids: list[int]) -> int:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    good: dict[int, bool] = dict.fromkeys(ids, False)
    bars: dict[tuple[int, int], TaskID] = {}
    with Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=40)),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    ) as progress:
        for id, job in _changes(client, ids):
            if job is None:
                progress.console.print(f"job {id} is deleted", markup=False)
                continue
            good[id] = job.state == "done"
            _draw(progress, bars, job)
    return 0 if all(good.values()) else 1


def _draw(progress: "Progress", bars: "dict[tuple[int, int], TaskID]", job: JobRow) -> None:
    for block in job.blocks:
        key = (job.id, block.index)
        if key not in bars:
            name = one_line(f"{job.id} {job.name} / {block.name}")
            bars[key] = progress.add_task(name, total=block.tasks, note="")
        notes: list[Any] = [f"{block.running} running" if block.running else ""]
        if block.counts[TaskState.ERROR]:
            notes.append(f"{block.counts[TaskState.ERROR]} failed")
        if block.waiting:
            notes.append("waits")
        progress.update(bars[key], completed=_over(block), note=", ".join(filter(None, notes)))
