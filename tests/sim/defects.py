"""Mistakes to be found: each is planted into a real function, and some world among the thousand must break over it.

Rules of this file:
- A defect is small and likely: what somebody could write, not sabotage of everything.
- ``Patches.put`` refuses a name that is not there, so that a defect is never planted beside the function it means.
- ``seed`` is where it was found last; a test begins there and goes on with 0, 1, 2, ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

import afcore.core
import afcore.evolve
import afcore.evolve.tasks
import afcore.replay
import afcore.rules.renders
import afcore.rules.runs
import afcore.schedule.fit
import afcore.schedule.free
import afcore.schedule.offers
import afcore.schedule.rates
import afcore.schedule.solver
import afnet.server.renders
import afnet.server.runner
import afrender.agent
from afcore.commands import RegisterRender, ReportRun
from afcore.core import RULES, Core
from afcore.events import FACTS, HostForgiven, JobEdited, RunAdopted, RunFinished
from afcore.schedule.reasons import Reason
from afrender.states import RunState

__all__ = ["DEFECTS", "Defect", "planted"]


class Patches:
    """What was replaced, and by what."""

    def __init__(self) -> None:
        self._kept: list[tuple[Any, str, Any]] = []

    def put(self, place: Any, name: str, value: Any) -> Any:
        """Replace an attribute, or an item of a dict; return what was there."""
        before = place[name] if isinstance(place, dict) else getattr(place, name)
        self._kept.append((place, name, before))
        _write(place, name, value)
        return before

    def take_back(self) -> None:
        """Undo everything."""
        for place, name, before in reversed(self._kept):
            _write(place, name, before)


def _write(place: Any, name: Any, value: Any) -> None:
    if isinstance(place, dict):
        place[name] = value
    else:
        setattr(place, name, value)


@dataclasses.dataclass(frozen=True)
class Defect:
    """One mistake: what it is, how it is planted, and the seed at which it was found."""

    name: str
    plant: Callable[[Patches], None]
    seed: int = 0


def _acknowledgement_lost(patches: Patches) -> None:
    original = afnet.server.renders.Renders._reported

    def reported(self: Any, agent: Any, key: Any, reply: Any, error: Any) -> None:
        if error is not None or not reply["known"]:
            original(self, agent, key, reply, error)

    patches.put(afnet.server.renders.Renders, "_reported", reported)


def _let_out_early(patches: Patches, *, answers: bool) -> None:
    original = afnet.server.runner.Runner._close

    def close(self: Any, *, force: bool = False) -> None:
        early = [each for each in self._out if (each[0] is not None) is answers]
        self._out = [each for each in self._out if (each[0] is not None) is not answers]
        self._release(early)
        original(self, force=force)

    patches.put(afnet.server.runner.Runner, "_close", close)


def _run_number_not_compared(patches: Patches) -> None:
    def report_run(context: Any, command: Any) -> Any:
        job = context.farm.jobs.get(command.job)
        if job is not None and command.block < len(job.blocks):
            table = job.blocks[command.block].tasks
            if command.task < table.size:
                command = msgspec.structs.replace(command, run=table.starts[command.task])
        return (yield from original(context, command))

    original = patches.put(RULES, ReportRun, report_run)  # type: ignore[arg-type]


def _ticket_not_given_back(patches: Patches) -> None:
    original = afcore.evolve.tasks.count_tickets

    def count_tickets(farm: Any, on: int, tickets: Any, sign: int) -> None:
        if sign > 0:
            original(farm, on, tickets, sign)

    patches.put(afcore.evolve.tasks, "count_tickets", count_tickets)


def _counter_off_by_one(patches: Patches) -> None:
    original = afcore.evolve.tasks._take

    def take(holder: Any, render: int, capacity: int, tasks: int) -> None:
        original(holder, render, capacity, tasks)
        if tasks < 0 and holder.running_tasks > 1:
            holder.running_tasks -= 1

    patches.put(afcore.evolve.tasks, "_take", take)


def _limit_off_by_one(patches: Patches) -> None:
    original = afcore.schedule.rates.start_reason

    def start_reason(holder: Any) -> Reason:
        reason = original(holder)
        over = reason is Reason.RUNNING_LIMIT and holder.running_tasks == holder.max_running_tasks
        return Reason.NONE if over else reason

    patches.put(afcore.schedule.rates, "start_reason", start_reason)


def _without_reason(patches: Patches, place: Any, name: str, passed: Reason) -> None:
    original = getattr(place, name)

    def reason(*arguments: Any) -> Reason:
        found = original(*arguments)
        return Reason.NONE if found is passed else found

    patches.put(place, name, reason)


def _reports_forgotten(patches: Patches) -> None:
    original = afrender.agent.Agent._lost

    def lost(self: Any, told: Any, now: float, actions: list[Any]) -> None:
        original(self, told, now, actions)
        for key in [key for key, run in self._runs.items() if run.state is RunState.FINISHED]:
            del self._runs[key]
            self._newest.pop(key[:3], None)

    patches.put(afrender.agent.Agent, "_lost", lost)


def _started_twice(patches: Patches) -> None:
    original = afrender.agent.Agent._start

    def start(self: Any, told: Any, now: float, actions: list[Any]) -> None:
        for spec in told.runs:
            run = self._runs.get((spec.job, spec.block, spec.task, spec.run))
            if run is not None and run.spec is not None:
                actions.append(afrender.agent.Spawn(spec))
        original(self, told, now, actions)

    patches.put(afrender.agent.Agent, "_start", start)


def _not_restored(patches: Patches) -> None:
    patches.put(afrender.agent.Agent, "_restored", lambda self, told, now, actions: None)


def _not_journaled(patches: Patches) -> None:
    facts = tuple(kind for kind in FACTS if kind is not HostForgiven)
    patches.put(afnet.server.runner, "Fact", facts)


def _deleted_come_back(patches: Patches) -> None:
    def unsaved(self: Any) -> None:
        self._saved_version = -1

    patches.put(Core, "unsaved", unsaved)


def _stamp_missing(patches: Patches) -> None:
    handlers = afcore.evolve.HANDLERS
    original = handlers[JobEdited]

    def edited(farm: Any, event: Any, at: float) -> None:
        version = farm.jobs[event.job].version
        original(farm, event, at)
        farm.jobs[event.job].version = version

    patches.put(handlers, JobEdited, edited)  # type: ignore[call-overload]


def _late_obstacle_not_seen(patches: Patches) -> None:
    patches.put(afcore.schedule.offers.Offers, "_hold", lambda self, job, at: None)


def _replay_forgets_errors(patches: Patches) -> None:
    original = afcore.replay.record_finish

    def record_finish(farm: Any, block: Any, event: Any, at: float) -> None:
        original(farm, block, event, at)
        block.tasks.errors[event.task] = 0

    patches.put(afcore.replay, "record_finish", record_finish)


def _runs_of_a_lost_render_stay(patches: Patches) -> None:
    original = afcore.rules.renders.return_run

    def return_run(farm: Any, run: Any, status: Any) -> Any:
        if status is not afcore.rules.renders.RunStatus.RENDER_LEFT:
            yield from original(farm, run, status)

    patches.put(afcore.rules.renders, "return_run", return_run)


def _listed_runs_not_compared(patches: Patches) -> None:
    def register(context: Any, command: Any) -> Any:
        reply = yield from original(context, command)
        return {**reply, "drop": [tuple(key) for key in context.farm.runs] + reply["drop"]}

    original = patches.put(RULES, RegisterRender, register)  # type: ignore[arg-type]


def _dependents_not_released(patches: Patches) -> None:
    patches.put(afcore.rules.runs, "settle_dependents", lambda farm, job, block, first, last: iter(()))


def _adopted_but_waiting(patches: Patches) -> None:
    handlers = afcore.evolve.HANDLERS
    original = handlers[RunAdopted]

    def adopted(farm: Any, event: Any, at: float) -> None:
        key = (event.job, event.block, event.task, event.run)
        since = farm.runs[key].waiting_since
        original(farm, event, at)
        farm.runs[key].waiting_since = since

    patches.put(handlers, RunAdopted, adopted)  # type: ignore[call-overload]


def _never_finished(patches: Patches) -> None:
    patches.put(afcore.rules.runs, "JobFinished", afcore.rules.runs.JobStarted)


def _freed_render_not_seen(patches: Patches) -> None:
    original = afcore.schedule.free.FreeRenders.note

    def note(self: Any, event: Any) -> int:
        return 0 if type(event) is RunFinished else original(self, event)

    patches.put(afcore.schedule.free.FreeRenders, "note", note)


def _rates_not_asked(patches: Patches) -> None:
    patches.put(afcore.schedule.rates.Rates, "allows", lambda self, holder, at: True)


def _masks_not_asked(patches: Patches) -> None:
    patches.put(afcore.schedule.fit.Matches, "needs", lambda self, render, needs: Reason.NONE)


def _every_error_a_success(patches: Patches) -> None:
    original = afcore.rules.runs.judge

    def judge(farm: Any, run: Any, report: Any) -> Any:
        if report.status is afcore.rules.runs.RunStatus.PARSER_BAD_RESULT and run.stopping < 0:
            report = msgspec.structs.replace(report, status=afcore.rules.runs.RunStatus.SUCCESS)
        return original(farm, run, report)

    patches.put(afcore.rules.runs, "judge", judge)


_FIT = afcore.schedule.fit
_SOLVER = afcore.schedule.solver
_OFFERS = afcore.schedule.offers

DEFECTS: tuple[Defect, ...] = (
    Defect("an acknowledgement is lost", _acknowledgement_lost),
    Defect("an answer goes out before its commit", lambda patches: _let_out_early(patches, answers=True)),
    Defect("an effect goes out before its commit", lambda patches: _let_out_early(patches, answers=False)),
    Defect("the number of a run is not compared", _run_number_not_compared, seed=3),
    Defect("a ticket is not given back", _ticket_not_given_back),
    Defect("a counter is off by one", _counter_off_by_one),
    Defect("a limit lets one more start", _limit_off_by_one, seed=2),
    Defect(
        "capacity is not asked",
        lambda patches: _without_reason(patches, _SOLVER, "block_reason", Reason.CAPACITY),
    ),
    Defect(
        "tickets of a host are not asked",
        lambda patches: patches.put(_FIT, "host_ticket_missing", lambda farm, render, tickets: "") and None,
        seed=6,
    ),
    Defect(
        "tickets of a pool are not asked",
        lambda patches: patches.put(_FIT, "pool_ticket_holder", lambda farm, render, tickets: None) and None,
        seed=6,
    ),
    Defect(
        "limits of a host are not asked",
        lambda patches: _without_reason(patches, _SOLVER, "holder_reason", Reason.PER_HOST_LIMIT),
        seed=1,
    ),
    Defect(
        "nimby is not asked",
        lambda patches: _without_reason(patches, _SOLVER, "job_reason", Reason.NIMBY),
        seed=21,
    ),
    Defect(
        "a paused job starts tasks",
        lambda patches: _without_reason(patches, _OFFERS, "job_start_reason", Reason.JOB_PAUSED),
    ),
    Defect(
        "the waiting time of a job is not asked",
        lambda patches: _without_reason(patches, _OFFERS, "job_start_reason", Reason.WAIT_TIME),
        seed=1,
    ),
    Defect("masks are not asked", _masks_not_asked),
    Defect("starts a second are not counted", _rates_not_asked, seed=2),
    Defect("an agent forgets its reports with the connection", _reports_forgotten, seed=1),
    Defect("an agent starts what it runs", _started_twice, seed=13),
    Defect("an agent does not take up the reports of its earlier life", _not_restored, seed=1),
    Defect("an event is not journaled", _not_journaled, seed=5),
    Defect("deleted jobs come back after a snapshot that failed", _deleted_come_back, seed=2),
    Defect("a snapshot misses what was edited", _stamp_missing, seed=10),
    Defect("a job starts tasks though it has come to wait", _late_obstacle_not_seen, seed=4),
    Defect("replay forgets errors", _replay_forgets_errors),
    Defect("runs stay with a render that left", _runs_of_a_lost_render_stay),
    Defect("an agent is told to drop what it runs", _listed_runs_not_compared, seed=1),
    Defect("dependents are not released", _dependents_not_released),
    Defect("a run that was brought back waits on", _adopted_but_waiting),
    Defect("a job is never finished", _never_finished),
    Defect("a render on which a task ended is not seen to be free", _freed_render_not_seen),
    Defect("an error counts as a success", _every_error_a_success),
)
"""At least twenty."""


@contextmanager
def planted(defect: Defect) -> Iterator[None]:
    """Plant a defect for a while."""
    patches = Patches()
    try:
        defect.plant(patches)
        yield
    finally:
        patches.take_back()
