"""What every client is to know of the server itself: a row for each thing that is not as it should be.

Rules of this file:
- Clients subscribe to the kind ``notices`` as to any other; who is told all is told again when something changed.
- There is a row only while there is something to tell.
"""

from collections.abc import Callable

from afcore.rows import NoticeRow
from afnet.server.native import ServerPeer
from afnet.wire.messages import Rows

__all__ = ["KIND", "Notices"]

KIND = "notices"


class Notices:
    """Who wants to know, and what they were told last; ``ask`` returns what there is to tell now."""

    def __init__(self, ask: Callable[[], list[NoticeRow]], *, first_version: int = 1) -> None:
        """``first_version`` is greater than any that a client can have of an earlier life of the server."""
        self._ask = ask
        self._version = first_version
        self._told: list[NoticeRow] = []
        self._peers: dict[tuple[int, int], ServerPeer] = {}

    def subscribe(self, peer: ServerPeer, id: int) -> None:
        """Tell a client now, and whenever it changes."""
        self.changed()
        self._peers[peer.number, id] = peer
        self._version += 1
        peer.send(Rows(id, self._version, list(self._told), whole=True))

    def unsubscribe(self, peer: ServerPeer, id: int) -> None:
        """Tell a client no more."""
        self._peers.pop((peer.number, id), None)

    def forget(self, peer: ServerPeer) -> None:
        """A client is gone."""
        for key in [key for key in self._peers if key[0] == peer.number]:
            del self._peers[key]

    def changed(self) -> None:
        """Look again at what there is to tell."""
        now = self._ask()
        if now == self._told:
            return
        self._told = now
        self._version += 1
        for (_, id), peer in self._peers.items():
            peer.send(Rows(id, self._version, list(now), whole=True))
