"""The history checker: what really happened on the machines, beside what the farm says, and every promise between.

Rules of this file:
- It counts for itself, from events, committed bytes and processes; it asks the farm only what somebody set.
- A promise that does not hold raises ``Broken`` at once, with the time of the world and what was seen.

The promises: a run is started once and nowhere twice; two runs of a task never live on one machine, nor for the farm;
nothing starts, is acknowledged or answered before it is committed; a result that an agent was told to forget is in the
farm; an end is counted once, and only as what it was; no limit, capacity, ticket, mask or state of a render is exceeded
by a start; a state changes by the table only; an answered submit survives everything.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict, deque
from typing import Any, NamedTuple

from afcore import commands
from afcore.codec import decode_entries
from afcore.core import Core
from afcore.envelope import Envelope
from afcore.events import (
    FarmRecovered,
    HostReleased,
    JobDeleted,
    JobSubmitted,
    RunAdopted,
    RunFinished,
    RunsStopRequested,
    RunStarted,
    RunStopRequested,
    TasksChanged,
    TasksHeld,
    TasksReleased,
)
from afcore.ids import RunKey
from afcore.invariants import check
from afcore.masks import Mask
from afcore.model.effective import capacity_of, host_ticket, max_tasks_of, pool_chain
from afcore.model.farm import Farm
from afcore.model.tasks import unpack_indices
from afcore.outcome import Outcome
from afcore.rules.transitions import ACTIONS, TABLE, Happening
from afcore.schedule.limits import branch_chain
from afcore.states import RenderState, RunStatus, TaskState
from afcore.store.base import Batch
from afcore.store.packing import join_entries
from afcore.systemcommand import SYSTEM_JOB
from afcore.why.whatif import Sandbox
from tests.sim.clock import SimClock

__all__ = ["Broken", "History", "Held"]

_CHECK_EVERY = 60
"""Commands between two looks at every invariant."""
_ANEW_EVERY = 100
"""Commands between two solvers that begin anew."""


class Broken(AssertionError):
    """A promise was broken."""


class Held(NamedTuple):
    """What a run takes, as its start says."""

    render: int
    capacity: int
    tickets: dict[str, int]
    captured: tuple[tuple[int, int, dict[str, int]], ...]


def _without(held: Held, render: int) -> Held:
    """Return what a run takes when it has lost one of the renders beside its master."""
    return held._replace(captured=tuple(each for each in held.captured if each[0] != render))


class History:
    """All that was seen of one world."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.commands: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.rows: Counter[tuple[TaskState, Happening]] = Counter()
        self.tasks = 0
        """Tasks that were submitted."""
        # What the machines did.
        self.started: dict[RunKey, str] = {}
        self.living: dict[RunKey, str] = {}
        self.ends: dict[RunKey, set[RunStatus]] = defaultdict(set)
        # What the farm says now, and what is on the disk.
        self.running: dict[RunKey, Held] = {}
        self.waiting: set[RunKey] = set()
        self._stopping: dict[RunKey, int] = {}
        self._starts: dict[int, deque[float]] = {}
        self._runs: dict[tuple[int, int, int], int] = {}
        self.kept_started: set[RunKey] = set()
        self.kept_finished: Counter[RunKey] = Counter()
        self.kept_submitted: set[int] = set()
        self.kept_deleted: set[int] = set()
        self._kept_running: dict[RunKey, Held] = {}
        self._kept_waiting: set[RunKey] = set()
        self._kept_stopping: dict[RunKey, int] = {}
        self._kept_runs: dict[tuple[int, int, int], int] = {}
        self.answered: set[int] = set()
        """Jobs whose submitter was told that they are taken."""
        self.applied_count = 0
        self.begun_anew = 0
        """How often a solver without memory was asked whether anything could start."""
        self.devices: dict[RunKey, set[tuple[int, int]]] = {}
        """(render, device) of each run that goes on."""

    def broken(self, sentence: str) -> Broken:
        """Return what to raise."""
        return Broken(f"at {self._clock.at - 1_000_000:.3f} s: {sentence}")

    # The server

    def began(self, core: Core) -> None:
        """A server came up: what was not committed never was."""
        self.running = dict(self._kept_running)
        self.waiting = set(self._kept_waiting)
        self._stopping = dict(self._kept_stopping)
        self._runs = dict(self._kept_runs)
        self._starts.clear()
        self.devices = {key: self.devices[key] for key in self.running if key in self.devices}
        if set(core.farm.runs) != set(self.running):
            raise self.broken("the farm came back with other runs than it had")
        self.look(core.farm)

    def look(self, farm: Farm) -> None:
        """Check every invariant."""
        violations = check(farm)
        if violations:
            raise self.broken("; ".join(violations[:3]))

    def applied(self, core: Core, envelope: Envelope[Any], outcome: Outcome) -> None:
        """A command was done."""
        command = envelope.command
        self.commands[type(command).__name__] += 1
        counted = 0
        for event in outcome.events:
            kind = type(event)
            self.events[kind.__name__] += 1
            counted += kind is RunFinished
            if kind is RunStarted:
                self._run_started(core.farm, event, envelope.at)
            elif kind is RunFinished:
                self._run_finished(event)
            else:
                self._other(event, command)
        if len(outcome.runs) != counted:
            raise self.broken(f"{counted} runs ended, {len(outcome.runs)} of them are in the history")
        self.applied_count += 1
        if not self.applied_count % _CHECK_EVERY:
            self.look(core.farm)
            if set(core.farm.runs) != set(self.running):
                raise self.broken("the farm's runs are not those that started and did not end")
        if not self.applied_count % _ANEW_EVERY:
            self._begin_anew(core, envelope.at)

    def _begin_anew(self, core: Core, at: float) -> None:
        """Where the solver has come to rest, one that knows nothing of earlier passes must find nothing to start."""
        due = core.deadline()
        if core.wants_solve or (due is not None and due <= at):
            return
        self.begun_anew += 1
        box = Sandbox(core.farm, core.scheduler, at, jobs=list(core.farm.jobs), renders=list(core.farm.renders))
        started = next((each for each in box.do(commands.Solve(1)).events if isinstance(each, RunStarted)), None)
        # Whether a task ends before who keeps a render needs it is an estimate, which is made when it is offered.
        kept = core.scheduler.reserved.by_render.get(started.render) if started is not None else None
        if started is not None and (kept is None or kept.key == (started.job, started.block)):
            raise self.broken(f"the solver rests, but one that begins anew starts {started}")

    def _row(self, state: int, happening: Happening, became: int) -> None:
        row = TaskState(state), happening
        target = TABLE.get(row)
        if target is None:
            raise self.broken(f"a task that was {row[0].name} was {happening.value}")
        if became not in (target, TaskState.WAIT_DEP if target == TaskState.READY else target):
            raise self.broken(f"a task that was {row[0].name} and {happening.value} became {TaskState(became).name}")
        self.rows[row] += 1

    def _run_started(self, farm: Farm, event: RunStarted, at: float) -> None:
        key = RunKey(event.job, event.block, event.task, event.run)
        self._row(TaskState.READY, Happening.STARTED, TaskState.RUNNING)
        if key.run <= self._runs.get(key[:3], 0):
            raise self.broken(f"run {key} was started, and run {self._runs[key[:3]]} of that task was before")
        if any(other[:3] == key[:3] for other in self.running):
            raise self.broken(f"run {key} was started while another one of that task goes on")
        self._runs[key[:3]] = key.run
        captured = tuple((each.render, each.capacity, each.tickets) for each in event.captured)
        self.running[key] = Held(event.render, event.capacity, event.tickets, captured)
        job = farm.jobs[key.job]
        self._state(farm, key, event.render)
        if job.offline or job.deleting or job.waits_for or job.pre or job.time_wait > at:
            waits = f"{job.waits_for}, {job.pre} commands and {job.time_wait - at:.1f} s"
            why = f"paused {job.offline}, waits for {waits}"
            raise self.broken(f"run {key} was started, and its job may not start anything: {why}")
        self._limits(farm, key)
        self._host(farm, event.render)
        for held in event.captured:
            self._state(farm, key, held.render)
            self._host(farm, held.render)
        self._tickets(farm, event)
        self._devices(farm, event)
        self._rate(farm, key.job, at)

    def _state(self, farm: Farm, key: RunKey, id: int) -> None:
        render, job = farm.renders[id], farm.jobs[key.job]
        if render.state == RenderState.ONLINE:
            return
        others = farm.users[job.user].name != render.user_name
        for what, found in (
            ("is offline", not render.state & RenderState.ONLINE),
            ("is sick", render.state & RenderState.SICK),
            ("is paused", render.state & RenderState.PAUSED and not job.ignorepaused),
            ("has NIMBY", render.state & RenderState.NIMBY and not job.ignorenimby),
            ("has nimby", render.state & RenderState.NIMBY_USER and not job.ignorenimby and others),
        ):
            if found:
                raise self.broken(f"run {key} was started on {render.name}, which {what}")

    def _limits(self, farm: Farm, key: RunKey) -> None:
        job = farm.jobs[key.job]
        block = job.blocks[key.block]
        user = farm.users[job.user]
        host = self.running[key].render
        name = farm.renders[host].name
        branches = [each.id for each in branch_chain(farm, job.branch)]
        sums: Counter[tuple[str, int]] = Counter()
        here: Counter[tuple[str, int]] = Counter()
        for other, held in self.running.items():
            theirs = farm.jobs[other.job]
            counted = [("user", theirs.user), *(("branch", each.id) for each in branch_chain(farm, theirs.branch))]
            if other.job == key.job:
                counted.append(("job", key.job))
                if other.block == key.block:
                    counted.append(("block", key.block))
            for holder in counted:
                sums[holder] += 1
                here[holder] += held.render == host
        holders: list[tuple[tuple[str, int], Any]] = [
            (("job", job.id), job), (("user", user.id), user), (("block", block.index), block.spec)
        ]  # fmt: skip
        holders += [(("branch", id), farm.branches[id]) for id in branches]
        for holder, limits in holders:
            most, per_host = limits.max_running_tasks, limits.max_running_tasks_per_host
            if 0 <= most < sums[holder]:
                raise self.broken(f"run {key} is one of {sums[holder]} of {holder}, which may have {most}")
            if 0 <= per_host < here[holder]:
                raise self.broken(f"run {key} is one of {here[holder]} on {name} of {holder}, not {per_host}")
            mask = limits.hosts_mask
            if mask and not Mask(mask, mode=job.hosts_mask_type or "regex").matches(name):
                raise self.broken(f"run {key} was started on {name}, and {holder} wants {mask}")

    def _host(self, farm: Farm, id: int) -> None:
        render = farm.renders[id]
        tasks = capacity = 0
        for held in self.running.values():
            if held.render == id:
                tasks += 1
                capacity += held.capacity
            for other, units, _ in held.captured:
                capacity += units if other == id else 0
        if capacity > capacity_of(farm, render) or tasks > max_tasks_of(farm, render):
            raise self.broken(f"{render.name} was given {tasks} tasks of {capacity} units, which is too much")

    def _tickets(self, farm: Farm, event: RunStarted) -> None:
        for name in event.tickets:
            by_render: Counter[int] = Counter()
            for held in self.running.values():
                by_render[held.render] += held.tickets.get(name, 0)
                for other, _, tickets in held.captured:
                    by_render[other] += tickets.get(name, 0)
            render = farm.renders[event.render]
            most = host_ticket(farm, render, name)
            if 0 <= most < by_render[render.id]:
                raise self.broken(f"{render.name} gave {by_render[render.id]} tickets {name} of {most}")
            pool = next((each for each in pool_chain(farm, render.pool) if name in each.tickets), None)
            if pool is None:
                continue
            below = {
                id: amount
                for id, amount in by_render.items()
                if amount and any(each is pool for each in pool_chain(farm, farm.renders[id].pool))
            }
            count, hosts = pool.tickets[name]
            if sum(below.values()) > count >= 0 or len(below) > hosts >= 0:
                raise self.broken(f"pool {pool.path} gave {below} of its tickets {name} [{count}, {hosts}]")

    def _devices(self, farm: Farm, event: RunStarted) -> None:
        """No device has two tasks at a time, unless both share it."""
        key = RunKey(event.job, event.block, event.task, event.run)
        self.devices[key] = {(event.render, device) for device in event.devices}
        self.devices[key] |= {(held.render, device) for held in event.captured for device in held.devices}
        shares = {key for key in self.devices if farm.jobs[key.job].blocks[key.block].spec.gpus_shared}
        for other, held in self.devices.items():
            both = held & self.devices[key]
            if other != key and both and not {key, other} <= shares:
                raise self.broken(f"runs {other} and {key} both have the devices {sorted(both)}")

    def _rate(self, farm: Farm, job: int, at: float) -> None:
        rate = farm.jobs[job].max_tasks_per_second
        if rate < 0:
            return
        starts = self._starts.setdefault(job, deque())
        starts.append(at)
        while starts and starts[0] <= at - 1.0:
            starts.popleft()
        if len(starts) > 2 * rate + 1:
            raise self.broken(f"job {job} started {len(starts)} tasks in a second, and may {rate}")

    def _run_finished(self, event: RunFinished) -> None:
        key = RunKey(event.job, event.block, event.task, event.run)
        if self.running.pop(key, None) is None:
            raise self.broken(f"run {key} ended, and was not running")
        self.waiting.discard(key)
        self.devices.pop(key, None)
        status, stopped = RunStatus(event.status), self._stopping.pop(key, None)
        if status.is_success and not any(end.is_success for end in self.ends[key]):
            raise self.broken(f"run {key} counts as {status.name}, and its process ended as {self.ends[key]}")
        if status is RunStatus.STOPPED or (stopped is not None and not status.is_error):
            return
        if event.state == TaskState.DONE or event.state == TaskState.SKIPPED:
            happening = Happening.FOUND_DONE if status is RunStatus.SKIPPED else Happening.SUCCEEDED
        elif event.state == TaskState.ERROR:
            happening = Happening.GAVE_UP
        else:
            happening = Happening.FAILED if status.is_error else Happening.RETURNED
        self._row(event.old_state, happening, event.state)

    def _other(self, event: object, command: Any) -> None:
        if isinstance(event, RunStopRequested):
            key = RunKey(event.job, event.block, event.task, event.run)
            self._stop_asked(key, event.then, command)
        elif isinstance(event, RunsStopRequested):
            tasks = set(unpack_indices(event.indices))
            for key in [key for key in self.running if key[:2] == (event.job, event.block) and key.task in tasks]:
                self._stop_asked(key, event.then, command)
        elif isinstance(event, HostReleased):
            key = RunKey(event.job, event.block, event.task, event.run)
            self.running[key] = _without(self.running[key], event.render)
            self.devices[key] = {each for each in self.devices.get(key, ()) if each[0] != event.render}
        elif isinstance(event, TasksReleased):
            self.rows[TaskState.WAIT_DEP, Happening.RELEASED] += 1
        elif isinstance(event, TasksHeld):
            self.rows[TaskState.READY, Happening.HELD] += 1
        elif isinstance(event, RunAdopted):
            key = RunKey(event.job, event.block, event.task, event.run)
            self.waiting.discard(key)
            self._row(TaskState.WAIT_RECONNECT, Happening.BROUGHT_BACK, TaskState.RUNNING)
        elif isinstance(event, FarmRecovered):
            for key in self.running:
                state = TaskState.WAIT_RECONNECT if key in self.waiting else TaskState.RUNNING
                self._row(state, Happening.SERVER_RESTARTED, TaskState.WAIT_RECONNECT)
            self.waiting = set(self.running)
        elif isinstance(event, TasksChanged):
            self._tasks_changed(event, command)
        elif isinstance(event, JobSubmitted):
            self.tasks += sum(block.tasks_num for block in event.spec.blocks)

    def _happening(self, job: int, command: Any) -> Happening | None:
        """Return what a person did to tasks; what a restart means to the system job is that one's own affair."""
        if job == SYSTEM_JOB:
            return None
        if isinstance(command, commands.ChangeTasks):
            return ACTIONS[command.action]
        return Happening.RESTART if isinstance(command, commands.RestartJobs) else None

    def _stop_asked(self, key: RunKey, then: int, command: Any) -> None:
        self._stopping[key] = then
        happening = self._happening(key.job, command)
        if happening is not None:
            self._row(TaskState.WAIT_RECONNECT if key in self.waiting else TaskState.RUNNING, happening, then)

    def _tasks_changed(self, event: TasksChanged, command: Any) -> None:
        happening = self._happening(event.job, command)
        if happening is None:
            return
        if event.indices:
            size = len(event.indices) // 4
        else:
            size = sum(last - first + 1 for first, last in event.ranges)
        old = zlib.decompress(event.old_state) if event.old_state else bytes(size)
        for state in sorted(set(old)):
            if not event.only or state in event.only:
                self._row(state, happening, event.state)

    def committed(self, batches: list[Batch]) -> None:
        """Batches are on the disk."""
        for batch in batches:
            for entry in decode_entries(join_entries(batch.body)):
                for event in entry.events:
                    self._keep(event)
            for run in batch.runs:
                key = RunKey(run.job, run.id_block, run.id_task, run.run)
                self.kept_finished[key] += 1
                if self.kept_finished[key] > 1:
                    raise self.broken(f"the end of run {key} is in the history twice")

    def _keep(self, event: object) -> None:
        if isinstance(event, RunStarted):
            key = RunKey(event.job, event.block, event.task, event.run)
            self.kept_started.add(key)
            self._kept_runs[key[:3]] = key.run
            captured = tuple((each.render, each.capacity, each.tickets) for each in event.captured)
            self._kept_running[key] = Held(event.render, event.capacity, event.tickets, captured)
        elif isinstance(event, RunFinished):
            key = RunKey(event.job, event.block, event.task, event.run)
            del self._kept_running[key]
            self._kept_waiting.discard(key)
            self._kept_stopping.pop(key, None)
        elif isinstance(event, HostReleased):
            key = RunKey(event.job, event.block, event.task, event.run)
            self._kept_running[key] = _without(self._kept_running[key], event.render)
        elif isinstance(event, RunAdopted):
            self._kept_waiting.discard(RunKey(event.job, event.block, event.task, event.run))
        elif isinstance(event, FarmRecovered):
            self._kept_waiting = set(self._kept_running)
        elif isinstance(event, RunStopRequested):
            self._kept_stopping[RunKey(event.job, event.block, event.task, event.run)] = event.then
        elif isinstance(event, RunsStopRequested):
            tasks = set(unpack_indices(event.indices))
            for key in self._kept_running:
                if key[:2] == (event.job, event.block) and key.task in tasks:
                    self._kept_stopping[key] = event.then
        elif isinstance(event, JobSubmitted):
            self.kept_submitted.add(event.job)
        elif isinstance(event, JobDeleted):
            self.kept_deleted.add(event.job)

    def submit_answered(self, job: int) -> None:
        """Somebody was told that a job is taken."""
        if job not in self.kept_submitted:
            raise self.broken(f"job {job} was acknowledged before it was kept")
        self.answered.add(job)

    # The machines

    def spawned(self, host: str, key: RunKey) -> None:
        """An agent starts a process."""
        if key not in self.kept_started:
            raise self.broken(f"run {key} is started on {host}, and nothing of it is committed")
        if key in self.started:
            raise self.broken(f"run {key} is started on {host}, and was before on {self.started[key]}")
        for other, where in self.living.items():
            if other[:3] == key[:3] and where == host:
                raise self.broken(f"run {key} is started on {host} while run {other} lives on {where}")
        self.started[key] = self.living[key] = host

    def service_spawned(self, host: str, key: RunKey) -> None:
        """An agent starts the service of a run that another one is the master of."""
        if key not in self.kept_started:
            raise self.broken(f"the service of run {key} is started on {host}, and nothing of it is committed")

    def process_ended(self, key: RunKey, status: RunStatus | None) -> None:
        """A process is gone; None: with its agent."""
        self.living.pop(key, None)
        if status is not None:
            self.ends[key].add(status)

    def verdict(self, key: RunKey, status: RunStatus) -> None:
        """A parser wants the process of a run ended as this."""
        self.ends[key].add(status)

    def kept(self, host: str, key: RunKey, status: RunStatus) -> None:
        """An agent has the report of a run that is over."""
        if key in self.living:
            raise self.broken(f"run {key} is reported as {status.name} while its process lives on {host}")

    def forgotten(self, host: str, render: int, key: RunKey, *, acknowledged: bool) -> None:
        """An agent was told that it may forget a report."""
        if acknowledged:
            if not self.kept_finished[key] and key.job not in self.kept_deleted:
                raise self.broken(f"{host} was told that the end of run {key} is kept, and it is not")
            return
        held = self.running.get(key)
        if held is not None and held.render == render:
            raise self.broken(f"{host} was told to drop the report of run {key}, and the farm waits for it")

    # The end

    def over(self, farm: Farm) -> None:
        """Nothing is left to happen: what was promised must be there."""
        self.look(farm)
        lost = self.answered - set(farm.jobs) - self.kept_deleted
        if lost:
            raise self.broken(f"jobs {sorted(lost)} were acknowledged and are gone")
        if self.living:
            raise self.broken(f"processes are left: {self.living}")
        ended = self.kept_started - set(self._kept_running)
        if ended != set(self.kept_finished):
            raise self.broken(f"ends are missing in the history: {sorted(ended ^ set(self.kept_finished))[:5]}")
