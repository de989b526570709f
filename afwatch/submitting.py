"""The dialog that submits a job, as a program of its own: a link, a session and the dialog, no monitor."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer

from afnet.client.servers import Address
from afnet.wire.messages import Hello
from afwatch.bridge import Bridge
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.submit import SubmitDialog

__all__ = ["submit_alone"]


def submit_alone(
    servers: Sequence[Address], *, user: str, scene: str = "", settings_file: Path | None = None, scheme: str = ""
) -> int:
    """Show the dialog until it is closed; 0 when a job was taken, 1 when not."""
    settings = Settings(settings_file)
    theme = Theme(scheme or settings.text("scheme"), settings.number("text", 100))
    theme.apply()
    bridges: list[Bridge] = []
    session = Session(lambda *messages: bridges[0].send(*messages))
    hello = Hello([], "afwatch", "client", user=user, host=socket.gethostname())
    bridges.append(Bridge(servers, hello, session.receive, chance=random.Random()))
    bridges[0].start()
    dialog = SubmitDialog(session, theme, settings, scene=scene)
    session.changed.connect(lambda changes: dialog.refresh() if changes.connection else None)
    # Python looks at signals between two of Qt's events only: a slow timer gives it a chance.
    chance = QTimer()
    chance.timeout.connect(lambda: None)
    chance.start(500)
    try:
        dialog.exec()
        if dialog.submitted:
            sys.stderr.write(tr("Job {0} is submitted.\n", dialog.submitted))
        return 0 if dialog.submitted else 1
    finally:
        bridges[0].close()
