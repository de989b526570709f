"""Live output: who follows which run, passed on from the agent that has it, or read from what is kept.

Rules of this file:
- Nothing is stored: lines go from the agent to the followers of their run, and a slow follower misses some.
- An agent is asked once for each follower, by a number of ours; when the follower leaves it is told to stop.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from afcore.errors import AfError, LimitReached, NotFound
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.states import TaskState
from afnet.server.native import ServerPeer
from afnet.server.queries import Queries
from afnet.wire.messages import Follow, LogLines, Message, Refused, Unfollow

__all__ = ["Followers", "Hearer"]


_FOLLOWERS_MOST = 10_000
"""Followers of all runs: each is looked for when one leaves."""


class Hearer(Protocol):
    """Who follows: a peer, or something else of the server that wants a run's output."""

    @property
    def slow(self) -> bool:
        """It takes less than it is sent."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether anything may still be said."""
        ...

    def send(self, *messages: Message) -> None:
        """Hear lines, or why there are none."""
        ...


class _Follower:
    __slots__ = ("agent", "id", "key", "number", "peer")

    def __init__(self, number: int, peer: Hearer, id: int, key: RunKey, agent: ServerPeer) -> None:
        self.number = number
        self.peer = peer
        self.id = id
        self.key = key
        self.agent = agent


class Followers:
    """Everybody who follows the output of a run."""

    def __init__(self, farm: Farm, queries: Queries, *, agent_of: Callable[[RunKey], ServerPeer | None]) -> None:
        self._farm = farm
        self._queries = queries
        self._agent_of = agent_of
        self._by_number: dict[int, _Follower] = {}
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def follow(self, peer: Hearer, message: Follow) -> None:
        """Begin to pass on a run's output; one that is over already is read from the kept log."""
        job, block, task = message.job, message.block, message.task
        table = self._farm.block(job, block).tasks
        if not 0 <= task < table.size:
            raise NotFound(
                f"Block {block} of job {job} has no task {task}.", hint=f"Its tasks are 0 to {table.size - 1}."
            )
        key = RunKey(job, block, task, message.run or table.starts[task])
        agent = self._agent_of(key)
        if agent is None:
            if table.state[task] in (TaskState.READY, TaskState.WAIT_DEP) and not message.run and not key.run:
                raise NotFound(f"Task {task} of block {block} of job {job} has not run yet.", hint="Try again later.")
            self._send_kept(peer, message.id, key, 0)
            return
        if len(self._by_number) >= _FOLLOWERS_MOST:
            raise LimitReached(
                f"{_FOLLOWERS_MOST} outputs are followed already: the budget of live output.", hint="Try again later."
            )
        self._numbers += 1
        follower = _Follower(self._numbers, peer, message.id, key, agent)
        self._by_number[follower.number] = follower
        agent.send(Follow(follower.number, *key))

    def unfollow(self, peer: Hearer, id: int) -> None:
        """Stop passing on to one follower."""
        for follower in list(self._by_number.values()):
            if follower.peer is peer and follower.id == id:
                self._end(follower)

    def forget(self, peer: ServerPeer) -> None:
        """A peer is gone: its own following ends, and whoever follows it (an agent) hears that it is over."""
        for follower in list(self._by_number.values()):
            if follower.peer is peer:
                self._end(follower)
            elif follower.agent is peer:
                del self._by_number[follower.number]
                follower.peer.send(
                    Refused(follower.id, "render_left", "The render that runs the task is not connected any more.")
                )

    def lines(self, agent: ServerPeer, message: LogLines) -> None:
        """An agent sends output; it goes to the follower it is for, if that follows a run of this agent."""
        follower = self._by_number.get(message.id)
        if follower is None or follower.agent is not agent:
            return
        if message.last:
            del self._by_number[follower.number]
        if follower.peer.slow and not message.last:
            return
        follower.peer.send(LogLines(*follower.key, message.offset, message.data, message.last, follower.id))

    def _end(self, follower: _Follower) -> None:
        del self._by_number[follower.number]
        follower.agent.send(Unfollow(follower.number, *follower.key))

    def _send_kept(self, peer: Hearer, id: int, key: RunKey, offset: int) -> None:
        arguments = {
            "job": key.job, "block": key.block, "task": key.task, "run": key.run, "offset": offset, "limit": 262144,
        }  # fmt: skip
        self._queries.answer("task.log", arguments, partial(self._sent_kept, peer, id, key, offset))

    def _sent_kept(
        self, peer: Hearer, id: int, key: RunKey, offset: int, reply: Any, error: AfError | None
    ) -> None:
        if error is not None:
            peer.send(Refused(id, getattr(error, "code", "error"), error.sentence, error.hint))
            return
        end = offset + reply["length"]
        last = end >= reply["size"]
        peer.send(LogLines(*key, offset, reply["text"].encode(), last, id))
        if not last and peer.is_open:
            self._send_kept(peer, id, key, end)
