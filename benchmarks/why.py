"""Times the answer why a task does not start, on a great farm with ten thousand jobs.

Times are of the processor, not of the wall: other work on the machine does not count.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from afcore import commands
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.jobspec import BlockSpec, JobSpec
from afcore.states import TaskState
from afcore.why.answer import why
from benchmarks.harness import CheckFailed, Target

__all__ = ["NAME", "TARGETS", "run"]

NAME = "why a task does not start (processor time)"
TARGETS = (Target("why_median_ms", most=50), Target("why_p95_ms", most=50), Target("edit_user_ms", most=20),
           Target("edit_branch_ms", most=20), Target("edit_pool_ms", most=20))  # fmt: skip
RENDERS, SLOTS, USERS, JOBS, ASKED = 1200, 4, 50, 10_000, 200


def _farm() -> tuple[Core, float]:
    """Return a full farm at rest: jobs of many users and wishes, nine in ten of which cannot run."""
    core, at, dice = Core(), 1_000_000.0, random.Random(11)

    def do(command: object) -> None:
        nonlocal at
        at += 0.001
        core.apply(Envelope(command, SYSTEM_PRINCIPAL, at))

    for path, pattern in (("/linux", "lin.*"), ("/windows", "win.*")):
        do(commands.AddPool(path, {"pattern": pattern}))
    do(commands.SetPools(["/"], {"tickets": {"LIC": [500, -1], "NONE": [0, -1]}}))
    for number in range(RENDERS):
        name = f"{'win' if number % 5 == 0 else 'lin'}{number:04}"
        resources = {"cpu_num": SLOTS, "mem_free_mb": 32_000, "cpu_mhz": 3000, "hdd_free_gb": 100}
        do(commands.RegisterRender(name, session=number + 1, instance=f"i{number}", os=name[:3], resources=resources))
    blocked: tuple[dict[str, object], ...] = (
        {"hosts_mask": "nowhere.*"}, {"depend_mask": "job0"}, {"offline": True}, {"need_memory": 64_000},
        {"max_running_tasks": 0}, {"time_wait": 2_000_000}, {}, {}, {},
    )  # fmt: skip
    for number in range(JOBS):
        held = {} if number % 10 == 0 else blocked[number % len(blocked)]
        tickets = dice.choice(({}, {}, {}, {"LIC": 1})) if number % 10 == 0 else dice.choice(({}, {"NONE": 1}))
        block = BlockSpec(
            name="frames", flags=1, frame_first=1, frame_last=20, service="generic", command="r @#@",
            need_memory=dice.choice((-1, -1, 8000)), tickets=tickets,
        )  # fmt: skip
        user = f"user{number % USERS}"
        do(commands.SubmitJob(JobSpec(name=f"job{number}", user_name=user, blocks=[block], **held)))  # type: ignore[arg-type]
    while core.wants_solve:
        do(commands.Solve(50))
    return core, at


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    core, at = _farm()
    dice = random.Random(5)
    waiting = [job for job in core.farm.jobs.values() if job.blocks and job.blocks[0].tasks.counts[TaskState.READY]]
    times, proposed = [], 0
    for job in dice.sample(waiting, ASKED):
        begun = time.process_time()
        answer = why(core.farm, core.scheduler, at, job=job.id)
        times.append(1e3 * (time.process_time() - begun))
        proposed += bool(answer["proposals"])
        if not answer["reasons"] and not answer["renders"]:
            raise CheckFailed(f"Job {job.id} got no reason.")
    if proposed < ASKED // 4:
        raise CheckFailed(f"Only {proposed} of {ASKED} answers propose something.")
    times.sort()
    figures = {"why_median_ms": times[len(times) // 2], "why_p95_ms": times[int(0.95 * len(times))]}
    for name, command in (
        ("edit_user_ms", commands.SetUsers(["user1"], {"priority": 120, "hosts_mask": "lin.*"})),
        ("edit_branch_ms", commands.SetBranches(["/"], {"max_running_tasks": 100_000, "hosts_mask_exclude": "x.*"})),
        ("edit_pool_ms", commands.SetPools(["/"], {"capacity_host": 4000, "properties_host": "big"})),
    ):
        begun = time.process_time()
        core.apply(Envelope(command, SYSTEM_PRINCIPAL, at))
        while core.wants_solve:
            core.apply(Envelope(commands.Solve(50), SYSTEM_PRINCIPAL, at))
        figures[name] = 1e3 * (time.process_time() - begun)
    return figures
