"""``python -m tests.e2e.planted WHERE ...``: the real server with a mistake in it, and what that must not do."""

from __future__ import annotations

import sys
from typing import Any

import afcore.evolve
from afcore.commands import ReportRun, SetJobs
from afcore.core import RULES
from afcore.events import JobEdited
from afcore.schedule.solver import Scheduler
from afcore.states import RunStatus
from afnet.server.main import main

__all__ = ["PLANTS"]


def _in_rule() -> None:
    original = RULES[SetJobs]

    def broken(context: Any, command: Any) -> Any:
        reply = yield from original(context, command)
        if str(command.parameters.get("annotation", "")).startswith("break"):
            raise RuntimeError("a planted mistake of a rule")
        return reply

    RULES[SetJobs] = broken


def _in_evolve() -> None:
    original = afcore.evolve.HANDLERS[JobEdited]

    def broken(farm: Any, event: Any, at: float) -> None:
        if str(event.new.get("annotation", "")).startswith("break"):
            raise RuntimeError("a planted mistake of evolve")
        original(farm, event, at)

    afcore.evolve.HANDLERS[JobEdited] = broken


def _in_solver() -> None:
    original = Scheduler._start_on

    def broken(self: Any, job: Any, *rest: Any) -> Any:
        if job.name == "cursed":
            raise RuntimeError("a planted mistake of the solver")
        return original(self, job, *rest)

    Scheduler._start_on = broken  # type: ignore[method-assign]


def _in_report() -> None:
    original = RULES[ReportRun]

    def broken(context: Any, command: Any) -> Any:
        reply = yield from original(context, command)
        if command.status == RunStatus.SUCCESS and context.farm.jobs[command.job].name == "cursed":
            raise RuntimeError("a planted mistake of a report")
        return reply

    RULES[ReportRun] = broken


def _in_none() -> None:
    """The server as it is."""


PLANTS = {"rule": _in_rule, "evolve": _in_evolve, "solver": _in_solver, "report": _in_report, "none": _in_none}
"""By place."""

if __name__ == "__main__":
    PLANTS[sys.argv[1]]()
    raise SystemExit(main(sys.argv[2:]))
