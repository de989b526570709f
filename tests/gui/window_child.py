"""A window with the server inside, in a process of its own, that closes as it is told on its standard input.

Usage: ``python -m tests.gui.window_child DATA PORT``; then a line ``keep``, ``stop`` or ``cancel``.
"""

from __future__ import annotations

import sys
import threading

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from afnet.api.configfiles import load_config
from afwatch import app
from afwatch.main import open_embedded
from afwatch.views.closing import ClosingDialog


class _Told(QObject):
    said = Signal(str)


def main() -> int:
    """Open the window; obey."""
    told = _Told()
    windows: list[app.Watch] = []
    begin = app.Watch.start

    def start(watch: app.Watch) -> None:
        begin(watch)
        windows.append(watch)
        threading.Thread(target=listen, daemon=True).start()

    def listen() -> None:
        for line in sys.stdin:
            told.said.emit(line.strip())

    def answer(word: str) -> None:
        dialogs = [each for each in QApplication.topLevelWidgets() if isinstance(each, ClosingDialog)]
        if not dialogs:
            QTimer.singleShot(10, lambda: answer(word))
            return
        getattr(dialogs[0], word).click() if word != "cancel" else dialogs[0].reject()

    def obey(word: str) -> None:
        QTimer.singleShot(0, lambda: answer(word))
        windows[0].window.close()
        print("open" if windows[0].window.isVisible() else "closed", flush=True)

    told.said.connect(obey, Qt.ConnectionType.QueuedConnection)
    app.Watch.start = start  # type: ignore[method-assign]
    config = load_config({"listen": [f"127.0.0.1:{sys.argv[2]}"], "data_dir": sys.argv[1]})
    return open_embedded(config)


if __name__ == "__main__":
    sys.exit(main())
