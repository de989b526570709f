"""Random small farms at rest, and the proof of what is said about their waiting tasks.

Rules of this file:
- Every waiting task gets an answer with words, and asking changes nothing.
- A proposal is made as operations of the registry, on the real farm, while everybody else goes on: the solver must
  start the task, every time.
- Where it is said that no single change helps, every one of ``single_changes`` is made and must not start it.  That
  list is written from the registry, not from what proposes.

``python -m tests.sim.whyfarms FIRST COUNT`` plays many farms and prints what it saw.
"""

from __future__ import annotations

import pickle
import random
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

from afcore import commands
from afcore.core import Core
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope
from afcore.errors import Rejected
from afcore.events import RunsStopRequested, RunStopRequested
from afcore.ids import RunKey
from afcore.jobspec import BlockFlag, BlockSpec, JobSpec
from afcore.model.tasks import unpack_indices, unpack_runs
from afcore.outcome import Outcome
from afcore.rules.parameters import BLOCK, BRANCH, JOB, POOL, RENDER, USER
from afcore.states import RunStatus, TaskState
from afcore.why.answer import why
from afnet.registry import OPERATIONS

__all__ = ["Tally", "WhyFarm", "prove"]

_WAITING = (TaskState.WAIT_DEP, TaskState.READY, TaskState.SUSPENDED)


class WhyFarm:
    """One random farm, brought to rest."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.core = Core()
        self.at = 1_000_000.0
        self.full = self.dice.random() < 0.4
        """A farm with little room has few obstacles beside it: with both, no single change helps anyway."""
        self.sometimes = 0.001 if self.full else self.dice.choice((0.002, 0.003, 0.005))
        self._build()
        self._run()

    def do(self, command: Any) -> Outcome | None:
        """Apply one command; None when the farm refused it."""
        self.at += 0.05
        try:
            return self.core.apply(Envelope(command, SYSTEM_PRINCIPAL, self.at))
        except Rejected:
            return None

    def rare(self, *values: Any) -> Any:
        """Return the first value, or one of the others now and then."""
        return values[0] if self.dice.random() >= self.sometimes else self.dice.choice(values[1:])

    def _build(self) -> None:
        dice, rare = self.dice, self.rare
        for path in ("/a", "/b", "/a/c"):
            if dice.random() < 0.5:
                self.do(commands.AddPool(path, {"pattern": f"{path[-1]}.*"}))
                edits = {
                    "paused": rare(False, True), "priority": rare(99, 0, 50), "power_host": rare(-1, 10),
                    "properties_host": rare("", "big gpu"), "services": rare([], ["nuke"], ["generic", "nuke"]),
                    "services_disabled": rare([], ["generic"]), "tickets_host": rare({}, {"MEM": 1}),
                    "tickets": rare({}, {"LIC": [dice.randint(0, 2), rare(-1, 1)]}),
                }
                self.do(commands.SetPools([path], edits))
        self.do(commands.SetPools(["/"], {"tickets": {"NUKE": [dice.choice((1, 4, 9)), rare(-1, 1, 0)]}}))
        for number in range(dice.choice((2, 3, 4, 5, 6)) if dice.random() < 0.98 else dice.choice((0, 1))):
            self._render(number)
        self.do(commands.SetBranches(["/"], {"solve_jobs": dice.random() < 0.3}))
        if dice.random() < 0.1:
            self.do(commands.SetBranches(["/"], self._limits()))
        for name in ("anna", "ben", "cleo"):
            self.do(commands.AddUser(name))
            self.do(commands.SetUsers([name], self._limits(errors_avoid_host=rare(3, 1), errors_retries=3)))
        for number in range(dice.randint(1, 6)):
            self._job(number)
        if "/show" in self.core.farm.branches_by_path:
            self.do(commands.SetBranches(["/show"], self._limits()))

    def _limits(self, **more: Any) -> dict[str, Any]:
        rare = self.rare
        return {
            "priority": rare(99, 0, 1, 120), "max_running_tasks": rare(-1, 0, 1, 2),
            "max_running_tasks_per_host": rare(-1, 0, 1), "max_tasks_per_second": rare(-1, 0, 1),
            "hosts_mask": rare("", "a.*", "x.*"), "hosts_mask_exclude": rare("", "b.*", ".*"),
            "need_os": rare("", "linux", "windows"), "need_properties": rare("", "gpu", "tape"),
            "need_power": rare(-1, 5, 50), "need_memory": rare(-1, 500, 90_000), "need_hdd": rare(-1, 999),
            "pools": rare({}, {"/a": 10}, {"/a": -100}, {"/b": 100}),
            **more,
        }

    def _render(self, number: int) -> None:
        dice, rare = self.dice, self.rare
        name = f"{dice.choice('abx')}{number}"
        self.do(
            commands.RegisterRender(
                name, session=number + 1, instance=f"i{number}", os=rare("linux", "windows"),
                user_name=rare("", "anna"),
                resources={"cpu_num": dice.choice((1, 2) if self.full else (8, 16)), "mem_free_mb": 4000,
                           "cpu_mhz": 2000, "hdd_free_gb": 100},
            )
        )  # fmt: skip
        edits = {
            "nimby": rare(False, True), "paused": rare(False, True), "priority": rare(99, 0, 10),
            "capacity_host": rare(-1, 0, 500, 2500), "max_tasks_host": rare(-1, 0, 1), "power_host": rare(-1, 20),
            "properties_host": rare("", "gpu"), "services": rare([], ["nuke"], ["generic"]),
            "services_disabled": rare([], ["generic"]), "tickets_host": rare({}, {"MEM": 1}, {"NUKE": 1}),
        }
        self.do(commands.SetRenders([name], edits))
        if rare(False, True):
            self.do(commands.SetRenders([name], {"NIMBY": True}))

    def _job(self, number: int) -> None:
        dice, rare = self.dice, self.rare
        names = [f"b{n}" for n in range(dice.choice((1, 1, 1, 2, 3)))]
        blocks = []
        for place, name in enumerate(names):
            before = names[:place]
            depends = rare("", *before) if before else ""
            blocks.append(
                BlockSpec(
                    name=name, frame_first=1, frame_last=dice.choice((1, 2, 3, 5)), service="generic",
                    command="x @#@", capacity=rare(1000, 500, 3000),
                    tickets=dice.choice(({}, {}, {}, {"NUKE": 1}, rare({}, {"LIC": 1, "MEM": 2}))),
                    capacity_coeff_min=rare(-1, 1, 2), capacity_coeff_max=rare(-1, 2),
                    max_running_tasks=rare(-1, 0, 1), max_running_tasks_per_host=rare(-1, 0, 1),
                    need_memory=rare(-1, 90_000), need_cpu_cores=rare(-1, 4, 99), need_cpu_freq_mgz=rare(-1, 9000),
                    need_gpu_mem_mb=rare(-1, 10), need_properties=rare("", "gpu"), need_power=rare(-1, 15),
                    need_cpu_freq_cores=rare(-1, 99_000), hosts_mask=rare("", "b.*"),
                    hosts_mask_exclude=rare("", "a.*"),
                    sequential=rare(1, -1, 2, 10), depend_mask=depends,
                    tasks_depend_mask=rare("", *before) if before and not depends else "",
                    errors_avoid_host=rare(-1, 1), errors_task_same_host=rare(-1, 1), **self._several(),
                )
            )  # fmt: skip
        maintenance = rare(False, True)
        fields = self._limits(
            offline=rare(False, True), ppa=rare(False, True), depend_mask=rare("", "job0", "job.*"),
            depend_mask_global=rare("", "job1"), time_wait=rare(0, 2_000_000), maintenance=maintenance,
            ignorenimby=rare(False, True), ignorepaused=rare(False, True), branch=dice.choice(("/", "/", "/", "/show")),
            solve_method=dice.choice(("solve_order", "solve_priority")),
        )  # fmt: skip
        fields.pop("solve_method")
        user = dice.choice(("anna", "ben", "cleo"))
        self.do(commands.SubmitJob(JobSpec(name=f"job{number}", user_name=user, blocks=blocks, **fields)))

    def _several(self) -> dict[str, Any]:
        """Return the fields of a block that needs several renders at once, for one block in twelve."""
        dice = self.dice
        if dice.random() < 11 / 12:
            return {"flags": 1}
        least = dice.choice((1, 2, 3, 4))
        most = least + dice.choice((0, 2))
        return {"flags": 1 | BlockFlag.MULTI_HOST, "multihost_min": least, "multihost_max": most,
                "multihost_max_wait": dice.choice((0, 0, 60))}  # fmt: skip

    def _run(self) -> None:
        """Let some tasks end, some fail, some be held; then bring the farm to rest."""
        dice, farm = self.dice, self.core.farm
        for _ in range(dice.choice((1, 1, 2, 4))):
            rest(self.core, self.at)
            for key in list(farm.runs):
                if dice.random() < 0.25 and key in farm.runs:
                    status = RunStatus.ERROR if dice.random() < 0.5 else RunStatus.SUCCESS
                    self.do(commands.ReportRun(farm.runs[key].render, *key, status, 0, 0.0, 1.0))
        for id, job in list(farm.jobs.items()):
            if self.rare(False, True):
                block = dice.randrange(len(job.blocks))
                action = dice.choice(("suspend", "suspend", "skip"))
                self.do(commands.ChangeTasks(id, action, [block], [(0, 0)]))
        for id, render in list(farm.renders.items()):
            if self.rare(False, True):
                self.do(commands.DeregisterRender(id, render.session))
        rest(self.core, self.at)


def rest(core: Core, at: float) -> None:
    """Solve until nothing more starts."""
    for _ in range(200):
        if not core.wants_solve:
            return
        core.apply(Envelope(commands.Solve(), SYSTEM_PRINCIPAL, at))
    raise AssertionError("the solver never comes to rest")


def starts(
    packed: bytes, at: float, changes: list[Any], task: tuple[int, int, int], ends: list[int] | None = None
) -> bool:
    """Make changes on the farm as it was packed, carry out their stops, solve; return whether the task started.

    Between two changes everything starts that can; with ``ends`` the task may not start before that run has ended.
    """
    core: Core = pickle.loads(packed)  # noqa: S301  (packed a moment ago, here)

    def running() -> bool:
        job = core.farm.jobs.get(task[0])
        return job is not None and job.blocks[task[1]].tasks.state[task[2]] == TaskState.RUNNING

    for command in changes:
        try:
            outcome = core.apply(Envelope(command, SYSTEM_PRINCIPAL, at))
        except Rejected:
            return False
        for event in outcome.events:
            if isinstance(event, RunStopRequested):
                _end(core, at, RunKey(event.job, event.block, event.task, event.run), RunStatus.STOPPED)
            elif isinstance(event, RunsStopRequested):
                for pair in zip(unpack_indices(event.indices), unpack_runs(event.runs), strict=True):
                    _end(core, at, RunKey(event.job, event.block, *pair), RunStatus.STOPPED)
        rest(core, at)
    if ends is None or running():
        return ends is None and running()
    _end(core, at, RunKey(*ends), RunStatus.SUCCESS)
    rest(core, at)
    return running()


def _end(core: Core, at: float, key: RunKey, status: RunStatus) -> None:
    render = core.farm.runs[key].render
    core.apply(Envelope(commands.ReportRun(render, *key, status, 0, 0.0, 1.0), SYSTEM_PRINCIPAL, at))


_FREE = {
    "priority": 255, "max_running_tasks": -1, "max_running_tasks_per_host": -1, "max_tasks_per_second": -1,
    "hosts_mask": "", "hosts_mask_exclude": "", "need_os": "", "need_properties": "", "need_power": -1,
    "need_memory": -1, "need_hdd": -1, "pools": {}, "paused": False, "offline": False, "ppa": False,
    "maintenance": False, "ignorenimby": True, "ignorepaused": True, "time_wait": 0, "depend_mask": "",
    "depend_mask_global": "", "tasks_depend_mask": "", "capacity": 1, "need_cpu_freq_mgz": -1,
    "need_cpu_cores": -1, "need_cpu_freq_cores": -1, "need_gpu_mem_mb": -1, "errors_avoid_host": 0,
    "errors_task_same_host": 0, "sequential": -1, "NIMBY": False, "nimby": False, "services_disabled": [],
    "capacity_host": 500_000, "max_tasks_host": 200, "power_host": 10_000, "properties_host": "gpu tape big",
    "services": ["generic", "nuke"], "tickets_host": {"MEM": 99, "NUKE": 99, "LIC": 99}, "user_name": "anna",
}
"""For every parameter the value that bounds least."""
_POOL_TICKETS = {"tickets": {"NUKE": [99, -1], "LIC": [99, -1], "MEM": [99, -1]}}
_NO_TICKETS = {"tickets": {"NUKE": 0, "LIC": 0, "MEM": 0}}


def _sets(table: dict[str, Any], **more: Any) -> Iterator[dict[str, Any]]:
    """Yield edits: every parameter by itself, then all together."""
    values = {name: _FREE[name] for name in table if name in _FREE and name != "user_name"} | more
    yield from ({name: value} for name, value in values.items())
    yield values
    values.pop("priority", None)
    yield values


def single_changes(core: Core, task: tuple[int, int, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every single change of the registry's list that could start a task, with the values that bound least."""
    farm, (of, block, number) = core.farm, task
    for parameters in _sets(JOB):
        yield "job.set", {"ids": [of], "parameters": parameters}
    for path in farm.branches_by_path:
        yield "job.set", {"ids": [of], "parameters": {"branch": path}}
    for name in farm.users_by_name:
        yield "job.set", {"ids": [of], "parameters": {"user_name": name}}
    for parameters in _sets(BLOCK, **_NO_TICKETS):
        yield "block.set", {"job": of, "blocks": [block], "parameters": parameters}
    for name in farm.users_by_name:
        yield from (("user.set", {"names": [name], "parameters": parameters}) for parameters in _sets(USER))
    for path in farm.branches_by_path:
        yield from (("branch.set", {"paths": [path], "parameters": parameters}) for parameters in _sets(BRANCH))
    for path in farm.pools_by_path:
        for parameters in _sets(POOL, **_POOL_TICKETS):
            yield "pool.set", {"paths": [path], "parameters": parameters}
    for name in farm.renders_by_name:
        yield from (("render.set", {"names": [name], "parameters": each}) for each in _sets(RENDER))
        for operation in ("render.heal", "render.restore-defaults", "render.eject-tasks"):
            yield operation, {"names": [name]}
        yield from (("render.move", {"names": [name], "path": path}) for path in farm.pools_by_path)
    yield "job.reset-error-hosts", {"job": of, "blocks": [block]}
    tasks = [[number, number]]
    for operation in ("task.restart", "task.continue", "task.try-next"):
        yield operation, {"job": of, "block": block, "tasks": tasks}
    for id, job in farm.jobs.items():
        for operation in ("job.start", "job.restart", "job.pause", "job.stop", "job.delete"):
            if id != of or operation in ("job.start", "job.restart"):
                yield operation, {"ids": [id]}
        for operation in ("job.skip", "job.done", "job.suspend", "job.continue"):
            for other in range(len(job.blocks)):
                if (id, other) != (of, block) or operation == "job.continue":
                    yield operation, {"job": id, "blocks": [other]}
    for where in ("top", "up"):
        yield "job.move", {"ids": [of], "where": where}


class Tally(Counter[str]):
    """How many tasks were asked about, and what was said."""

    def told(self) -> str:
        """Return it in one line."""
        share = self["proposed"] / max(1, self["tasks"])
        now = self["now"] / max(1, self["tasks"])
        return (
            f"{self['farms']} farms, {self['tasks']} waiting tasks: {share:.2%} with a proposal ({now:.2%} for "
            f"now; {self['tasks without renders']} are on farms without renders), "
            f"{self['tried']} proposals made, {self['together']} of several operations, "
            f"{self['alone']} tasks that no single change starts "
            f"({self['changes']} changes tried)"
        )


def prove(seed: int, tally: Tally, *, brute: int = 2, most: int = 1000) -> None:
    """Ask about every waiting task of one farm and prove the answers; AssertionError names what is wrong.

    ``brute``: for how many tasks that no single change is said to start each is tried; ``most``: how many proposals are
    made.
    """
    whole = WhyFarm(seed)
    core, at = whole.core, whole.at
    before, packed = core.digest(), pickle.dumps(core)
    tally["farms"] += 1
    for job in list(core.farm.jobs.values()):
        for block in job.blocks:
            for task in range(block.tasks.size):
                if block.tasks.state[task] not in _WAITING:
                    continue
                key = (job.id, block.index, task)
                answer = why(core.farm, core.scheduler, at, job=job.id, block=block.index, task=task)
                tally["tasks"] += 1
                # There no operation helps: the answer says how a machine joins.
                tally["tasks without renders"] += not core.farm.renders
                _check_words(answer, key)
                proposals = answer["proposals"]
                tally["proposed"] += bool(proposals)
                at_once = any(each["when"] == "now" for each in proposals)
                tally["now"] += at_once
                for each in proposals[:most]:
                    if each["when"] == "wake":
                        # It starts when a machine has woken, which is not played here.
                        tally["woken"] += 1
                        continue
                    most -= 1
                    operations = [each, *each["also"]]
                    made = [OPERATIONS[one["operation"]].make_command(one["arguments"]) for one in operations]
                    tally["tried"] += 1
                    tally["together"] += len(made) > 1
                    tally.update(one["operation"] for one in operations)
                    assert starts(packed, at, made, key, each["ends"]), f"seed {seed}, {key}: {each}"
                for reason in (*answer["reasons"], *answer["renders"]):
                    tally[f"reason {reason['code']}"] += 1
                if not answer["no_single"]:
                    continue
                tally["alone"] += 1
                if brute > 0:
                    brute -= 1
                    for operation, arguments in single_changes(core, key):
                        tally["changes"] += 1
                        command = OPERATIONS[operation].make_command(arguments)
                        found = starts(packed, at, [command], key)
                        assert not found, f"seed {seed}, {key}: {operation} {arguments} starts it; said {answer}"
    assert core.digest() == before, f"seed {seed}: asking changed the farm"


def _check_words(answer: dict[str, Any], key: tuple[int, int, int]) -> None:
    assert answer["waits"], key
    assert answer["sentence"].endswith("."), answer["sentence"]
    texts = [answer["sentence"], *(each["text"] for each in (*answer["reasons"], *answer["renders"]))]
    assert all(texts), (key, answer)
    assert not any("unknown" in text.lower() for text in texts), (key, texts)
    assert answer["reasons"] or answer["renders"] or "no renders" in answer["sentence"], (key, answer)
    assert "none" not in {each["code"] for each in answer["renders"]} or answer["reasons"], (key, answer)


def main(argv: list[str]) -> int:
    """Play farms FIRST to FIRST + COUNT - 1, also after a failure; return 1 when one failed."""
    first, count = (int(each) for each in argv)
    tally, failed = Tally(), 0
    for seed in range(first, first + count):
        try:
            prove(seed, tally)
        except Exception:  # noqa: BLE001  (each is told, and the next farm is played)
            failed += 1
            traceback.print_exc()
            print(f"play it again: python -m tests.sim.whyfarms {seed} 1", file=sys.stderr, flush=True)
    print(tally.told())
    for name, times in sorted(tally.items()):
        print(f"  {times:8} {name}")
    if tally["now"] < 0.95 * (tally["tasks"] - tally["tasks without renders"]):
        print("fewer than nineteen in twenty tasks have what starts them now", file=sys.stderr)
        failed += 1
    if failed:
        print(f"{failed} farms failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
