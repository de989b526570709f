"""Pages that stay open: what could not be sent to a slow one comes later."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from afcore.envelope import Principal
from afcore.states import Role
from afnet.server import weblive
from afnet.web.markup import Markup


class Socket:
    """A browser that takes what it is sent, and then goes."""

    closed = False

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def send_str(self, text: str) -> None:
        self.said.append(json.loads(text))
        self.closed = True


def test_a_part_that_a_slow_page_was_spared_comes_when_it_is_quick_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weblive, "_EVERY", 0.0)
    looks = 0

    async def parts() -> dict[str, Markup]:
        nonlocal looks
        looks += 1
        page.slow = looks < 3
        return {"figures": Markup("<p>42</p>")}

    page = weblive._Page(-1, Principal("ann", Role.USER), weblive.View({}, parts))
    pages = weblive.LivePages(None, lambda request: page.principal)  # type: ignore[arg-type]
    socket = Socket()

    async def play() -> None:
        await asyncio.wait_for(pages._look(None, socket, page), 60)  # type: ignore[arg-type]

    asyncio.run(play())
    assert socket.said == [{"parts": {"figures": "<p>42</p>"}}] and looks == 3
