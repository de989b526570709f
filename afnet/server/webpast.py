"""The farm as it was, at its address: the instant that is asked for, and the answers of the time machine."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, NotFound
from afcore.states import Role, TaskState
from afcore.systemcommand import SYSTEM_JOB
from afnet.moments import parse_instant
from afnet.server.webpages import WebPages, whole_number
from afnet.web.past import SPANS, Changes, past_job_page, past_page
from afnet.words import sentences

__all__ = ["add_past"]

_JOBS = 100
_RENDERS = 1000
_USERS = 200
_CHANGES = 20
_TASKS = 100
_FAILED = 5


def add_past(app: web.Application, pages: WebPages) -> None:
    """Let an application serve ``/past`` and what it leads to."""

    async def then(at: float, principal: Principal, view: str, **arguments: Any) -> Any:
        """Ask a view of the past."""
        return await pages.ask("past.show", {"at": at, "view": view, "arguments": arguments}, principal)

    async def past(request: web.Request, principal: Principal) -> web.Response:
        now = pages.now()
        text = request.query.get("at", "").strip()[:60]
        if text:
            at = min(parse_instant(text, now=now).at, now)
        else:
            # Ten minutes ago, or as far back as there is anything.
            at = min(now, max(now - 600, (await pages.ask("past.span", {}, principal))["since"]))
        jobs, renders, users = await asyncio.gather(
            then(at, principal, "job.list", limit=_JOBS), then(at, principal, "render.list", limit=_RENDERS),
            then(at, principal, "user.list", limit=_USERS),
        )  # fmt: skip
        changes = await changes_before(request, at, principal)
        frame = pages.frame(request, principal)
        return pages.answer(past_page(frame, at, text or "10min", jobs, renders, users, changes, now))

    async def changes_before(request: web.Request, at: float, principal: Principal) -> Changes:
        span, whole = request.query.get("span", ""), request.query.get("all", "") == "1"
        span = span if span in SPANS else "1h"
        asked = {"since": at - SPANS[span][0], "until": at, "limit": _CHANGES, "all": whole,
                 "before": whole_number(request, "before", most=1 << 40)}  # fmt: skip
        try:
            found = await pages.ask("past.changes", asked, principal)
        except AfError as error:
            return Changes(span=span, whole=whole, refused=sentences(error.sentence, error.hint))
        return Changes(rows=found["rows"], span=span, whole=whole, following=found["next"])

    async def past_job(request: web.Request, principal: Principal) -> web.Response:
        now, id = pages.now(), int(request.match_info["job"])
        if id == SYSTEM_JOB and principal.role < Role.GOD:
            raise NotFound(f"There is no job {id}.")
        at = min(parse_instant(request.query.get("at", "").strip()[:60] or "now", now=now).at, now)
        job = (await then(at, principal, "job.show", job=id))["row"]
        if not job["blocks"]:
            raise NotFound(f"Job {id} had no blocks then.")
        block = min(whole_number(request, "block"), len(job["blocks"]) - 1)
        state, after = request.query.get("state", ""), whole_number(request, "after", default=-1)
        if state.upper() not in TaskState.__members__:
            state = ""
        asked: dict[str, Any] = {"job": id, "block": block, "limit": _TASKS}
        more = {"after": after} if after >= 0 else {}
        tasks = await then(at, principal, "task.list", **asked, state=state, **more)
        failed: list[tuple[int, Any]] = []
        for each in job["blocks"]:
            if each["counts"][TaskState.ERROR] and len(failed) < _FAILED:
                where = {"job": id, "block": each["index"], "state": "error", "limit": _FAILED - len(failed)}
                found = await then(at, principal, "task.list", **where)
                failed += [(each["index"], row) for row in found["rows"]]
        frame = replace(pages.frame(request, principal), at=at)
        return pages.answer(past_job_page(frame, at, job, block, state, tasks, after, failed, now))

    app.router.add_get("/past", pages.page(past))
    app.router.add_get("/past/job/{job:[0-9]{1,9}}", pages.page(past_job))
