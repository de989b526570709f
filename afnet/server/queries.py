"""Operations that read: rows of the farm in pages, logs, finished runs, and how the server is.

Rules of this file:
- Nothing is changed and nothing waits: what must read a disk is done by a thread and answered later.
- A page has at most ``limit`` rows and says where the next begins (``next``, None at the end).
- What is large leaves as columns, never as a row per task.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from afcore.editable import editable
from afcore.errors import AfError, NotFound, Rejected, Unavailable, did_you_mean
from afcore.hostpatterns import chain_of, resolved
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.rows import TaskColumns
from afcore.states import TaskState
from afcore.store.base import RunQuery, Store
from afcore.systemcommand import SYSTEM_JOB
from afnet.server import rowmaking
from afnet.server.audit import Audit
from afnet.server.auditing import check_chain, find_acts, show_act
from afnet.server.coming import ComingLogs
from afnet.server.errorhosts import error_hosts
from afnet.server.files import FileStore
from afnet.server.runner import Answer
from afnet.server.systemlog import failures
from afnet.server.ticketrows import ticket_rows
from afnet.server.weight import weigh_jobs

__all__ = ["Queries", "as_builtins"]

_log = logging.getLogger(__name__)

_PIECE = 131_072
"""Tasks in one piece of columns."""

_KEPT = frozenset({"history.runs", "audit.list", "audit.show", "audit.verify"})
"""Queries that read the database instead of the farm."""

_THUMBNAILS_MOST = 1000
"""Jobs whose thumbnails are told in one answer."""

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


class Queries:
    """Answers the registry's queries."""

    def __init__(
        self,
        farm: Farm,
        *,
        files: FileStore,
        store: Store,
        audit: Audit,
        coming: ComingLogs,
        status: Callable[[], dict[str, Any]],
        traffic: Callable[[], list[dict[str, Any]]] = list,
        settings: Callable[[], list[dict[str, Any]]],
        now: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        why: Callable[..., dict[str, Any]],
        resources: Callable[[dict[str, Any]], Callable[[], Any]],
    ) -> None:
        self._farm = farm
        self._now = now
        self._files = files
        self._coming = coming
        self._store = store
        self._audit = audit
        self._status = status
        self._traffic = traffic
        self._settings = settings
        self._loop = loop
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
            "farm.export": lambda arguments: self._export(),
            "farm.check": self._farm_check,
            "parameters.show": self._parameters,
            "server.status": lambda arguments: self._status(),
            "server.traffic": lambda arguments: {"rows": self._traffic(), "next": None},
            "job.weight": lambda arguments: {"rows": weigh_jobs(self._farm, self._audit.of_job), "next": None},
            "config.show": lambda arguments: {"rows": self._settings(), "next": None},
        }
        self._slow_handlers: dict[str, Callable[[dict[str, Any]], Callable[[], Any]]] = {
            "job.log": self._job_log,
            "job.tasks": self._job_tasks,
            "task.log": self._task_log,
            "task.files": self._task_files,
            "file.read": self._file_read,
            "job.thumbnails": self._job_thumbnails,
            "history.runs": self._history_runs,
            "history.resources": resources,
            "audit.list": lambda arguments: find_acts(self._store, arguments),
            "audit.show": lambda arguments: show_act(self._store, arguments["seq"]),
            "audit.verify": lambda arguments: check_chain(self._store, arguments["known"]),
        }

    def offer(self, name: str, handler: Callable[[dict[str, Any]], Callable[[], Any]]) -> None:
        """Let a query be answered by what ``handler`` returns, which is called in a thread."""
        self._slow_handlers[name] = handler

    @property
    def names(self) -> frozenset[str]:
        """Every operation that is answered here."""
        return frozenset(self._handlers) | frozenset(self._slow_handlers)

    @property
    def kept(self) -> frozenset[str]:
        """The queries that read what is committed: asked at once, they would not know what screens already show."""
        return _KEPT

    def answer(self, name: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Answer a query, now or when a thread has read what it needs; Rejected is given to ``answer``."""
        try:
            handler = self._handlers.get(name)
            if handler is not None:
                answer(handler(arguments), None)
                return
            if name == "task.log" and self._waits_for_log(arguments, answer):
                return
            work = self._slow_handlers[name](arguments)
        except Rejected as error:
            answer(None, error)
            return
        future = self._loop.run_in_executor(None, work)
        future.add_done_callback(lambda done: _finish(done, name, answer))

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

    def _job_log(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, limit = arguments["job"], arguments["limit"]
        self._farm.job(job)
        acts = [line._asdict() for line in self._audit.of_job(job, limit)]

        def read() -> dict[str, Any]:
            failed = failures(self._store, self._files, limit) if job == SYSTEM_JOB else []
            rows = sorted([*acts, *failed], key=lambda row: row["at"])
            return {"rows": rows[-limit:], "next": None}

        return read

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

    def _task_log(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, block, task = arguments["job"], arguments["block"], arguments["task"]
        self._check_task(job, block, task)
        is_running = self._farm.block(job, block).tasks.state[task] == TaskState.RUNNING

        def read() -> dict[str, Any]:
            try:
                found = self._files.read(
                    job, block, task, run=arguments["run"], offset=arguments["offset"], limit=arguments["limit"]
                )
            except NotFound as error:
                if not is_running:
                    raise
                raise NotFound(
                    f"Task {task} of block {block} of job {job} runs now; its log is kept when it ends.",
                    hint=f"`afcmd task log -f {job} {block} {task}` prints it as it comes.",
                ) from error
            return {
                "run": found.run,
                "size": found.size,
                "offset": found.offset,
                "text": found.data.decode("utf-8", "replace"),
                "length": len(found.data),
                "complete": found.complete,
            }

        return read

    def _task_files(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        job, block, task, run = arguments["job"], arguments["block"], arguments["task"], arguments["run"]
        self._check_task(job, block, task)

        def read() -> dict[str, Any]:
            rows = [found._asdict() for found in self._files.list_files(job, block, task, run=run)]
            return {"rows": rows, "next": None}

        return read

    def _file_read(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        def read() -> dict[str, Any]:
            found, data = self._files.read_file(arguments["id"])
            return {**found._asdict(), "data": data}

        return read

    def _job_thumbnails(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        jobs = [id for id in arguments["ids"][:_THUMBNAILS_MOST] if id in self._farm.jobs]

        def read() -> dict[str, Any]:
            found = ((job, self._files.thumbnail(job)) for job in jobs)
            return {"rows": [{"job": job, **one._asdict()} for job, one in found if one is not None], "next": None}

        return read

    def _waits_for_log(self, arguments: dict[str, Any], answer: Answer) -> bool:
        """Put a question off while the log of a run that has just ended is on its way."""
        job, block, task = arguments["job"], arguments["block"], arguments["task"]
        self._check_task(job, block, task)
        run = arguments["run"] or self._farm.block(job, block).tasks.starts[task]
        return self._coming.wait(RunKey(job, block, task, run), lambda: self._answer_log(arguments, answer))

    def _answer_log(self, arguments: dict[str, Any], answer: Answer) -> None:
        try:
            work = self._task_log(arguments)
        except Rejected as error:
            answer(None, error)
            return
        future = self._loop.run_in_executor(None, work)
        future.add_done_callback(lambda done: _finish(done, "task.log", answer))

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

    def _history_runs(self, arguments: dict[str, Any]) -> Callable[[], Any]:
        block, task = arguments["block"], arguments["task"]
        query = RunQuery(
            job=arguments["job"] or None,
            block=block if block >= 0 else None,
            task=task if task >= 0 else None,
            user=arguments["user"] or None,
            host=arguments["render"] or None,
            since_ms=int(arguments["since"] * 1000) or None,
            until_ms=int(arguments["until"] * 1000) or None,
        )

        def read() -> dict[str, Any]:
            history = self._store.history()
            try:
                page = history.runs(query, before=arguments["before"] or None, limit=arguments["limit"])
            finally:
                history.close()
            return {"rows": as_builtins(page.rows), "next": page.next}

        return read


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


def _finish(done: "asyncio.Future[Any]", name: str, answer: Answer) -> None:
    if done.cancelled():
        answer(None, Unavailable("The server is stopping.", hint="Try again when it is back."))
        return
    error = done.exception()
    if error is None:
        answer(done.result(), None)
    elif isinstance(error, AfError):
        answer(None, error)
    elif isinstance(error, OSError):
        answer(None, Unavailable(f"The server could not read what {name} needs: {error}.", hint="See its disk."))
    else:
        _log.error("%s failed", name, exc_info=error)
        answer(None, Rejected(f"The server made a mistake in {name}.", hint="Its log says more.", code="bug"))
