"""The past at its addresses: pages, and each chart as SVG, PNG or JSON.

Rules of this file:
- Answers come from ``statistics.show``, which reads in threads of its own within a budget; one answer serves a page and
  its charts for a few seconds.
- Pictures are drawn in a thread.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import BadSpec, NotAllowed, NotFound, Problem
from afcore.states import Role
from afnet.server.webpages import WebPages, whole_number
from afnet.web import history
from afnet.web.chart import Bars, Lines, draw, svg

__all__ = ["add_history", "chart_answer"]

_FRESH = 10.0
_KEPT = 64
_FORMS = {"svg": "image/svg+xml", "png": "image/png", "json": "application/json"}


class _Answers:
    """Answers of the last seconds, by question; who asks the same meanwhile waits for the same answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[Any, ...], tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def get(self, question: dict[str, Any], ask: Callable[[], Any]) -> Any:
        key = tuple(sorted(question.items()))
        found = self._kept.get(key)
        if found is None or self._clock() - found[0] > _FRESH:
            found = (self._clock(), asyncio.get_running_loop().create_task(ask()))
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        try:
            return await asyncio.shield(found[1])
        except BaseException:
            if found[1].done():
                self._kept.pop(key, None)
            raise

    def forget(self) -> None:
        """Records were deleted: ask anew."""
        self._kept.clear()


def add_history(app: web.Application, pages: WebPages) -> None:
    """Let an application serve the past."""
    answers = _Answers(asyncio.get_event_loop().time)
    pages.forget = answers.forget

    async def show(principal: Principal, question: dict[str, Any]) -> Any:
        return await answers.get(question, lambda: pages.ask("statistics.show", question, principal))

    async def total_of(principal: Principal, asked: history.Asked) -> Any:
        return await show(principal, asked.question(by="total", under="", order="runs"))

    async def past(request: web.Request, principal: Principal) -> web.Response:
        asked = history.read_asked(request.query)
        total = await total_of(principal, asked)
        found = total if asked.by == "total" else await show(principal, asked.question(most=200))
        frame = pages.frame(request, principal)
        return pages.answer(history.history_page(frame, asked, total, found, pages.sources.lag()))

    async def time_chart(request: web.Request, principal: Principal) -> web.Response:
        asked = history.read_asked(request.query)
        total = await total_of(principal, asked)
        per = history.step_for(asked.by, total["until"] - total["since"])
        found = await show(principal, asked.question(per=per, most=history.LINES_MOST))
        chart = history.lines_of(asked, found, per, pages.look)
        return await chart_answer(pages, request, chart, zone=ZoneInfo(found["zone"]))

    async def names_chart(request: web.Request, principal: Principal) -> web.Response:
        asked = history.read_asked(request.query)
        found = await show(principal, asked.question(most=200))
        return await chart_answer(pages, request, history.bars_of(asked, found), zone=ZoneInfo(found["zone"]))

    async def delete(request: web.Request, principal: Principal) -> web.Response:
        if principal.role < Role.GOD:
            raise NotAllowed("Only administrators delete records.", hint="Ask who runs the farm.")
        folder = request.query.get("folder", "").strip()[:500]
        before = request.query.get("before", "").strip()[:40]
        if not folder.strip("/\\") and not before:
            raise BadSpec([Problem("folder", "or an age must be given", "go back and say whose records")])
        question = {"by": "total", "since": "1990-01-01", "until": before or "now"}
        if folder:
            question["folder"] = folder
        total = await pages.ask("statistics.show", question, principal)
        return pages.answer(history.delete_page(pages.frame(request, principal), folder, before, total))

    app.router.add_get("/history", pages.page(past))
    app.router.add_get("/history/time.{form:svg|png|json}", pages.page(time_chart))
    app.router.add_get("/history/names.{form:svg|png|json}", pages.page(names_chart))
    app.router.add_get("/history/delete", pages.page(delete))


async def chart_answer(
    pages: WebPages, request: web.Request, chart: Lines | Bars, *, zone: ZoneInfo | None = None
) -> web.Response:
    """Return a chart in the form that the address names."""
    form = request.match_info["form"]
    if form not in _FORMS:
        raise NotFound("There is no such picture.")
    if form == "json":
        data = msgspec.json.encode(history.chart_json(chart))
    else:
        scheme = "dark" if request.query.get("theme") == "dark" else "light"
        wide = max(320, min(2000, whole_number(request, "wide", default=900)))
        titled = "bare" not in request.query
        colours = pages.look.colours(scheme)
        data = await asyncio.get_running_loop().run_in_executor(
            None, _picture, chart, colours, zone, form, wide, titled
        )
    headers = {"Cache-Control": "private, max-age=10"}
    return web.Response(body=data, content_type=_FORMS[form], headers=headers)


def _picture(
    chart: Lines | Bars, colours: dict[str, str], zone: ZoneInfo | None, form: str, wide: int, titled: bool
) -> bytes:
    drawing = draw(chart, colours, zone=zone, wide=wide, titled=titled)
    if form == "svg":
        return svg(drawing).encode()
    from afnet.web.png import png  # late: the library of pictures is needed for nothing else here

    return png(drawing, scale=2)
