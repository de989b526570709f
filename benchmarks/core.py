"""Times the core alone: starts, reports, a million tasks, and coming back; prints each figure beside its target.

Times are of the processor, not of the wall: other work on the machine does not count.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.core import Core
from afcore.effects import StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.jobspec import BlockSpec, JobSpec
from afcore.outcome import Outcome
from afcore.replay import recover
from afcore.states import RunStatus, TaskState
from afcore.views import task_columns
from benchmarks.harness import CheckFailed, Target

__all__ = ["NAME", "TARGETS", "run"]

NAME = "the core alone (processor time)"
TARGETS = (
    Target("solve_and_start_us", most=60),
    Target("report_us", most=60),
    Target("journal_bytes_per_run", most=200),
    Target("recover_200000_runs_s", most=1.2),
    Target("million_bytes_per_task", most=20),
    Target("million_submit_ms", most=50),
    Target("million_restart_ms", most=30),
    Target("million_restart_errors_ms", most=30),
    Target("million_restart_errors_kb", most=500),
    Target("million_columns_ms", most=100),
    Target("million_columns_kb", most=1000),
    Target("million_snapshot_ms", most=100),
)
MILLION = 1_000_000


def _restart_errors(job: int) -> commands.ChangeTasks:
    return commands.ChangeTasks(job, "restart", only="error")


class _Farm:
    """A core with its journal."""

    def __init__(self) -> None:
        self.core = Core()
        self.at = 1_000_000.0
        self.journal: list[bytes] = []
        self.keep = True

    def do(self, command: object) -> Outcome:
        """Apply one command."""
        self.at += 0.001
        envelope = Envelope(command, SYSTEM_PRINCIPAL, self.at)
        outcome = self.core.apply(envelope)
        if self.keep:
            entry = entry_of(envelope, outcome)
            if entry is not None:
                self.journal.append(encode_entry(entry))
        return outcome

    def submit(self, tasks: int, **values: object) -> int:
        """Take a job of one numeric block."""
        block = BlockSpec(
            name="frames", flags=1, frame_first=1, frame_last=tasks, service="generic", command="r @#@", capacity=1000
        )
        for name, value in values.items():
            setattr(block, name, value)
        spec = JobSpec(name="job", user_name="anna", blocks=[block])
        id: int = self.do(commands.SubmitJob(spec)).reply["id"]
        return id

    def register(self, count: int, cores: int) -> None:
        """Bring renders online."""
        for number in range(count):
            self.do(
                commands.RegisterRender(
                    f"host{number}", session=number + 1, instance=f"i{number}", resources={"cpu_num": cores}
                )
            )


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _runs(renders: int = 1000, cores: int = 4, jobs: int = 50, cycles: int = 3) -> tuple[float, float, _Farm]:
    """Return microseconds of one start and of one report on a busy farm, and the farm."""
    farm = _Farm()
    farm.register(renders, cores)
    for _ in range(jobs):
        farm.submit(100_000)
    started = reported = 0.0
    count = 0
    for _ in range(cycles):
        effects: list[StartRun] = []

        def solve(effects: list[StartRun] = effects) -> None:
            while farm.core.wants_solve:
                effects.extend(effect for effect in farm.do(commands.Solve(200)).effects if type(effect) is StartRun)

        started += _cpu(solve)
        count += len(effects)

        def report(effects: list[StartRun] = effects) -> None:
            for effect in effects:
                farm.do(commands.ReportRun(effect.render, *effect.key, RunStatus.SUCCESS, 0, 0.0, 1.0))

        reported += _cpu(report)
    return 1e6 * started / count, 1e6 * reported / count, farm


def _mixed(farm: _Farm, job: int) -> None:
    """Put a million tasks into the mixed state that the targets speak of."""
    table = farm.core.farm.jobs[job].blocks[0].tasks
    dice = random.Random(5)
    states = [TaskState.DONE] * 72 + [TaskState.READY] * 23 + [TaskState.ERROR] * 3 + [TaskState.SKIPPED] * 2
    for index in range(table.size):
        state = dice.choice(states)
        table.state[index] = state
        table.starts[index] = dice.choice((1, 1, 1, 2)) if state in (TaskState.DONE, TaskState.ERROR) else 0
        table.errors[index] = 3 if state == TaskState.ERROR else 0
        table.render[index] = dice.randrange(1000)
        table.started[index] = dice.randrange(100_000)
        table.finished[index] = table.started[index] + 60
    table.counts = table.recount()


def _million() -> dict[str, float]:
    """Return the figures of one job of a million tasks."""
    figures: dict[str, float] = {}
    farm = _Farm()
    farm.register(1, 4)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    job = farm.submit(MILLION)
    figures["million_bytes_per_task"] = (tracemalloc.get_traced_memory()[0] - before) / MILLION
    tracemalloc.stop()
    figures["million_submit_ms"] = 1e3 * _cpu(lambda: farm.submit(MILLION))
    _mixed(farm, job)
    columns = task_columns(farm.core.farm, job, 0)
    figures["million_columns_kb"] = sum(map(len, columns.columns.values())) / 1e3
    figures["million_columns_ms"] = 1e3 * _cpu(lambda: task_columns(farm.core.farm, job, 0))
    figures["million_restart_errors_ms"] = 1e3 * _cpu(
        lambda: farm.do(commands.ChangeTasks(job, "restart", [], [], "error"))
    )
    figures["million_restart_errors_kb"] = len(farm.journal[-1]) / 1e3
    _mixed(farm, job)
    figures["million_restart_ms"] = 1e3 * _cpu(lambda: farm.do(commands.ChangeTasks(job, "restart")))
    figures["million_snapshot_ms"] = 1e3 * _cpu(farm.core.snapshot)
    return figures


def _recovery(farm: _Farm, runs: int) -> float:
    """Return the seconds that a journal takes to come back, scaled to 200,000 runs."""
    journal = farm.journal
    bodies = [
        b"\xdd" + len(piece).to_bytes(4, "big") + b"".join(piece)
        for piece in (journal[at : at + 500] for at in range(0, len(journal), 500))
    ]
    cores: list[Core] = []
    seconds = _cpu(lambda: cores.append(recover(None, bodies)))
    if cores[0].digest() != farm.core.digest():
        raise CheckFailed("The farm came back as another one.")
    return seconds * 200_000 / runs


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    figures = _million()
    start, report, farm = _runs()
    figures["solve_and_start_us"], figures["report_us"] = start, report
    runs = sum(block.tasks.counts[TaskState.DONE] for job in farm.core.farm.jobs.values() for block in job.blocks)
    if runs != 1000 * 4 * 3:
        raise CheckFailed(f"{runs} tasks are done, not 12000.")
    _, _, farm = _runs(renders=500, cycles=20)
    runs = sum(block.tasks.counts[TaskState.DONE] for job in farm.core.farm.jobs.values() for block in job.blocks)
    figures["journal_bytes_per_run"] = sum(map(len, farm.journal)) / runs
    figures["recover_200000_runs_s"] = _recovery(farm, runs)
    return figures
