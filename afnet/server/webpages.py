"""The web pages at their addresses: who looks, what of the farm the page is about, and the answer.

Rules of this file:
- Whoever is not known is led to the sign-in; whatever goes wrong is a page with a sentence.
- Everything that changes the farm goes through ``Requests``, with the same roles as everywhere.
- What costs as much as the farm is large is done in slices (``webindex``) or in threads.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, NotAllowed, NotFound, Problem, Rejected
from afcore.model.farm import Farm
from afcore.rows import JobRow
from afcore.states import Role
from afcore.store.statistics.lag import Lag
from afcore.systemcommand import SYSTEM_JOB
from afnet.registry import OPERATIONS
from afnet.server.fanout import Fanout
from afnet.server.follow import Followers
from afnet.server.people import SIGN_IN
from afnet.server.rowmaking import MAKERS
from afnet.server.sessions import COOKIE, MODE, Sessions, next_of, small_body
from afnet.server.webassets import Assets
from afnet.server.webfigures import FarmFigures
from afnet.server.webindex import JobIndex
from afnet.server.weblive import LivePages, View
from afnet.web import now as pages
from afnet.web.layout import Frame, empty, page
from afnet.web.markup import Markup, el
from afnet.web.renderacts import DEEDS, question_page, reason_of
from afnet.words import job_state, render_state, sentences

__all__ = ["FarmSources", "WebPages"]

_FRONT_JOBS = 40
_PAGE = 100
_RENDERS_PAGE = 500
_CELLS_MOST = 2000
_USERS_MOST = 100
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SAID = {"done": "Done."}
"""What a page tells after a deed, by its word in the address: nobody else's words are shown there."""
_THEME = "af_theme"
_STATUS = {"not_found": 404, "not_allowed": 403, "csrf": 403, "too_many": 429, "unavailable": 503, "busy": 503}

Ask = Callable[[str, dict[str, Any], Principal], Awaitable[Any]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class FarmSources:
    """What pages read of a server."""

    farm: Farm
    fanout: Fanout
    now: Callable[[], float]
    resources: Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]
    """Makes what answers ``history.resources``."""
    take: Callable[[str], None]
    """Counts a request of an origin; LimitReached when there were too many."""
    seats: Callable[[str], tuple[str, ...]]
    """Names of the renders on the computer of an origin."""
    followers: Followers
    lag: Callable[[], Lag]
    """How far the statistics are behind."""
    warning: Callable[[], str]
    """A sentence about the server itself, or nothing."""
    front: bool = True
    """Whether the address ``/`` is free for these pages."""
    complete: Callable[[JobRow, float], JobRow] = lambda row, at: row
    """Tells in the row of a job what it waits for."""
    on_rights_ended: Callable[[Callable[[], None]], None] = lambda call: None
    """Takes what is to be called when rights of somebody ended or changed."""


class WebPages:
    """The handlers, and what they share."""

    def __init__(self, sources: FarmSources, sessions: Sessions, ask: Ask, assets: Assets) -> None:
        self.sources = sources
        self.farm = sources.farm
        self.now = sources.now
        self.ask = ask
        self.sessions = sessions
        self.assets = assets
        self.look = self.assets.look
        self.index = JobIndex(self.farm, self.look.need, self.now)
        self.figures = FarmFigures(self.farm, sources.resources, self.now)
        self.live = LivePages(sources.fanout, self.viewer)
        sources.on_rights_ended(self.live.look_again)
        self.forget: Callable[[], None] = lambda: None
        """Called after something was done that makes kept answers about the past wrong."""
        self.views: dict[str, Callable[[web.Request], View]] = {"now": self._now_view, "jobs": self._jobs_view,
                                                                "farm": self._farm_view}  # fmt: skip

    def add_to(self, app: web.Application) -> None:
        """Let an application serve the pages."""
        if self.sources.front:
            app.router.add_get("/", self.page(self._now))
        for path, handler in (
            ("/now", self._now), ("/jobs", self._jobs), ("/mine", self._mine), ("/farm", self._farm),
        ):  # fmt: skip
            app.router.add_get(path, self.page(handler))
        app.router.add_get("/live", self._live)
        app.router.add_get("/theme", self.page(self._choose_theme))
        app.router.add_post("/do/{operation}", self.page(self._do))
        app.router.add_post("/do/renders/chosen", self.page(self._do_to_renders))
        app.router.add_post("/logout", self.page(self._sign_out))
        app.router.add_post("/mode", self.page(self._choose_mode))
        app.on_shutdown.append(self.live.close)

    # Who looks

    def viewer(self, request: web.Request) -> Principal:
        """Return who looks.  Raises NotAllowed for whom nobody knows, and for what is no person."""
        principal = self.sessions.who(request)
        if not Role.USER <= principal.role <= Role.GOD:
            raise NotAllowed("Only people look at these pages.", code=SIGN_IN)
        return principal

    def frame(self, request: web.Request, principal: Principal, *, path: str = "") -> Frame:
        """Return what every page needs."""
        theme = request.cookies.get(_THEME, "")
        try:
            granted = self.sessions.granted(request).role
        except NotAllowed:
            granted = principal.role
        return Frame(
            look=self.look,
            farm="Afwatch",
            name=principal.name,
            role=principal.role,
            granted=granted,
            seats=self.sources.seats(principal.origin),
            csrf=self.sessions.csrf(request),
            path=path or request.path_qs,
            theme=theme if theme in ("dark", "light") else "",
            assets=self.assets.addresses,
            warning=self.sources.warning(),
            said=_SAID.get(request.query.get("said", ""), ""),
            front="/" if self.sources.front else "/now",
        )

    def page(self, handler: Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]) -> Handler:
        """Return a handler behind the sign-in, whose refusals are pages."""

        async def shown(request: web.Request) -> web.StreamResponse:
            try:
                principal = self.viewer(request)
                self.sources.take(principal.origin)
                return await handler(request, principal)
            except NotAllowed as error:
                if error.code == SIGN_IN:
                    wanted = request.path_qs if request.method == "GET" else "/"
                    raise web.HTTPSeeOther(f"/login?next={quote(wanted, safe='')}") from None
                return self._refused(request, error)
            except AfError as error:
                return self._refused(request, error)

        return shown

    def _refused(self, request: web.Request, error: AfError) -> web.Response:
        try:
            principal = self.viewer(request)
        except NotAllowed:
            principal = self.sessions.nobody(request)
        code = error.code if isinstance(error, Rejected) else "unavailable"
        frame = self.frame(request, principal)
        back = el("a", "Go to what goes on now", href=frame.front, class_="act")
        sentence = sentences(error.sentence, error.hint)
        parts = el("h1", "Not done", class_="unseen"), empty(frame, "warn", sentence, back)
        return self.answer(page(frame, "Not done", *parts), status=_STATUS.get(code, 400))

    def answer(self, text: str, *, status: int = 200) -> web.Response:
        """Return a page as an answer."""
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)

    # Pages

    def _question(self, request: web.Request) -> dict[str, str]:
        state = request.query.get("state", "").upper()
        return {
            "state": state if state in self.look.need else "",
            "user": request.query.get("user", "")[:200],
            "text": request.query.get("q", "").strip()[:200],
        }

    async def _list(self, question: dict[str, str], first: int, size: int) -> pages.JobList:
        await self.index.refresh()
        ids, total = self.index.find(**question, first=first, size=size)
        at = self.now()
        rows = [
            self.sources.complete(row, at)
            for row in (MAKERS["jobs"](self.farm, id, at) for id in ids)
            if row is not None
        ]
        return pages.JobList(
            rows=rows, total=total, everything=len(self.index), states=self.index.states, first=first, size=size,
            **question,
        )  # fmt: skip

    async def _now(self, request: web.Request, principal: Principal) -> web.Response:
        found = await self._list(self._question(request), 0, _FRONT_JOBS)
        renders = self._renders(0, _CELLS_MOST)
        users = [MAKERS["users"](self.farm, id, 0.0) for id in list(self.farm.users)[:_USERS_MOST]]
        numbers = await self.figures.now()
        frame = self.frame(request, principal)
        live = urlencode({"view": "now", **{name: value for name, value in request.query.items() if name != "said"}})
        return self.answer(
            pages.now_page(
                frame, numbers, found, renders, sorted(users, key=lambda row: row.name.lower()), self.now(), live
            )
        )

    async def _jobs(self, request: web.Request, principal: Principal) -> web.Response:
        text = request.query.get("q", "").strip()
        if text.isascii() and text.isdecimal() and len(text) < 12 and int(text) in self.farm.jobs:
            raise web.HTTPSeeOther(f"/job/{int(text)}")
        question = self._question(request)
        if text in self.farm.renders_by_name:
            await self.index.refresh()
            if not self.index.find(**question, first=0, size=1)[1]:
                raise web.HTTPSeeOther(f"/render/{quote(text, safe='')}")
        return await self._job_page(request, principal, "/jobs", question)

    async def _mine(self, request: web.Request, principal: Principal) -> web.Response:
        return await self._job_page(request, principal, "/mine", {**self._question(request), "user": principal.name})

    async def _job_page(
        self, request: web.Request, principal: Principal, path: str, question: dict[str, str]
    ) -> web.Response:
        found = await self._list(question, whole_number(request, "first"), _PAGE)
        live = urlencode(
            {"view": "jobs", "state": question["state"].lower(), "user": question["user"], "q": question["text"]}
        )
        return self.answer(pages.jobs_page(self.frame(request, principal), found, self.now(), path=path, live=live))

    def _renders(self, first: int, size: int) -> list[Any]:
        names = sorted((render.name, id) for id, render in self.farm.renders.items())
        rows = (MAKERS["renders"](self.farm, id, 0.0) for _, id in names[first : first + size])
        return [row for row in rows if row is not None]

    async def _farm(self, request: web.Request, principal: Principal) -> web.Response:
        first = whole_number(request, "first")
        rows = self._renders(first, _RENDERS_PAGE)
        total = len(self.farm.renders)
        following = f"/farm?first={first + _RENDERS_PAGE}" if first + len(rows) < total else ""
        frame = self.frame(request, principal)
        return self.answer(pages.farm_page(frame, rows, total, self.now(), "view=farm", following))

    # What stays open

    async def _live(self, request: web.Request) -> web.StreamResponse:
        make = self.views.get(request.query.get("view", ""))
        if make is None:
            raise NotFound("There is no such page to keep up to date.")
        self.sources.take(self.viewer(request).origin)
        return await self.live.serve(request, make(request))

    def _job_rows(self, question: dict[str, str], add: bool) -> Any:
        def make(row: Any) -> list[tuple[str, Markup, bool]]:
            if row.id == SYSTEM_JOB:
                return []
            element = pages.job_row(self.look, row, self.now())
            wanted = not question["user"] or row.user == question["user"]
            if question["text"]:
                wanted = wanted and question["text"].lower() in f"{row.id} {row.name} {row.user}".lower()
            if question["state"]:
                wanted = wanted and job_state(row, self.now()) == question["state"]
            return [(f"job-{row.id}", element, add and wanted)]

        return make, lambda id: [f"job-{id}"]

    def _chips(self, path: str, question: dict[str, str]) -> Markup:
        query = {"user": question["user"] if path == "/jobs" else "", "q": question["text"]}
        return pages.state_chips(self.look, self.index.states, chosen=question["state"], path=path, **query)

    def _now_view(self, request: web.Request) -> View:
        question = self._question(request)

        async def parts() -> dict[str, Markup]:
            await self.index.refresh()
            states: dict[str, int] = {}
            for row in self._renders(0, _CELLS_MOST):
                states[render_state(row)] = states.get(render_state(row), 0) + 1
            return {
                "figures": pages.figures(await self.figures.now()),
                "chips": self._chips("/jobs", question),
                "renders": pages.render_counts(self.look, states),
            }

        # Of a farm with more jobs than the front page shows, new ones come with the next page.
        add = len(self.farm.jobs) <= _FRONT_JOBS
        return View(
            {
                "jobs": self._job_rows(question, add),
                "renders": (
                    lambda row: [(f"cell-{row.id}", pages.render_cell(self.look, row), True)],
                    lambda id: [f"cell-{id}"],
                ),
                "users": (
                    lambda row: [(f"user-{row.id}", pages.user_row(self.look, row), True)],
                    lambda id: [f"user-{id}"],
                ),
            },
            parts,
        )

    def _jobs_view(self, request: web.Request) -> View:
        question = self._question(request)

        async def parts() -> dict[str, Markup]:
            await self.index.refresh()
            return {"chips": self._chips("/jobs", question)}

        filters = {"jobs": {"user": question["user"]}} if question["user"] else {}
        return View({"jobs": self._job_rows(question, len(self.farm.jobs) <= _PAGE)}, parts, filters=filters)

    def _farm_view(self, request: web.Request) -> View:
        frame = self.frame(request, self.viewer(request))

        async def parts() -> dict[str, Markup]:
            return {}

        def make(row: Any) -> list[tuple[str, Markup, bool]]:
            element = pages.render_row(self.look, row, self.now(), reason_of(frame, row))
            return [(f"render-{row.id}", element, True)]

        return View({"renders": (make, lambda id: [f"render-{id}"])}, parts)

    # Deeds without a script

    async def form(self, request: web.Request) -> dict[str, str]:
        """Return the fields of a form of ours.  Raises NotAllowed when no page of this server made it."""
        body = (await small_body(request)).decode("utf-8", "replace")
        fields = {name: values[-1] for name, values in parse_qs(body, max_num_fields=50).items()}
        self.sessions.check_csrf(request, fields.get("csrf", ""))
        return fields

    async def _do(self, request: web.Request, principal: Principal) -> web.Response:
        """Do an operation for a form, and go on to the page that it names."""
        fields = await self.form(request)
        name = request.match_info["operation"]
        try:
            given = json.loads(fields.get("arguments", "{}"))
        except (ValueError, RecursionError):
            given = {}
        arguments = given if isinstance(given, dict) else {}
        for key, value in fields.items():
            if key.startswith("a."):
                arguments[key[2:]] = value
            elif key.startswith("p.") and value.removeprefix("-").isdecimal():
                arguments.setdefault("parameters", {})[key[2:]] = int(value)
        asked = OPERATIONS.get(name)
        if asked is None or asked.kind not in ("command", "server") or asked.role is Role.NOBODY:
            raise NotFound(f'There is no deed "{name}".')
        await self.ask(name, arguments, principal)
        self.forget()
        path, _, query = next_of(fields.get("next", "/")).partition("?")
        kept = {key: values[-1] for key, values in parse_qs(query).items() if key not in ("said", "ask")}
        raise web.HTTPSeeOther(f"{path}?{urlencode({**kept, 'said': 'done'})}")

    async def _do_to_renders(self, request: web.Request, principal: Principal) -> web.Response:
        """Do something to the renders that were ticked, or ask whether it is meant."""
        body = (await small_body(request)).decode("utf-8", "replace")
        fields = parse_qs(body, max_num_fields=_RENDERS_PAGE + 10)
        self.sessions.check_csrf(request, fields.get("csrf", [""])[-1])
        key, names = fields.get("deed", [""])[-1], list(dict.fromkeys(fields.get("names", [])))
        deed = DEEDS.get(key)
        if deed is None or not deed.many:
            raise NotFound("There is no such deed.")
        if not names:
            raise BadSpec([Problem("names", "are none", "go back and tick the renders that are meant")])
        if deed.asks:
            ids = (self.farm.renders_by_name.get(name) for name in names)
            rows = [MAKERS["renders"](self.farm, id, 0.0) for id in ids if id is not None]
            fitting = [row for row in rows if row is not None and deed.applies(row)]
            if not fitting:
                raise Rejected(f"Of these renders each {deed.otherwise}.", hint="Tick others.", code="conflict")
            return self.answer(question_page(self.frame(request, principal, path="/farm"), key, fitting))
        await self.ask(deed.operation, {"names": names, **deed.arguments}, principal)
        raise web.HTTPSeeOther("/farm?said=done")

    async def _sign_out(self, request: web.Request, principal: Principal) -> web.Response:
        await self.form(request)
        token = self.sessions.token_of(request)
        if token:
            await self.ask("token.revoke", {"id": token.removeprefix("af_").partition("_")[0]}, principal)
        gone = web.HTTPSeeOther("/login")
        gone.del_cookie(COOKIE, path="/")
        raise gone

    async def _choose_mode(self, request: web.Request, principal: Principal) -> web.Response:
        fields = await self.form(request)
        answer = web.HTTPSeeOther(next_of(fields.get("next", "/")))
        wanted = Role.__members__.get(fields.get("to", ""))
        if wanted is not None and Role.USER <= wanted < self.sessions.granted(request).role:
            answer.set_cookie(MODE, wanted.name.lower(), path="/", samesite="Strict", httponly=True)
        else:
            answer.del_cookie(MODE, path="/")
        raise answer

    async def _choose_theme(self, request: web.Request, principal: Principal) -> web.Response:
        answer = web.HTTPSeeOther(next_of(request.query.get("next", "/")))
        wanted = request.query.get("to", "")
        if wanted in ("dark", "light"):
            answer.set_cookie(_THEME, wanted, path="/", samesite="Strict", httponly=True, max_age=365 * 86400)
        else:
            answer.del_cookie(_THEME, path="/")
        raise answer


def whole_number(request: web.Request, name: str, *, default: int = 0, most: int = 10_000_000) -> int:
    """Return a number of the question of an address; the default where it is none."""
    text = request.query.get(name, "")
    return min(most, int(text)) if text.isascii() and text.isdecimal() and len(text) < 12 else default
