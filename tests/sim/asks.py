"""What people may ask of a farm: one maker of commands for each kind of command, under given dice.

A new command of ``afcore.commands`` needs a line here, or the suite fails and says so:

- a command that a person or a program gives: write a function ``(Asker) -> command or None`` (None: there is nothing
  on this farm that it could be asked of) and add it to ``ASKS``.  Draw every choice from ``asker.dice``, name things
  that exist mostly and things that do not exist now and then, and keep numbers small, so that limits are met.
  Values that could close the farm for ever must be undone by ``calm`` below, which the end of each world asks for.
- a command that an agent, the timer or the server itself gives: add it to ``BY_MACHINE``; it must then come out of the
  machinery of ``tests.sim.world`` by itself (the table of how often each occurred tells).
- a new parameter of an event that takes something (tickets, devices, renders): count it in ``tests.sim.history``.
- a new kind of fault (a stub that fails, a program that lies): add it to ``tests.sim.world.FAULTS``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from afcore import commands
from afcore.farmfile import parse_farm
from afcore.hostpatterns import described
from afcore.jobspec import BlockSpec, JobSpec, TaskTexts
from afcore.model.farm import Farm
from afcore.rules.parameters import BLOCK, BRANCH, JOB, POOL, RENDER, USER
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["ASKS", "BY_MACHINE", "HOSTS", "Asker", "ask", "calm", "missing"]

HOSTS = ("alpha", "beta", "gamma", "delta", "omega")
_USERS = ("anna", "ben")


@dataclass
class Asker:
    """Who asks: their dice, the farm they look at, and what time it is."""

    dice: random.Random
    farm: Farm
    at: float
    least_tasks: int = 0
    """Tasks that a submitted job has at least."""
    system: bool = False
    """Whether people touch the system job, and jobs have commands before and after them."""
    orders: int = 0
    """Commands that were given so far, each with the token ``order-`` and its number."""
    wide_dice: random.Random = field(default_factory=lambda: random.Random(0))
    wide_share: float = 0.0
    """Of the blocks: whose tasks want several renders."""

    def job(self) -> int | None:
        """Return a job, now and then one that there is not."""
        ids = sorted(id for id in self.farm.jobs if self.system or id != SYSTEM_JOB)
        if not ids or self.dice.random() < 0.03:
            return 999 if self.dice.random() < 0.5 else None
        return self.dice.choice(ids)

    def blocks(self, job: int) -> int:
        """Return how many blocks a job has."""
        return len(self.farm.jobs[job].blocks) if job in self.farm.jobs else 1

    def names(self) -> list[str]:
        """Return one or two names of renders."""
        return self.dice.sample(HOSTS, self.dice.choice((1, 1, 2)))


def _block(asker: Asker, name: str, before: list[str]) -> BlockSpec:
    dice = asker.dice
    values: dict[str, Any] = {"service": "generic", "command": "x @#@"}
    if before and dice.random() < 0.6:
        values[dice.choice(("depend_mask", "tasks_depend_mask"))] = dice.choice(before)
    for key, choices in (
        ("errors_retries", (-1, -1, 0, 1, 5)),
        ("errors_avoid_host", (-1, -1, 0, 1, 2)),
        ("errors_task_same_host", (-1, -1, 0, 1)),
        ("errors_forgive_time", (-1, -1, 0, 50)),
        ("task_max_run_time", (0, 0, 30)),
        ("task_min_run_time", (0, 0, 0, 2)),
        ("task_progress_change_timeout", (-1, -1, 20)),
        ("max_running_tasks", (-1, -1, 2)),
        ("max_running_tasks_per_host", (-1, -1, 1)),
        ("hosts_mask", ("", "", "", "(al|be).*")),
        ("sequential", (1, 1, -1, 0, 3)),
        ("capacity", (1000, 1000, 500, 2500)),
        ("tickets", ({}, {}, {"LIC": 1}, {"LIC": 2, "MEM": 1})),
    ):
        values[key] = dice.choice(choices)
    flags = dice.choice((0, 0, 0, 16, 1024))
    wide = asker.wide_dice
    if wide.random() < asker.wide_share:
        values.update(need_gpus=wide.choice((1, 1, 2)), gpus_shared=wide.random() < 0.4)
    if wide.random() < asker.wide_share:
        flags |= 4 | wide.choice((0, 8, 256))
        values.update(
            multihost_min=wide.choice((1, 2, 2)),
            multihost_max=wide.choice((2, 3)),
            multihost_max_wait=wide.choice((0, 5)),
            multihost_service=wide.choice(("", "serve", "serve")),
            multihost_service_wait=wide.choice((0, 10)),
        )
    if dice.random() < 0.3:
        texts = TaskTexts()
        for task in range(dice.randint(1, 6)):
            texts.append(f"t{task}", str(task))
        return BlockSpec(name=name, flags=flags, tasks=texts, frames_per_task=1, **values)
    first, step = dice.randint(-3, 5), dice.choice((1, 1, 2, 3))
    last = first + max(asker.least_tasks * step, dice.randint(0, 9))
    return BlockSpec(
        name=name, flags=flags | 1, frame_first=first, frame_last=last, frames_per_task=step,
        frames_inc=dice.choice((1, 1, 2)), **values,
    )  # fmt: skip


def _submit(asker: Asker) -> Any:
    dice = asker.dice
    names = [f"b{n}" for n in range(dice.randint(1, 3))]
    return commands.SubmitJob(
        JobSpec(
            name=dice.choice(("shot", "plate", "comp")),
            user_name=dice.choice(_USERS),
            blocks=[_block(asker, name, names[:number]) for number, name in enumerate(names)],
            branch=dice.choice(("/", "/", "/show", "/show", "/show/deep", "/odd")),
            priority=dice.choice((99, 99, 50, 120)),
            depend_mask=dice.choice(("", "", "", "plate.*")),
            depend_mask_global=dice.choice(("", "", "", "comp")),
            time_wait=dice.choice((0, 0, int(asker.at) + 40)),
            time_life=dice.choice((-1, -1, -1, 2000)),
            max_running_tasks=dice.choice((-1, -1, 3)),
            max_running_tasks_per_host=dice.choice((-1, -1, 1)),
            max_tasks_per_second=dice.choice((-1, -1, 2)),
            hosts_mask=dice.choice(("", "", "", "[a-d].*")),
            offline=dice.random() < 0.1,
            ppa=dice.random() < 0.1,
            command_pre=dice.choice(("", "", "", "", "mkdir")) if asker.system else "",
            command_post=dice.choice(("", "", "", "rmdir")) if asker.system else "",
            ignorenimby=dice.random() < 0.2,
            ignorepaused=dice.random() < 0.2,
        )
    )


def small_block(asker: Asker) -> BlockSpec:
    """Return a block that could be appended."""
    texts = TaskTexts()
    for task in range(asker.dice.randint(1, 3)):
        texts.append(f"more{task}", str(task))
    mask = asker.dice.choice(("", "", "b0"))
    return BlockSpec(
        name="more", tasks=texts, frames_per_task=1, service="generic", command="x @#@", tasks_depend_mask=mask
    )


def _of_jobs(make: Callable[[Asker, list[int]], Any]) -> Callable[[Asker], Any]:
    def asked(asker: Asker) -> Any:
        job = asker.job()
        return None if job is None else make(asker, [job])

    return asked


def _of_job(make: Callable[[Asker, int], Any]) -> Callable[[Asker], Any]:
    def asked(asker: Asker) -> Any:
        job = asker.job()
        return None if job is None else make(asker, job)

    return asked


def _ranges(asker: Asker, job: int, block: int) -> commands.Ranges:
    dice = asker.dice
    last = asker.farm.jobs[job].blocks[block].tasks.size - 1 if job in asker.farm.jobs else 3
    found = []
    for _ in range(dice.choice((0, 1, 1, 2)) if last >= 0 else 0):
        first = dice.randint(0, last)
        found.append((first, dice.randint(first, last)))
    return found


def _change_tasks(asker: Asker, job: int) -> Any:
    dice = asker.dice
    block = dice.randrange(asker.blocks(job))
    ranges = _ranges(asker, job, block)
    return commands.ChangeTasks(
        job,
        dice.choice(("restart", "restart", "skip", "done", "suspend", "continue", "continue")),
        [block] if ranges else dice.choice(([], [block])),
        ranges,
        dice.choice(("", "", "", "error", "running", "done", "skipped", "ready", "warning", "suspended")),
        dice.random() < 0.2,
    )


def _try_next(asker: Asker, job: int) -> Any:
    block = asker.dice.randrange(asker.blocks(job))
    return commands.TryNext(job, [block], _ranges(asker, job, block) or [(0, 0)], asker.dice.random() < 0.3)


def _edit(asker: Asker, table: dict[str, Any], usual: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Return parameters: a usual one, or any of the table with a plain value, right or wrong."""
    dice = asker.dice
    if dice.random() < 0.75:
        name = dice.choice(sorted(usual))
        return {name: dice.choice(usual[name])}
    name = dice.choice(sorted(set(table) - _CLOSING))
    kind = table[name].kind
    if kind == "int":
        return {name: dice.choice((table[name].low, max(table[name].low, 1), 7, 99))}
    values: dict[str, Any] = {"bool": dice.random() < 0.5, "texts": ["generic"], "text map": {"KEY": "value"}}
    return {name: values.get(kind, "")}


_CLOSING = frozenset(
    {
        *("hosts_mask_type", "need_os", "need_properties", "need_power", "need_memory", "need_hdd", "pools"),
        *("need_cpu_freq_mgz", "need_cpu_cores", "need_cpu_freq_cores", "need_gpu_mem_mb", "services"),
        *("services_disabled", "solve_jobs", "heartbeat_sec", "exit_no_task_time", "user_name", "name"),
    }
)
"""Parameters that close renders for good or change what the rest of the world is about."""

_OF_JOB: dict[str, tuple[Any, ...]] = {
    "priority": (0, 99, 200),
    "user_name": _USERS,
    "branch": ("/", "/show"),
    "depend_mask": ("", "shot.*", "comp"),
    "time_life": (-1, 3000),
    "max_running_tasks": (-1, 4, 1),
    "max_running_tasks_per_host": (-1, 1),
    "hosts_mask": ("", "al.*"),
    "ppa": (False, True),
}
_OF_BLOCK: dict[str, tuple[Any, ...]] = {
    "tasks_depend_mask": ("", "b0"),
    "depend_mask": ("", "b0", "b1"),
    "errors_retries": (0, 2),
    "capacity": (700, 1000),
    "tickets": ({"LIC": 1}, {"LIC": 0}),
    "max_running_tasks": (-1, 1),
}
_OF_POOL: dict[str, tuple[Any, ...]] = {
    "zombie_time": (-1, 20, 100),
    "sick_errors_count": (-1, 1, 2),
    "tickets": ({"LIC": [-1, -1]}, {"LIC": [3, -1]}, {"LIC": [9, 2]}, {"LIC": [0, -1]}),
    "tickets_host": ({"MEM": -1}, {"MEM": 0}, {"MEM": 2}),
    "max_tasks_host": (-1, 2),
    "paused": (False, False, True),
}
_OF_TREE: dict[str, tuple[Any, ...]] = {
    "max_running_tasks": (-1, 2, 6),
    "max_running_tasks_per_host": (-1, 1),
    "priority": (1, 99),
    "paused": (False, False, True),
}
_OF_RENDER: dict[str, tuple[Any, ...]] = {
    "tickets_host": ({"MEM": 1}, {"MEM": -1}),
    "nimby": (False, True),
    "NIMBY": (False, True),
    "paused": (False, True),
    "capacity_host": (-1, 2000),
    "max_tasks_host": (-1, 1),
}


_FARM_FILES = [
    described(parse_farm(text))
    for text in (
        "<farm/>",
        '<farm><service name="generic" maxcount="3"/>'
        '<pattern name="g"><mask>.*</mask><maxtasks>3</maxtasks></pattern></farm>',
        '<farm><pattern name="g"><mask>.*</mask><service name="generic" count="2"/></pattern>'
        '<pattern name="a"><mask>al.*</mask><capacity>2000</capacity></pattern></farm>',
        '<farm><pattern name="a"><mask>al.*|be.*</mask><service name="generic"/></pattern></farm>',
    )
]
"""What farm files may say."""


def _pool(asker: Asker) -> str:
    return asker.dice.choice(("/", "/", "/a", "/a/b", "/c"))


def _restart_jobs(asker: Asker, ids: list[int]) -> Any:
    if asker.system and asker.dice.random() < 0.2:
        return commands.RestartJobs([SYSTEM_JOB])
    return commands.RestartJobs(ids, asker.dice.choice(("", "error", "done")), asker.dice.random() < 0.3)


def _delete_branches(asker: Asker) -> Any:
    empty = [branch.path for _, branch in sorted(asker.farm.branches.items()) if not branch.jobs and branch.parent]
    return commands.DeleteBranches([asker.dice.choice((*empty, "/show", "/show/deep"))])


ASKS: dict[type, Callable[[Asker], Any]] = {
    commands.SubmitJob: _submit,
    commands.SetJobs: _of_jobs(lambda asker, ids: commands.SetJobs(ids, _edit(asker, JOB, _OF_JOB))),
    commands.SetBlocks: _of_job(
        lambda asker, job: commands.SetBlocks(job, asker.dice.choice(([], [0])), _edit(asker, BLOCK, _OF_BLOCK))
    ),
    commands.PauseJobs: _of_jobs(lambda asker, ids: commands.PauseJobs(ids)),
    commands.StartJobs: _of_jobs(lambda asker, ids: commands.StartJobs(ids)),
    commands.StopJobs: _of_jobs(lambda asker, ids: commands.StopJobs(ids)),
    commands.RestartJobs: _of_jobs(_restart_jobs),
    commands.DeleteJobs: _of_jobs(lambda asker, ids: commands.DeleteJobs(ids)),
    commands.ChangeTasks: _of_job(_change_tasks),
    commands.TryNext: _of_job(_try_next),
    commands.ResetErrorHosts: _of_job(lambda asker, job: commands.ResetErrorHosts(job)),
    commands.MoveJobs: _of_jobs(
        lambda asker, ids: commands.MoveJobs(
            ids, asker.dice.choice(("up", "down", "top", "bottom", "before", "after")),
            asker.dice.choice([0, *ids, *sorted(asker.farm.jobs)]),
        )
    ),
    commands.AppendBlocks: _of_job(
        lambda asker, job: commands.AppendBlocks(job, JobSpec(blocks=[small_block(asker)]))
    ),
    commands.AppendTasks: _of_job(
        lambda asker, job: commands.AppendTasks(job, asker.dice.randrange(3), JobSpec(blocks=[small_block(asker)]))
    ),
    commands.AddPool: lambda asker: commands.AddPool(
        asker.dice.choice(("/a", "/a/b", "/c")), {"pattern": asker.dice.choice(("", "al.*", ".*a"))}
    ),
    commands.DescribeFarm: lambda asker: commands.DescribeFarm(asker.dice.choice(_FARM_FILES)),
    commands.UndoOperation: lambda asker: commands.UndoOperation(
        asker.dice.choice(("", f"order-{asker.orders - asker.dice.randint(0, asker.dice.choice((3, 30)))}"))
    ),
    commands.DeletePools: lambda asker: commands.DeletePools([asker.dice.choice(("/a/b", "/c", "/c"))]),
    commands.DeleteBranches: _delete_branches,
    commands.DeleteUsers: lambda asker: commands.DeleteUsers([asker.dice.choice((*_USERS, "carl"))]),
    commands.MoveRenders: lambda asker: commands.MoveRenders(asker.names(), asker.dice.choice(("", "/", "/a"))),
    commands.ChangePoolServices: lambda asker: commands.ChangePoolServices(
        [_pool(asker)], asker.dice.choice(("add", "clear")), "generic"
    ),
    commands.ChangeRenderServices: lambda asker: commands.ChangeRenderServices(
        asker.names(), asker.dice.choice(("enable", "disable", "clear")), "generic"
    ),
    commands.RestoreRenders: lambda asker: commands.RestoreRenders(asker.names()),
    commands.HealRenders: lambda asker: commands.HealRenders(asker.names()),
    commands.EjectTasks: lambda asker: commands.EjectTasks(asker.names(), asker.dice.random() < 0.3),
    commands.AddUser: lambda asker: commands.AddUser("carl"),
    commands.SetUsers: lambda asker: commands.SetUsers([asker.dice.choice(_USERS)], _edit(asker, USER, _OF_TREE)),
    commands.SetPools: lambda asker: commands.SetPools([_pool(asker)], _edit(asker, POOL, _OF_POOL)),
    commands.SetBranches: lambda asker: commands.SetBranches(
        [asker.dice.choice(("/", "/show"))], _edit(asker, BRANCH, _OF_TREE)
    ),
    commands.SetRenders: lambda asker: commands.SetRenders(asker.names(), _edit(asker, RENDER, _OF_RENDER)),
    commands.SleepRenders: lambda asker: commands.SleepRenders(asker.names()[:1]),
    commands.WakeRenders: lambda asker: commands.WakeRenders(asker.names()[:1]),
    commands.ExitRenders: lambda asker: commands.ExitRenders(asker.names()[:1], asker.dice.random() < 0.5),
    commands.PowerRenders: lambda asker: commands.PowerRenders(
        asker.names()[:1], asker.dice.choice(("reboot", "shutdown"))
    ),
    commands.DeleteRenders: lambda asker: commands.DeleteRenders(asker.names()[:1]),
}
"""By command."""

BY_MACHINE: frozenset[type] = frozenset(
    {
        *(commands.RegisterRender, commands.LoseRender, commands.DeregisterRender, commands.ReportRun),
        *(commands.MeasureRender, commands.Tick, commands.Solve, commands.AcceptRestart, commands.FailInstruction),
    }
)
"""Commands that agents, timer and server give: the worlds have real ones."""

_MANY = 5
"""Tasks of a block that run to their end when all is calm; time is better spent on another world."""
_DEVICES = 2
"""Devices that every simulated host has."""

_KINDS = tuple(ASKS)
_WEIGHTS = tuple({commands.SubmitJob: 2, commands.ChangeTasks: 5, commands.StartJobs: 2}.get(kind, 1) for kind in ASKS)


def ask(asker: Asker) -> Any:
    """Return a command of any kind, or None when the farm has nothing that it could be about."""
    return ASKS[asker.dice.choices(_KINDS, _WEIGHTS)[0]](asker)


def missing() -> list[str]:
    """Return a sentence for each command that nobody here asks."""
    return [
        f"{kind.__name__} is asked by nobody: add it to ASKS or BY_MACHINE of tests/sim/asks.py, which says how."
        for kind in get_args(commands.Command)
        if kind not in ASKS and kind not in BY_MACHINE
    ]


QUIET = {"heartbeat_sec": 20, "zombie_time": 60}
"""Pools whose agents have little to say of themselves: half of all that a world does were readings of its calm end."""


def calm(farm: Farm) -> list[Any]:
    """Return the commands after which nothing set by a person keeps a job from its end; long blocks are cut."""
    asked: list[Any] = []
    free = {"max_running_tasks": -1, "max_running_tasks_per_host": -1, "priority": 99, "hosts_mask": ""}
    for id, job in sorted(farm.jobs.items()):
        if job.deleting:
            continue
        asked.append(commands.StartJobs([id]))
        asked.append(commands.ChangeTasks(id, "continue"))
        for block in job.blocks:
            if block.tasks.size > _MANY:
                asked.append(commands.ChangeTasks(id, "skip", [block.index], [(_MANY, block.tasks.size - 1)], "ready"))
        of_job = {**free, "hosts_mask_exclude": ""}
        if id != SYSTEM_JOB:
            of_job |= {"time_life": -1, "time_wait": 0, "ppa": False, "maintenance": False}
            of_job |= {"max_tasks_per_second": -1, "depend_mask_global": ""}
        asked.append(commands.SetJobs([id], of_job))
        of_block = {"max_running_tasks": -1, "max_running_tasks_per_host": -1, "capacity": 1000, "hosts_mask": ""}
        of_block |= {"task_max_run_time": 0, "task_min_run_time": 0, "task_progress_change_timeout": 0}
        needs: dict[str, Any] = {name: -1 for name in BLOCK if name.startswith("need_") and name != "need_gpus"}
        needs["need_properties"] = ""
        wide = [block.index for block in job.blocks if block.spec.need_gpus > _DEVICES]
        if wide:
            asked.append(commands.SetBlocks(id, wide, {"need_gpus": 1 if id != SYSTEM_JOB else -1}))
        asked.append(commands.SetBlocks(id, [], {**of_block, **needs, "hosts_mask_exclude": ""}))
    of_tree = {**free, "max_tasks_per_second": -1, "hosts_mask_exclude": "", "paused": False}
    asked.append(commands.SetUsers(sorted(farm.users_by_name), {**of_tree, "jobs_life_time": 0}))
    asked.append(commands.SetBranches(sorted(farm.branches_by_path), of_tree))
    pools = sorted(farm.pools_by_path)
    of_pool = {"tickets": {"LIC": [-1, -1]}, "tickets_host": {"MEM": -1}, "max_tasks_host": -1, "capacity_host": -1}
    of_pool |= {"priority": 99, "paused": False, "sick_errors_count": -1, **QUIET}
    asked.append(commands.SetPools(pools, of_pool))
    asked.append(commands.ChangePoolServices(pools, "clear"))
    names = sorted(farm.renders_by_name)
    if names:
        asked.append(commands.RestoreRenders(names))
        asked.append(commands.ChangeRenderServices(names, "clear"))
        asked.append(commands.SetRenders(names, {"priority": 99, "nimby": False, "NIMBY": False, "paused": False}))
        asked.append(commands.HealRenders(names))
    return asked
