"""What the solver remembers is never more than a saving: after any edit it starts what a new solver would start."""

from __future__ import annotations

import pickle
from typing import Any

from afcore import commands
from afcore.events import RunStarted
from afcore.schedule.solver import Scheduler
from afcore.states import RunStatus
from tests.sim.whyfarms import WhyFarm

FARMS = 80
EDITS = 10


def edit(whole: WhyFarm) -> Any:
    """Return a random edit of something many jobs or renders depend on, or of one job."""
    dice, farm = whole.dice, whole.core.farm
    whole.sometimes = 0.5
    kind = dice.choice(("user", "user", "branch", "branch", "pool", "render", "job", "end", "end", "end"))
    limits = whole._limits()
    chosen = dice.sample(list(limits), dice.randint(1, 3))
    some: dict[str, Any] = {name: limits[name] for name in chosen}
    if dice.random() < 0.6:
        some = {"priority": dice.choice((20, 50, 99, 150)), "max_running_tasks": dice.choice((-1, 1, 2, 4))}
    if kind == "user":
        more = {"paused": dice.random() < 0.2, "solve_method": dice.choice(("solve_order", "solve_priority"))}
        name = dice.choice(("anna", "ben", "cleo"))
        return commands.SetUsers([name], {**some, **(more if dice.random() < 0.3 else {})})
    if kind == "branch":
        more = {"solve_jobs": dice.random() < 0.5, "solve_need": dice.choice(("solve_tasksnum", "solve_capacity"))}
        path = dice.choice(list(farm.branches_by_path))
        return commands.SetBranches([path], {**some, **(more if dice.random() < 0.3 else {})})
    if kind == "pool":
        values = (
            {"paused": dice.random() < 0.3}, {"priority": dice.choice((0, 50, 99))}, {"annotation": "x"},
            {"tickets": {"NUKE": [dice.randint(0, 9), -1]}}, {"max_tasks_host": dice.choice((-1, 1, 4))},
            {"services": dice.choice(([], ["nuke"], ["generic"]))}, {"properties_host": dice.choice(("", "gpu"))},
        )  # fmt: skip
        return commands.SetPools([dice.choice(list(farm.pools_by_path))], dice.choice(values))
    if kind == "render" and farm.renders:
        name = dice.choice(list(farm.renders_by_name))
        return commands.SetRenders([name], dice.choice(({"paused": True}, {"paused": False}, {"max_tasks_host": 3})))
    if kind == "job":
        id = dice.choice(list(farm.jobs))
        values = ({"priority": dice.choice((0, 50, 120))}, {"offline": False}, {"user_name": "ben"}, {"hosts_mask": ""})
        return commands.SetJobs([id], dice.choice(values))
    if farm.runs:
        key = dice.choice(list(farm.runs))
        return commands.ReportRun(farm.runs[key].render, *key, RunStatus.SUCCESS, 0, 0.0, 1.0)
    return commands.SetUsers(["anna"], {"priority": dice.choice((50, 99))})


def test_a_solver_that_remembers_starts_what_a_new_one_starts() -> None:
    """Edit random farms, and solve each step by the old solver and by one that knows nothing."""
    compared = 0
    for seed in range(5000, 5000 + FARMS):
        whole = WhyFarm(seed)
        for step in range(EDITS):
            command = edit(whole)
            whole.do(command)
            for key in list(whole.core.farm.runs)[: whole.dice.choice((0, 1, 3))]:
                render = whole.core.farm.runs[key].render
                whole.do(commands.ReportRun(render, *key, RunStatus.ERROR, 0, 0.0, 1.0))
            again = pickle.loads(pickle.dumps(whole.core))  # noqa: S301  (packed a moment ago, here)
            remembered = again.scheduler
            again.scheduler = Scheduler(again.farm, rates=remembered.rates)
            # Claims are promises that were made, not savings: a new solver makes others.
            again.scheduler.reserved.begin_beside(remembered.reserved)
            starts = []
            for core in (whole.core, again):
                found = []
                while core.wants_solve:
                    whole.core, kept = core, whole.core
                    outcome = whole.do(commands.Solve())
                    whole.core = kept
                    whole.at -= 0.05
                    assert outcome is not None
                    found += [event for event in outcome.events if isinstance(event, RunStarted)]
                starts.append(found)
            assert starts[0] == starts[1], f"seed {seed}, step {step}: {command}"
            compared += len(starts[0])
    assert compared > FARMS, "the farms are too quiet to prove anything"
