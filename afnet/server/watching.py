"""Which monitors are connected: a row for each, for administrators who subscribe to the kind ``monitors``.

Rules of this file:
- Who asks must be GOD, now and while it is told: a mode that is lowered ends the telling.
- Everybody who is told is told all again when a monitor comes, goes or changes its mode: there are few.
"""

from collections.abc import Callable

from afcore.errors import NotAllowed
from afcore.rows import MonitorRow
from afcore.states import Role
from afnet.server.native import ServerPeer
from afnet.wire.messages import Rows

__all__ = ["KIND", "Watching"]

KIND = "monitors"
_PROGRAM = "afwatch"


class Watching:
    """The monitors, and who is told of them."""

    def __init__(self, now: Callable[[], float]) -> None:
        """``now`` gives the unix time; versions begin with it, so that they are greater than of an earlier life."""
        self._now = now
        self._version = 0
        self._since: dict[ServerPeer, float] = {}
        self._told: dict[tuple[int, int], ServerPeer] = {}

    def connected(self, peer: ServerPeer) -> None:
        """A caller may be a monitor."""
        if peer.kind == "client" and peer.hello.program == _PROGRAM:
            self._since[peer] = self._now()
            self.changed()

    def lost(self, peer: ServerPeer) -> None:
        """A caller is gone."""
        for key in [key for key, told in self._told.items() if told is peer]:
            del self._told[key]
        if self._since.pop(peer, None) is not None:
            self.changed()

    def subscribe(self, peer: ServerPeer, id: int) -> None:
        """Tell a monitor now, and whenever something changes.  Raises NotAllowed for whom it is not."""
        if peer.principal.role is not Role.GOD:
            raise NotAllowed("The monitors are for GOD mode.", hint="Switch the mode, or ask an administrator.")
        self._told[peer.number, id] = peer
        self._next()
        peer.send(self._rows(id))

    def unsubscribe(self, peer: ServerPeer, id: int) -> None:
        """Tell it no more."""
        self._told.pop((peer.number, id), None)

    def changed(self) -> None:
        """Tell who is still allowed to know."""
        self._next()
        for key, peer in list(self._told.items()):
            if peer.principal.role is Role.GOD:
                peer.send(self._rows(key[1]))
            else:
                del self._told[key]

    def _next(self) -> None:
        self._version = max(self._version + 1, int(self._now() * 1000))

    def _rows(self, id: int) -> Rows:
        rows = [
            MonitorRow(peer.number, peer.principal.name, peer.hello.host, peer.principal.role.name, peer.address, since)
            for peer, since in self._since.items()
        ]
        return Rows(id, self._version, list(rows), whole=True)
