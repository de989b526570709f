"""The tray's side of the channel to the agent: lines of JSON, found by the file in the agent's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalSocket, QTcpSocket

from afrender.status import ADDRESS_FILE

__all__ = ["AgentChannel"]

RETRY_MS = 1000


class AgentChannel(QObject):
    """Connects to the agent of ``folder``, and again when it is gone. ``heard`` is emitted with what the agent says."""

    heard = Signal(dict)
    changed = Signal(bool)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._socket: QLocalSocket | QTcpSocket | None = None
        self._open = False
        self._timer = QTimer(self)
        self._timer.setInterval(RETRY_MS)
        self._timer.timeout.connect(self._connect)
        self._timer.start()
        QTimer.singleShot(0, self._connect)

    @property
    def is_open(self) -> bool:
        """Whether the agent is there."""
        return self._open

    def say(self, **message: object) -> None:
        """Say something to the agent; nothing happens while it is not there."""
        if self._open and self._socket is not None:
            self._socket.write(json.dumps(message).encode() + b"\n")
            self._socket.flush()

    def close(self) -> None:
        """Hang up, for good."""
        self._timer.stop()
        if self._socket is not None:
            self._socket.abort()

    def _connect(self) -> None:
        if self._socket is not None:
            return
        try:
            address: dict[str, Any] = json.loads((self._folder / ADDRESS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        socket: QLocalSocket | QTcpSocket
        if "unix" in address:
            socket = QLocalSocket(self)
        else:
            socket = QTcpSocket(self)
        self._socket = socket
        secret = str(address.get("secret", ""))
        socket.connected.connect(lambda: self._opened(secret))
        socket.disconnected.connect(self._lost)
        socket.errorOccurred.connect(lambda _: self._lost())
        socket.readyRead.connect(self._read)
        if isinstance(socket, QLocalSocket):
            socket.connectToServer(str(address["unix"]))
        else:
            socket.connectToHost("127.0.0.1", int(address["port"]))

    def _opened(self, secret: str) -> None:
        self._open = True
        if secret and self._socket is not None:
            self._socket.write(secret.encode() + b"\n")
        self.changed.emit(True)

    def _lost(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.deleteLater()
        if self._open:
            self._open = False
            self.changed.emit(False)

    def _read(self) -> None:
        while self._socket is not None and self._socket.canReadLine():
            try:
                message = json.loads(bytes(self._socket.readLine().data()))
            except ValueError:
                continue
            if isinstance(message, dict):
                self.heard.emit(message)
