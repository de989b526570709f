"""A snapshot of 50 jobs of 100,000 tasks: how long the farm stands still for it, at most.

Times are of the processor, not of the wall: other work on the machine does not count. Between two steps tasks of every
job start and end, so that most columns are copied because they are about to change.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from afcore import commands
from afcore.core import Core
from afcore.effects import StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.jobspec import BlockSpec, JobSpec
from afcore.outcome import Outcome
from afcore.saving import Saving
from afcore.states import RunStatus
from benchmarks.harness import CheckFailed, Target

NAME = "a snapshot of 50 jobs of 100,000 tasks while they run (processor time)"
TARGETS = (
    Target("longest_stall_ms", most=20),
    Target("longest_command_ms", most=20),
)
JOBS, TASKS = 50, 100_000
RENDERS, SLOTS = 250, 16
BETWEEN = 20
"""Reports that are taken between two steps."""

_T = TypeVar("_T")


class _Farm:
    """A core that is busy."""

    def __init__(self) -> None:
        self.core = Core()
        self.at = 1_000_000.0
        self.going: list[StartRun] = []

    def do(self, command: object) -> Outcome:
        """Apply one command."""
        self.at += 0.001
        outcome = self.core.apply(Envelope(command, SYSTEM_PRINCIPAL, self.at))
        self.going.extend(effect for effect in outcome.effects if type(effect) is StartRun)
        return outcome

    def fill(self) -> None:
        """Submit, register, start."""
        for number in range(JOBS):
            block = BlockSpec(
                name="frames", flags=1, frame_first=1, frame_last=TASKS, service="generic", command="r @#@"
            )  # fmt: skip
            user = ("ann", "bob")[number % 2]
            self.do(commands.SubmitJob(JobSpec(name=f"job {number}", user_name=user, blocks=[block])))
        for number in range(RENDERS):
            self.do(
                commands.RegisterRender(
                    name=f"render{number}", session=number + 1, engine="", os="", user_name="render",
                    launched=self.at, instance=str(number), resources={"cpu_num": SLOTS},
                )
            )  # fmt: skip
        while self.do(commands.Solve(budget=128)).reply["starts"]:
            pass

    def report(self) -> None:
        """Let one run end well."""
        run = self.going.pop(0)
        self.do(commands.ReportRun(run.render, *run.key, RunStatus.SUCCESS, 0, self.at - 1.0, 1.0))


def _timed(times: list[float], work: Callable[[], _T]) -> _T:
    start = time.process_time()
    found = work()
    times.append((time.process_time() - start) * 1e3)
    return found


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    farm = _Farm()
    farm.fill()
    gc.collect()
    gc.freeze()
    steps: list[float] = []
    commands_: list[float] = []
    saving: Saving = _timed(steps, farm.core.save)
    begin, going = steps[0], True
    while going:
        going = _timed(steps, saving.step)
        for _ in range(BETWEEN):
            if farm.going:
                _timed(commands_, farm.report)
        _timed(commands_, lambda: farm.do(commands.Solve(budget=32)))
    image = saving.image
    size = sum(len(column) for columns in image.columns.values() for column in columns)
    if len(image.jobs) != JOBS or len(image.columns) != JOBS or size != JOBS * TASKS * 18:
        raise CheckFailed(f"the snapshot has {len(image.jobs)} jobs and {size} bytes of columns")
    if any(sum(each[0].count(state) for state in (1, 2)) != TASKS for each in image.columns.values()):
        raise CheckFailed("the snapshot has tasks that ended after it began")
    farm.core.unsaved()
    whole: list[float] = []
    _timed(whole, farm.core.snapshot)
    return {
        "longest_stall_ms": max(steps),
        "longest_command_ms": max(commands_),
        "begin_ms": begin,
        "steps": float(len(steps)),
        "all_at_once_ms": whole[0],
        "megabytes_of_columns": size / 1e6,
    }
