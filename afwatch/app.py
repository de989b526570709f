"""The program ``afwatch`` put together, and taken apart in order.

The order of a start: Qt and the language (``application``), settings, look, session, bridge,
window; then the link's thread, which looks for the server.
The order of an end: the window closes, the link says goodbye and its thread ends, Qt ends.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from pathlib import Path

from afcore.states import Role
from afnet.client.link import Connect
from afnet.client.servers import Address
from afnet.wire.messages import Hello
from afwatch.application import make_application
from afwatch.bridge import Bridge
from afwatch.entrance import Entrance
from afwatch.farm import EmbeddedFarm
from afwatch.outside import Outside
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.theme.paint import Theme
from afwatch.views.window import MainWindow

__all__ = ["Watch", "make_application"]


class Watch:
    """One monitor: its window and its link; ``QApplication`` is there already."""

    def __init__(
        self,
        servers: Sequence[Address],
        *,
        user: str,
        mode: Role = Role.GOD,
        settings_file: Path | None = None,
        scheme: str = "",
        connect: Connect | None = None,
        farm: EmbeddedFarm | None = None,
        outside: Outside | None = None,
    ) -> None:
        """``farm``: the server is inside, and joined by memory."""
        if farm is not None:
            connect = farm.server.connect
        settings = Settings(settings_file)
        self.theme = Theme(scheme or settings.text("scheme"), settings.number("text", 100))
        self.theme.apply()
        self.session = Session(self._send)
        self.session.choose_mode(mode)
        hello = Hello([], "afwatch", "client", user=user, host=socket.gethostname())
        self._bridge = Bridge(servers, hello, self.session.receive, chance=random.Random(), connect=connect)
        self.window = MainWindow(self.session, self.theme, settings, farm=farm, outside=outside)
        self.window.closing.connect(self.close)
        self.entrance = Entrance(self.window, self.theme, self.session, servers, user=user, again=self._bridge.again)
        self._closed = False

    def _send(self, *messages: object) -> None:
        self._bridge.send(*messages)  # type: ignore[arg-type]

    def start(self) -> None:
        """Show the window and begin to connect."""
        self._bridge.start()
        self.window.show()

    def leave(self) -> None:
        """Close the window without asking, as at the end of a desktop session."""
        self.window.asks_before_closing = False
        self.window.close()

    def close(self) -> None:
        """End the link and its thread; the window may be closed already."""
        if not self._closed:
            self._closed = True
            self.entrance.close()
            self._bridge.close()
