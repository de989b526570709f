"""The farm as bytes and back: one part for everything that belongs to no job, one per job, columns per block.

Rules of this file:
- What is derived (counters, indexes, what waits) is not written: ``afcore.recount`` builds it after reading.
- Readings (progress, last lines, when a render was last heard of) are not written: they come again.
- Written by name, so that a later version may add fields; a name an older version does not know is passed over.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import structs

from afcore.codec import columns_of, table_of
from afcore.hostpatterns import Description
from afcore.jobspec import JobSpec
from afcore.model.farm import Farm
from afcore.model.hosterrors import HostErrors
from afcore.model.hostruns import HostRuns
from afcore.model.job import Block, Job
from afcore.model.render import Render, Run
from afcore.model.system import SystemQueue
from afcore.model.taskerrors import TaskErrors
from afcore.model.tasks import COLUMN_NAMES as COLUMNS
from afcore.model.tasks import TaskTable
from afcore.model.tree import Branch, Pool, User

__all__ = ["FarmImage", "Stored", "digest", "farm_bytes", "job_bytes", "load_farm"]

_TICKETS = frozenset({"tickets_used", "ticket_hosts"})
_COUNTERS = frozenset({"running_tasks", "running_capacity", "running_per_host", "version"})
_RENDER_READINGS = frozenset(
    {
        *("runs", "used_capacity", "session", "seen", "lost", "version"),
        *("idle_since", "busy_since", "overload_since", "state_changed"),
    }
)
_RUN_READINGS = frozenset({"progress_changed", "frame", "percent_frame", "activity", "last_line"})
_JOB_OTHERWISE = frozenset({"spec", "blocks", "waits_for", "report"})
_BLOCK_KEPT = ("time_started", "time_done", "run_time_sum_ms")


def _fields(kind: type, without: frozenset[str]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.name not in without)


_USER = _fields(User, _COUNTERS)
_BRANCH = _fields(Branch, _COUNTERS)
_POOL = _fields(Pool, _COUNTERS | _TICKETS)
_RENDER = _fields(Render, _RENDER_READINGS | _TICKETS)
_RUN = tuple((field.name, field.default) for field in structs.fields(Run) if field.name not in _RUN_READINGS)
_JOB = _fields(Job, _COUNTERS | _JOB_OTHERWISE)
_NUMBERS = (*("epoch", "next_job", "next_serial", "next_user", "next_branch", "next_pool", "next_render", "starts"),)


class FarmImage(msgspec.Struct):
    """What has to be written now: the farm whole, and of jobs and columns what changed."""

    farm: bytes
    jobs: dict[int, bytes] = {}
    columns: dict[tuple[int, int], list[bytes]] = {}
    deleted: list[int] = []


class Stored(Protocol):
    """A whole image as it comes back from a store."""

    @property
    def farm(self) -> bytes:
        """What ``farm_bytes`` gave."""
        ...

    @property
    def jobs(self) -> Mapping[int, bytes]:
        """What ``job_bytes`` gave, by job."""
        ...

    @property
    def columns(self) -> Mapping[tuple[int, int], list[bytes]]:
        """What ``columns_of`` gave, by job and block."""
        ...


class _JobImage(msgspec.Struct):
    """One job: its spec, its own fields, and what its blocks know beside their columns."""

    spec: JobSpec
    fields: dict[str, Any]
    blocks: list[dict[str, Any]]


class _FarmParts(msgspec.Struct):
    """What ``farm_bytes`` writes; runs are read as what they are, because there may be many."""

    epoch: int
    next_job: int
    next_serial: int
    next_user: int
    next_branch: int
    next_pool: int
    next_render: int
    starts: int
    users: list[dict[str, Any]]
    branches: list[dict[str, Any]]
    pools: list[dict[str, Any]]
    renders: list[dict[str, Any]]
    runs: list[Run]
    """Those that no row holds whole; before format 2 all of them."""
    description: Description = Description()
    system: list[SystemQueue] = []
    rows: list[tuple[int, int, list[bytes]]] = []
    """By job and block, see ``afcore.model.runs``."""


_encoder = msgspec.msgpack.Encoder()
_farm_decoder = msgspec.msgpack.Decoder(_FarmParts)
_job_decoder = msgspec.msgpack.Decoder(_JobImage)


def _values(thing: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _run_values(run: Run) -> dict[str, Any]:
    """Return what is not as it usually is."""
    return {name: value for name, usual in _RUN if (value := getattr(run, name)) != usual}


def _farm_values(farm: Farm, runs: Iterable[Run]) -> dict[str, Any]:
    return {
        **_values(farm, _NUMBERS),
        "users": [_values(user, _USER) for user in farm.users.values()],
        "branches": [_values(branch, _BRANCH) for branch in farm.branches.values()],
        "pools": [_values(pool, _POOL) for pool in farm.pools.values()],
        "renders": [_values(render, _RENDER) for render in farm.renders.values()],
        "runs": [_run_values(run) for run in runs],
        "description": farm.description,
        "system": farm.system,
    }


def farm_bytes(farm: Farm) -> bytes:
    """Return everything that belongs to no job, and every run."""
    values = _farm_values(farm, farm.runs.extraordinary())
    values["rows"] = farm.runs.packed()
    return _encoder.encode(values)


def _block_values(block: Block) -> dict[str, Any]:
    return {
        **_values(block, _BLOCK_KEPT),
        "error_hosts": [[id, errors.count, errors.last] for id, errors in sorted(block.error_hosts.items())],
    }


def job_bytes(job: Job) -> bytes:
    """Return one job without its columns."""
    blocks = [{**_block_values(block), "task_errors": block.task_error_hosts.packed()} for block in job.blocks]
    return _encoder.encode(_JobImage(job.spec, _values(job, _JOB), blocks))


def load_farm(stored: Stored) -> Farm:
    """Return the farm of a whole image.  What is derived is not there yet: call ``afcore.recount``.

    Raises ``msgspec.ValidationError``, ``KeyError`` or ``ValueError`` when the image is damaged.
    """
    parts = _farm_decoder.decode(stored.farm)
    farm = Farm(**_values(parts, _NUMBERS), description=parts.description)
    for user in parts.users:
        farm.users[user["id"]] = User(**_known(user, _USER))
        farm.users_by_name[user["name"]] = user["id"]
    for branch in parts.branches:
        farm.branches[branch["id"]] = Branch(**_known(branch, _BRANCH))
        farm.branches_by_path[branch["path"]] = branch["id"]
    for pool in parts.pools:
        farm.pools[pool["id"]] = Pool(**_known(pool, _POOL))
        farm.pools_by_path[pool["path"]] = pool["id"]
    for render in parts.renders:
        farm.renders[render["id"]] = Render(**_known(render, _RENDER), runs=HostRuns(farm.runs))
        farm.renders_by_name[render["name"]] = render["id"]
    for id in sorted(stored.jobs):
        job = _load_job(stored.jobs[id], stored.columns)
        farm.jobs[id] = job
        farm.jobs_by_name[job.name] = id
    for job_id, index, rows in parts.rows:
        farm.runs.unpack(job_id, index, rows)
    for run in parts.runs:
        run.progress_changed = run.started
        farm.runs[run.key] = run
    farm.runs.settle_all()
    farm.system = parts.system
    return farm


def _known(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _load_job(raw: bytes, columns: Mapping[tuple[int, int], list[bytes]]) -> Job:
    image = _job_decoder.decode(raw)
    id = image.fields["id"]
    image.fields["try_next"] = [tuple(each) for each in image.fields.get("try_next", ())]
    blocks = [
        _load_block(Block(job=id, index=index, spec=spec, tasks=_table(columns, id, index), frames=spec.frames), kept)
        for index, (spec, kept) in enumerate(zip(image.spec.blocks, image.blocks, strict=True))
    ]
    return Job(**_known(image.fields, _JOB), spec=image.spec, blocks=blocks)


def _table(columns: Mapping[tuple[int, int], list[bytes]], job: int, block: int) -> TaskTable:
    return table_of(columns[job, block])


def _load_block(block: Block, kept: dict[str, Any]) -> Block:
    for name in _BLOCK_KEPT:
        setattr(block, name, kept[name])
    for render, count, last in kept["error_hosts"]:
        block.error_hosts[render] = HostErrors(count, last)
    if "task_errors" in kept:
        block.task_error_hosts = TaskErrors.unpacked(kept["task_errors"])
    else:  # before format 2
        block.task_error_hosts = TaskErrors(kept["task_error_hosts"])
    return block


def _usual(kind: type) -> dict[str, Any]:
    """Return the values that things of a kind usually have."""
    usual: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            usual[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            usual[field.name] = field.default_factory()
    return usual


_USUAL = {"users": _usual(User), "branches": _usual(Branch), "pools": _usual(Pool), "renders": _usual(Render)}
_JOB_USUAL = _usual(Job)


def digest(farm: Farm) -> str:
    """Return a short text that two farms share exactly when everything true of them is the same.

    Derived counters count too; version stamps and readings do not.  What is as it usually is does not count either, so
    that a field that a later version adds leaves the text of an older farm as it was.
    """
    sum = hashlib.blake2b(digest_size=16)
    values = _farm_values(farm, farm.runs.values())
    for render in values["renders"]:
        del render["resources"]
    for kind, usual in _USUAL.items():
        changed = [{name: value for name, value in each.items() if value != usual.get(name)} for each in values[kind]]
        values[kind] = sorted(changed, key=lambda each: each["id"])
    if values["description"] == Description():
        del values["description"]
    if not values["system"]:
        del values["system"]
    values["runs"].sort(key=lambda each: each["key"])
    sum.update(_encoder.encode(values))
    for id in sorted(farm.jobs):
        job = farm.jobs[id]
        of = _JOB_USUAL.get
        fields = {name: value for name, value in _values(job, _JOB).items() if value != of(name)}
        blocks = [
            {**_block_values(block), "task_error_hosts": list(block.task_error_hosts.rows())} for block in job.blocks
        ]
        sum.update(_encoder.encode([job.spec.to_wire(), fields, blocks]))
        for block in job.blocks:
            for name, column in zip(COLUMNS, columns_of(block.tasks), strict=True):
                if name != "percent":
                    sum.update(column)
        sum.update(_encoder.encode([_derived(job), job.waits_for and sorted(job.waits_for)]))
        sum.update(_encoder.encode([[_derived(block), _links(block)] for block in job.blocks]))
    sum.update(_encoder.encode([_derived(user) for _, user in sorted(farm.users.items())]))
    sum.update(_encoder.encode([_derived(branch) for _, branch in sorted(farm.branches.items())]))
    sum.update(
        _encoder.encode(
            [
                [_pool_counters(pool) for _, pool in sorted(farm.pools.items())],
                [
                    [render.used_capacity, sorted(render.runs), sorted(render.tickets_used.items())]
                    for _, render in sorted(farm.renders.items())
                ],
                sorted((job, sorted(waiters)) for job, waiters in farm.waiters.items()),
                sorted(farm.masked_jobs),
                sorted(farm.jobs_by_name.items()),
            ]
        )
    )
    return sum.hexdigest()


def _derived(holder: Job | Block | User | Branch) -> list[Any]:
    return [holder.running_tasks, holder.running_capacity, sorted(holder.running_per_host.items())]


def _pool_counters(pool: Pool) -> list[Any]:
    hosts = {name: sorted(counts.items()) for name, counts in sorted(pool.ticket_hosts.items())}
    return [pool.running_tasks, pool.running_capacity, sorted(pool.tickets_used.items()), hosts]


def _links(block: Block) -> list[Any]:
    links = [block.waiting, block.depends_on, block.tasks_depend_on, block.dependents]
    return [links, block.tasks.counts]
