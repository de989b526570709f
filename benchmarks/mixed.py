"""A farm in the middle of a job of a million tasks, as a database: made with the real rules, events, codec and store.

70 % of the tasks are done, 20 % ready, 5 % running, 3 % failed, 2 % skipped, shuffled, with real times, hosts and
starts; the last 200,000 runs came after the snapshot and are in the journal, each with its row of the history.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afcore import commands
from afcore.codec import encode_entry
from afcore.commands import Command
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.events import Event, Fact, RunFinished, RunStarted
from afcore.evolve import HANDLERS
from afcore.history import run_row
from afcore.invariants import check
from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.outcome import Entry
from afcore.states import Role, RunStatus, TaskState
from afcore.store.base import Batch, RunRow, Snapshot, Store
from afcore.store.opening import open_store
from benchmarks.bytesof import bytes_of_farm
from benchmarks.simulated import resources_of

__all__ = ["RENDERS", "RUNS_SINCE", "Prepared", "prepare"]

RENDERS = 1000
SLOTS = 50
RUNS_SINCE = 200_000
_SHARES = (
    (TaskState.DONE, 0.70),
    (TaskState.READY, 0.20),
    (TaskState.RUNNING, 0.05),
    (TaskState.ERROR, 0.03),
    (TaskState.SKIPPED, 0.02),
)
_BATCH = 2000
_LOOK_EVERY = 20_000
_LENGTH = 259_200.0
"""Seconds that the farm has worked on it: three days."""


@dataclass
class Prepared:
    """A data folder, and what must be found in it."""

    folder: Path
    job: int = 0
    state: bytes = b""
    errors: bytes = b""
    starts: bytes = b""
    running: dict[str, list[tuple[int, int, int, int]]] | None = None
    """Runs by name of the render that has them."""
    counts: dict[int, int] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the farm in memory by what they are for."""

    def copy(self, to: Path) -> Path:
        """Copy the data folder, for one server to use up."""
        shutil.copytree(self.folder, to)
        return to


_prepared: dict[bool, Prepared] = {}
_kept: list[tempfile.TemporaryDirectory[str]] = []


def prepare(tasks: int, *, with_job: bool) -> Prepared:
    """Return the farm with the job, or the same one without it; made once in the life of this process."""
    if with_job not in _prepared:
        place = tempfile.TemporaryDirectory(prefix="afwatch-bench-mixed-")
        _kept.append(place)
        _prepared[with_job] = _Maker(Path(place.name) / "data", tasks).make(with_job=with_job)
    return _prepared[with_job]


class _Maker:
    """Makes one data folder."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self._folder = folder
        self._tasks = tasks
        self._chance = random.Random(7)
        self._at = time.time() - _LENGTH
        self._core = Core()
        self._entries: list[bytes] = []
        self._rows: list[RunRow] = []
        self._store: Store = open_store("", data=folder, now=self._at)
        self._store.load()

    def make(self, *, with_job: bool) -> Prepared:
        """Let it all happen."""
        made = Prepared(self._folder)
        try:
            renders = self._renders()
            if not with_job:
                self._snapshot()
                return made
            spec = JobSpec(
                name="a million",
                user_name="ann",
                blocks=[
                    BlockSpec(
                        name="frames", service="generic", parser="generic", flags=int(BlockFlag.NUMERIC),
                        frame_first=1, frame_last=self._tasks, command="render --frames @#@-@#@ --quiet",
                        errors_retries=1, errors_avoid_host=0, errors_task_same_host=0,
                    )
                ],
            )  # fmt: skip
            made.job = self._do(commands.SubmitJob(spec)).reply["id"]
            self._commit()
            self._work(made, renders)
        finally:
            self._store.close()
        block = self._core.farm.jobs[made.job].blocks[0]
        made.state, made.errors = bytes(block.tasks.state), bytes(block.tasks.errors)
        made.starts = block.tasks.starts.tobytes()
        made.counts = {int(state): block.tasks.counts[state] for state, _ in _SHARES}
        made.running = {}
        for key, run in self._core.farm.runs.items():
            made.running.setdefault(self._core.farm.renders[run.render].name, []).append(tuple(key))
        made.sizes = bytes_of_farm(self._core.farm)
        wrong = check(self._core.farm)
        if wrong:
            raise AssertionError(f"the prepared farm is wrong: {wrong[:3]}")
        return made

    def _renders(self) -> list[int]:
        ids = []
        for number in range(RENDERS):
            name = f"render{number:04}"
            command = commands.RegisterRender(
                name=name, session=number + 1, engine="simulated", os="unix linux 64", user_name="render",
                launched=self._at, instance=name, resources=resources_of(number),
            )  # fmt: skip
            ids.append(int(self._do(command, Principal(name, Role.NODE)).reply["id"]))
        parameters = {"capacity_host": SLOTS * 1000, "max_tasks_host": SLOTS}
        self._do(commands.SetPools(paths=["/"], parameters=parameters))
        self._commit()
        return ids

    def _work(self, made: Prepared, renders: list[int]) -> None:
        """Bring every task where it is to be."""
        places: dict[TaskState, list[int]] = {}
        order = list(range(self._tasks))
        self._chance.shuffle(order)
        at = 0
        for state, share in _SHARES:
            places[state] = order[at : at + round(share * self._tasks)]
            at += len(places[state])
        skipped = sorted(places[TaskState.SKIPPED])
        self._do(commands.ChangeTasks(job=made.job, action="skip", tasks=[(task, task) for task in skipped]))
        failing = set(places[TaskState.ERROR])
        past = [*places[TaskState.DONE], *failing]
        self._chance.shuffle(past)
        step = _LENGTH / len(past)
        edge = max(0, len(past) - RUNS_SINCE)
        for number, task in enumerate(past):
            if number == edge:
                for place, other in enumerate(places[TaskState.RUNNING]):
                    self._start(made.job, other, 1, renders[place % len(renders)])
                self._let_time_pass(renders)
                self._entries.clear()
                self._rows.clear()
                self._snapshot()
            self._at += step
            if task in failing:
                for run in (1, 2):
                    self._fail(self._start(made.job, task, run, renders[(number + run) % len(renders)]))
            else:
                self._finish(self._start(made.job, task, 1, renders[number % len(renders)]), row=number >= edge)
            if number % _LOOK_EVERY == 0:
                self._let_time_pass(renders)
            if number > edge and len(self._entries) >= _BATCH:
                self._commit()
        self._commit()

    # Happenings

    def _do(self, command: Command, principal: Principal = SYSTEM_PRINCIPAL) -> Any:
        """Apply a command by the real rules."""
        envelope = Envelope(command, principal, self._at)
        outcome = self._core.apply(envelope)
        facts: list[Event] = [event for event in outcome.events if isinstance(event, Fact)]
        if facts:
            self._entries.append(encode_entry(Entry(self._at, "", principal.name, int(principal.role), "", "", facts)))
        self._rows.extend(RunRow(**row) for row in outcome.runs)
        return outcome

    def _happen(self, event: Event) -> None:
        """Let one event happen as the core does, without the rule that would have decided it."""
        farm = self._core.farm
        farm.version += 1
        HANDLERS[type(event)](farm, event, self._at)
        self._entries.append(encode_entry(Entry(self._at, "", "server", int(Role.SYSTEM), "", "", [event])))

    def _let_time_pass(self, renders: list[int]) -> None:
        """Hear of every render, then do what time alone causes: old errors are forgiven."""
        for number, render in enumerate(renders):
            self._do(commands.MeasureRender(render, number + 1), Principal("", Role.NODE, "", render))
        self._do(commands.Tick())

    def _start(self, job: int, task: int, run: int, render: int) -> RunStarted:
        event = RunStarted(job, 0, task, run, render, 1000)
        self._happen(event)
        return event

    def _finish(self, started: RunStarted, *, row: bool) -> None:
        event = RunFinished(
            started.job, 0, started.task, started.run, started.render, int(RunStatus.SUCCESS), 0,
            int(TaskState.DONE), 0, 0, False, 2000, int(TaskState.RUNNING), 0, 0,
        )  # fmt: skip
        if row:
            report = commands.ReportRun(
                started.render, started.job, 0, started.task, started.run, RunStatus.SUCCESS, 0, self._at - 2.0, 2.0
            )
            self._rows.append(RunRow(**run_row(self._core.farm, event, self._at, report)))
        self._happen(event)

    def _fail(self, started: RunStarted) -> None:
        report = commands.ReportRun(
            started.render, started.job, 0, started.task, started.run, RunStatus.ERROR, 1, self._at - 2.0, 2.0
        )
        self._do(report, Principal("", Role.NODE, "", started.render))

    # Keeping

    def _commit(self) -> None:
        batch = Batch(
            seq=self._store.last_seq + 1,
            at=self._at,
            epoch=self._store.epoch,
            body=self._entries,
            runs=self._rows,
        )
        self._store.commit([batch])
        self._entries, self._rows = [], []

    def _snapshot(self) -> None:
        image = self._core.snapshot()
        self._store.write_snapshot(
            Snapshot(
                seq=self._store.last_seq,
                at=self._at,
                farm=image.farm,
                jobs=image.jobs,
                columns=image.columns,
                deleted=image.deleted,
            )
        )
