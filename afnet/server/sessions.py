"""Who an HTTP request is from: a token in ``Authorization``, the cookie of a sign-in, or the connection it came by.

Rules of this file:
- Asked for every request: what was revoked counts no more, on an open connection as well.
- The cookie is sent by browsers for this site only (SameSite=Strict) and read by no script (HttpOnly); whoever changes
  something by it must show the token of the page too (``X-AF-CSRF``), which no page of another site can read.
- Who chose a smaller mode on a page (``MODE``) acts by it in that browser, and in no case by a greater one.
- After a sign-in nobody is sent anywhere but to a path of this server.
"""

import hashlib
import hmac
import html
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import AfError, NotAllowed
from afcore.states import Role
from afnet.server.body import body_within

__all__ = ["COOKIE", "CSRF_HEADER", "MODE", "Sessions", "add_sessions", "next_of", "small_body"]

COOKIE = "af_session"
CSRF_HEADER = "X-AF-CSRF"
MODE = "af_mode"
"""The cookie of the mode that somebody chose on a page: the word of a role."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = frozenset({"/logout", "/mode"})
"""Addresses of forms beside ``/do/…``, whose handlers check the token in a field themselves (``check_csrf``): a form
sends no header."""
_FORM_MOST = 16384

_Ask = Callable[[str, dict[str, Any], Principal], Awaitable[Any]]


def _csrf_of(token: str) -> str:
    """Return what a page of ours shows beside the cookie: made of it, so that nothing has to be kept."""
    return hmac.new(token.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()


class Sessions:
    """Tells who a request is from."""

    def __init__(
        self,
        principal_of: Callable[[Any], Principal],
        recognise: Callable[[str, str], tuple[Principal, str]] | None,
        is_distant: Callable[[Any], bool] = lambda accepted: False,
    ) -> None:
        """``principal_of`` says who is behind a connection, ``recognise`` whom a token stands for, ``is_distant``
        whether what is said on a socket passes a network."""
        self._principal_of = principal_of
        self._recognise = recognise
        self._is_distant = is_distant

    def who(self, request: web.Request) -> Principal:
        """Return who asks, in the mode of the browser.  Raises NotAllowed with the sentence for whom nobody knows."""
        principal = self.granted(request)
        wanted = Role.__members__.get(request.cookies.get(MODE, "").upper())
        if wanted is not None and Role.USER <= wanted < principal.role <= Role.GOD:
            return msgspec.structs.replace(principal, role=wanted)
        return principal

    def granted(self, request: web.Request) -> Principal:
        """Return who asks, with all that they may.  Raises NotAllowed with the sentence for whom nobody knows."""
        origin = request.remote or ""
        kind, _, shown = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._recognise is not None:
            self.check_covered(request)
            return self._recognise(shown.strip(), origin)[0]
        cookie = request.cookies.get(COOKIE, "")
        if cookie and self._recognise is not None:
            self.check_covered(request)
            principal = self._recognise(cookie, origin)[0]
            if request.method not in _SAFE and request.path not in FORMS and not request.path.startswith("/do/"):
                self.check_csrf(request, request.headers.get(CSRF_HEADER, ""))
            return principal
        return self._principal_of(request.transport)

    def check_covered(self, request: web.Request) -> None:
        """Raise NotAllowed where a secret would pass a network that others can listen to: its sender shall notice."""
        transport = request.transport
        accepted = None if transport is None else transport.get_extra_info("socket")
        if not request.secure and accepted is not None and self._is_distant(accepted):
            raise NotAllowed(
                "Tokens and passwords are taken from other machines over TLS only.",
                hint="Write https:// before the address; this one may have been read on its way: revoke it.",
            )

    def check_csrf(self, request: web.Request, given: str) -> None:
        """Raise NotAllowed unless ``given`` is what a page of this server shows beside the cookie (if there is one)."""
        cookie = request.cookies.get(COOKIE, "")
        if cookie and not hmac.compare_digest(given.encode("utf-8", "replace"), _csrf_of(cookie).encode()):
            raise NotAllowed(
                f"Nothing shows that a page of this server made the request: {CSRF_HEADER} is missing or old.",
                hint="GET /api/session answers it; load the page again.", code="csrf",
            )  # fmt: skip

    def csrf(self, request: web.Request) -> str:
        """Return what forms of a page must show; empty for who signed in by no cookie."""
        cookie = request.cookies.get(COOKIE, "")
        return _csrf_of(cookie) if cookie else ""

    def shows(self, request: web.Request) -> bool:
        """Say whether a request shows a token or a cookie, whatever it is worth."""
        return "Authorization" in request.headers or bool(self.token_of(request))

    def nobody(self, request: web.Request) -> Principal:
        """Return who asks before a sign-in.  Raises NotAllowed where none should be tried."""
        self.check_covered(request)
        return Principal("", Role.NOBODY, request.remote or "")

    def token_of(self, request: web.Request) -> str:
        """Return the cookie's token; empty when there is none."""
        return request.cookies.get(COOKIE, "")


def add_sessions(app: web.Application, sessions: Sessions, ask: _Ask, *, sheets: Sequence[str] = ()) -> None:
    """Let people of browsers sign in and out; ``sheets`` are the addresses of the styles of the form."""

    async def session(request: web.Request) -> web.StreamResponse:
        """``GET /api/session``: who this is, and the token that changes must show."""
        try:
            who = sessions.who(request)
        except NotAllowed:
            who = sessions.nobody(request)
        shown = await ask("session.show", {}, who)
        token = sessions.token_of(request)
        return _object({**shown, "csrf": _csrf_of(token) if token and who.name else ""})

    async def sign_in(request: web.Request) -> web.StreamResponse:
        """``POST /api/login`` with ``{"name", "password"}``: sets the cookie; answers as ``/api/session``."""
        given = await _small_json(request)
        made = await ask("session.login", {**given, "label": "browser"}, sessions.nobody(request))
        answer = _object({"name": made["name"], "expires": made["expires"], "csrf": _csrf_of(made["token"])})
        _set_cookie(request, answer, made)
        return answer

    async def form(request: web.Request) -> web.StreamResponse:
        """``GET /login``: the form."""
        return _page(sheets, next_of(request.query.get("next", "/")), "")

    async def form_sent(request: web.Request) -> web.StreamResponse:
        """``POST /login``: the form filled in; sends on to the page that was wanted."""
        fields = parse_qs((await small_body(request)).decode("utf-8", "replace"), max_num_fields=10)
        wanted = next_of(fields.get("next", ["/"])[0])
        given = {name: fields.get(name, [""])[0] for name in ("name", "password")}
        try:
            made = await ask("session.login", {**given, "label": "browser"}, sessions.nobody(request))
        except AfError as error:
            return _page(sheets, wanted, error.sentence, str(given["name"]), status=401)
        answer = web.Response(status=303, headers={"Location": wanted})
        _set_cookie(request, answer, made)
        return answer

    async def sign_out(request: web.Request) -> web.StreamResponse:
        """``POST /api/logout``: ends the sign-in of the cookie."""
        who = sessions.who(request)
        token = sessions.token_of(request)
        if token:
            await ask("token.revoke", {"id": token.removeprefix("af_").partition("_")[0]}, who)
        answer = _object({})
        answer.del_cookie(COOKIE, path="/")
        return answer

    app.router.add_get("/api/session", session)
    app.router.add_post("/api/login", sign_in)
    app.router.add_post("/api/logout", sign_out)
    app.router.add_get("/login", form)
    app.router.add_post("/login", form_sent)


def _set_cookie(request: web.Request, answer: web.Response, made: dict[str, Any]) -> None:
    answer.set_cookie(COOKIE, made["token"], path="/", httponly=True, samesite="Strict", secure=request.secure)


def next_of(text: str) -> str:
    """Return a path of this server to go on to; anything else becomes the front page."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return quote(text, safe="/?&=%#-._~") if plain else "/"


async def small_body(request: web.Request) -> bytes:
    """Return the body of a form.  Raises HTTPRequestEntityTooLarge for what no form of ours is."""
    return await body_within(request, _FORM_MOST)


async def _small_json(request: web.Request) -> dict[str, Any]:
    try:
        given = json.loads(await small_body(request))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise NotAllowed('Send {"name": ..., "password": ...}.', code="bad_request")
    return {name: value for name, value in given.items() if name in ("name", "password", "days")}


def _object(value: dict[str, Any]) -> web.Response:
    return web.json_response(value, headers={"Cache-Control": "no-store"})


def _page(sheets: Sequence[str], wanted: str, wrong: str, name: str = "", status: int = 200) -> web.Response:
    to_name, to_password = ("", " autofocus") if name else (" autofocus", "")
    said = f'<p class="said t-bad" role="alert">{html.escape(wrong)}</p>' if wrong else ""
    loaded = "".join(f'<link rel="stylesheet" href="{html.escape(sheet)}">' for sheet in sheets)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{loaded}</head><body class="door"><main>'
        '<form method="post" action="/login" class="card"><h1>Sign in to the farm</h1>'
        f'{said}<input type="hidden" name="next" value="{html.escape(wanted)}">'
        f'<label>Name<input name="name" value="{html.escape(name)}" autocomplete="username"{to_name} required></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password"'
        f"{to_password} required></label>"
        '<button class="act first">Sign in</button></form></main></body></html>'
    )
    policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)
