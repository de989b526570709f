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


def test_one_that_cannot_be_written_to_silences_nobody() -> None:
    told: list[Any] = []
    handler: Any = None

    class Broken(Written):
        def flush(self, shared: Any) -> None:
            raise ValueError("broken")

    async def play() -> None:
        wrong: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: wrong.append(context))
        peers: Any = NativePeers(handler)
        with_it, agent, later = (Written(kind, told) for kind in ("client", "agent", "client"))
        peers.flush_soon(Broken("agent", told))
        peers.flush_soon(agent)
        peers.flush_soon(with_it)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == [agent, with_it] and len(wrong) == 1
        peers.flush_soon(Broken("client", told))
        await asyncio.sleep(0)
        peers.flush_soon(later)
        await asyncio.sleep(0)
        assert told == [agent, with_it, later] and len(wrong) == 2

    asyncio.run(play())


def test_what_is_shared_is_forgotten_though_there_is_always_somebody_to_write_to() -> None:
    told: list[Any] = []
    handler: Any = None

    async def play() -> None:
        peers: Any = NativePeers(handler)
        for _ in range(AT_ONCE):
            peers.flush_soon(Written("client", told))
        for _ in range(5):
            for _ in range(AT_ONCE + 1):
                peers.flush_soon(Written("client", told))
            await asyncio.sleep(0)
        assert peers._others, "never is everybody written to"
        kept = {id(each.shared) for each in told}
        assert len(kept) > 1

    asyncio.run(play())
