"""The time machine: how long an answer about a random instant takes, over a journal that the real core made.

A seeded farm (renders, users, jobs that come, fail at times, are edited, end and are deleted) is driven without a
network into a real database, with snapshots as often as the server's settings say. At ten random instants its digest
and its list of jobs are noted; the child process that the server would start must answer with the same.
``AF_BENCH_EVENTS`` is how many events there are (a million; ten million take long to make), ``AF_BENCH_MINUTES`` after
how long no more are made (never), ``AF_BENCH_KEEP`` a folder where the database is made and left.
"""

from __future__ import annotations

import atexit
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.core import Core
from afcore.effects import StartRun
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.image import digest
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.defaults import Defaults
from afcore.outcome import Outcome
from afcore.settings import SETTINGS
from afcore.states import Role, RunStatus
from afcore.store.base import Batch, Retention, Snapshot, Store
from afcore.store.opening import open_past, open_store
from afnet.registry import OPERATIONS
from afnet.server.farmqueries import FarmQueries
from afnet.server.pastchild import read_message, write_message
from afnet.server.pastview import PastViews
from benchmarks.farmyard import cpu_seconds
from benchmarks.harness import CheckFailed, Target

EVENTS = int(os.environ.get("AF_BENCH_EVENTS", "1000000"))
MINUTES = float(os.environ.get("AF_BENCH_MINUTES", "inf"))
KEEP = os.environ.get("AF_BENCH_KEEP", "")
NAME = f"the farm as it was, over {EVENTS:,} events"
TARGETS = (Target("slowest_answer_ms", most=500),)

RENDERS, SLOTS, JOBS, USERS = 200, 8, 40, 20
INSTANTS = 10
_NOTED = 40
"""Instants that are noted while the events are made; those that are asked for are chosen among them."""
TIMED = 20
_BATCH = 60
"""Entries of one batch: what a busy farm commits at once."""
_GROUP = 500
"""Batches of one transaction."""
_FORM = {"view": "job.list", "arguments": {"limit": 1000}}
_PERSON = Principal("wanda", Role.GOD, "127.0.0.1")
_made: list[tuple[Store, _Farm, Path, float]] = []
_spent: list[float] = []
"""Processor time of the child for each answer."""
_SNAPSHOT: int = SETTINGS["snapshot_events"].default


class _Farm:
    """A core that is kept busy, and whose every event goes to a store."""

    def __init__(self, store: Store, events: int) -> None:
        self.core = Core()
        self.store = store
        self.dice = random.Random(11)
        self.at = 1_700_000_000.0
        self.events = 0
        self.number = 0
        self.open: list[bytes] = []
        self.closed: list[Batch] = []
        self.seq = store.last_seq
        self.since_snapshot = 0
        self.running: deque[StartRun] = deque()
        self.left = sorted((self.dice.randrange(events // 50, events) for _ in range(_NOTED)), reverse=True)
        """Numbers of events after which the farm is noted."""
        self.noted: list[tuple[float, str, list[Any]]] = []
        for name in (f"node{number:03}" for number in range(RENDERS)):
            self.number += 1
            self.do(commands.RegisterRender(
                name, session=self.number, instance=name, resources={"cpu_num": SLOTS}, launched=self.at
            ))  # fmt: skip

    def do(self, command: Any, principal: Principal = SYSTEM_PRINCIPAL) -> Outcome:
        """Apply one command and keep what came of it."""
        self.at += 0.0005 + self.dice.random() * 0.01
        envelope = Envelope(command, principal, self.at)
        outcome = self.core.apply(envelope)
        entry = entry_of(envelope, outcome)
        if entry is not None:
            self.open.append(encode_entry(entry))
            self.events += len(entry.events)
            self.since_snapshot += len(entry.events)
            if len(self.open) >= _BATCH:
                self.close_batch()
            if self.left and self.events >= self.left[-1]:
                self.left.pop()
                self.noted.append((self.at, self.core.digest(), _jobs(self.core, self.at)))
        self.running.extend(each for each in outcome.effects if type(each) is StartRun)
        return outcome

    def close_batch(self) -> None:
        """Close a batch; write many at once, and a snapshot when it is due."""
        if self.open:
            self.seq += 1
            self.closed.append(Batch(seq=self.seq, at=self.at, epoch=self.store.epoch, body=self.open))
            self.open = []
        if len(self.closed) >= _GROUP:
            self.write()
        if self.since_snapshot >= _SNAPSHOT:
            self.since_snapshot = 0
            self.write()
            image = self.core.snapshot()
            self.store.write_snapshot(Snapshot(
                seq=self.seq, at=self.at, farm=image.farm, jobs=image.jobs, columns=image.columns,
                deleted=image.deleted,
            ))  # fmt: skip
            self.store.trim(Retention(days=10_000, size=1 << 60), now=self.at)

    def write(self) -> None:
        """Commit what is closed."""
        self.store.commit(self.closed)
        self.closed = []

    def submit(self) -> None:
        """Let somebody send a job."""
        tasks = self.dice.choice((60, 250, 1000, 4000))
        blocks = [
            BlockSpec(name=name, flags=1, frame_first=1, frame_last=tasks, service="generic", command="render @#@")
            for name in self.dice.choice((("frames",), ("sim", "frames")))
        ]
        name = f"shot{self.dice.randrange(1000):03}"
        spec = JobSpec(name=name, user_name=f"user{self.dice.randrange(USERS):02}", blocks=blocks)
        spec.priority = self.dice.randrange(1, 100)
        self.do(commands.SubmitJob(spec), _PERSON)

    def tidy(self) -> None:
        """Delete what is done, edit and restart something."""
        jobs = [job for job in self.core.farm.jobs.values() if job.id > 1]
        done = [job.id for job in jobs if job.time_done]
        if done:
            self.do(commands.DeleteJobs(done), _PERSON)
        for _ in range(JOBS - len(jobs) + len(done)):
            self.submit()
        alive = [job.id for job in self.core.farm.jobs.values() if job.id > 1 and not job.time_done]
        self.do(commands.SetJobs([self.dice.choice(alive)], {"priority": self.dice.randrange(1, 100)}), _PERSON)
        if self.dice.random() < 0.3:
            self.do(commands.RestartJobs([self.dice.choice(alive)], "error"), _PERSON)

    def go(self) -> None:
        """Let tasks start and end for a while."""
        while self.core.wants_solve and len(self.running) < RENDERS * SLOTS:
            if not self.do(commands.Solve(budget=256)).reply["starts"]:
                break
        for _ in range(min(len(self.running), 400)):
            run = self.running.popleft()
            if run.key not in self.core.farm.runs:
                continue
            status, code = (RunStatus.ERROR, 1) if self.dice.random() < 0.01 else (RunStatus.SUCCESS, 0)
            self.do(commands.ReportRun(run.render, *run.key, status, code, self.at - 30.0, 30.0))


def _jobs(core: Core, at: float) -> list[Any]:
    """Return the list of jobs without their version stamps, which are no facts."""
    queries = FarmQueries(core.farm, now=lambda: at, why=lambda **about: {})
    bound = OPERATIONS["job.list"].bind(_FORM["arguments"])  # type: ignore[arg-type]
    return _plain(queries.read("job.list", bound)["rows"])


def _plain(rows: list[Any]) -> list[Any]:
    """Return rows as they come through a pipe, without stamps."""
    plain: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(rows))
    for row in plain:
        row.pop("version", None)
        for block in row.get("blocks", ()):
            block.pop("version", None)
    return plain


def make(store: Store, events: int) -> _Farm:
    """Make a farm's journal of ``events`` events."""
    farm = _Farm(store, events)
    turn, told = 0, time.monotonic()
    end = told + MINUTES * 60
    while farm.events < events and (told < end or len(farm.noted) < 2):
        if turn % 8 == 0:
            farm.tidy()
        farm.go()
        turn += 1
        if time.monotonic() - told > 20:
            told = time.monotonic()
            print(f"    {farm.events:,} of {events:,} events", file=sys.stderr, flush=True)
    farm.close_batch()
    farm.write()
    farm.noted = random.Random(5).sample(farm.noted, min(INSTANTS, len(farm.noted)))
    return farm


def _ask(child: subprocess.Popen[bytes], at: float) -> tuple[float, dict[str, Any]]:
    """Return the seconds that an answer took, and the answer."""
    assert child.stdin is not None and child.stdout is not None
    spent = cpu_seconds(child.pid)
    begun = time.perf_counter()
    write_message(child.stdin, {"at": at, "name": _FORM["view"],
                                "arguments": OPERATIONS["job.list"].bind(_FORM["arguments"])})  # type: ignore[arg-type]
    answer = read_message(child.stdout)
    took = time.perf_counter() - begun
    _spent.append(spent())
    if answer is None or "error" in answer:
        raise CheckFailed(f"the child answered {answer}")
    return took, answer["reply"]


def _journal() -> tuple[Store, _Farm, Path, float]:
    """Return a store with the journal, made once for all runs, and the seconds that took."""
    if not _made:
        place = Path(KEEP or tempfile.mkdtemp(prefix="afwatch-past-"))
        place.mkdir(parents=True, exist_ok=True)
        (place / "afwatch.db").unlink(missing_ok=True)
        store = open_store(str(place / "afwatch.db"), data=place, now=1_700_000_000.0)
        store.load()
        begun = time.perf_counter()
        farm = make(store, EVENTS)
        _made.append((store, farm, place, time.perf_counter() - begun))
        atexit.register(store.close)
        if not KEEP:
            atexit.register(shutil.rmtree, place, ignore_errors=True)
    return _made[0]


def run(folder: Path) -> dict[str, float]:
    """Ask for the noted instants and some more."""
    store, farm, place, made = _journal()
    past = open_past(store.address)
    views = PastViews(past, Defaults())
    for at, noted, _ in farm.noted:
        if digest(views.farm(at)) != noted:
            raise CheckFailed(f"the farm at {at} is another one than was noted while it was made")
    past.close()
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "afnet.server.pastchild"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdin is not None
        write_message(child.stdin, {"address": store.address, "defaults": msgspec.to_builtins(Defaults())})
        first, _ = _ask(child, farm.noted[0][0] - 1.0)
        times = []
        _spent.clear()
        for at, _, jobs in farm.noted:
            took, reply = _ask(child, at)
            times.append(took)
            if _plain(reply["rows"]) != jobs:
                raise CheckFailed(f"the list of jobs at {at} is another one than was noted")
        again, _ = _ask(child, farm.noted[-1][0])
        begin, dice = 1_700_000_010.0, random.Random(2)
        times += [_ask(child, dice.uniform(begin, farm.at))[0] for _ in range(TIMED)]
    finally:
        child.stdin.close() if child.stdin else None
        child.wait(10)
    size = sum(file.stat().st_size for file in place.glob("afwatch.db*"))
    return {
        "slowest_answer_ms": max(times) * 1000,
        "slowest_answer_processor_ms": max(_spent) * 1000,
        "median_answer_ms": sorted(times)[len(times) // 2] * 1000,
        "same_instant_again_ms": again * 1000,
        "first_with_start_of_the_child_ms": first * 1000,
        "events": farm.events,
        "events_made_per_second": farm.events / made,
        "database_megabytes": size / 1e6,
        "tasks_at_the_end": sum(block.tasks.size for job in farm.core.farm.jobs.values() for block in job.blocks),
    }
