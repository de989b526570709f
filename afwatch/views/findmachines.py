"""The dialog that looks for machines in a range of addresses and writes the chosen ones into a pool.

Rules of this file:
- A machine becomes a render when an agent runs on it and registers; what is written here is only where it belongs then.
- Agents that announce themselves and wait for approval are shown by whoever pairs machines.
"""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import BadSpec
from afwatch import words
from afwatch.scan import Machine, look, parse_range
from afwatch.texts import tr
from afwatch.views.parts import button, label

__all__ = ["FindMachines"]


class _Look(QObject):
    """One look, in a thread of its own."""

    found = Signal(object)
    done = Signal()

    def __init__(self, addresses: list[str]) -> None:
        super().__init__()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(addresses,), name="afwatch-look", daemon=True)
        self._thread.start()

    def _run(self, addresses: list[str]) -> None:
        look(addresses, self.found.emit, self._over)
        self.done.emit()

    def stop(self) -> None:
        """Look no further, and wait until it does."""
        self._over.set()
        self._thread.join()


class FindMachines(QDialog):
    """``names`` are the chosen ones when it was accepted."""

    def __init__(self, parent: QWidget | None, known: set[str], path: str) -> None:
        """``known``: names of renders there are; ``path``: the pool they go to."""
        super().__init__(parent)
        self.setWindowTitle(tr("Find machines"))
        self.resize(620, 460)
        self.names: list[str] = []
        self._known = known
        self._look: _Look | None = None
        self.range = QLineEdit()
        self.range.setAccessibleName(tr("Range of addresses"))
        self.range.setPlaceholderText("10.0.0.0/24")
        self.search = button(tr("Look"), self._begin)
        self._said = label(tr("Machines that answer in a range of your own network; nothing is installed on them."))
        self._said.setWordWrap(True)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(tr("Machines that answer"))
        self.table.setHorizontalHeaderLabels([tr("Name"), tr("Address"), tr("MAC")])
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setColumnWidth(0, 220)
        self.table.setColumnWidth(1, 150)
        self.table.itemChanged.connect(self._enable)
        self.add = button(tr("Put into {0}", path), self._take, role="main")
        self.cancel = button(tr("Cancel"), self.reject)
        column = QVBoxLayout(self)
        row = QHBoxLayout()
        row.addWidget(self.range, 1)
        row.addWidget(self.search)
        column.addLayout(row)
        column.addWidget(self._said)
        column.addWidget(self.table, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.add)
        column.addLayout(foot)
        self.range.returnPressed.connect(self._begin)
        self.finished.connect(lambda code: self._stop())
        self._enable()

    def _begin(self) -> None:
        self._stop()
        self.table.setRowCount(0)
        try:
            addresses = parse_range(self.range.text())
        except BadSpec as error:
            problem = error.problems[0]
            self._said.setText(tr("The range {0}: {1}.", problem.what, problem.hint))
            return
        self._said.setText(tr("Looking at {0}…", words.plural(len(addresses), tr("address"), tr("addresses"))))
        self._look = _Look(addresses)
        self._look.found.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._look.done.connect(self._done, Qt.ConnectionType.QueuedConnection)

    def _stop(self) -> None:
        if self._look is not None:
            self._look.stop()
            self._look = None

    def _show(self, machine: Machine) -> None:
        place = self.table.rowCount()
        self.table.insertRow(place)
        name = QTableWidgetItem(machine.name or words.UNKNOWN)
        known = machine.name in self._known
        if machine.name and not known:
            name.setCheckState(Qt.CheckState.Unchecked)
        else:
            name.setFlags(name.flags() & ~(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled))
            name.setToolTip(tr("It is a render already.") if known else tr("Only machines with a name can be chosen."))
        for column, item in enumerate((name, QTableWidgetItem(machine.address), QTableWidgetItem(machine.mac))):
            self.table.setItem(place, column, item)

    def _done(self) -> None:
        count = self.table.rowCount()
        self._said.setText(tr("{0} answered.", words.plural(count, tr("machine"), tr("machines"))) if count else
                           tr("Nobody answered in this range."))  # fmt: skip

    def chosen(self) -> list[str]:
        """Return the names that are ticked."""
        items = [self.table.item(place, 0) for place in range(self.table.rowCount())]
        return [item.text() for item in items if item is not None and item.checkState() is Qt.CheckState.Checked]

    def _enable(self) -> None:
        self.add.setEnabled(bool(self.chosen()))
        self.add.setToolTip("" if self.chosen() else tr("Tick the machines that belong to the pool."))

    def _take(self) -> None:
        self.names = self.chosen()
        self.accept()
