"""The addresses of the classic browser interface in the HTTP application."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from afcore.envelope import Principal
from afcore.errors import NotFound
from afnet.server.pages import ClassicPages

__all__ = ["add_classic_pages"]


def add_classic_pages(
    app: web.Application, pages: ClassicPages, who: Callable[[web.Request], Principal]
) -> None:
    """Let an application serve the pages at the addresses that they know themselves by."""

    async def page(request: web.Request) -> web.StreamResponse:
        who(request)
        path = pages.find(request.path)
        found = None if path is None else await asyncio.get_running_loop().run_in_executor(None, pages.read, path)
        if found is None:
            raise NotFound(f"There is no page {request.path}.", hint="Pages are listed when the server starts.")
        headers = {
            "Content-Type": found.content_type,
            "Cache-Control": f"max-age={found.cache_seconds}",
            # Its scripts and styles are written into its pages.
            "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; frame-ancestors 'self'; "
            "form-action 'self'; base-uri 'self'; object-src 'none'",
        }
        return web.Response(body=found.data, headers=headers)

    if not pages.served:
        return
    for folder in ("afanasy", "lib", "icons"):
        app.router.add_get(f"/{folder}/{{rest:.*}}", page)
    if pages.front:
        app.router.add_get("/", page)
