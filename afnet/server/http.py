"""HTTP: submit a job, do any operation, read a log, ask how the server is; every answer is JSON.

Rules of this file:
- No operation is known here by name but those with a path of their own; the registry knows the rest.
- Whatever goes wrong is ``{"error": {"code", "sentence", "hint", "problems"}}`` with a status that fits.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, NotAllowed, Problem, Rejected
from afcore.states import Role
from afnet.registry import OPERATIONS
from afnet.server.body import body_within
from afnet.server.httpguard import make_guard, protect
from afnet.server.metrics import CONTENT_TYPE, Figures, exposition
from afnet.server.native import LIMIT_TO_STRANGERS
from afnet.server.openapi import openapi
from afnet.server.pagehttp import add_classic_pages
from afnet.server.pages import ClassicPages
from afnet.server.requests import Requests, describe_error
from afnet.server.runfiles import PICTURES
from afnet.server.sessions import Sessions, add_sessions
from afnet.server.webassets import Assets, add_assets

if TYPE_CHECKING:
    from afnet.server.pairing import Pairing
    from afnet.server.webpages import FarmSources

__all__ = ["build_http", "operation_table"]

_log = logging.getLogger(__name__)

_STATUS = {
    "not_found": 404,
    "not_allowed": 403,
    "not_signed_in": 401,
    "csrf": 403,
    "too_many": 429,
    "slow": 408,
    "conflict": 409,
    "limit_reached": 413,
    "unavailable": 503,
    "bug": 500,
}
"""HTTP status by the code of an error; 400 for the others."""

_LOG_PIECE = 262_144

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_http(
    requests: Requests,
    *,
    principal_of: Callable[[asyncio.BaseTransport | None], Principal],
    largest_body: int,
    version: str = "",
    figures: Callable[[float], Figures] | None = None,
    classic_pages: ClassicPages | None = None,
    recognise: Callable[[str, str], tuple[Principal, str]] | None = None,
    guests: Callable[[str], Principal | None] = lambda host: None,
    is_distant: Callable[[Any], bool] = lambda accepted: False,
    names: Collection[str] = (),
    pairing: "Pairing | None" = None,
    web_pages: "FarmSources | None" = None,
) -> web.Application:
    """Return the application for every HTTP path of the server.

    ``recognise`` says whom a shown token stands for, ``is_distant`` whether a socket comes from elsewhere, ``guests``
    who may look at the classic pages from a listed network, ``names`` are those that browsers may call this server by,
    ``web_pages`` what the pages for people read.
    """
    sessions = Sessions(principal_of, recognise, is_distant)
    app = web.Application(
        client_max_size=largest_body, middlewares=[make_guard(names), _error_page(largest_body)]
    )
    app.on_response_prepare.append(protect)
    pages = _Pages(requests, sessions, figures, version)
    assets = Assets()
    add_sessions(app, sessions, pages.ask, sheets=[assets.addresses[name] for name in ("look.css", "app.css")])
    add_assets(app, assets)
    if pairing is not None:
        from afnet.server.pairing import add_pairing

        add_pairing(app, pairing)
    app.router.add_post("/api/jobs", pages.submit)
    app.router.add_post("/api/op/{operation}", pages.operation)
    app.router.add_get("/api/status", pages.status)
    app.router.add_get("/api/operations", pages.operations)
    app.router.add_get("/api/pools", pages.pools)
    app.router.add_get("/api/openapi.json", pages.openapi)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/api/files/{id}", pages.file)
    # Where the classic browser interface looks for pictures: it puts this before the names it was told.
    app.router.add_get("/@TMP@/{id}/{name}", pages.file)
    if classic_pages is not None:
        add_classic_pages(app, classic_pages, lambda request: guests(request.remote or "") or sessions.who(request))
    if web_pages is not None:
        from afnet.server.webhistory import add_history
        from afnet.server.webjobs import add_jobs
        from afnet.server.webpages import WebPages
        from afnet.server.webpast import add_past

        screens = WebPages(web_pages, sessions, pages.ask, assets)
        screens.add_to(app)
        add_history(app, screens)
        add_jobs(app, screens)
        add_past(app, screens)
    app.router.add_get("/api/jobs/{job:\\d+}/blocks/{block:\\d+}/tasks/{task:\\d+}/log", pages.log)
    return app


def operation_table() -> list[dict[str, Any]]:
    """Return the registry as data: what each operation takes and who may use it."""
    return [
        {
            "name": operation.name,
            "kind": operation.kind,
            "help": operation.help,
            "role": operation.role.name.lower(),
            "owner": operation.owner,
            "durable": operation.durable,
            "undoable": operation.undoable,
            "audited": operation.audited,
            "arguments": [
                {
                    "name": argument.name,
                    "kind": argument.kind,
                    "required": argument.required,
                    "default": argument.default,
                    "help": argument.help,
                }
                for argument in operation.arguments
            ],
        }
        for operation in OPERATIONS.values()
    ]


class _Pages:
    """The handlers."""

    def __init__(
        self,
        requests: Requests,
        sessions: Sessions,
        figures: Callable[[float], Figures] | None,
        version: str,
    ) -> None:
        self._version = version
        self._requests = requests
        self._figures = figures
        self._sessions = sessions

    async def _do(self, request: web.Request, name: str, arguments: dict[str, Any]) -> Any:
        try:
            principal = self._sessions.who(request)
        except NotAllowed:
            # Who shows what is not (any more) good is told so, also when it asks what anybody may.
            asked = OPERATIONS.get(name)
            if asked is None or asked.role is not Role.NOBODY or self._sessions.shows(request):
                raise
            principal = self._sessions.nobody(request)
        return await self.ask(name, arguments, principal)

    async def ask(self, name: str, arguments: dict[str, Any], principal: Principal) -> Any:
        """Do an operation for somebody."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def answer(reply: Any, error: AfError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(reply)
            else:
                future.set_exception(error)

        self._requests.do(name, arguments, principal, answer)
        return await future

    async def _read(self, request: web.Request) -> dict[str, Any]:
        """Return the object in a body; of somebody who is not known only a small one is taken."""
        try:
            self._sessions.who(request)
        except NotAllowed:
            return await _read_object(request, LIMIT_TO_STRANGERS)
        return await _read_object(request, request.client_max_size)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """``POST /api/jobs`` with ``{"job": {...}}``: answers id and serial."""
        body = await self._read(request)
        if "job" not in body:
            raise BadSpec([Problem("job", "is missing", 'send {"job": {"name": ..., "blocks": [...]}}')])
        return _json(await self._do(request, "job.submit", body))

    async def operation(self, request: web.Request) -> web.StreamResponse:
        """``POST /api/op/<operation>`` with its arguments as an object."""
        return _json(await self._do(request, request.match_info["operation"], await self._read(request)))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/status``."""
        return _json(await self._do(request, "server.status", {}))

    async def pools(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/pools``: the renders of each pool, for plug-ins that have nothing but HTTP."""
        return _json({"pools": (await self._do(request, "pool.members", {}))["rows"]})

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/openapi.json``: this interface as an OpenAPI document."""
        self._sessions.who(request)
        return _json(openapi(self._version))

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """``GET /metrics``: figures for Prometheus."""
        self._sessions.who(request)
        if self._figures is None:
            raise web.HTTPNotFound
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await asyncio.sleep(0)  # one turn of the loop: how long it takes is what everybody waits for now
        body = exposition(self._figures(loop.time() - asked))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def operations(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/operations``: the registry."""
        self._sessions.who(request)
        return _json({"operations": operation_table()})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/files/ID``: a kept file of a task; pictures as such, all else as bytes to be saved."""
        found = await self._do(request, "file.read", {"id": request.match_info["id"]})
        kind = PICTURES.get(PurePath(found["name"]).suffix.lower())
        shown = "inline" if kind else "attachment"
        headers = {
            # What a render sent is shown as a picture or saved, never run as a page.
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=86400, immutable",
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(found['name'], safe='')}",
        }
        return web.Response(body=found["data"], content_type=kind or "application/octet-stream", headers=headers)

    async def log(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/jobs/J/blocks/B/tasks/T/log``: the kept output as text; ``?run=``, ``?offset=`` choose."""
        arguments = {name: int(request.match_info[name]) for name in ("job", "block", "task")}
        for name in ("run", "offset"):
            text = request.query.get(name)
            if text is not None:
                if not text.removeprefix("-").isdecimal():
                    raise BadSpec([Problem(name, f'"{text}" is no whole number')], code="bad_arguments")
                arguments[name] = int(text)
        arguments["limit"] = _LOG_PIECE
        part = await self._do(request, "task.log", arguments)
        response = web.StreamResponse(
            headers={"Content-Type": "text/plain; charset=utf-8", "X-Af-Run": str(part["run"])}
        )
        await response.prepare(request)
        while True:
            await response.write(part["text"].encode())
            arguments["offset"] = part["offset"] + part["length"]
            arguments["run"] = part["run"]
            if not part["length"] or arguments["offset"] >= part["size"]:
                break
            part = await self._do(request, "task.log", arguments)
        await response.write_eof()
        return response


async def _read_object(request: web.Request, most: int) -> dict[str, Any]:
    """Return a body of at most ``most`` bytes as a JSON object; no body is an empty one."""
    body = await body_within(request, most)
    if not body:
        return {}
    try:
        # The standard library's reader: it says where the mistake is.
        value = json.loads(body)
    except UnicodeDecodeError:
        raise BadSpec([Problem("", "the body is no UTF-8 text", "save the file as UTF-8")]) from None
    except (ValueError, RecursionError) as error:
        raise BadSpec([Problem("", f"the body is no JSON: {error}", "check commas, quotes and brackets")]) from None
    if not isinstance(value, dict):
        raise BadSpec([Problem("", "the body must be one JSON object", 'write {"name": value, ...}')])
    return value


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _refuse(error: AfError, status: int | None = None) -> web.Response:
    described = describe_error(error)
    return _json({"error": described}, status or _STATUS.get(described["code"], 400))


def _error_page(largest_body: int) -> Middleware:
    """Return the middleware that turns whatever goes wrong into the one shape of an error."""

    @web.middleware
    async def errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except AfError as error:
            return _refuse(error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _refuse(_http_error(request, error, largest_body), error.status)
        except ConnectionError:
            # The caller left in the middle of its request: nobody will read this.
            return _refuse(Rejected("The request has no end.", code="bad_request"), 400)
        except Exception:  # noqa: BLE001 - a page that breaks must not end the connection without a word
            _log.exception("%s %s failed", request.method, request.path)
            return _refuse(Rejected("The server made a mistake.", hint="Its log says more.", code="bug"), 500)

    return errors


def _http_error(request: web.Request, error: web.HTTPException, largest_body: int) -> Rejected:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Rejected(
            f"The request is larger than {largest_body} bytes, or than the {LIMIT_TO_STRANGERS} that are taken of whom "
            "nobody knows: the budget message_bytes_max.",
            hint="Send less.", code="limit_reached",
        )
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Rejected(f"{request.method} is not for {request.path}.", hint=f"Use {allowed}.", code="method")
    if isinstance(error, web.HTTPNotFound):
        hint = "GET /api/operations lists what there is."
        return Rejected(f"There is nothing at {request.path}.", hint=hint, code="not_found")
    return Rejected(f"{error.reason}.", code="bad_request")
