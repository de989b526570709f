"""Times the answer why a task does not start, on a great farm with ten thousand jobs.

Times are of the processor, not of the wall: other work on the machine does not count.  A seeded sample of what is
proposed is really done on the same farm built again, where the task must start as it was told.
"""

from __future__ import annotations

import gc
import random
import time
from pathlib import Path
from typing import Any

from afcore import commands
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.events import Event, RunStopRequested
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec, JobSpec
from afcore.states import RunStatus, TaskState
from afcore.why.answer import why
from afnet.registry import OPERATIONS
from benchmarks.harness import CheckFailed, Target

__all__ = ["NAME", "TARGETS", "run"]

NAME = "why a task does not start (processor time)"
TARGETS = (
    Target("why_median_ms", most=50),
    Target("why_worst_ms", most=50),
    Target("proposed_percent", least=95),
    Target("started_percent", least=95),
    Target("edit_user_ms", most=20),
    Target("edit_branch_ms", most=20),
    Target("edit_pool_ms", most=20),
)
RENDERS, SLOTS, USERS, JOBS, ASKED = 1200, 4, 50, 10_000, 200
TRIED = 4
"""Proposals of each kind that are really made."""
TWICE = 50
"""One job of so many has two things in its way."""


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
        tickets = dice.choice(({}, {}, {}, {"LIC": 1})) if number % 10 == 0 else {} if held else {"NONE": 1}
        if number % TWICE == 1:
            # Two things of two owners are in its way: no single change helps.
            held, tickets = {"hosts_mask": "nowhere.*"}, {"NONE": 1}
        block = BlockSpec(
            name="frames", flags=1, frame_first=1, frame_last=20, service="generic", command="r @#@",
            need_memory=dice.choice((-1, -1, 8000)), tickets=tickets,
        )  # fmt: skip
        user = f"user{number % USERS}"
        do(commands.SubmitJob(JobSpec(name=f"job{number}", user_name=user, blocks=[block], **held)))  # type: ignore[arg-type]
    while core.wants_solve:
        do(commands.Solve(50))
    return core, at


def _check(core: Core, at: float, job: int, proposal: dict[str, Any]) -> None:
    """Do what is proposed, on a farm of its own; CheckFailed when the task does not start as it was told."""

    def do(command: object) -> list[Event]:
        return core.apply(Envelope(command, SYSTEM_PRINCIPAL, at)).events

    farm = core.farm
    task = core.scheduler.offers.next_task(farm.jobs[job].blocks[0])
    number = task[1] if task is not None else 0
    for each in (proposal, *proposal["also"]):
        for event in do(OPERATIONS[each["operation"]].make_command(each["arguments"])):
            if isinstance(event, RunStopRequested):
                key = RunKey(event.job, event.block, event.task, event.run)
                do(commands.ReportRun(farm.runs[key].render, *key, RunStatus.STOPPED, 0, 0.0, 1.0))
        while core.wants_solve:
            do(commands.Solve(50))
    if proposal["when"] == "next":
        run = farm.runs[RunKey(*proposal["ends"])]
        do(commands.ReportRun(run.render, *run.key, RunStatus.SUCCESS, 0, 0.0, 1.0))
    while core.wants_solve:
        do(commands.Solve(50))
    if farm.jobs[job].blocks[0].tasks.state[number] != TaskState.RUNNING:
        raise CheckFailed(f"Job {job} did not start by {proposal}.")


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    core, at = _farm()
    dice = random.Random(5)
    waiting = [job for job in core.farm.jobs.values() if job.blocks and job.blocks[0].tasks.counts[TaskState.READY]]
    times, proposed, started = [], 0, 0
    given: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    gc.collect()
    gc.freeze()
    for job in dice.sample(waiting, ASKED):
        begun = time.process_time()
        answer = why(core.farm, core.scheduler, at, job=job.id)
        times.append(1e3 * (time.process_time() - begun))
        proposed += bool(answer["proposals"])
        started += any(each["when"] == "now" for each in answer["proposals"])
        for each in answer["proposals"]:
            given.setdefault(each["when"], []).append((job.id, each))
        if not answer["reasons"] and not answer["renders"]:
            raise CheckFailed(f"Job {job.id} got no reason.")
    gc.unfreeze()
    tried = 0
    for each in given.values():
        for job_id, proposal in dice.sample(each, min(TRIED, len(each))):
            _check(_farm()[0], at, job_id, proposal)
            tried += 1
    times.sort()
    figures = {
        "why_median_ms": times[len(times) // 2], "why_worst_ms": times[-1],
        "proposed_percent": 100 * proposed / ASKED, "started_percent": 100 * started / ASKED,
        "proposals_tried": tried,
        **{f"proposals_{when}": len(each) for when, each in sorted(given.items())},
    }  # fmt: skip
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
