"""Pages of one job, one task and one render at their addresses.

Rules of this file:
- What the registry's operations answer is asked of them, with their roles; a page that lacks a part says why.
- The number of tasks that are looked at does not grow with the job.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, NotFound
from afcore.ids import RunKey
from afcore.rows import JobRow, RenderRow, TaskRow
from afcore.states import Role, TaskState
from afcore.systemcommand import SYSTEM_JOB
from afnet.server.rowmaking import MAKERS, task_row
from afnet.server.webhistory import chart_answer
from afnet.server.weblive import View
from afnet.server.webpages import WebPages, whole_number
from afnet.web import job as pages_of_job
from afnet.web import render as pages_of_render
from afnet.web.layout import address, card, empty
from afnet.web.markup import Markup
from afnet.wire.messages import Follow, LogLines, Message

__all__ = ["add_jobs"]

_PAGE = 100
_FAILED = 5
_LOG_END = 65_536
_LIVE_END = 16_384
"""Bytes of a running task's output that a page shows: they are sent again when there is more."""
_RUNS = 10
_LINES = 15
_JOB = "/job/{job:[0-9]{1,9}}"
_TASK = _JOB + "/block/{block:[0-9]{1,9}}/task/{task:[0-9]{1,9}}"


class TaskEar:
    """Hears one run for one page (what followers need of a peer), and keeps the end of it."""

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self.slow = False
        self.is_open = True
        self.cut = False
        """Whether there was more than is kept."""
        self._data = bytearray()

    def send(self, *messages: Message) -> None:
        """Keep what the agent says."""
        for message in messages:
            if isinstance(message, LogLines):
                self._data += message.data
                self.cut = self.cut or len(self._data) > _LIVE_END
                del self._data[:-_LIVE_END]

    def text(self) -> str:
        """Return the end of the output; half a character at its ends is left out."""
        return bytes(self._data).decode("utf-8", "ignore")


class _Jobs:
    """The handlers."""

    def __init__(self, pages: WebPages) -> None:
        self._pages = pages
        self._farm = pages.farm

    def _row(self, id: int, principal: Principal) -> JobRow:
        row = MAKERS["jobs"](self._farm, id, self._pages.now())
        if row is None or (id == SYSTEM_JOB and principal.role < Role.GOD):
            raise NotFound(f"There is no job {id} (any more).", hint="It was deleted, or never was.")
        return self._pages.sources.complete(row, self._pages.now())

    def _tasks(self, row: JobRow, request: web.Request) -> pages_of_job.TaskPage:
        """Return the tasks that an address asks for, found in the column of states."""
        block = min(whole_number(request, "block"), len(row.blocks) - 1)
        state = request.query.get("state", "")
        after = whole_number(request, "after", default=-1)
        size = self._farm.block(row.id, block).tasks.size
        if state.upper() in TaskState.__members__:
            found = self._in_state(row.id, block, TaskState[state.upper()], after, _PAGE + 1)
        else:
            state, found = "", list(range(after + 1, min(size, after + _PAGE + 2)))
        rows = [task_row(self._farm, row.id, block, task) for task in found[:_PAGE]]
        following = found[_PAGE - 1] if len(found) > _PAGE else None
        return pages_of_job.TaskPage(block=block, state=state, rows=rows, following=following, after=after)

    def _in_state(self, job: int, block: int, state: TaskState, after: int, most: int) -> list[int]:
        column, place = self._farm.block(job, block).tasks.state, after
        found: list[int] = []
        while len(found) < most:
            place = column.find(state, place + 1)
            if place < 0:
                break
            found.append(place)
        return found

    def _failed(self, row: JobRow) -> list[tuple[int, TaskRow]]:
        found: list[tuple[int, TaskRow]] = []
        for block in row.blocks:
            if block.counts[TaskState.ERROR] and len(found) < _FAILED:
                places = self._in_state(row.id, block.index, TaskState.ERROR, -1, _FAILED - len(found))
                found += [(block.index, task_row(self._farm, row.id, block.index, task)) for task in places]
        return found

    async def _or_nothing(self, name: str, arguments: dict[str, Any], principal: Principal) -> Any:
        """Ask an operation; a refusal is the sentence it says."""
        try:
            return await self._pages.ask(name, arguments, principal)
        except AfError as error:
            return error.sentence

    # A job

    async def job(self, request: web.Request, principal: Principal) -> web.Response:
        """``/job/ID``."""
        row = self._row(int(request.match_info["job"]), principal)
        found = await self._or_nothing("job.thumbnails", {"ids": [row.id]}, principal)
        pictures = [] if isinstance(found, str) else [each["id"] for each in found["rows"]]
        told = await self._or_nothing("job.log", {"job": row.id, "limit": _LINES}, principal)
        log = [] if isinstance(told, str) else told["rows"]
        tasks = self._tasks(row, request)
        live = address(
            "",
            view="job",
            job=row.id,
            block=tasks.block,
            state=tasks.state,
            after=tasks.after if tasks.after >= 0 else "",
        ).removeprefix("?")
        text = pages_of_job.job_page(
            self._pages.frame(request, principal), row, tasks, self._failed(row), pictures, log,
            self._pages.now(), ask=request.query.get("ask", ""), live=live,
        )  # fmt: skip
        return self._pages.answer(text)

    def job_view(self, request: web.Request) -> View:
        """Return what of a job's page is kept up to date: made again only when the job changed."""
        pages = self._pages
        principal = pages.viewer(request)
        id = whole_number(request, "job")
        frame = pages.frame(request, principal, path=f"/job/{id}")
        made: dict[str, Markup] = {}
        seen: list[tuple[int, int]] = []

        async def parts() -> dict[str, Markup]:
            nonlocal made
            job = self._farm.jobs.get(id)
            if job is None:
                gone = empty(frame, "delete", "This job was deleted.")
                return {"job": card("Gone", gone, id="job", data_part="job"), "tasks": card("Tasks", data_part="tasks")}
            # What runs is measured all the time: that moves no version.
            stamp = (job.version, int(pages.now()) // 4 if any(block.tasks.counts[2] for block in job.blocks) else 0)
            if seen != [stamp]:
                seen[:] = [stamp]
                row = self._row(id, principal)
                made = pages_of_job.job_parts(frame, row, self._tasks(row, request), self._failed(row), pages.now())
            return made

        return View({}, parts)

    async def why(self, request: web.Request, principal: Principal) -> web.Response:
        """``/job/ID/why``."""
        row = self._row(int(request.match_info["job"]), principal)
        arguments = {"job": row.id}
        for name in ("block", "task"):
            if name in request.query:
                arguments[name] = whole_number(request, name)
        answer = await self._pages.ask("job.why", arguments, principal)
        frame = self._pages.frame(request, principal)
        return self._pages.answer(pages_of_job.why_page(frame, row, answer, self._pages.now()))

    # A task

    async def task(self, request: web.Request, principal: Principal) -> web.Response:
        """``/job/J/block/B/task/T``."""
        given = {name: int(request.match_info[name]) for name in ("job", "block", "task")}
        row = self._row(given["job"], principal)
        found = await self._find_task(given, principal)
        frame, live = self._pages.frame(request, principal), urlencode({"view": "task", **given})
        text = pages_of_job.task_page(frame, row, given["block"], found, self._pages.now(), live=live)
        return self._pages.answer(text)

    async def _find_task(self, given: dict[str, int], principal: Principal) -> pages_of_job.TaskFound:
        task = (await self._pages.ask("task.show", given, principal))["row"]
        log, files, runs = await asyncio.gather(
            self._or_nothing("task.log", {**given, "offset": -_LOG_END}, principal),
            self._or_nothing("task.files", given, principal),
            self._or_nothing("history.runs", {**given, "limit": _RUNS}, principal),
        )
        return pages_of_job.TaskFound(
            row=task, log=log, files=[] if isinstance(files, str) else files["rows"],
            runs=[] if isinstance(runs, str) else runs["rows"],
            kept=0.0 if isinstance(runs, str) else runs["keep_days"],
        )  # fmt: skip

    def task_view(self, request: web.Request) -> View:
        """Return what of a task's page is kept up to date: asked for again when the task's job changed, and the output
        of a run as it comes."""
        pages = self._pages
        principal = pages.viewer(request)
        given = {name: whole_number(request, name) for name in ("job", "block", "task")}
        self._row(given["job"], principal)
        if given["task"] >= self._farm.block(given["job"], given["block"]).tasks.size:
            raise NotFound(f"There is no task {given['task']} in this block.")
        place = f"/job/{given['job']}/block/{given['block']}/task/{given['task']}"
        frame = pages.frame(request, principal, path=place)
        ear: TaskEar | None = None
        made: dict[str, Markup] = {}
        seen = None

        def hear(key: RunKey | None) -> None:
            """Listen to a run, or to none; what was heard of one that ended stays until its log is there."""
            nonlocal ear
            if ear is not None and ear.key != key:
                pages.sources.followers.unfollow(ear, 0)
                ear = None
            if key is not None and ear is None:
                ear = TaskEar(key)
                try:
                    pages.sources.followers.follow(ear, Follow(0, *key))
                except AfError:
                    ear = None

        async def parts() -> dict[str, Markup]:
            nonlocal made, seen
            job = self._farm.jobs.get(given["job"])
            if job is None:
                hear(None)
                gone = card("Gone", empty(frame, "delete", "This job was deleted."), data_part="task")
                return {"task": gone, "output": card("Output", data_part="output")}
            tasks = self._farm.block(job.id, given["block"]).tasks
            runs = tasks.state[given["task"]] == TaskState.RUNNING
            key = RunKey(job.id, given["block"], given["task"], tasks.starts[given["task"]]) if runs else None
            # A percentage is measured: that moves no version.
            stamp = (job.version, int(pages.now()) // 4 if runs else 0)
            if seen != stamp:
                try:
                    found = await self._find_task(given, principal)
                    row = self._row(job.id, principal)
                except AfError:
                    return made  # it was deleted meanwhile: the next look says so
                made, seen = pages_of_job.task_parts(frame, row, given["block"], found, pages.now()), stamp
            hear(key)
            if ear is None:
                return made
            return {**made, "output": pages_of_job.output_card(ear.key.run, ear.text() or "Nothing yet.", ear.cut)}

        return View({}, parts, close=lambda: hear(None))

    # A render

    def _render(self, request: web.Request) -> RenderRow:
        name = request.match_info["name"]
        id = self._farm.renders_by_name.get(name)
        row = None if id is None else MAKERS["renders"](self._farm, id, 0.0)
        if row is None:
            raise NotFound(f'There is no render "{name}" (any more).', hint="The farm's page lists those there are.")
        return row  # type: ignore[no-any-return]

    async def _measured(self, request: web.Request, principal: Principal, name: str) -> tuple[str, dict[str, Any]]:
        span = request.query.get("span", "")
        span = span if span in pages_of_render.SPANS else "1h"
        now = self._pages.now()
        given = {"render": name, "since": now - pages_of_render.SPANS[span][0], "until": now}
        return span, await self._pages.ask("history.resources", given, principal)

    async def render(self, request: web.Request, principal: Principal) -> web.Response:
        """``/render/NAME``."""
        row = self._render(request)
        span, found = await self._measured(request, principal, row.name)
        measured = {each["group"] for each in found["columns"] if any(value is not None for value in each["mean"])}
        groups = [group for group in pages_of_render.GROUPS if group in measured]
        runs = await self._or_nothing("history.runs", {"render": row.name, "limit": _RUNS}, principal)
        ended = {"rows": [], "keep_days": 0.0} if isinstance(runs, str) else runs
        frame = self._pages.frame(request, principal)
        text = pages_of_render.render_page(
            frame, row, groups, ended, span, self._pages.now(), kept=found["keep_days"],
            ask=request.query.get("ask", ""),
        )  # fmt: skip
        return self._pages.answer(text)

    async def plot(self, request: web.Request, principal: Principal) -> web.Response:
        """``/render/NAME/GROUP.svg``, ``.png``, ``.json``."""
        group = request.match_info["group"]
        if group not in pages_of_render.GROUPS:
            raise NotFound("There is no such plot.")
        _, found = await self._measured(request, principal, self._render(request).name)
        return await chart_answer(self._pages, request, pages_of_render.plot_of(group, found, self._pages.look))


def add_jobs(app: web.Application, pages: WebPages) -> None:
    """Let an application serve these pages."""
    jobs = _Jobs(pages)
    app.router.add_get(_JOB, pages.page(jobs.job))
    app.router.add_get(_JOB + "/why", pages.page(jobs.why))
    app.router.add_get(_TASK, pages.page(jobs.task))
    app.router.add_get("/render/{name}", pages.page(jobs.render))
    app.router.add_get("/render/{name}/{group:[a-z]+}.{form:svg|png|json}", pages.page(jobs.plot))
    pages.views["job"] = jobs.job_view
    pages.views["task"] = jobs.task_view
