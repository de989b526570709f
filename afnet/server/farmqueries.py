"""Queries that read the farm and nothing else: of the farm as it is now, and as it was.

Rules of this file:
- Nothing is changed and nothing waits; what takes long is returned as a function, to be called in a thread.
- A page has at most ``limit`` rows and says where the next begins (``next``, None at the end).
- What is large leaves as columns, never as a row per task.
"""

import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from afcore.editable import editable
from afcore.errors import NotFound, did_you_mean
from afcore.hostpatterns import chain_of, resolved
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.rows import TaskColumns
from afcore.states import TaskState
from afcore.systemcommand import SYSTEM_JOB
from afnet.server import rowmaking
from afnet.server.errorhosts import error_hosts
from afnet.server.systemrows import queue_rows
from afnet.server.ticketrows import ticket_rows

__all__ = ["FarmQueries", "as_builtins", "pool_members"]

_PIECE = 131_072
"""Tasks in one piece of columns."""

_THINGS_MOST = 2000
"""Things whose parameters are told in one answer."""

_EXACT = ("state", "percent", "errors", "starts")
"""What ``job.tasks`` tells of every task."""


def as_builtins(value: Any) -> Any:
    """Return rows as dicts by field name, whole: for JSON and for people (structs travel as arrays elsewhere)."""
    if isinstance(value, msgspec.Struct):
        return {name: as_builtins(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [as_builtins(item) for item in value]
    return value


class FarmQueries:
    """Answers the queries that a farm alone can answer."""

    def __init__(self, farm: Farm, *, now: Callable[[], float], why: Callable[..., dict[str, Any]]) -> None:
        """``now`` is the time as of which the farm is shown, ``why`` says why a task does not start."""
        self._farm = farm
        self._now = now
        self._handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "job.list": self._job_list,
            "job.show": self._job_show,
            "job.spec": self._job_spec,
            "job.why": lambda arguments: why(**arguments),
            "job.error-hosts": lambda arguments: {
                "rows": error_hosts(self._farm, arguments["job"], arguments["blocks"]), "next": None
            },
            "task.list": self._task_list,
            "task.show": self._task_show,
            "render.list": lambda arguments: self._page("renders", self._farm.renders, arguments),
            "render.show": lambda arguments: self._by_name("render", "renders", "name", arguments["name"]),
            "user.list": lambda arguments: self._page("users", self._farm.users, arguments),
            "user.show": lambda arguments: self._by_name("user", "users", "name", arguments["name"]),
            "pool.list": lambda arguments: self._page("pools", self._farm.pools, arguments),
            "pool.show": lambda arguments: self._by_name("pool", "pools", "path", arguments["path"]),
            "pool.tickets": lambda arguments: {"rows": ticket_rows(self._farm), "next": None},
            "pool.members": lambda arguments: {"rows": pool_members(self._farm), "next": None},
            "branch.list": lambda arguments: self._page("branches", self._farm.branches, arguments),
            "branch.show": lambda arguments: self._by_name("branch", "branches", "path", arguments["path"]),
            "run.list": self._run_list,
            "system.queue": lambda arguments: queue_rows(self._farm, arguments["limit"]),
            "farm.export": lambda arguments: self._export(),
            "farm.check": self._farm_check,
            "parameters.show": self._parameters,
        }
        self._slow_handlers: dict[str, Callable[[dict[str, Any]], Callable[[], Any]]] = {
            "job.tasks": self._job_tasks,
        }

    def read(self, name: str, arguments: dict[str, Any]) -> Any:
        """Answer one of ``names`` at once, however long it takes."""
        handler = self._handlers.get(name)
        return self._slow_handlers[name](arguments)() if handler is None else handler(arguments)

    def forget(self) -> None:
        """Answer nothing more and let go of the farm."""
        self._handlers.clear()
        self._slow_handlers.clear()

    @property
    def names(self) -> frozenset[str]:
        """Every operation that is answered here."""
        return frozenset(self._handlers) | frozenset(self._slow_handlers)

    def _export(self) -> dict[str, Any]:
        from afcore.farmexport import farm_text  # late: it brings half of the library's network along

        return {"text": farm_text(self._farm)}

    # Jobs

    def _job_list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user, state = arguments["user"], arguments["state"]
        make, at = rowmaking.MAKERS["jobs"], self._now()

        def rows() -> Iterator[Any]:
            owner = self._farm.users_by_name.get(user, 0) if user else 0
            if user and not owner:
                return
            for id, job in self._farm.jobs.items():
                if id == SYSTEM_JOB and not arguments["system"]:
                    continue
                if id <= arguments["after"] or (owner and job.user != owner):
                    continue
                row = make(self._farm, id, at)
                if not state or row.state == state:
                    yield row

        return _paged(rows(), arguments["limit"])

    def _job_show(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._farm.job(arguments["job"])
        return {"row": as_builtins(rowmaking.MAKERS["jobs"](self._farm, arguments["job"], self._now()))}

    def _job_spec(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"job": self._farm.job(arguments["job"]).spec.to_json()}

    def _job_tasks(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        """Copy the columns here, compress them in a thread."""
        job = self._farm.job(arguments["job"])
        wanted = arguments.get("block")
        if wanted is not None:
            self._farm.block(job.id, wanted)
        copies = [
            (block.index, block.tasks.size, block.version, rowmaking.copy_columns(block.tasks, _EXACT))
            for block in job.blocks
            if wanted is None or wanted == block.index
        ]

        def compress() -> dict[str, Any]:
            pieces = []
            for index, size, version, columns in copies:
                for first in range(0, size, _PIECE):
                    count = min(_PIECE, size - first)
                    packed = {
                        name: zlib.compress(data[first * width : (first + count) * width], 1)
                        for name, (data, width) in columns.items()
                    }
                    pieces.append(TaskColumns(job.id, index, first, count, size, version, packed))
            return {"columns": as_builtins(pieces)}

        return compress

    # Tasks

    def _task_list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        block = self._farm.block(arguments["job"], arguments["block"])
        first, limit = arguments["after"] + 1, arguments["limit"]
        if arguments["state"]:
            state = TaskState[arguments["state"].upper()]
            found: list[int] = []
            column, place = block.tasks.state, first - 1
            while len(found) <= limit:
                place = column.find(state, place + 1)
                if place < 0:
                    break
                found.append(place)
        else:
            found = list(range(first, min(block.tasks.size, first + limit + 1)))
        rows = [rowmaking.task_row(self._farm, arguments["job"], arguments["block"], task) for task in found[:limit]]
        return {"rows": as_builtins(rows), "next": found[limit - 1] if len(found) > limit else None}

    def _task_show(self, arguments: dict[str, Any]) -> dict[str, Any]:
        job, block, task = arguments["job"], arguments["block"], arguments["task"]
        self._check_task(job, block, task)
        spec = self._farm.block(job, block).spec
        row = as_builtins(rowmaking.task_row(self._farm, job, block, task))
        row["command"] = spec.task_command(task)
        row["files"] = spec.task_files(task)
        newest = RunKey(job, block, task, self._farm.block(job, block).tasks.starts[task])
        runs = [newest] if newest in self._farm.runs else []
        row["runs_now"] = as_builtins([rowmaking.MAKERS["runs"](self._farm, key, 0.0) for key in runs])
        return {"row": row}

    def _check_task(self, job: int, block: int, task: int) -> None:
        size = self._farm.block(job, block).tasks.size
        if task >= size:
            raise NotFound(f"Block {block} of job {job} has no task {task}.", hint=f"Its tasks are 0 to {size - 1}.")

    # The rest

    def _parameters(self, arguments: dict[str, Any]) -> Any:
        things = list(dict.fromkeys(arguments["things"]))[:_THINGS_MOST]
        return {"rows": editable(self._farm, arguments["kind"], things), "things": len(things), "next": None}

    def _page(self, kind: str, things: dict[int, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        make = rowmaking.MAKERS[kind]
        return _paged((make(self._farm, id, 0.0) for id in things if id > arguments["after"]), arguments["limit"])

    def _by_name(self, word: str, kind: str, field: str, name: str) -> dict[str, Any]:
        farm = self._farm
        names = {
            "renders": farm.renders_by_name,
            "users": farm.users_by_name,
            "pools": farm.pools_by_path,
            "branches": farm.branches_by_path,
        }[kind]
        if name not in names:
            hint = did_you_mean(name, names) or f"`afcmd {word} list` shows the {kind} there are."
            raise NotFound(f'There is no {word} "{name}".', hint=hint)
        return {"row": as_builtins(rowmaking.MAKERS[kind](farm, names[name], 0.0))}

    def _run_list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        make, after, limit = rowmaking.MAKERS["runs"], arguments["after"], arguments["limit"]
        keys = list(islice(self._farm.runs, after, after + limit + 1))
        rows = [make(self._farm, key, 0.0) for key in keys[:limit]]
        return {"rows": as_builtins(rows), "next": after + limit if len(keys) > limit else None}

    def _farm_check(self, arguments: dict[str, Any]) -> dict[str, Any]:
        patterns = self._farm.description.patterns
        rows = []
        for name in arguments["names"]:
            chain = chain_of(patterns, name)
            parameters, services = resolved(chain)
            id = self._farm.renders_by_name.get(name)
            pool = "" if id is None else self._farm.pools[self._farm.renders[id].pool].path
            rows.append(
                {"name": name, "patterns": [each.name for each in chain], "parameters": parameters,
                 "services": services, "pool": pool}
            )  # fmt: skip
        return {"rows": rows, "next": None}


def pool_members(farm: Farm) -> list[dict[str, Any]]:
    """Return every pool with the names of its own renders, in the order of the paths."""
    return [
        {"path": path, "renders": sorted(farm.renders[render].name for render in farm.pools[id].renders)}
        for path, id in sorted(farm.pools_by_path.items())
    ]


def _paged(rows: Iterator[Any], limit: int) -> dict[str, Any]:
    """Return a page: at most ``limit`` rows, and the id after which the next page begins."""
    found = list(islice(rows, limit + 1))
    following = found[limit - 1].id if len(found) > limit else None
    return {"rows": as_builtins(found[:limit]), "next": following}
