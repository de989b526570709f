"""Who works is written to before who looks, and many who look do not hold the loop."""

import asyncio
from typing import Any

from afnet.server.native import AT_ONCE, NativePeers


class Written:
    """A peer that notes when it was written to, and with which frames of others."""

    def __init__(self, kind: str, told: list[Any]) -> None:
        self.kind = kind
        self._told = told
        self.shared: Any = None

    def flush(self, shared: Any) -> None:
        self.shared = shared
        self._told.append(self)


def test_agents_are_written_to_first_and_monitors_some_at_a_time() -> None:
    told: list[Any] = []
    handler: Any = None
    monitors: list[Any] = [Written("client", told) for _ in range(2 * AT_ONCE + 1)]
    agent, late = (Written("agent", told) for _ in range(2))

    async def play() -> None:
        peers: Any = NativePeers(handler)
        for monitor in monitors:
            peers.flush_soon(monitor)
        peers.flush_soon(agent)
        await asyncio.sleep(0)
        assert told == [agent, *monitors[:AT_ONCE]], "then the loop hears others"
        peers.flush_soon(late)
        await asyncio.sleep(0)
        assert told[AT_ONCE + 1 : AT_ONCE + 3] == [late, monitors[AT_ONCE]]
        await asyncio.sleep(0)
        assert told[AT_ONCE + 2 :] == monitors[AT_ONCE:]
        assert all(monitor.shared is monitors[0].shared for monitor in monitors), "what is the same is made once"
        await asyncio.sleep(0)
        peers.flush_soon(agent)
        await asyncio.sleep(0)
        assert told[-1] is agent and agent.shared is not monitors[0].shared, "and then forgotten"

    asyncio.run(play())
