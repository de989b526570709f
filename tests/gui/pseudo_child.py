"""A monitor in the pseudo language, with rows of every kind: prints every text it shows that is not translated.

Usage: ``python -m tests.gui.pseudo_child``; one line of JSON, a list of texts with the widget that shows each.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from afwatch.application import make_application

application = make_application(language="pseudo")

from PySide6.QtCore import QEventLoop, Qt, QTimer  # noqa: E402
from PySide6.QtGui import QAction  # noqa: E402
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QTableView, QWidget  # noqa: E402

from afcore.rows import BranchRow, PoolRow, UserRow  # noqa: E402
from afcore.states import Role  # noqa: E402
from afnet.client.servers import parse_servers  # noqa: E402
from afwatch.app import Watch  # noqa: E402
from afwatch.changes import RowsCame  # noqa: E402
from afwatch.places import places  # noqa: E402
from afwatch.views.pane import ListPane  # noqa: E402
from tests.unit.afwatch.rows import job_row, render_row  # noqa: E402

_DATA = re.compile(
    r"zz-|(beauty|generic|nimby|NIMBY|CPU|GPU|CSV|afcmd .*)( \(.*)?$|[\d\s.,:·—/%+-]*$|(USER|VISOR|GOD)\b"
    r"|Afwatch|127\.0\.0\.1|(state|user|name|err|prio|cpu|job)[:~>]|((Ctrl|Alt|Shift)\+)+.*$|Del$|✕"
)
"""Names of the farm's things, numbers, keys, words of the search line, and what the server's own code says."""


def texts_of(widget: QWidget) -> Iterator[str]:
    """Yield every text that a widget shows or says."""
    for each in (widget, *widget.findChildren(QWidget)):
        yield from (each.toolTip(), each.accessibleName(), each.accessibleDescription(), each.windowTitle())
        if isinstance(each, QLabel | QAbstractButton):
            yield each.text()
        if isinstance(each, QLineEdit):
            yield each.placeholderText()
        if isinstance(each, QTableView):
            model = each.model()
            for column in range(model.columnCount()):
                yield str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        yield from (action.text() for action in QWidget.actions(each) if isinstance(action, QAction))


def rest() -> None:
    """Let the window do what is due."""
    loop = QEventLoop()
    QTimer.singleShot(150, loop.quit)
    loop.exec()


def main() -> int:
    """Visit everything."""
    watch = Watch(parse_servers("127.0.0.1:1"), user="zz-jo", mode=Role.GOD, scheme="dark")
    watch.window.show()
    state: dict[int, list[Any]] = {
        1: [job_row(1, "zz-job", user="zz-jo", ERROR=2, READY=3), job_row(2, "zz-wait", user="zz-jo", READY=1)],
        2: [render_row(1, "zz-render")],
        3: [UserRow(1, 1, "zz-jo", 99, 1, 0, 0, -1)],
        4: [PoolRow(1, 1, "/", 99, -1, -1, 1, 0, 0)],
        5: [BranchRow(1, 1, "/", 99, 2, 0, 0)],
    }
    watch.session.receive([RowsCame(number, 1, rows, [], True, []) for number, rows in state.items()])
    found: dict[str, str] = {}

    def look(where: str) -> None:
        rest()
        for text in texts_of(watch.window):
            for line in text.split("\n"):
                if re.search("[A-Za-z]{2}", line) and "⟦" not in line and not _DATA.match(line):
                    found.setdefault(line, where)

    for place in places():
        watch.window.go(place.key)
        pane: Any = watch.window.pane(place.key)
        look(place.key)
        if isinstance(pane, ListPane):
            pane.table.select_place(0)
            look(f"{place.key}, selected")
            for action in pane.build_menu().actions():
                title = action.text().split("\t")[0]
                if title and "⟦" not in title:
                    found.setdefault(title, f"menu of {place.key}")
    watch.window.open_job(1)
    look("tasks")
    watch.window.open_submit()
    look("submit")
    print(json.dumps(found))
    watch.leave()
    watch.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
