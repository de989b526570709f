"""A small farm made of events, and a solver that is driven by hand."""

from typing import Any

from afcore.events import (
    BranchAdded,
    Event,
    JobSubmitted,
    PoolAdded,
    RenderAdded,
    RenderWentOnline,
    RunFinished,
    RunStarted,
    UserAdded,
)
from afcore.evolve import evolve
from afcore.jobspec import JobSpec
from afcore.model.farm import Farm
from afcore.schedule.solver import Scheduler
from afcore.states import RenderState, RunStatus, TaskFlag, TaskState

NOW = 1_000_000.0


class SmallFarm:
    """A root branch, a root pool, and whatever a test adds; every event is evolved and noted."""

    def __init__(self, **branch: Any) -> None:
        self.farm = Farm(epoch=int(NOW) - 60)
        self.now = NOW
        self.scheduler = Scheduler(self.farm)
        self.happen(BranchAdded(branch=1, path="/", parent=0, parameters=branch))
        self.happen(PoolAdded(pool=1, path="/", parent=0))

    def happen(self, event: Event) -> None:
        """Evolve one event and tell the scheduler."""
        evolve(self.farm, event, self.now)
        self.scheduler.note(event, self.now)

    def user(self, name: str, **parameters: Any) -> int:
        """Add a user and return its id."""
        id = len(self.farm.users) + 1
        self.happen(UserAdded(user=id, name=name, parameters=parameters))
        return id

    def render(self, name: str, *, slots: int = 4, capacity: int = 4000, pool: int = 1, **info: Any) -> int:
        """Add a render that is online and return its id."""
        id = len(self.farm.renders) + 1
        self.happen(RenderAdded(render=id, name=name, pool=pool, user_name="root", state=0))
        found = self.farm.renders[id]
        found.max_tasks_host, found.capacity_host = slots, capacity
        found.state |= info.pop("state", RenderState.ONLINE)
        self.happen(RenderWentOnline(render=id, session=id, info={"resources": {"cpu_num": 4}, **info}))
        return id

    def job(self, name: str, *, user: str = "anna", frames: int = 12, block: dict[str, Any] | None = None,
            blocks: list[dict[str, Any]] | None = None, branch: int = 1, **fields: Any) -> int:  # fmt: skip
        """Submit a job of one numeric block of ``frames`` tasks, or of ``blocks``; return its id."""
        if user not in self.farm.users_by_name:
            self.user(user)
        made = blocks or [block or {}]
        whole = [
            {"name": f"b{n}", "service": "generic", "command": "true", "flags": 1, "frame_first": 1,
             "frame_last": frames, **each}
            for n, each in enumerate(made)
        ]  # fmt: skip
        spec = JobSpec.from_json({"name": name, "user_name": user, "blocks": whole, **fields})
        id = self.farm.next_job
        self.happen(JobSubmitted(job=id, serial=id, user=self.farm.users_by_name[user], branch=branch, spec=spec))
        return id

    def solve(self, budget: int = 0) -> list[RunStarted]:
        """Run one pass and return its starts."""
        starts = []
        for started in self.scheduler.run(self.now, budget):
            self.happen(started)
            starts.append(started)
        return starts

    def order(self) -> str:
        """Run one pass and return the started jobs' names, in order."""
        return "".join(self.farm.jobs[started.job].name for started in self.solve())

    def finish(self, started: RunStarted, state: TaskState = TaskState.DONE, *, error: bool = False) -> None:
        """End one run."""
        self.happen(
            RunFinished(
                job=started.job,
                block=started.block,
                task=started.task,
                run=started.run,
                render=started.render,
                status=RunStatus.ERROR if error else RunStatus.SUCCESS,
                exit_status=int(error),
                state=state,
                flags=TaskFlag.RETRIED if error else 0,
                errors=int(error),
                host_error=error,
            )
        )
