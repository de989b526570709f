"""Times the solver: filling a great farm from empty, and replacing each task that ends on a full one.

Times are of the processor, not of the wall: other work on the machine does not count.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from pathlib import Path

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.core import Core
from afcore.effects import StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.jobspec import BlockSpec, JobSpec
from afcore.outcome import Outcome
from afcore.states import RunStatus
from benchmarks.harness import CheckFailed, Target

__all__ = ["NAME", "TARGETS", "run"]

NAME = "the solver on a great farm (processor time)"
TARGETS = (
    Target("fill_start_us", most=200),
    Target("fill_20000_s", most=4),
    Target("replace_100_ms", most=1),
    Target("replace_1000_ms", most=1),
    Target("replace_10000_ms", most=1),
    Target("replace_p99_ms", most=3),
    Target("replace_ratio", most=1.5),
)
RENDERS, SLOTS, USERS, JOBS = 5000, 4, 50, 1000
WAITING = (100, 1000, 10_000)
REPLACED = 1500
BUDGET = 50
"""Starts of one slice, as the server gives them."""


class _Farm:
    """A core whose journal is encoded and thrown away."""

    def __init__(self, seed: int) -> None:
        self.core = Core()
        self.at = 1_000_000.0
        self.dice = random.Random(seed)

    def do(self, command: object) -> Outcome:
        """Apply one command."""
        self.at += 0.0005
        envelope = Envelope(command, SYSTEM_PRINCIPAL, self.at)
        outcome = self.core.apply(envelope)
        entry = entry_of(envelope, outcome)
        if entry is not None:
            encode_entry(entry)
        return outcome

    def prepare(self) -> None:
        """Make pools and tickets, and bring every render online."""
        for path, pattern in (("/linux", "lin.*"), ("/windows", "win.*"), ("/linux/big", ".*big.*")):
            self.do(commands.AddPool(path, {"pattern": pattern}))
        self.do(commands.SetPools(["/linux/big"], {"properties_host": "gpu big", "power_host": 50}))
        self.do(commands.SetPools(["/"], {"tickets": {"LIC": [4000, -1], "SIM": [1500, -1], "NONE": [0, -1]}}))
        self.do(commands.SetPools(["/"], {"tickets_host": {"MEM": 64}}))
        for number in range(RENDERS):
            kind = "win" if number % 5 == 0 else "linbig" if number % 7 == 0 else "lin"
            self.do(
                commands.RegisterRender(
                    f"{kind}{number:04}", session=number + 1, instance=f"i{number}", os=kind[:3],
                    resources={"cpu_num": SLOTS, "mem_free_mb": 32_000, "cpu_mhz": 3000, "hdd_free_gb": 100},
                )
            )  # fmt: skip

    def submit(self, number: int, **values: object) -> None:
        """Submit one of many jobs, each with its own wishes."""
        dice = self.dice
        blocks = [self._block("frames", dice)]
        if dice.random() < 0.3:
            blocks.append(self._block("comp", dice, "frames"))
        for name in ("tickets", "block_mask"):
            if name in values:
                setattr(blocks[0], name.replace("block_", "hosts_"), values.pop(name))
        fields: dict[str, object] = {
            "priority": dice.choice((99, 99, 99, 90, 110)),
            "hosts_mask": dice.choice(("", "", "", "lin.*", "win.*", "lin.*[0-4]")),
            "hosts_mask_exclude": dice.choice(("", "", "", "", "win0.*")),
            "pools": dice.choice(({}, {}, {}, {"/linux": 10}, {"/windows": -100})),
            **values,
        }
        user = f"user{number % USERS}"
        self.do(commands.SubmitJob(JobSpec(name=f"job{number}", user_name=user, blocks=blocks, **fields)))  # type: ignore[arg-type]

    @staticmethod
    def _block(name: str, dice: random.Random, depends: str = "") -> BlockSpec:
        return BlockSpec(
            name=name, flags=1, frame_first=1, frame_last=200, service="generic", command="r @#@",
            capacity=dice.choice((1000, 1000, 500)), need_memory=dice.choice((-1, -1, 8000)),
            need_properties=dice.choice(("", "", "", "", "gpu")),
            tickets=dice.choice(({}, {}, {}, {"LIC": 1}, {"SIM": 1}, {"MEM": 16})), tasks_depend_mask=depends,
        )  # fmt: skip

    def solve(self) -> list[StartRun]:
        """Solve until nothing more starts."""
        started: list[StartRun] = []
        while self.core.wants_solve:
            effects = self.do(commands.Solve(BUDGET)).effects
            started.extend(effect for effect in effects if type(effect) is StartRun)
        return started


def _fill() -> tuple[_Farm, float]:
    """Return a farm filled from empty, and the seconds that took."""
    farm = _Farm(7)
    farm.prepare()
    for number in range(JOBS):
        farm.submit(number)
    gc.collect()
    begun = time.process_time()
    started = farm.solve()
    took = time.process_time() - begun
    if len(started) != RENDERS * SLOTS:
        raise CheckFailed(f"{len(started)} tasks were started, not {RENDERS * SLOTS}.")
    return farm, took


def _replace(waiting: int) -> list[float]:
    """Return the milliseconds from a report to the replacement's start, on a full farm with waiting jobs."""
    farm, _ = _fill()
    blocked: tuple[dict[str, object], ...] = (
        {"tickets": {"NONE": 1}},
        {"block_mask": "nowhere.*"},
        {"depend_mask": "job0"},
        {"offline": True},
    )
    for number in range(waiting):
        farm.submit(JOBS + number, **({} if number % 10 == 0 else blocked[number % len(blocked)]))
    farm.solve()
    keys = list(farm.core.farm.runs)
    farm.dice.shuffle(keys)
    times = []
    gc.collect()
    gc.freeze()
    for key in keys[:REPLACED]:
        run = farm.core.farm.runs[key]
        begun = time.process_time()
        farm.do(commands.ReportRun(run.render, *key, RunStatus.SUCCESS, 0, 0.0, 1.0))
        started = farm.solve()
        times.append(1e3 * (time.process_time() - begun))
        if len(started) > 8:
            raise CheckFailed(f"{len(started)} tasks replaced one.")
    gc.unfreeze()
    if farm.core.wants_solve or farm.do(commands.Solve()).events:
        raise CheckFailed("A farm where nothing changes is solved.")
    return times


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    _, took = _fill()
    figures = {"fill_20000_s": took, "fill_start_us": 1e6 * took / (RENDERS * SLOTS)}
    medians = []
    worst = 0.0
    for waiting in WAITING:
        times = sorted(_replace(waiting))
        medians.append(statistics.median(times))
        worst = max(worst, times[int(0.99 * len(times))])
        figures[f"replace_{waiting}_ms"] = medians[-1]
    figures["replace_p99_ms"] = worst
    figures["replace_ratio"] = max(medians) / min(medians)
    return figures
