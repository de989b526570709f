"""The guard of ``afnet.server.guard`` for every request of an aiohttp application; apart: importing that takes time."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from afnet.server.guard import browser_refusal

__all__ = ["guard"]


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what ``browser_refusal`` refuses, for every request of an aiohttp application."""
    sentence = browser_refusal(request.headers)
    if sentence:
        return web.json_response({"error": {"code": "not_allowed", "sentence": sentence, "hint": ""}}, status=403)
    return await handler(request)
