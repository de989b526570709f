"""Big tasks among small ones that never stop coming: each begins within its bound, and the farm stays busy."""

from __future__ import annotations

import heapq
import math
import random

import pytest

from afcore import commands
from afcore.core import Core
from afcore.effects import StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec, JobSpec
from afcore.schedule.reserve import PATIENCE
from afcore.states import RunStatus, TaskState

RENDERS, SLOTS = 10, 8
LONGEST = 300.0
"""Seconds that a task may run at most."""


class Feed:
    """A farm of 80 slots on which small tasks of all lengths wait at every moment, and now and then a big one."""

    def __init__(self, seed: int, *, limits: bool = True) -> None:
        self.dice = random.Random(seed)
        self.core = Core()
        self.at = 1_000_000.0
        self.limits = limits
        self.ends: list[tuple[float, RunKey, int]] = []
        self.busy = 0.0
        """Unit-seconds used."""
        self.big: dict[int, float] = {}
        """When each big job was submitted."""
        self.waits: list[float] = []
        self.bounds: dict[int, float] = {}
        self.jobs = 0
        for number in range(RENDERS):
            self.do(
                commands.RegisterRender(
                    name=f"r{number:02}", session=number + 1, instance="a", resources={"cpu_num": SLOTS}
                )
            )
        self.do(commands.SetPools(["/"], {"zombie_time": 10_000_000}))

    def do(self, command: commands.Command) -> list[RunKey]:
        outcome = self.core.apply(Envelope(command, SYSTEM_PRINCIPAL, self.at))
        return [effect.key for effect in outcome.effects if type(effect) is StartRun]

    def submit(self, capacity: int, limit: int, tasks: int, user: str = "") -> int:
        self.jobs += 1
        made = BlockSpec(
            name="b", flags=1, service="generic", command="x", frame_first=1, frame_last=tasks, capacity=capacity,
            task_max_run_time=limit if self.limits else 0,
        )  # fmt: skip
        spec = JobSpec(name=f"job{self.jobs}", user_name=user or f"user{self.jobs % 7}", blocks=[made])
        self.do(commands.SubmitJob(spec))
        return max(self.core.farm.jobs)

    def fill(self) -> None:
        """Keep small tasks waiting: a new job of a user of its own comes before the last one is used up."""
        ready = sum(
            block.tasks.counts[TaskState.READY]
            for job in self.core.farm.jobs.values()
            if job.id not in self.big
            for block in job.blocks
        )
        while ready < 30:
            tasks = self.dice.randint(5, 30)
            self.submit(1000, self.dice.choice((20, 60, 120, 300)), tasks)
            ready += tasks

    def start(self) -> None:
        for key in self.do(commands.Solve()):
            run = self.core.farm.runs.look(key)
            assert run is not None
            spec = self.core.farm.jobs[key.job].blocks[0].spec
            limit = spec.task_max_run_time or LONGEST
            if key.job in self.big:
                self.waits.append(self.at - self.big[key.job])
                bound = self.bounds[key.job]
                assert self.at - self.big[key.job] <= bound, f"it waited longer than its bound of {bound:.0f} s"
                lasts = LONGEST * 0.9
            else:
                lasts = self.dice.uniform(0.4, 1.0) * limit
            heapq.heappush(self.ends, (self.at + lasts, key, run.render))

    def play(self, seconds: float, *, big_every: float = math.inf) -> float:
        """Let time pass; return which share of the farm's capacity was used in the second half."""
        begin, half, used = self.at, self.at + seconds / 2, 0.0
        next_big = self.at + big_every
        self.fill()
        self.start()
        while self.at < begin + seconds:
            at = min(self.ends[0][0], next_big)
            if at > half:
                taken = sum(render.used_capacity for render in self.core.farm.renders.values())
                used += taken * (at - max(self.at, half))
            self.at = at
            if at == next_big:
                id = self.submit(SLOTS * 1000, int(LONGEST), 1, "tina")
                self.big[id] = self.at
                job = self.core.farm.jobs[id]
                bound = self.core.scheduler.reserved.bound(job, job.blocks[0], self.at)
                # It is overtaken at the latest when the next task ends: until then nobody starts at all.
                self.bounds[id] = bound.seconds + LONGEST / SLOTS
                next_big += big_every
            while self.ends and self.ends[0][0] <= self.at:
                _, key, render = heapq.heappop(self.ends)
                words = {"status": RunStatus.SUCCESS, "exit_status": 0, "started": 0.0, "duration": 1.0}
                self.do(commands.ReportRun(render=render, **key._asdict(), **words))
                job = self.core.farm.jobs.get(key.job)
                if job is not None and job.time_done:
                    self.do(commands.DeleteJobs([key.job]))
            self.fill()
            self.start()
        return used / (self.at - half) / (RENDERS * SLOTS * 1000)


@pytest.mark.parametrize("seed", range(2))
def test_each_big_task_begins_within_its_bound_and_the_farm_stays_busy(seed: int) -> None:
    without = Feed(seed).play(2400)
    feed = Feed(seed)
    share = feed.play(2400, big_every=120)
    assert len(feed.waits) >= 12, "they keep coming"
    assert max(feed.waits) <= PATIENCE + 2 * LONGEST
    assert without > 0.99 and share > without - 0.03, f"{without:.3f} of the farm was used, then {share:.3f}"


def test_without_keeping_renders_they_would_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(0)
    monkeypatch.setattr(type(feed.core.scheduler.reserved), "overtaken", lambda self, key, at: None)
    feed.play(1000, big_every=150)
    assert len(feed.big) >= 6 and feed.waits == []


def test_the_bound_counts_who_waits_before(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(1)
    feed.fill()
    feed.start()
    first, second = (feed.submit(SLOTS * 1000, 300, 3, "tina"), feed.submit(SLOTS * 1000, 300, 1, "tina"))
    reserved, jobs = feed.core.scheduler.reserved, feed.core.farm.jobs
    reserved.overtaken((first, 0), feed.at)
    reserved.overtaken((second, 0), feed.at)
    block = jobs[second].blocks[0]
    bound = reserved.bound(jobs[second], block, feed.at)
    assert (bound.ahead, bound.at_once, bound.longest) == (3, 1, 300.0)
    assert bound.seconds == PATIENCE + 300.0 * 4
