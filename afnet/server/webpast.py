"""The farm as it was, at its address: the instant that is asked for, and the answers of the time machine."""

import asyncio

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError
from afnet.moments import parse_instant
from afnet.server.webpages import WebPages
from afnet.web.past import past_page

__all__ = ["add_past"]

_JOBS = 100
_RENDERS = 1000
_CHANGES = 20
_BEFORE = 3600.0


def add_past(app: web.Application, pages: WebPages) -> None:
    """Let an application serve ``/past``."""

    async def past(request: web.Request, principal: Principal) -> web.Response:
        now = pages.now()
        text = request.query.get("at", "").strip()[:60]
        whole = request.query.get("all", "") == "1"
        if text:
            at = min(parse_instant(text, now=now).at, now)
        else:
            # Ten minutes ago, or as far back as there is anything.
            at = min(now, max(now - 600, (await pages.ask("past.span", {}, principal))["since"]))
        given = {"at": at, "view": "job.list", "arguments": {"limit": _JOBS}}
        hosts = {"at": at, "view": "render.list", "arguments": {"limit": _RENDERS}}
        jobs, renders = await asyncio.gather(
            pages.ask("past.show", given, principal), pages.ask("past.show", hosts, principal)
        )
        try:
            asked = {"since": at - _BEFORE, "until": at, "limit": _CHANGES, "all": whole}
            changes = (await pages.ask("past.changes", asked, principal))["rows"]
        except AfError:
            changes = []
        frame = pages.frame(request, principal)
        return pages.answer(past_page(frame, at, text or "10min", jobs, renders, changes, now, whole=whole))

    app.router.add_get("/past", pages.page(past))
