"""What the pages load: a fixed table made when HTTP starts, by names that carry a hash of the content.

Rules of this file:
- A request is looked up in the table; nothing of it is ever joined to a path.
- A name never means anything else, so that browsers may keep it for a year.
"""

import hashlib
import importlib
import importlib.util
import re
from importlib.resources import files
from typing import Any, NamedTuple

from aiohttp import web

from afnet.web.look import Look, classes, variables

__all__ = ["Asset", "Assets", "add_assets"]

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_SHIPPED = ("app.css", "app.js", "uplot.css", "uplot.js", "uplot-license.txt")
_BODY = re.compile(r'<svg[^>]*viewBox="([^"]*)"[^>]*>(.*)</svg>', re.DOTALL)


class Asset(NamedTuple):
    """Something to load."""

    data: bytes
    content_type: str


class Assets:
    """Everything that pages load, and the look that belongs to it."""

    def __init__(self) -> None:
        icons = _icons()
        tokens = icons.tokens()
        shipped = {name: files("afnet.web").joinpath("static", name).read_bytes() for name in _SHIPPED}
        shipped["look.css"] = (variables(tokens) + classes(tokens)).encode()
        shipped["icons.svg"] = _sprite(icons).encode()
        shipped["icon.svg"] = icons.path("afwatch").read_bytes()
        self.addresses: dict[str, str] = {}
        """Address by name."""
        self._by_name: dict[str, Asset] = {}
        for name, data in shipped.items():
            stem, _, ending = name.rpartition(".")
            hashed = f"{stem}.{hashlib.sha256(data).hexdigest()[:16]}.{ending}"
            self.addresses[name] = f"/static/{hashed}"
            self._by_name[hashed] = Asset(data, _TYPES[ending])
        self.addresses["icon"] = self.addresses["icon.svg"]
        self.look = Look(tokens, self.addresses["icons.svg"])
        """Colours, glyphs and words of states."""

    def find(self, name: str) -> Asset | None:
        """Return what has this name, None when nothing has."""
        return self._by_name.get(name)


def _icons() -> Any:
    """Return the package of icons: installed as aficons, ``icons`` in a checkout."""
    name = "aficons" if importlib.util.find_spec("aficons") is not None else "icons"
    return importlib.import_module(name)


def _sprite(icons: Any) -> str:
    """Return one file in which every icon is a symbol of its name."""
    symbols = []
    for name in icons.names():
        found = _BODY.search(icons.path(name).read_text("utf-8"))
        if found is not None:
            symbols.append(f'<symbol id="{name}" viewBox="{found[1]}">{found[2].strip()}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>"


def add_assets(app: web.Application, assets: Assets) -> None:
    """Let an application serve them, also to who is not signed in: there is nothing of the farm in them."""

    async def asset(request: web.Request) -> web.StreamResponse:
        """``GET /static/NAME``."""
        found = assets.find(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=found.data, content_type=found.content_type, charset="utf-8", headers=headers)

    app.router.add_get("/static/{name}", asset)
