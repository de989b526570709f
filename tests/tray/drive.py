"""Drives a tray against a scripted agent in Qt's process; run by ``test_window.py``. Prints what it saw as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QImage
from PySide6.QtNetwork import QLocalServer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from afrender.tray.look import STATES, Theme, state_icon
from afrender.tray.program import Tray

NOW = time.time()
TASK = {"key": [2, 0, 0, 1], "job": "shot", "block": "beauty", "task": "1088", "user": "jo", "percent": 64, "frame": 1,
        "began": NOW - 660}  # fmt: skip
READING = {"cpu_num": 8, "cpu_user": 50, "cpu_nice": 0, "cpu_system": 5, "mem_total_mb": 16384, "mem_free_mb": 4096,
           "net_recv_kbsec": 10, "net_send_kbsec": 5, "old": {}}  # fmt: skip
STATE: dict[str, Any] = {
    "name": "ws", "user": "anna", "state": "busy", "nimby": "", "most": 1, "pool": "/", "tasks": [TASK], "rule": None,
    "trouble": "", "reading": READING, "measured": 1.0,
}  # fmt: skip
RULE = {"state": "nimby", "since": NOW, "sentence": "You use keyboard or mouse.", "ends": NOW + 600}


def main(folder: Path) -> None:
    """Play one person's session."""
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    server = QLocalServer()
    assert server.listen(str(folder / "socket"))
    (folder / "tray.json").write_text(json.dumps({"unix": str(folder / "socket")}))
    heard: list[dict[str, Any]] = []
    quits: list[bool] = []
    answers = [False, True]
    tray = Tray(
        folder,
        environment=os.environ,
        theme=Theme(dark=True),
        ask=lambda question: answers.pop(0),
        quit=lambda: quits.append(True),
    )
    seen: dict[str, Any] = {"offline": tray.icon.toolTip(), "idle": type(tray._idle).__name__}

    def until(condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < end, what
            QTest.qWait(10)

    until(server.hasPendingConnections, "the tray to come")
    agent = server.nextPendingConnection()

    def read() -> None:
        while agent.canReadLine():
            heard.append(json.loads(bytes(agent.readLine().data())))

    agent.readyRead.connect(read)

    def tell(**state: Any) -> None:
        agent.write(json.dumps({**STATE, **state}).encode() + b"\n")
        agent.flush()

    tell()
    until(lambda: tray.state["state"] == "busy", "the state")
    seen["busy"] = tray.icon.toolTip()
    seen["others"] = tray.actions["eject_other"].text()
    until(lambda: any("idle" in message for message in heard), "the idle time")
    tray.open_panel()
    assert QTest.qWaitForWindowExposed(tray.panel, 60_000)
    for number in range(60):
        tray.panel.show_state({**STATE, "measured": float(number)})
    tray.panel.grab().save(str(folder / "panel.png"))
    seen["panel"] = [tray.panel.width(), tray.panel.height()]
    buttons = {button.text(): button for button in tray.panel.findChildren(QPushButton)}
    QTest.mouseClick(buttons["NIMBY"], Qt.MouseButton.LeftButton)
    tell(state="nimby", nimby="nimby", rule=RULE)
    until(lambda: tray.panel.undo.isVisible(), "what the rule did")
    seen["higher"] = tray.panel.height() - seen["panel"][1]
    tray.panel.grab().save(str(folder / "rule.png"))
    QTest.mouseClick(tray.panel.undo, Qt.MouseButton.LeftButton)
    tray.panel.hide()
    for name in ("eject_other", "eject_all", "eject_all", "story", "nimby"):
        tray.actions[name].trigger()
    # A word of the idle time may come behind it at any moment.
    until(lambda: {"order": "nimby"} in heard, "the orders")
    seen["heard"] = [message for message in heard if "idle" not in message]
    icons = {}
    for state in STATES:
        image = state_icon(state, Theme(dark=True)).pixmap(16, 16).toImage()
        icons[state] = hash(bytes(image.convertToFormat(QImage.Format.Format_Alpha8).constBits()))
    seen["shapes"] = len(set(icons.values()))
    agent.abort()
    until(lambda: tray.state["state"] == "offline", "the agent to be missed")
    until(server.hasPendingConnections, "the tray to come back")
    agent = server.nextPendingConnection()
    agent.write(b'{"leaving": true}\n')
    until(lambda: quits, "the tray to leave with its agent")
    print(json.dumps(seen))
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
