"""Runs benchmarks three times each, puts the figures beside their targets and keeps them in a file.

Rules of this file:
- a benchmark checks its own result and raises `CheckFailed` when the work was not really done; then no figure counts;
- a run in which the load generator lagged more than 20 ms is invalid, says so, and is run again at most twice;
- the figure of a benchmark is the median of its valid runs; the spread is told beside it.

A benchmark is a module with ``NAME`` (a short phrase), ``TARGETS`` (a tuple of `Target`) and
``run(folder: Path) -> dict[str, float]``, whose figures have a unit at the end of their names. Figures without a target
are told as they are; among them each benchmark reports the processor time of generator and probes.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "Benchmark",
    "CheckFailed",
    "Invalid",
    "LagWatch",
    "Outcome",
    "Target",
    "describe_machine",
    "measure",
    "percentile",
    "report",
    "save",
]

RUNS = 3
EXTRA_RUNS = 2
MOST_LAG = 0.020
"""Seconds by which a load generator may be late before its run tells nothing about the farm."""


class CheckFailed(Exception):
    """The benchmark's work was not done as it should be; the text is a sentence."""


class Invalid(Exception):
    """The run tells nothing about the farm, because the measuring side was too slow; the text is a sentence."""


@dataclass(frozen=True)
class Target:
    """A figure and what it must reach."""

    figure: str
    """Key of the figure; its ending is the unit: ``tasks_per_second``, ``p99_ms``, ``bytes_per_task``."""
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether the figure is good enough."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        parts = []
        if self.least is not None:
            parts.append(f"at least {self.least:g}")
        if self.most is not None:
            parts.append(f"at most {self.most:g}")
        return " and ".join(parts)


class Benchmark(Protocol):
    """What a benchmark's module looks like."""

    NAME: str
    TARGETS: Sequence[Target]

    def run(self, folder: Path) -> dict[str, float]:
        """Measure once, with `folder` for files, and return the figures."""


@dataclass
class Outcome:
    """What came of one benchmark."""

    name: str
    targets: Sequence[Target]
    runs: list[dict[str, float]] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    failed: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """Median of each figure over the valid runs."""
        names = dict.fromkeys(name for run in self.runs for name in run)
        return {name: statistics.median(run[name] for run in self.runs if name in run) for name in names}

    def spread(self, name: str) -> tuple[float, float]:
        """Least and greatest value of a figure."""
        values = [run[name] for run in self.runs if name in run]
        return min(values), max(values)

    @property
    def missed(self) -> list[str]:
        """Why it is not good enough: one sentence per reason, none when all is well."""
        if self.failed:
            return [self.failed]
        if not self.runs:
            return [f"no valid run: {self.invalid[-1] if self.invalid else 'none was made'}"]
        figures, reasons = self.figures, []
        for target in self.targets:
            if target.figure not in figures:
                reasons.append(f"{target.figure} was not measured")
            elif not target.holds(figures[target.figure]):
                reasons.append(f"{target.figure} is {_number(figures[target.figure])}, the target is {target}")
        return reasons


class LagWatch:
    """Notices how late a thread of this process wakes: what the load generator could not have sent in time.

    A context manager; `worst` is in seconds. Whether this process was busy or the machine was does not matter: either
    way nothing could be sent.
    """

    def __init__(self, step: float = 0.005) -> None:
        self.worst = 0.0
        self._step = step
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lag-watch", daemon=True)

    def _watch(self) -> None:
        due = time.perf_counter() + self._step
        while not self._over.wait(max(0.0, due - time.perf_counter())):
            late = time.perf_counter() - due
            self.worst = max(self.worst, late)
            due = time.perf_counter() + self._step

    def __enter__(self) -> LagWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Raise `Invalid` when the lag was too long."""
        if self.worst > MOST_LAG:
            late, allowed = f"{self.worst * 1e3:.0f} ms", f"{MOST_LAG * 1e3:.0f} ms"
            raise Invalid(f"the load generator was late by {late}, {allowed} are allowed")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1e6 * len(ordered)) // 1_000_000) - 1))]


def measure(module: Benchmark, *, runs: int = RUNS, tell: Callable[[str], None] = lambda text: None) -> Outcome:
    """Run one benchmark `runs` times, each in a fresh folder; an invalid run is repeated at most twice."""
    outcome = Outcome(module.NAME, module.TARGETS)
    left = runs + EXTRA_RUNS
    while len(outcome.runs) < runs and left:
        left -= 1
        with tempfile.TemporaryDirectory(prefix="afwatch-bench-") as folder:
            try:
                outcome.runs.append(module.run(Path(folder)))
            except Invalid as error:
                outcome.invalid.append(str(error))
                tell(f"invalid run: {error}")
            except CheckFailed as error:
                outcome.failed = str(error)
                return outcome
    return outcome


def _number(value: float) -> str:
    if value and abs(value) < 10:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def report(outcome: Outcome) -> str:
    """The benchmark's lines for a person: figure, spread, target, and whether it is held."""
    lines = [outcome.name]
    targets = {target.figure: target for target in outcome.targets}
    for name, value in outcome.figures.items():
        low, high = outcome.spread(name)
        target = targets.get(name)
        mark = "" if target is None else ("ok  " if target.holds(value) else "MISS")
        beside = "" if target is None else f"   target {target}"
        lines.append(f"  {mark:4} {name:32} {_number(value):>12}   ({_number(low)} .. {_number(high)}){beside}")
    lines += [f"  invalid run: {reason}" for reason in outcome.invalid]
    lines += [f"  missed: {reason}" for reason in outcome.missed]
    return "\n".join(lines)


def _disk_sync_ms(folder: Path, times: int = 50) -> float:
    """Median time of appending 4 KiB and bringing it to the disk (fsync), in milliseconds."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".sync-") as file:
        for _ in range(times):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe_machine() -> dict[str, Any]:
    """What the figures depend on: processor, disk, load, and versions of what does the work."""
    versions = {}
    for name in ("msgspec", "aiohttp", "SQLAlchemy", "psycopg2-binary", "uvloop", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = ""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "disk_sync_ms": round(_disk_sync_ms(Path(tempfile.gettempdir())), 3),
        "load_before": round(load, 2),
        "versions": versions,
    }


def save(path: Path, machine: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write all figures of all runs as JSON."""
    data = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": dict(machine),
        "benchmarks": [
            {
                "name": outcome.name,
                "figures": outcome.figures,
                "runs": outcome.runs,
                "invalid": outcome.invalid,
                "targets": {target.figure: str(target) for target in outcome.targets},
                "missed": outcome.missed,
            }
            for outcome in outcomes
        ],
    }
    path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def main(modules: Mapping[str, Benchmark], argv: Sequence[str], results: Path) -> int:
    """Run the named benchmarks (all without a name), print and save; 0: every target held, 1: not, 2: wrong usage."""
    runs, names = RUNS, []
    for word in argv:
        if word.startswith("--runs="):
            runs = max(1, int(word.removeprefix("--runs=")))
        elif word in modules:
            names.append(word)
        else:
            there = ", ".join(modules)
            sys.stderr.write(f"There is no benchmark {word!r}; these are: {there}; --runs=N sets the runs.\n")
            return 2
    machine = describe_machine()
    print(f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, ", end="")
    print(f"SQLite {machine['sqlite']}, disk sync {machine['disk_sync_ms']} ms, ", end="")
    print(f"load {machine['load_before']}", flush=True)
    outcomes = []
    for name in names or modules:
        print(f"\n{name}: {runs} runs …", flush=True)
        outcome = measure(modules[name], runs=runs, tell=lambda text: print(f"  {text}", flush=True))
        outcomes.append(outcome)
        print(report(outcome), flush=True)
    save(results, machine, outcomes)
    missed = [outcome.name for outcome in outcomes if outcome.missed]
    print(f"\n{len(outcomes) - len(missed)} of {len(outcomes)} benchmarks hold their targets; figures are in {results}")
    for name in missed:
        print(f"  missed: {name}")
    return 1 if missed else 0
