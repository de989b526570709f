"""The guard of ``afnet.server.guard`` for every request of an aiohttp application; apart: importing that takes time.

Rules of this file:
- Every answer leaves with headers that keep pages of others from framing, sniffing or reading it.
"""

from collections.abc import Awaitable, Callable, Collection

from aiohttp import web
from aiohttp.typedefs import Middleware

from afnet.server.guard import browser_refusal

__all__ = ["make_guard", "protect"]

# Not "no-referrer": browsers would send ``Origin: null`` with our own forms, and nobody could sign in.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def make_guard(names: Collection[str] = ()) -> Middleware:
    """Return the middleware that refuses what ``browser_refusal`` does; ``names`` are further names of the server."""

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        sentence = browser_refusal(request.headers, names)
        if sentence:
            return web.json_response({"error": {"code": "not_allowed", "sentence": sentence, "hint": ""}}, status=403)
        return await handler(request)

    return guard


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has, where a handler has said nothing stricter or wider itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # Whose library answers, and which version of it, is nobody's business.
    response.headers["Server"] = "afwatch"
