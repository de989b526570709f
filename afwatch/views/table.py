"""A table as the look wants it: fixed rows, no grid, hover by row, rows that stay under the pointer, keys.

Rules of this file:
- While the pointer is over the rows of a RowModel, or a key was pressed in the last two seconds, the order is held.
- What was selected stays selected by its id, also over a reset of the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableView, QWidget

from afwatch.delegates.cells import GroundDelegate
from afwatch.models.rows import RowModel
from afwatch.models.tasks import TasksModel
from afwatch.theme.tokens import measures

__all__ = ["TableView"]

_HOLD_MS = 2000
_LEAST_HEIGHT = 12


class TableView(QTableView):
    """One table; ``opened`` tells of Enter or a double click, ``chosen`` of a changed selection."""

    opened = Signal(int)
    """A row's place."""
    chosen = Signal()
    resized = Signal()
    dropped = Signal(object, int)
    """Rows were dropped: what is carried, and the place of the row under the pointer."""
    asked = Signal(object)
    """A menu is wanted at this place of the screen."""

    def __init__(self, model: QAbstractTableModel, row_height: int, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hovered_row = -1
        self.keyboard_row = -1
        """The row that has the focus ring: where the keyboard moved it."""
        self.painted_s = 0.0
        """Processor time of painting since somebody set it to nothing."""
        self.setAccessibleName(name)
        self.setObjectName(f"{name.lower().replace(' ', '-')}-table")
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        # Before there are rows, each of which would be looked at: the least height is never asked for again.
        rows.setMinimumSectionSize(_LEAST_HEIGHT)
        rows.setDefaultSectionSize(row_height)
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: self.asked.emit(self.viewport().mapToGlobal(at)))
        header = self.horizontalHeader()
        header.setFixedHeight(measures.table_header)
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(44)
        header.setStretchLastSection(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        self._kept: tuple[list[int], int, int] = ([], 0, 0)
        self._hold = QTimer(self)
        self._hold.setSingleShot(True)
        self._hold.setInterval(_HOLD_MS)
        self._hold.timeout.connect(self._let_go)
        self._pointer_inside = False
        self._make_carried: Callable[[list[int]], QMimeData] | None = None
        self._takes: Callable[[QMimeData, int], str] | None = None
        self.drops_after = False
        """Whether what is dropped comes behind the row under the pointer: in its lower half."""
        self._drop_line = -1
        self.id_at: Callable[[int], int] = lambda place: place
        self.place_of: Callable[[int], int] = lambda id: id
        self.follow(model)

    def follow(self, model: QAbstractTableModel) -> None:
        """Keep what is selected of a model over its resets: by the ids of its rows, or by its tasks."""
        model.modelAboutToBeReset.connect(self._keep, Qt.ConnectionType.UniqueConnection)
        model.modelReset.connect(self._restore, Qt.ConnectionType.UniqueConnection)
        if isinstance(model, RowModel):
            self.id_at = lambda place: model.ids[place]
            self.place_of = model.place_of
            model.in_sight = self.rows_in_sight
        elif isinstance(model, TasksModel):
            self.id_at, self.place_of = model.task_at, model.place_of

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell who fits the columns."""
        super().resizeEvent(event)
        self.resized.emit()

    def set_row_height(self, height: int) -> None:
        """Set the height of every row."""
        if height != self.verticalHeader().defaultSectionSize():
            self.verticalHeader().setDefaultSectionSize(height)

    def rows_in_sight(self) -> range:
        """Return the places of the rows that can be seen."""
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        rows = self.model().rowCount()
        return range(max(0, first), rows if last < 0 else min(rows, last + 1))

    def selected_places(self) -> list[int]:
        """Return the places of selected rows, in order."""
        found: set[int] = set()
        selection: Any = self.selectionModel().selection()
        for part in selection:
            found.update(range(part.top(), part.bottom() + 1))
        return sorted(found)

    def select_place(self, place: int) -> None:
        """Select one row and show it."""
        if 0 <= place < self.model().rowCount():
            index = self.model().index(place, 0)
            # Not by selectRow, which does what the keys held down just now mean.
            flag = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self.scrollTo(index)

    def sort_now(self) -> None:
        """Apply the order at once."""
        model = self.model()
        if isinstance(model, RowModel):
            model.release()

    # Selection over a reset

    def _keep(self) -> None:
        current = self.currentIndex()
        places = self.selected_places()
        self._kept = (
            [self.id_at(place) for place in places[:10_000]],
            self.id_at(current.row()) if current.isValid() else -1,
            self.verticalScrollBar().value(),
        )

    def _restore(self) -> None:
        ids, current, scrolled = self._kept
        model = self.model()
        selection = QItemSelection()
        for id in ids:
            place = self.place_of(id)
            if place >= 0:
                selection.select(model.index(place, 0), model.index(place, model.columnCount() - 1))
        place = self.place_of(current) if current >= 0 else -1
        chosen = self.selectionModel()
        if place >= 0:
            chosen.setCurrentIndex(model.index(place, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
        chosen.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.verticalScrollBar().setValue(scrolled)
        self.chosen.emit()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Tell who shows what is selected."""
        super().selectionChanged(selected, deselected)
        self.viewport().update()
        self.chosen.emit()

    # Holding

    def _hold_rows(self) -> None:
        model = self.model()
        if isinstance(model, RowModel):
            model.held = True
            self._hold.start()

    def _let_go(self) -> None:
        model = self.model()
        if not isinstance(model, RowModel):
            return
        if QApplication.activePopupWidget() is not None:
            self._hold.start()
        elif not self._pointer_inside:
            model.release()

    # Pointer and keys

    def viewportEvent(self, event: QEvent) -> bool:
        """Follow the pointer."""
        if event.type() is QEvent.Type.Leave:
            self._hover(-1)
            self._pointer_inside = False
            self._hold.start()
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Hover by row."""
        super().mouseMoveEvent(event)
        self._pointer_inside = True
        self._hold_rows()
        self._hover(self.rowAt(round(event.position().y())))

    def _hover(self, row: int) -> None:
        if row != self.hovered_row:
            self.hovered_row = row
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Escape clears, Ctrl+C copies, F5 sorts."""
        self._hold_rows()
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.opened.emit(self.currentIndex().row())
        elif key == Qt.Key.Key_Escape and self.selectedIndexes():
            self.clearSelection()
        elif key == Qt.Key.Key_F5:
            self.sort_now()
        elif key == Qt.Key.Key_Menu:
            self.asked.emit(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).bottomLeft()))
        elif key == Qt.Key.Key_C and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._copy()
        else:
            super().keyPressEvent(event)
        self.keyboard_row = self.currentIndex().row()
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The pointer takes the focus ring away."""
        self.keyboard_row = -1
        super().mousePressEvent(event)

    # Dragging

    def carry_rows(self, make: Callable[[list[int]], QMimeData], takes: Callable[[QMimeData, int], str]) -> None:
        """Let selected rows be dragged: ``make`` gives what is carried.

        ``takes`` says how it may be dropped on a row: ``into`` it, ``beside`` it, or empty for not at all.
        """
        self._make_carried, self._takes = make, takes
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Carry the selected rows."""
        if self._make_carried is not None:
            drag = QDrag(self)
            drag.setMimeData(self._make_carried(self.selected_places()))
            drag.exec(Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Look at what comes."""
        event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where it would go."""
        place = self._look_where(event.position().y())
        taken = self._takes(event.mimeData(), place) if self._takes is not None else ""
        self._hover(place if taken == "into" else -1)
        self._show_line(place if taken == "beside" else -1)
        event.acceptProposedAction() if taken else event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It goes elsewhere."""
        self._hover(-1)
        self._show_line(-1)

    def _look_where(self, y: float) -> int:
        """Return the row under the pointer, and note in which half of it that is."""
        place = self.rowAt(round(y))
        middle = self.rowViewportPosition(place) + self.rowHeight(place) / 2 if place >= 0 else 0.0
        self.drops_after = y > middle
        return place

    def _show_line(self, place: int) -> None:
        """Show between which rows it would go; none for -1."""
        line = self.rowViewportPosition(place) + self.rowHeight(place) * self.drops_after if place >= 0 else -1
        if line != self._drop_line:
            self._drop_line = line
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the line between two rows over them, and note how long all took."""
        began = time.thread_time()
        delegate = self.itemDelegate()
        if isinstance(delegate, GroundDelegate):
            self._paint_rows(delegate, event)
        else:
            super().paintEvent(event)
        self.painted_s += time.thread_time() - began
        if self._drop_line >= 0:
            painter = QPainter(self.viewport())
            painter.fillRect(0, self._drop_line - 1, self.viewport().width(), 3, self.palette().windowText())
            painter.end()

    def _paint_rows(self, delegate: GroundDelegate, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        delegate.paint_rows(painter, self, event.region())
        painter.end()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell what was dropped where."""
        self._hover(-1)
        self._show_line(-1)
        self.dropped.emit(event.mimeData(), self._look_where(event.position().y()))
        event.acceptProposedAction()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """There is one focus ring at a time."""
        self.keyboard_row = -1
        super().focusOutEvent(event)

    def _copy(self) -> None:
        model, header = self.model(), self.horizontalHeader()
        columns = [header.logicalIndex(place) for place in range(header.count())]
        lines = [
            "\t".join(_text(model.index(place, column)) for column in columns if not self.isColumnHidden(column))
            for place in self.selected_places()[:10_000]
        ]
        QApplication.clipboard().setText("\n".join(lines))


def _text(index: QModelIndex) -> str:
    value: Any = index.data()
    return str(value) if value is not None else ""
